import CloudCore
import CloudStore

/// Domains and projects: what may be created, changed and deleted.
extension Identity {
    /// The fields of a project or domain as a request names them; nil for what it does not mention.
    struct ProjectFields: Sendable {
        var name: String?
        var description: JSON?
        var isEnabled: Bool?
        var options: JSONObject?
        var tags: [String]?
        var extra: JSONObject = [:]

        /// Puts what is mentioned into a project. An option that is null goes back to its default.
        func apply(to project: inout Project) {
            if let name { project.name = name.trimmed }
            if let description { project.description = description.string }
            if let isEnabled { project.isEnabled = isEnabled }
            if let tags { project.tags = Set(tags).sorted() }
            if let options { project.options.merge(options) }
            project.extra.merge(extra)
        }
    }

    /// How deep projects may nest below a domain.
    var greatestProjectDepth: Int { min(options.maximumProjectDepth, options.enforcementModel.maximumProjectDepth ?? .max) }

    func project(id: String) async throws -> Project {
        guard let project = try await database.read({ try ProjectRecords.find(id, $0) }) else {
            throw IdentityError.notFound("project", id: id)
        }
        return project
    }

    func domain(id: String) async throws -> Project {
        guard let domain = try await database.read({ try ProjectRecords.domain(.id(id), $0) }) else {
            throw IdentityError.notFound("domain", id: id)
        }
        return domain
    }

    func listProjects(_ query: ListQuery, tagFilters: [(name: String, tags: [String])], inDomain domainID: String?) async throws -> Page<Project> {
        var conditions = tagFilters.map { ProjectRecords.tagCondition($0.name, $0.tags) }
        if let domainID { conditions.append("p.domain_id = \(domainID)") }
        return try await database.read { [conditions] reader in
            try query.checkMarker("identity_projects", reader)
            return query.page(try ProjectRecords.list(query, and: conditions, reader))
        }
    }

    /// The projects in which a user has a role.
    func listProjects(_ query: ListQuery, ofUser userID: String) async throws -> Page<Project> {
        try await database.read { reader in
            let ids = try AssignmentRecords.reachableIDs(user: userID, "project", reader)
            return query.page(try ProjectRecords.list(query, and: ["p.id IN \(in: ids)"], reader))
        }
    }

    func listDomains(_ query: ListQuery, only domainID: String?) async throws -> Page<Project> {
        let conditions: [SQL] = ["p.is_domain = 1"] + (domainID.map { ["p.id = \($0)"] } ?? [])
        return try await database.read { reader in
            try query.checkMarker("identity_projects", reader)
            return query.page(try ProjectRecords.list(query, and: conditions, reader))
        }
    }

    /// Creates a project or, when it is to be a domain, a domain.
    func createProject(_ project: Project, _ fields: ProjectFields) async throws -> Project {
        var new = project
        fields.apply(to: &new)
        let (created, depth) = (new, greatestProjectDepth)
        try await writing(conflict: Self.conflict(created)) { transaction in
            var ancestors: [Project] = []
            if let parentID = created.parentID {
                guard let parent = try ProjectRecords.find(parentID, transaction) else {
                    throw IdentityError.invalid("Could not find project: \(parentID).")
                }
                ancestors = [parent] + (try ProjectRecords.ancestors(of: parentID, transaction))
            }
            if let domainID = created.domainID, try ProjectRecords.domain(.id(domainID), transaction) == nil {
                throw IdentityError.invalid("Could not find domain: \(domainID).")
            }
            try ProjectRules.check(created, below: ancestors, maximumDepth: depth)
            try ProjectRecords.insert(created, transaction)
        }
        return created
    }

    /// Changes a project or domain.
    func updateProject(_ id: String, _ fields: ProjectFields, isDomain: Bool) async throws -> Project {
        try await writing(conflict: .conflict(isDomain ? "domain" : "project", "it is not permitted to have two of the same name")) {
            [generations = tokens.generations] transaction in
            let found = isDomain ? try ProjectRecords.domain(.id(id), transaction) : try ProjectRecords.find(id, transaction)
            guard let old = found else { throw IdentityError.notFound(isDomain ? "domain" : "project", id: id) }
            try Self.checkImmutable(old.options, fields.options, isOnlyOptions: fields.isOnlyOptions, kind: old.kind, id: id)
            var new = old
            fields.apply(to: &new)
            if new.isDomain { try ProjectRules.checkDomainName(new.name) }
            if old.isEnabled != new.isEnabled { try Self.checkEnabling(new, transaction) }
            try ProjectRecords.update(new, transaction)
            if old.isEnabled != new.isEnabled || old.name != new.name {
                transaction.onCommit { generations.advanceEveryone() }
            }
            return new
        }
    }

    /// A project is enabled below enabled ones only, and disabled above disabled ones only; a domain may be disabled
    /// at any time, with everything in it.
    private static func checkEnabling(_ project: Project, _ reader: any Reader) throws {
        guard !project.isDomain else { return }
        if project.isEnabled, try ProjectRecords.ancestors(of: project.id, reader).contains(where: { !$0.isEnabled }) {
            throw IdentityError.refused("Cannot enable project \(project.id) since it has disabled parents")
        }
        if !project.isEnabled, try ProjectRecords.descendants(of: project.id, reader).contains(where: \.isEnabled) {
            throw IdentityError.refused("Cannot disable project \(project.id) since its subtree contains enabled projects.")
        }
    }

    /// Deletes a project, and with `cascade` those below it, all of which must be disabled.
    func deleteProject(_ id: String, cascade: Bool) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard let project = try ProjectRecords.find(id, transaction) else { throw IdentityError.notFound("project", id: id) }
            let subtree = try ProjectRecords.descendants(of: id, transaction)
            try Self.checkDeletable(project)
            guard subtree.isEmpty || cascade else {
                throw IdentityError.refused(
                    "Cannot delete the project \(id) since it is not a leaf in the hierarchy. Use the cascade option if you "
                        + "want to delete a whole subtree.")
            }
            guard !subtree.contains(where: \.isEnabled) else {
                throw IdentityError.refused("Cannot delete project \(id) since its subtree contains enabled projects.")
            }
            for project in subtree { try Self.checkDeletable(project) }
            try ProjectRecords.delete([id] + subtree.map(\.id), transaction)
            transaction.onCommit { generations.advanceEveryone() }
        }
    }

    func deleteDomain(_ id: String) async throws {
        try await database.write { [generations = tokens.generations] transaction in
            guard let domain = try ProjectRecords.domain(.id(id), transaction) else { throw IdentityError.notFound("domain", id: id) }
            try Self.checkDeletable(domain)
            for project in try ProjectRecords.descendants(of: id, transaction) { try Self.checkDeletable(project) }
            try ProjectRecords.delete([id], transaction)
            transaction.onCommit { generations.advanceEveryone() }
        }
    }

    private static func checkDeletable(_ project: Project) throws {
        if project.isImmutable { throw IdentityError.immutable(project.kind, id: project.id, verb: "delete") }
        guard !project.isDomain || !project.isEnabled else {
            throw IdentityError.refused("Cannot delete a domain that is enabled, please disable it first.")
        }
    }

    private static func conflict(_ project: Project) -> IdentityError {
        if project.isDomain {
            return .conflict("project", "it is not permitted to have two projects acting as domains with the same name: \(project.name)")
        }
        return .conflict(
            "project",
            "it is not permitted to have two projects with either the same name or same id in the same domain: "
                + "name is \(project.name), project id \(project.id)")
    }

    /// Refuses to change what is immutable, unless all the change does is make it mutable.
    static func checkImmutable(_ old: JSONObject, _ new: JSONObject?, isOnlyOptions: Bool, kind: String, id: String) throws {
        guard old["immutable"] == .bool(true) else { return }
        guard let wish = new?["immutable"], wish != .bool(true), isOnlyOptions else {
            throw IdentityError.immutable(kind, id: id, verb: "update")
        }
    }
}

extension Identity.ProjectFields {
    /// Whether nothing but options is mentioned.
    var isOnlyOptions: Bool { name == nil && description == nil && isEnabled == nil && tags == nil && extra.isEmpty }
}

extension Identity {
    /// Writes, and turns a broken unique key into a conflict that says what is in the way.
    func writing<Result: Sendable>(
        conflict: @autoclosure @Sendable () -> IdentityError, _ body: @escaping @Sendable (any Transaction) throws -> Result
    ) async throws -> Result {
        do { return try await database.write(body) } catch let error as StoreError where error.isUniqueViolation {
            throw conflict()
        }
    }
}

extension JSONObject {
    /// Takes over members; a null removes one.
    mutating func merge(_ other: JSONObject) {
        for member in other { self[member.name] = member.value.isNull ? JSON?.none : member.value }
    }
}
