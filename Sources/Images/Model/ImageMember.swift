import CloudCore

/// A project that an image is shared with.
struct ImageMember: Sendable, Hashable {
    /// What the project thinks of it. Only accepted images stand in its lists; it may use the image whatever it says.
    enum Status: String, Sendable, CaseIterable { case pending, accepted, rejected }

    let imageID: String
    /// The project.
    let memberID: String
    var status: Status
    let createdAt: Timestamp
    var updatedAt: Timestamp
}
