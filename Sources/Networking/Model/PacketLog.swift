/// An order to log packets that security groups admit or drop.
struct PacketLog: Sendable, Hashable {
    /// Which packets.
    enum Event: String, Sendable, Hashable, CaseIterable {
        case accept = "ACCEPT"
        case drop = "DROP"
        case all = "ALL"
    }

    /// The kinds of resources whose packets can be logged.
    static let resourceTypes = ["security_group"]

    let id: String
    let projectID: String
    var name: String
    let resourceType: String
    /// The security group; nil for all of the project's.
    let resourceID: String?
    /// The port; nil for all.
    let targetID: String?
    let event: Event
    var isEnabled: Bool
    var standard: StandardAttributes
}

extension NetworkingError {
    static func logNotFound(_ id: String) -> Self { notFound("LogResourceNotFound", "Log resource", id) }
}
