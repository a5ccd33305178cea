import CloudAPI
import CloudCore
import CloudPolicy
import Testing

@testable import Identity

/// What upstream's personas may do by default.
@Suite struct PersonaTests {
    @Test func unauthenticatedCallersGetNothingButDiscoveryAndLogin() async throws {
        try await TestCloud.run { cloud in
            for endpoint in cloud.identity.api.endpoints {
                if case .open = endpoint.access { continue }
                let path = endpoint.path.replacing(/\{\w+\}/, with: "x")
                let response = await cloud.server.respond(endpoint.method, "/identity" + path)
                #expect(response.status == .unauthorized, "\(endpoint.method) \(path)")
            }
        }
    }

    /// Whatever a user without any role calls, it is refused, before it can learn what exists.
    @Test func usersWithoutRolesAreRefusedEverywhere() async throws {
        // A list of credentials holds what the caller may see, which may be nothing.
        let free = Set(Identity.rules.filter { $0.check.isEmpty }.map(\.name) + ["identity:list_credentials"])
        // Upstream says so of what nobody can guess.
        let unguessable: Set = ["identity:ec2_get_credential", "identity:ec2_delete_credential"]
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let token = try await cloud.token(of: try await cloud.user("stranger", admin))
            let (user, role) = (try await cloud.user("other", admin), try await cloud.roleID("reader", admin))
            let group = try await cloud.createID("groups", "group", ["name": "g"], admin)
            let limit = try await Self.limit(cloud, admin)
            let ids = [
                "limit_id": limit,
                "user_id": user, "role_id": role, "prior_role_id": role, "implied_role_id": role, "group_id": group,
                "domain_id": "default", "project_id": "default", "region_id": "RegionOne", "service_id": "s", "endpoint_id": "e", "value": "v",
            ]
            for endpoint in EndpointAudit(cloud.server).entries {
                guard case .ruleOnResource(let rule) = endpoint.access, !free.contains(rule) else { continue }
                // As upstream, whoever asks for a trust that does not exist is told so.
                if endpoint.template.contains("{trust_id}") { continue }
                let path = endpoint.template.replacing(/\{(\w+)\}/) { ids[String($0.output.1)] ?? "x" }
                var headers = endpoint.headers
                headers[.authToken] = token
                let response = await cloud.server.respond(endpoint.method, path, headers: headers, body: endpoint.body)
                let refusal: HTTPResponse.Status = unguessable.contains(rule) ? .notFound : .forbidden
                #expect(response.status == refusal, "\(endpoint.method) \(path) \(response.text)")
            }
        }
    }

    /// A limit of the default domain.
    private static func limit(_ cloud: TestCloud, _ admin: String) async throws -> String {
        let service = try await cloud.createID("services", "service", ["type": "volume"], admin)
        let resource: JSONObject = ["service_id": .string(service), "resource_name": "gigabytes"]
        var (registered, own) = (resource, resource)
        registered["default_limit"] = 10
        (own["resource_limit"], own["domain_id"]) = (5, "default")
        #expect(await cloud.call(.post, "/registered_limits", admin, ["registered_limits": [.object(registered)]]).status == .created)
        let created = await cloud.call(.post, "/limits", admin, ["limits": [.object(own)]])
        return try #require(created.json["limits"]?[0]?["id"]?.string)
    }

    private struct Domain {
        let cloud: TestCloud
        let admin: String
        let domain: String
        let project: String
        let user: String

        /// A domain with a project and a user in it, and the token of someone with a role on the domain.
        static func run(_ role: String, _ body: (Domain, String) async throws -> Void) async throws {
            try await TestCloud.run { cloud in
                let admin = try await cloud.token()
                let domain = try await cloud.createID("domains", "domain", ["name": "theirs"], admin)
                let project = try await cloud.createID("projects", "project", ["name": "p", "domain_id": .string(domain)], admin)
                let user = try await cloud.user("u", domain: domain, admin)
                let persona = try await cloud.user("persona", domain: domain, role: role, on: "domains/\(domain)", admin)
                let token = try await cloud.token(of: persona, scope: ["domain": ["id": .string(domain)]])
                try await body(Domain(cloud: cloud, admin: admin, domain: domain, project: project, user: user), token)
            }
        }
    }

    @Test func domainReadersSeeTheirDomainOnly() async throws {
        try await Domain.run("reader") { fixture, token in
            let cloud = fixture.cloud
            #expect(await cloud.call(.get, "/users", token).json["users"]?.names == ["persona", "u"])
            #expect(await cloud.call(.get, "/users?domain_id=default", token).json["users"] == [])
            #expect(await cloud.call(.get, "/projects", token).json["projects"]?.names == ["p"])
            #expect(await cloud.call(.get, "/domains", token).json["domains"]?.names == ["theirs"])
            #expect(await cloud.call(.get, "/users/\(fixture.user)", token).status == .ok)
            #expect(await cloud.call(.get, "/projects/\(fixture.project)", token).status == .ok)
            #expect(await cloud.call(.get, "/domains/default", token).status == .forbidden)
            #expect(await cloud.call(.get, "/role_assignments", token).json["role_assignments"]?.array?.count == 1)
            #expect(await cloud.call(.get, "/roles", token).status == .forbidden)
            #expect(await cloud.call(.get, "/services", token).status == .forbidden)
            #expect(await cloud.call(.delete, "/users/\(fixture.user)", token).status == .forbidden)
            let other = try await cloud.user("elsewhere", fixture.admin)
            #expect(await cloud.call(.get, "/users/\(other)", token).status == .forbidden)
        }
    }

    @Test func domainManagersManageTheirDomainOnly() async throws {
        try await Domain.run("manager") { fixture, token in
            let cloud = fixture.cloud
            let domain = JSON.string(fixture.domain)
            #expect(await cloud.call(.post, "/users", token, ["user": ["name": "new", "domain_id": domain]]).status == .created)
            #expect(await cloud.call(.post, "/users", token, ["user": ["name": "new", "domain_id": "default"]]).status == .forbidden)
            #expect(await cloud.call(.post, "/projects", token, ["project": ["name": "new", "domain_id": domain]]).status == .created)
            #expect(await cloud.call(.post, "/projects", token, ["project": ["name": "new", "is_domain": true, "domain_id": nil]]).status == .forbidden)
            #expect(await cloud.call(.post, "/domains", token, ["domain": ["name": "new"]]).status == .forbidden)
            #expect(await cloud.call(.get, "/roles", token).status == .ok)
            let path = "/projects/\(fixture.project)/users/\(fixture.user)/roles/"
            let (member, top) = (try await cloud.roleID("member", fixture.admin), try await cloud.roleID("admin", fixture.admin))
            #expect(await cloud.call(.put, path + member, token).status == .noContent)
            #expect(await cloud.call(.put, path + top, token).status == .forbidden)
            let foreign = try await cloud.user("foreign", fixture.admin)
            #expect(await cloud.call(.put, "/projects/\(fixture.project)/users/\(foreign)/roles/\(member)", token).status == .forbidden)
        }
    }

    @Test func projectManagersAreNotDomainManagers() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let project = try await cloud.createID("projects", "project", ["name": "p"], admin)
            let user = try await cloud.user("u", role: "manager", on: "projects/\(project)", admin)
            let token = try await cloud.token(of: user, scope: ["project": ["id": .string(project)]])
            #expect(await cloud.call(.get, "/roles", token).status == .forbidden)
            #expect(await cloud.call(.post, "/users", token, ["user": ["name": "x", "domain_id": "default"]]).status == .forbidden)
            #expect(await cloud.call(.get, "/projects/\(project)", token).status == .ok)
            #expect(await cloud.call(.get, "/projects", token).status == .forbidden)
            #expect(await cloud.call(.get, "/users/\(user)", token).status == .ok)
            #expect(await cloud.call(.get, "/users/\(user)/projects", token).json["projects"]?.names == ["p"])
            #expect(await cloud.call(.get, "/users/\(user)/groups", token).status == .ok)
            #expect(await cloud.call(.get, "/domains/default", token).status == .ok, "a project's users know its domain")
        }
    }

    @Test func groupMembersAreManagedByPeopleOfTheirDomain() async throws {
        try await Domain.run("manager") { fixture, token in
            let cloud = fixture.cloud
            let group = try await cloud.createID("groups", "group", ["name": "g", "domain_id": .string(fixture.domain)], token)
            let path = "/groups/\(group)/users/\(fixture.user)"
            #expect(await cloud.call(.get, path, token).status == .notFound)
            #expect(await cloud.call(.put, path, token).status == .noContent)
            #expect(await cloud.call(.head, path, token).status == .noContent)
            #expect(await cloud.call(.get, "/groups/\(group)/users", token).json["users"]?.names == ["u"])
            #expect(await cloud.call(.get, "/users/\(fixture.user)/groups", token).json["groups"]?.names == ["g"])
            #expect(await cloud.call(.delete, path, token).status == .noContent)
            #expect(await cloud.call(.delete, path, fixture.admin).status == .notFound)
            let foreign = try await cloud.createID("groups", "group", ["name": "g"], fixture.admin)
            #expect(await cloud.call(.put, "/groups/\(foreign)/users/\(fixture.user)", token).status == .forbidden)
            #expect(await cloud.call(.patch, "/groups/\(group)", token, ["group": ["description": "x"]]).json["group"]?["description"] == "x")
            #expect(await cloud.call(.delete, "/groups/\(group)", token).status == .noContent)
        }
    }
}
