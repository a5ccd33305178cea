import CloudCore
import CloudStore

/// Giving and taking roles, and listing who has which.
extension Identity {
    func grant(_ assignment: Assignment) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard let role = try RoleRecords.find(assignment.roleID, transaction) else {
                throw IdentityError.notFound("role", id: assignment.roleID)
            }
            try Self.checkActor(assignment.actor, transaction)
            try Self.checkTarget(assignment.target, role: role, transaction)
            try AssignmentRecords.insert(assignment, transaction)
            transaction.onCommit { Self.advance(generations, assignment.actor) }
        }
    }

    func revoke(_ assignment: Assignment) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard try AssignmentRecords.delete(assignment, transaction) else { throw Self.notAssigned(assignment) }
            transaction.onCommit { Self.advance(generations, assignment.actor) }
        }
    }

    /// - Throws: `IdentityError.missing` when there is no such assignment.
    func check(_ assignment: Assignment) async throws {
        guard try await database.read({ try AssignmentRecords.exists(assignment, $0) }) else { throw Self.notAssigned(assignment) }
    }

    /// The roles given to someone on something.
    func roles(of actor: Actor, on target: AssignmentTarget, inherited: Bool) async throws -> [Role] {
        try await database.read { reader in
            var filter = AssignmentRecords.Filter(targets: [Self.filter(target)], isInherited: inherited)
            switch actor {
            case .user(let id): filter.userID = id
            case .group(let id): filter.groupIDs = [id]
            }
            return try RoleRecords.all(AssignmentRecords.list(filter, reader).map(\.roleID), reader)
        }
    }

    private static func advance(_ generations: Generations, _ actor: Actor) {
        switch actor {
        case .user(let id): generations.advance(user: id)
        case .group: generations.advanceEveryone()
        }
    }

    private static func notAssigned(_ assignment: Assignment) -> IdentityError {
        .missing(
            "Could not find role assignment with role: \(assignment.roleID), user or group: \(assignment.actor.id), "
                + "project, domain, or system: \(assignment.target.id ?? "system").")
    }

    private static func checkActor(_ actor: Actor, _ reader: any Reader) throws {
        switch actor {
        case .user(let id): guard try UserRecords.find(id, reader) != nil else { throw IdentityError.notFound("user", id: id) }
        case .group(let id): guard try GroupRecords.find(id, reader) != nil else { throw IdentityError.notFound("group", id: id) }
        }
    }

    private static func checkTarget(_ target: AssignmentTarget, role: Role, _ reader: any Reader) throws {
        switch target {
        case .system: break
        case .domain(let id):
            guard try ProjectRecords.domain(.id(id), reader) != nil else { throw IdentityError.notFound("domain", id: id) }
        case .project(let id):
            guard let project = try ProjectRecords.find(id, reader) else { throw IdentityError.notFound("project", id: id) }
            guard role.domainID == nil || role.domainID == project.domainID else {
                throw IdentityError.refused("Project \(id) must be in the same domain as the role \(role.id) being assigned.")
            }
        }
    }

    private static func filter(_ target: AssignmentTarget) -> (kind: String, ids: [String]?) {
        switch target {
        case .project(let id): ("project", [id])
        case .domain(let id): ("domain", [id])
        case .system: ("system", nil)
        }
    }
}

/// What `GET /v3/role_assignments` is asked for.
struct AssignmentQuery: Sendable {
    var roleID: String?
    var actor: Actor?
    var target: AssignmentTarget?
    var isInherited: Bool?
    /// Whether projects below the target count too.
    var includesSubtree = false
    /// Only what concerns a domain: itself and its projects.
    var withinDomain: String?
}

/// The names of what a list of assignments mentions.
struct AssignmentNames: Sendable {
    var projects: [String: Project] = [:]
    var domains: [String: Project] = [:]
    var users: [String: User] = [:]
    var groups: [String: Group] = [:]
    var roles: [String: Role] = [:]
}

extension Identity {
    /// Assignments as they were made.
    func listAssignments(_ query: AssignmentQuery) async throws -> [Assignment] {
        try await database.read { reader in
            var filter = AssignmentRecords.Filter(roleID: query.roleID, isInherited: query.isInherited, domainID: query.withinDomain)
            switch query.actor {
            case .user(let id): filter.userID = id
            case .group(let id): filter.groupIDs = [id]
            case nil: break
            }
            if let target = query.target {
                let (kind, ids) = Self.filter(target)
                filter.targets = [(kind, try ids.map { try $0 + Self.subtree(of: query, reader) })]
            }
            return try AssignmentRecords.list(filter, reader)
        }
    }

    /// The projects below the one asked for, where they were asked for too.
    private static func subtree(of query: AssignmentQuery, _ reader: any Reader) throws -> [String] {
        guard query.includesSubtree, let id = query.target?.id else { return [] }
        return try ProjectRecords.descendantIDs(of: [id], reader)[id] ?? []
    }

    /// Assignments that have effect: groups, inheritance and implied roles followed. The number of statements does not
    /// depend on how many assignments there are.
    func listEffectiveAssignments(_ query: AssignmentQuery) async throws -> [EffectiveAssignment] {
        try await database.read { reader in
            let subtree = try Self.subtree(of: query, reader)
            let stored = try AssignmentRecords.list(Self.sources(of: query, subtree, reader), reader)
            let groups = Set(stored.compactMap { if case .group(let id) = $0.actor { id } else { nil } })
            let expansion = AssignmentExpansion(
                members: try GroupRecords.members(of: groups, reader),
                descendants: try ProjectRecords.descendantIDs(of: Set(stored.filter(\.isInherited).compactMap(\.target.id)), reader),
                inference: RoleInference(try RoleRecords.implications(reader)))
            return try Self.matching(query, subtree, expansion.expand(stored), reader)
        }
    }

    /// The stored assignments from which what is asked for may come.
    private static func sources(
        of query: AssignmentQuery, _ subtree: [String], _ reader: any Reader
    ) throws -> AssignmentRecords.Filter {
        var filter = AssignmentRecords.Filter(isInherited: query.isInherited, domainID: query.withinDomain)
        if case .user(let id)? = query.actor {
            filter.userID = id
            filter.groupIDs = try GroupRecords.list(.everything, ofUser: id, reader).map(\.id)
        }
        switch query.target {
        case .project(let id):
            let ids = [id] + subtree + (try ProjectRecords.ancestors(of: id, reader).map(\.id))
            filter.targets = [("project", ids), ("domain", ids)]
        case .domain, .system:
            filter.targets = query.target.map { [Self.filter($0)] }
            filter.isInherited = false
        case nil: break
        }
        return filter
    }

    private static func matching(
        _ query: AssignmentQuery, _ subtree: [String], _ assignments: [EffectiveAssignment], _ reader: any Reader
    ) throws -> [EffectiveAssignment] {
        let targets = query.target.map { Set([$0] + subtree.map { .project($0) }) }
        // Domains' own roles exist only to imply others.
        let domainRoles = Set(try RoleRecords.all(Set(assignments.map(\.roleID)), reader).filter { $0.domainID != nil }.map(\.id))
        return assignments.filter { assignment in
            guard !domainRoles.contains(assignment.roleID), targets?.contains(assignment.target) ?? true,
                query.roleID.map({ $0 == assignment.roleID }) ?? true
            else { return false }
            if case .user(let id)? = query.actor { return assignment.userID == id }
            return true
        }
    }

    /// Names for showing assignments with `include_names`.
    func names(users: Set<String>, groups: Set<String>, targets: Set<String>, roles: Set<String>) async throws -> AssignmentNames {
        try await database.read { reader in
            var names = AssignmentNames()
            for project in try ProjectRecords.all(targets, reader) { names.projects[project.id] = project }
            for role in try RoleRecords.all(roles, reader) { names.roles[role.id] = role }
            for user in try UserRecords.all(users, reader) { names.users[user.id] = user }
            for group in try GroupRecords.all(groups, reader) { names.groups[group.id] = group }
            let domains = names.projects.values.map(\.effectiveDomainID) + names.users.values.map(\.domainID)
                + names.groups.values.map(\.domainID) + names.roles.values.compactMap(\.domainID)
            for domain in try ProjectRecords.all(Set(domains), reader) { names.domains[domain.id] = domain }
            return names
        }
    }
}
