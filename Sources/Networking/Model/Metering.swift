/// A label under which routers' traffic is counted.
struct MeteringLabel: Sendable, Hashable {
    let id: String
    let projectID: String
    let name: String
    let description: String
    /// Whether it counts every project's routers.
    let isShared: Bool
}

/// Which traffic a label counts, or leaves out.
struct MeteringRule: Sendable, Hashable {
    let id: String
    let labelID: String
    /// `ingress` or `egress`.
    let direction: String
    /// Whether it leaves the traffic out.
    let isExcluded: Bool
    let remote: String?
    let source: String?
    let destination: String?
}

extension NetworkingError {
    static func meteringLabelNotFound(_ id: String) -> Self {
        Self(.notFound, "MeteringLabelNotFound", "Metering label '\(id)' does not exist.")
    }
    static func meteringRuleNotFound(_ id: String) -> Self {
        Self(.notFound, "MeteringLabelRuleNotFound", "Metering label rule '\(id)' does not exist.")
    }
}
