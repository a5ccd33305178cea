import CloudCore

/// A trunk: a guest's port that carries the packets of others, told apart by a tag.
struct Trunk: Sendable, Hashable {
    let id: String
    let projectID: String
    var name: String
    /// The parent: the port the guest is plugged at.
    let portID: String
    var isAdminUp: Bool
    var status: String
    var standard: StandardAttributes
    /// Its subports, in the order they were added.
    var subports: [Subport] = []

    /// The status of a trunk that the engine carries.
    static let active = "ACTIVE"
    /// The status of a trunk whose parent has lost its host.
    static let down = "DOWN"
    /// The owner of ports that a trunk carries, as upstream's OVN driver names them.
    static let subportOwner = "trunk:subport"
}

/// A port that a trunk carries.
struct Subport: Sendable, Hashable {
    let portID: String
    /// The kind of tag: `vlan`.
    var segmentationType: String
    /// The tag.
    var segmentationID: Int
}

/// A subport as it is asked for.
struct SubportDraft: Sendable, Hashable {
    var portID: String
    var segmentationType: String?
    var segmentationID: Int?

    /// The segmentation type that takes the tag from the port's network.
    static let inherit = "inherit"

    /// Checks drafts as upstream's validator does: each port once, each tag once, both parts of a tag.
    static func check(_ drafts: [SubportDraft], isRemoval: Bool = false) throws(NetworkingError) {
        var ports: Set<String> = []
        var tags: Set<String> = []
        for draft in drafts {
            guard ports.insert(draft.portID).inserted else {
                throw .invalidInput("Non unique UUID for subport: '\(draft.portID)'")
            }
            guard !isRemoval, draft.segmentationType != inherit else { continue }
            guard let type = draft.segmentationType, let tag = draft.segmentationID else {
                throw .invalidInput(
                    "Invalid subport details for '\(draft.portID)': missing segmentation information. Must specify both"
                        + " segmentation_id and segmentation_type")
            }
            guard tags.insert("\(type):\(tag)").inserted else {
                throw .invalidInput("Segmentation ID '\(tag)' for '\(draft.portID)' is not unique")
            }
        }
    }
}
