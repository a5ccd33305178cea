import CloudAPI
import CloudCore
import CloudPolicy

/// `/v3/role_assignments`.
extension Identity {
    var roleAssignmentEndpoints: [Endpoint] {
        [
            .guarded(.get, "/role_assignments", "List who has which roles on what", rule: "identity:list_role_assignments") { request, gate in
                guard !request.has(flag: "include_subtree") else { return try await listAssignmentsOfTree(request, gate) }
                try gate.open(request.domainTarget("target.domain_id"))
                var query = try AssignmentQuery(request)
                query.withinDomain = request.token?.domainID
                return try await listAssignments(query, request)
            },
        ]
    }

    static let roleAssignmentRules: [PolicyRule] = {
        let reader = "(\(Check.admin)) or (\(Check.systemReader)) or (role:reader and domain_id:%(target.domain_id)s and "
            + "not None:%(target.domain_id)s)"
        return [
            rule("list_role_assignments", reader, "List who has which roles on what."),
            rule("list_role_assignments_for_tree", reader, "List who has which roles on a project and those below it."),
        ]
    }()

    private func listAssignmentsOfTree(_ request: APIRequest, _ gate: Gate) async throws -> APIResponse {
        let rule = "identity:list_role_assignments_for_tree"
        guard let id = request.query["scope.project.id"], !id.isEmpty else {
            try gate.open(rule)
            throw IdentityError.invalid("scope.project.id must be specified if include_subtree is also specified")
        }
        let project = try await project(id: id)
        try gate.open(rule, project.target(as: "project") + ["target.domain_id": project.domainID.map { .string($0) } ?? .null])
        return try await listAssignments(AssignmentQuery(request), request)
    }

    private func listAssignments(_ query: AssignmentQuery, _ request: APIRequest) async throws -> APIResponse {
        let isEffective = request.has(flag: "effective")
        let entries = isEffective
            ? try await listEffectiveAssignments(query).map(AssignmentEntry.init)
            : try await listAssignments(query).map(AssignmentEntry.init)
        let names = request.has(flag: "include_names") ? try await names(of: entries) : nil
        let links = Links(request)
        return .json { json in
            json.object { json in
                json.member("role_assignments", array: entries.map { AssignmentView(entry: $0, names: names, links: links) })
                json.member("links") { $0.collectionLinks(request, next: nil) }
            }
        }
    }

    private func names(of entries: [AssignmentEntry]) async throws -> AssignmentNames {
        var (users, groups) = (Set<String>(), Set<String>())
        for entry in entries {
            switch entry.actor {
            case .user(let id): users.insert(id)
            case .group(let id): groups.insert(id)
            }
        }
        return try await names(
            users: users, groups: groups, targets: Set(entries.compactMap(\.target.id)), roles: Set(entries.map(\.roleID)))
    }
}

extension AssignmentQuery {
    /// Reads the query string.
    /// - Throws: `IdentityError.invalid` for filters that contradict each other.
    init(_ request: APIRequest) throws {
        func value(_ name: String) -> String? { request.query[name].flatMap { $0.isEmpty ? nil : $0 } }
        roleID = value("role.id")
        isInherited = request.query["scope.OS-INHERIT:inherited_to"].map { $0 == "projects" }
        includesSubtree = request.has(flag: "include_subtree")
        let targets: [AssignmentTarget] = [
            value("scope.domain.id").map { .domain($0) }, value("scope.project.id").map { .project($0) },
            value("scope.system").map { _ in .system },
        ].compactMap { $0 }
        try Self.checkExclusive(targets)
        // Whatever else is said of the system means no filter.
        target = targets.first == .system && value("scope.system") != "all" ? nil : targets.first
        let actors: [Actor] = [value("user.id").map { .user($0) }, value("group.id").map { .group($0) }].compactMap { $0 }
        guard actors.count < 2 else { throw IdentityError.invalid("Specify a user or group, not both") }
        actor = actors.first
        guard request.has(flag: "effective") else { return }
        if case .group? = actor {
            throw IdentityError.invalid("Combining effective and group filter will always result in an empty list.")
        }
        if case .domain? = target, isInherited == true {
            throw IdentityError.invalid("Combining effective, domain and inherited filters will always result in an empty list.")
        }
    }

    private static func checkExclusive(_ targets: [AssignmentTarget]) throws {
        guard targets.count > 1 else { return }
        let kinds = targets.map { target in
            switch target {
            case .domain: "domain"
            case .project: "project"
            case .system: "system"
            }
        }
        let words = kinds.contains("system") ? "system or \(kinds[0])" : "a domain or project"
        throw IdentityError.invalid("Specify \(words), not both")
    }
}

/// An assignment as the list shows it, with the one it comes from where it has only effect.
struct AssignmentEntry: Sendable {
    var actor: Actor
    var target: AssignmentTarget
    var roleID: String
    /// Whether the list marks it as inherited.
    var isInherited: Bool
    /// Who and what the stored assignment names.
    var source: Assignment
    var priorRoleID: String?

    init(_ assignment: Assignment) {
        (actor, target, roleID, isInherited) = (assignment.actor, assignment.target, assignment.roleID, assignment.isInherited)
        source = assignment
    }

    init(_ effective: EffectiveAssignment) {
        (actor, target, roleID) = (.user(effective.userID), effective.target, effective.roleID)
        isInherited = effective.inheritedFrom != nil
        priorRoleID = effective.priorRoleID
        source = Assignment(
            actor: effective.throughGroup.map { .group($0) } ?? .user(effective.userID),
            target: effective.inheritedFrom ?? effective.target, roleID: effective.priorRoleID ?? effective.roleID,
            isInherited: effective.inheritedFrom != nil)
    }
}

private struct AssignmentView: JSONWritable {
    let entry: AssignmentEntry
    /// The names to show; nil for ids only.
    let names: AssignmentNames?
    let links: Links

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("links") { writeLinks(to: &$0) }
            json.member("role") { json in
                let role = names?.roles[entry.roleID]
                writeNamed(entry.roleID, role?.name, domainID: role?.domainID, to: &json)
            }
            json.member("scope") { writeScope(to: &$0) }
            switch entry.actor {
            case .user(let id):
                json.member("user") { writeNamed(id, names?.users[id]?.name, domainID: names?.users[id]?.domainID, to: &$0) }
            case .group(let id):
                json.member("group") { writeNamed(id, names?.groups[id]?.name, domainID: names?.groups[id]?.domainID, to: &$0) }
            }
        }
    }

    private func writeNamed(_ id: String, _ name: String?, domainID: String?, to json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            if let name { json.member("name", name) }
            if let domainID { json.member("domain", Named(id: domainID, name: names?.domains[domainID]?.name ?? "")) }
        }
    }

    private func writeScope(to json: inout JSONWriter) {
        json.object { json in
            switch entry.target {
            case .system: json.member("system", ["all": true])
            case .domain(let id): json.member("domain") { writeNamed(id, names?.projects[id]?.name, domainID: nil, to: &$0) }
            case .project(let id):
                let project = names?.projects[id]
                json.member("project") { writeNamed(id, project?.name, domainID: project?.effectiveDomainID, to: &$0) }
            }
            if entry.isInherited { json.member("OS-INHERIT:inherited_to", "projects") }
        }
    }

    private func writeLinks(to json: inout JSONWriter) {
        let source = entry.source
        let target = switch source.target {
        case .project(let id): "/projects/\(id)"
        case .domain(let id): "/domains/\(id)"
        case .system: "/system"
        }
        let actor = switch source.actor {
        case .user(let id): "/users/\(id)"
        case .group(let id): "/groups/\(id)"
        }
        let path = "\(target)\(actor)/roles/\(source.roleID)"
        json.object {
            $0.member("assignment", links.url(source.isInherited ? "/OS-INHERIT\(path)/inherited_to_projects" : path))
            if case .group(let group) = source.actor, case .user(let user) = entry.actor {
                $0.member("membership", links.url("/groups/\(group)/users/\(user)"))
            }
            if let prior = entry.priorRoleID {
                $0.member("prior_role", links.url("/prior_role/\(prior)/implies/\(entry.roleID)"))
            }
        }
    }
}
