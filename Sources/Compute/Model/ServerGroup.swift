import CloudCore

/// Servers that shall be near each other or apart.
struct ServerGroup: Sendable, Hashable {
    /// How its members are placed.
    enum Policy: String, Sendable, Codable, CaseIterable {
        /// All on one host, or not at all.
        case affinity
        /// No two on one host, or not at all; with a rule, no more than so many.
        case antiAffinity = "anti-affinity"
        /// On one host where that is possible.
        case softAffinity = "soft-affinity"
        /// On as many hosts as possible.
        case softAntiAffinity = "soft-anti-affinity"
    }

    let id: String
    var name: String
    var projectID: String
    var userID: String
    var policy: Policy
    /// How many members one host may have under anti-affinity; nil where no rule was given, which means one.
    var maximumPerHost: Int?
    var createdAt: Timestamp
}
