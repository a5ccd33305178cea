import CloudCore

/// What quotas count.
enum QuotaKind: String, Sendable, CaseIterable {
    case secrets, orders, containers, consumers
    /// Certificate authorities, which Barbican has removed but still names in its quotas.
    case authorities = "cas"
}

/// The amounts that are set for a project; nil for the cloud's default, a negative one for no bound.
struct ProjectQuotas: Sendable, Hashable {
    let projectID: String
    var amounts: [QuotaKind: Int]
}
