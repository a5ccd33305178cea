/// What an RBAC policy lets its target do with an object.
enum SharingAction: String, Sendable, Hashable, CaseIterable {
    /// Use it as if it were shared with everyone.
    case shared = "access_as_shared"
    /// Use it as an external network.
    case external = "access_as_external"
}

/// An RBAC policy: one object, opened to one project or to all.
struct SharingPolicy: Sendable, Hashable {
    /// The target that stands for every project.
    static let everyone = "*"

    let id: String
    /// Whose policy it is, which need not be the object's project.
    let projectID: String
    /// The kind of object, such as `network`.
    let objectType: String
    let objectID: String
    /// The project it is for, or `everyone`.
    var target: String
    let action: SharingAction
}

/// Whom an object is open to. Whether it *is* shared depends on who asks.
struct Sharing: Sendable, Hashable {
    /// The targets by action.
    var targets: [SharingAction: Set<String>] = [:]

    /// Open to nobody but its own project.
    static let none = Sharing()

    /// Whether an action is open to a project; nil asks for somebody without one.
    func includes(_ project: String?, _ action: SharingAction = .shared) -> Bool {
        guard let targets = targets[action] else { return false }
        return targets.contains(SharingPolicy.everyone) || project.map(targets.contains) ?? false
    }
}
