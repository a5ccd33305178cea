/// What a request is about, looked up before its caller is let through. That it does not exist shows only to those who
/// are; that it could not be looked up is an error at once.
struct Sought<Resource: Sendable>: Sendable {
    private let result: Result<Resource, IdentityError>

    /// Looks it up.
    /// - Throws: what `lookUp` throws, unless that says that there is no such resource.
    init(_ lookUp: () async throws -> Resource) async throws {
        do { result = .success(try await lookUp()) } catch let error as IdentityError where error.saysMissing {
            result = .failure(error)
        }
    }

    /// The resource, for deciding whether the caller may see it; nil when there is none.
    var found: Resource? { try? result.get() }

    /// The resource.
    /// - Throws: `IdentityError` saying that there is none.
    func get() throws -> Resource { try result.get() }
}

extension IdentityError {
    /// Whether it says that a resource does not exist.
    fileprivate var saysMissing: Bool {
        switch self {
        case .notFound, .missing: true
        default: false
        }
    }
}
