/// Who holds a role.
enum Actor: Sendable, Hashable {
    case user(String)
    case group(String)

    var id: String {
        switch self {
        case .user(let id), .group(let id): id
        }
    }
}

/// What a role is held on.
enum AssignmentTarget: Sendable, Hashable {
    case project(String)
    case domain(String)
    case system

    /// The project or domain; nil for the system.
    var id: String? {
        switch self {
        case .project(let id), .domain(let id): id
        case .system: nil
        }
    }
}

/// A role given to someone on something.
struct Assignment: Sendable, Hashable {
    var actor: Actor
    var target: AssignmentTarget
    var roleID: String
    /// Whether it counts on the projects below the target instead of the target itself.
    var isInherited = false
}

/// An assignment that has effect, with how it came about.
struct EffectiveAssignment: Sendable, Hashable {
    var userID: String
    var target: AssignmentTarget
    var roleID: String
    /// The group through which the user has it.
    var throughGroup: String?
    /// The project or domain above from which it is inherited.
    var inheritedFrom: AssignmentTarget?
    /// The role that implies it.
    var priorRoleID: String?
}

/// Turns assignments as stored into those that have effect: groups become their members, inheritance becomes the
/// projects below, and roles bring the roles they imply.
struct AssignmentExpansion {
    /// The members of each group.
    let members: [String: [String]]
    /// The projects below each project or domain that has an inherited assignment.
    let descendants: [String: [String]]
    let inference: RoleInference

    func expand(_ assignments: [Assignment]) -> [EffectiveAssignment] {
        var seen = Set<EffectiveAssignment>()
        return assignments.flatMap(expandActor).flatMap(expandTarget).flatMap(expandRole).filter { seen.insert($0).inserted }
    }

    private typealias Step = (EffectiveAssignment, isInherited: Bool)

    private func expandActor(_ assignment: Assignment) -> [Step] {
        func step(_ user: String, _ group: String?) -> Step {
            (EffectiveAssignment(userID: user, target: assignment.target, roleID: assignment.roleID, throughGroup: group), assignment.isInherited)
        }
        switch assignment.actor {
        case .user(let id): return [step(id, nil)]
        case .group(let id): return (members[id] ?? []).map { step($0, id) }
        }
    }

    private func expandTarget(_ step: Step) -> [EffectiveAssignment] {
        guard step.isInherited, let above = step.0.target.id else { return [step.0] }
        return (descendants[above] ?? []).map { project in
            var expanded = step.0
            (expanded.target, expanded.inheritedFrom) = (.project(project), step.0.target)
            return expanded
        }
    }

    private func expandRole(_ assignment: EffectiveAssignment) -> [EffectiveAssignment] {
        var (result, waiting, seen) = ([assignment], [assignment.roleID], Set([assignment.roleID]))
        while !waiting.isEmpty {
            let prior = waiting.removeFirst()
            for role in inference.implied(by: prior) where seen.insert(role).inserted {
                var implied = assignment
                (implied.roleID, implied.priorRoleID) = (role, prior)
                result.append(implied)
                waiting.append(role)
            }
        }
        return result
    }
}
