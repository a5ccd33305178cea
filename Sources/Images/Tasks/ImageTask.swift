import CloudCore

/// A piece of work on an image that goes on after its request was answered, as the tasks API shows it.
struct ImageTask: Sendable, Hashable {
    /// What it does.
    enum Kind: String, Sendable, CaseIterable {
        /// An image made and filled by `POST /v2/tasks`.
        case `import`
        /// An import into an image.
        case apiImageImport = "api_image_import"
        /// A location that was given to an image is looked at.
        case locationImport = "location_import"
    }

    /// How far it is.
    enum Status: String, Sendable, CaseIterable { case pending, processing, success, failure }

    let id: String
    let kind: Kind
    var status: Status
    /// The project that asked for it.
    let owner: String?
    /// The user who asked for it.
    let userID: String?
    /// The request that asked for it.
    let requestID: String?
    /// The image, once there is one.
    var imageID: String?
    /// What was asked for.
    let input: JSON
    /// What it came to.
    var result: JSON = .null
    /// What went wrong, or how far it is.
    var message = ""
    let createdAt: Timestamp
    var updatedAt: Timestamp
    /// When it is forgotten; nil while it is not over.
    var expiresAt: Timestamp?

    /// A task that has not begun.
    init(
        id: String = Identifier.uuid(), kind: Kind, owner: String?, userID: String?, requestID: String?, imageID: String?,
        input: JSON, now: Timestamp = .now
    ) {
        (self.id, self.kind, status, self.owner, self.userID) = (id, kind, .pending, owner, userID)
        (self.requestID, self.imageID, self.input, createdAt, updatedAt) = (requestID, imageID, input, now, now)
    }

    /// Whether nothing more happens to it.
    var isOver: Bool { status == .success || status == .failure }

    /// Ends it well; over tasks stay as they are.
    mutating func succeed(_ result: JSON, lifetime: Duration, now: Timestamp = .now) {
        guard !isOver else { return }
        (status, self.result, message, updatedAt, expiresAt) = (.success, result, "", now, now + lifetime)
    }

    /// Ends it badly; over tasks stay as they are.
    mutating func fail(_ message: String, lifetime: Duration, now: Timestamp = .now) {
        guard !isOver else { return }
        (status, self.message, updatedAt, expiresAt) = (.failure, message, now, now + lifetime)
    }
}
