import CloudAPI
import CloudCore
import CloudPolicy

/// Giving roles to users and groups on projects and domains, directly or inherited by the projects below
/// (`OS-INHERIT`).
extension Identity {
    /// One kind of grant: on what, to whom, inherited or not.
    private struct Kind {
        let target: String
        let actor: String
        let isInherited: Bool

        static let all = ["projects", "domains"].flatMap { target in
            ["users", "groups"].flatMap { actor in [false, true].map { Kind(target: target, actor: actor, isInherited: $0) } }
        }

        var targetParameter: String { target == "projects" ? "project_id" : "domain_id" }
        var actorParameter: String { actor == "users" ? "user_id" : "group_id" }
        private var suffix: String { isInherited ? "/inherited_to_projects" : "" }
        var collection: String {
            "\(isInherited ? "/OS-INHERIT" : "")/\(target)/{\(targetParameter)}/\(actor)/{\(actorParameter)}/roles"
        }
        var listPath: String { collection + suffix }
        var path: String { "\(collection)/{role_id}\(suffix)" }

        func actor(_ request: APIRequest) -> Actor {
            actor == "users" ? .user(request[actorParameter]) : .group(request[actorParameter])
        }

        func target(_ request: APIRequest) -> AssignmentTarget {
            target == "projects" ? .project(request[targetParameter]) : .domain(request[targetParameter])
        }

        func assignment(_ request: APIRequest) -> Assignment {
            Assignment(actor: actor(request), target: target(request), roleID: request["role_id"], isInherited: isInherited)
        }

        /// "a user's role on a project", for summaries.
        var words: String {
            "\(isInherited ? "inherited " : "")role of a \(actor.dropLast()) on a \(target.dropLast())"
        }
    }

    var grantEndpoints: [Endpoint] { Kind.all.flatMap(grantEndpoints) }

    private func grantEndpoints(_ kind: Kind) -> [Endpoint] {
        var endpoints: [Endpoint] = [
            .guarded(.put, kind.path, "Give a \(kind.words)", rule: "identity:create_grant", success: .noContent) { request, gate in
                try await openGrant(kind, request, gate)
                try await grant(kind.assignment(request))
                return .empty()
            },
            .guarded(.get, kind.path, "Check for a \(kind.words)", rule: "identity:check_grant", success: .noContent) { request, gate in
                try await openGrant(kind, request, gate)
                try await check(kind.assignment(request))
                return .empty()
            },
            .guarded(.delete, kind.path, "Take a \(kind.words)", rule: "identity:revoke_grant", success: .noContent) { request, gate in
                try await openGrant(kind, request, gate, isActorNeeded: false)
                try await revoke(kind.assignment(request))
                return .empty()
            },
        ]
        // Upstream lists what is inherited from domains only.
        if !kind.isInherited || kind.target == "domains" {
            endpoints.append(
                .guarded(.get, kind.listPath, "List each \(kind.words)", rule: "identity:list_grants") { request, gate in
                    try await openGrant(kind, request, gate)
                    return .listing(
                        try await roles(of: kind.actor(request), on: kind.target(request), inherited: kind.isInherited), request)
                })
        }
        return endpoints
    }

    /// Opens the gate with all that a grant is about. As upstream, what does not exist is 404 before it is 403, but for
    /// inherited grants the other way round, and the actor of a grant to be taken may be gone.
    private func openGrant(_ kind: Kind, _ request: APIRequest, _ gate: Gate, isActorNeeded: Bool = true) async throws {
        var target: PolicyTarget = [:]
        var missing: IdentityError?
        func add(isNeeded: Bool = true, _ find: () async throws -> PolicyTarget) async throws {
            do {
                let found = try await find()
                target = target + found
            } catch let error as IdentityError {
                if isNeeded { missing = missing ?? error }
            }
        }
        if request.parameters["role_id"] != nil { try await add { try await role(id: request["role_id"]).target } }
        try await add(isNeeded: isActorNeeded) { try await actorTarget(kind.actor(request)) }
        switch kind.target(request) {
        case .project(let id): try await add { try await project(id: id).target(as: "project") }
        case .domain(let id): try await add { try await domain(id: id).target(as: "domain") }
        case .system: break
        }
        if let missing, !kind.isInherited { throw missing }
        try gate.open(target)
        if let missing { throw missing }
    }

    private func actorTarget(_ actor: Actor) async throws -> PolicyTarget {
        switch actor {
        case .user(let id): try await user(id: id).target
        case .group(let id): try await group(id: id).target
        }
    }

    static let grantRules: [PolicyRule] = {
        let roleMatches = "domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s"
        let reader = persona("reader")
        let writer = "(\(Check.admin)) or (\(persona("admin"))) and (\(roleMatches)) or (\(persona("manager"))) and "
            + "rule:domain_managed_target_role"
        return [
            rule(
                "check_grant", "(\(Check.admin)) or ((\(Check.systemReader)) or (\(reader)) and (\(roleMatches)))",
                "Check whether someone has a role on something."),
            rule(
                "list_grants", "(\(Check.admin)) or ((\(Check.systemReader)) or \(reader))",
                "List the roles someone has on something."),
            rule("create_grant", writer, "Give someone a role on something."),
            rule("revoke_grant", writer, "Take someone's role on something."),
        ] + systemGrantRules
    }()

    /// A role in the domain that both the actor and the target belong to.
    private static func persona(_ role: String) -> String {
        ["user", "group"].flatMap { actor in
            ["target.project.domain_id", "target.domain.id"].map { target in
                "(role:\(role) and domain_id:%(target.\(actor).domain_id)s and domain_id:%(\(target))s)"
            }
        }.joined(separator: " or ")
    }
}

/// `/v3/system/…`: roles on the cloud as a whole.
extension Identity {
    var systemGrantEndpoints: [Endpoint] {
        [("users", "user"), ("groups", "group")].flatMap { systemGrantEndpoints(collection: $0, actor: $1) }
    }

    private func systemGrantEndpoints(collection: String, actor: String) -> [Endpoint] {
        let list = "/system/\(collection)/{\(actor)_id}/roles"
        let path = list + "/{role_id}"
        return [
            .guarded(.get, list, "List a \(actor)'s roles on the system", rule: "identity:list_system_grants_for_\(actor)") { request, gate in
                let holder = try await openSystemGrant(actor, request, gate)
                return .listing(try await roles(of: holder, on: .system, inherited: false), request)
            },
            .guarded(
                .put, path, "Give a \(actor) a role on the system", rule: "identity:create_system_grant_for_\(actor)",
                success: .noContent
            ) { request, gate in
                let holder = try await openSystemGrant(actor, request, gate)
                guard try await role(id: request["role_id"]).domainID == nil else {
                    throw IdentityError.invalid("Role \(request["role_id"]) is a domain-specific role. Unable to use a domain-specific role in a system assignment.")
                }
                try await grant(Assignment(actor: holder, target: .system, roleID: request["role_id"]))
                return .empty()
            },
            .guarded(
                .get, path, "Check for a \(actor)'s role on the system", rule: "identity:check_system_grant_for_\(actor)",
                success: .noContent
            ) { request, gate in
                let holder = try await openSystemGrant(actor, request, gate)
                try await check(Assignment(actor: holder, target: .system, roleID: request["role_id"]))
                return .empty()
            },
            .guarded(
                .delete, path, "Take a \(actor)'s role on the system", rule: "identity:revoke_system_grant_for_\(actor)",
                success: .noContent
            ) { request, gate in
                let holder = try await openSystemGrant(actor, request, gate, isActorNeeded: false)
                try await revoke(Assignment(actor: holder, target: .system, roleID: request["role_id"]))
                return .empty()
            },
        ]
    }

    private func openSystemGrant(
        _ actor: String, _ request: APIRequest, _ gate: Gate, isActorNeeded: Bool = true
    ) async throws -> Actor {
        var target: PolicyTarget = [:]
        if request.parameters["role_id"] != nil { target = target + (try await role(id: request["role_id"]).target) }
        let id = request["\(actor)_id"]
        let holder: Actor = actor == "user" ? .user(id) : .group(id)
        do {
            let found = try await actorTarget(holder)
            target = target + found
        } catch let error as IdentityError {
            if isActorNeeded { throw error }
        }
        try gate.open(target)
        return holder
    }

    private static let systemGrantRules = ["user", "group"].flatMap { actor in
        [
            rule("list_system_grants_for_\(actor)", Check.adminOrSystemReader, .systemOrProject, "List a \(actor)'s roles on the system."),
            rule("check_system_grant_for_\(actor)", Check.adminOrSystemReader, .systemOrProject, "Check for a \(actor)'s role on the system."),
            rule("create_system_grant_for_\(actor)", Check.admin, .systemOrProject, "Give a \(actor) a role on the system."),
            rule("revoke_system_grant_for_\(actor)", Check.admin, .systemOrProject, "Take a \(actor)'s role on the system."),
        ]
    }
}
