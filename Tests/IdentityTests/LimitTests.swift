import CloudAPI
import CloudCore
import Testing

@testable import Identity

@Suite struct LimitTests {
    /// A cloud with a service, and what its limits are made of.
    private struct Fixture {
        let cloud: TestCloud
        let admin: String
        let service: String

        static func run(_ model: EnforcementModel = .flat, _ body: (Fixture) async throws -> Void) async throws {
            try await TestCloud.run({ $0.enforcementModel = model }) { cloud in
                let admin = try await cloud.token()
                let service = try await cloud.createID("services", "service", ["type": "volume"], admin)
                try await body(Fixture(cloud: cloud, admin: admin, service: service))
            }
        }

        func registered(_ name: String = "gigabytes", _ limit: Int = 10, region: String? = nil) -> JSON {
            var body: JSONObject = ["service_id": .string(service), "resource_name": .string(name), "default_limit": .int(limit)]
            body["region_id"] = region.map { .string($0) }
            return .object(body)
        }

        func own(_ owner: String, _ id: String, _ limit: Int, _ name: String = "gigabytes") -> JSON {
            [owner: .string(id), "service_id": .string(service), "resource_name": .string(name), "resource_limit": .int(limit)]
        }

        func post(_ collection: String, _ bodies: JSON..., token: String? = nil) async -> TestResponse {
            await cloud.call(.post, "/\(collection)", token ?? admin, .object([collection: .array(bodies)]))
        }

        /// Creates one and answers its id.
        func create(_ collection: String, _ body: JSON) async throws -> String {
            let response = await post(collection, body)
            #expect(response.status == .created, "\(response.text)")
            return try #require(response.json[collection]?[0]?["id"]?.string)
        }

        func domain(_ name: String) async throws -> (domain: String, project: String) {
            let domain = try await cloud.createID("domains", "domain", ["name": .string(name)], admin)
            return (domain, try await cloud.createID("projects", "project", ["name": "p", "domain_id": .string(domain)], admin))
        }
    }

    @Test func registeredLimitsAreCreatedTogetherOrNotAtAll() async throws {
        try await Fixture.run { fixture in
            let cloud = fixture.cloud
            let response = await fixture.post("registered_limits", fixture.registered(), fixture.registered(region: "RegionOne"))
            #expect(response.status == .created)
            #expect(response.json.object?.names == ["registered_limits"])
            let first = try #require(response.json["registered_limits"]?[0])
            let id = try #require(first["id"]?.string)
            #expect(first == [
                "id": .string(id), "service_id": .string(fixture.service), "region_id": nil, "resource_name": "gigabytes",
                "default_limit": 10, "description": nil,
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3/registered_limits/\(id)")],
            ])
            #expect(await fixture.post("registered_limits", fixture.registered("new"), fixture.registered()).status == .conflict)
            #expect(await cloud.call(.get, "/registered_limits?resource_name=new", fixture.admin).json["registered_limits"] == [])
            #expect(await cloud.call(.get, "/registered_limits?region_id=RegionOne", fixture.admin).json["registered_limits"]?.ids.count == 1)
            #expect(await cloud.call(.get, "/registered_limits?service_id=\(fixture.service)", fixture.admin).json["registered_limits"]?.ids.count == 2)
            #expect(await cloud.call(.get, "/registered_limits/\(id)", fixture.admin).json["registered_limit"] == first)
            #expect(await cloud.call(.get, "/registered_limits/nothing", fixture.admin).status == .notFound)
        }
    }

    @Test(arguments: [
        ["resource_name": "r", "default_limit": 1], ["service_id": "SERVICE", "default_limit": 1],
        ["service_id": "SERVICE", "resource_name": "r"], ["service_id": "SERVICE", "resource_name": "r", "default_limit": "1"],
        ["service_id": "SERVICE", "resource_name": "r", "default_limit": -2], ["service_id": "SERVICE", "resource_name": "", "default_limit": 1],
        ["service_id": "SERVICE", "resource_name": "r", "default_limit": 2_147_483_648],
        ["service_id": "SERVICE", "resource_name": "r", "default_limit": 1, "more": 1],
        ["service_id": "SERVICE", "resource_name": "r", "default_limit": 1, "region_id": "nowhere"],
        ["service_id": "a1b2c3d4000040008000000000000001", "resource_name": "r", "default_limit": 1],
    ] as [JSON])
    func impossibleRegisteredLimitsAreRefused(body: JSON) async throws {
        try await Fixture.run { fixture in
            var body = body.object ?? [:]
            if body["service_id"] == "SERVICE" { body["service_id"] = .string(fixture.service) }
            #expect(await fixture.post("registered_limits", .object(body)).status == .badRequest)
            #expect(await fixture.cloud.call(.post, "/registered_limits", fixture.admin, ["registered_limits": []]).status == .badRequest)
        }
    }

    @Test func registeredLimitsChangeUntilSomebodyHasOne() async throws {
        try await Fixture.run { fixture in
            let (cloud, admin) = (fixture.cloud, fixture.admin)
            let id = try await fixture.create("registered_limits", fixture.registered())
            _ = try await fixture.create("registered_limits", fixture.registered("other"))
            func patch(_ body: JSON) async -> TestResponse {
                await cloud.call(.patch, "/registered_limits/\(id)", admin, ["registered_limit": body])
            }
            let changed = await patch(["default_limit": 0, "description": "d", "region_id": "RegionOne", "resource_name": "gigabytes"])
            #expect(changed.json["registered_limit"]?["default_limit"] == 0)
            #expect(changed.json["registered_limit"]?["region_id"] == "RegionOne")
            #expect(await patch(["region_id": nil, "description": nil]).json["registered_limit"]?["region_id"] == JSON.null)
            #expect(await patch(["resource_name": "other"]).status == .conflict)
            #expect(await patch(["region_id": "nowhere"]).status == .badRequest)
            #expect(await patch(["more": 1]).status == .badRequest)
            #expect(await cloud.call(.patch, "/registered_limits/x", admin, ["registered_limit": ["default_limit": 1]]).status == .notFound)
            #expect(await cloud.call(.delete, "/services/\(fixture.service)", admin).status == .forbidden, "it has limits")

            let limit = try await fixture.create("limits", fixture.own("domain_id", "default", 5))
            #expect(await patch(["default_limit": 3]).status == .forbidden)
            #expect(await cloud.call(.delete, "/registered_limits/\(id)", admin).status == .forbidden)
            #expect(await cloud.call(.delete, "/limits/\(limit)", admin).status == .noContent)
            #expect(await cloud.call(.delete, "/registered_limits/\(id)", admin).status == .noContent)
            #expect(await cloud.call(.delete, "/registered_limits/\(id)", admin).status == .notFound)
        }
    }

    @Test func regionsWithLimitsStay() async throws {
        try await Fixture.run { fixture in
            _ = try await fixture.cloud.create("regions", "region", ["id": "Moon"], fixture.admin)
            _ = try await fixture.cloud.create("regions", "region", ["id": "Crater", "parent_region_id": "Moon"], fixture.admin)
            let id = try await fixture.create("registered_limits", fixture.registered(region: "Crater"))
            #expect(await fixture.cloud.call(.delete, "/regions/Moon", fixture.admin).status == .forbidden)
            #expect(await fixture.cloud.call(.delete, "/registered_limits/\(id)", fixture.admin).status == .noContent)
            #expect(await fixture.cloud.call(.delete, "/regions/Moon", fixture.admin).status == .noContent)
        }
    }

    @Test func limitsBelongToProjectsOrDomains() async throws {
        try await Fixture.run { fixture in
            let (cloud, admin) = (fixture.cloud, fixture.admin)
            _ = try await fixture.create("registered_limits", fixture.registered())
            let (domain, project) = try await fixture.domain("d")
            let response = await fixture.post("limits", fixture.own("project_id", project, 5), fixture.own("project_id", domain, 6))
            let (first, second) = (response.json["limits"]?[0], response.json["limits"]?[1])
            let id = try #require(first?["id"]?.string)
            #expect(first == [
                "id": .string(id), "project_id": .string(project), "domain_id": nil, "service_id": .string(fixture.service),
                "region_id": nil, "resource_name": "gigabytes", "resource_limit": 5, "description": nil,
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3/limits/\(id)")],
            ])
            #expect(second?["project_id"] == JSON.null, "a domain given as a project is taken for what it is")
            #expect(second?["domain_id"] == .string(domain))
            #expect(await fixture.post("limits", fixture.own("project_id", project, 7)).status == .conflict)
            #expect(await fixture.post("limits", fixture.own("domain_id", domain, 7)).status == .conflict)
            #expect(await fixture.post("limits", fixture.own("project_id", project, 7, "unknown")).status == .forbidden)
            #expect(await fixture.post("limits", fixture.own("project_id", "nothing", 7)).status == .badRequest)
            #expect(await fixture.post("limits", fixture.own("domain_id", project, 7)).status == .badRequest)
            #expect(await fixture.post("limits", fixture.own("project_id", project, -2)).status == .badRequest)
            var both = fixture.own("project_id", project, 7).object ?? [:]
            both["domain_id"] = .string(domain)
            #expect(await fixture.post("limits", .object(both)).status == .badRequest)
            both["domain_id"] = JSON?.none
            both["project_id"] = JSON?.none
            #expect(await fixture.post("limits", .object(both)).status == .badRequest)

            #expect(await cloud.call(.get, "/limits?domain_id=\(domain)", admin).json["limits"]?.ids.count == 1)
            #expect(await cloud.call(.get, "/limits?project_id=\(project)&resource_name=gigabytes", admin).json["limits"]?.ids == [id])
            #expect(await cloud.call(.get, "/limits?service_id=a1b2c3d4000040008000000000000001", admin).json["limits"] == [])
            #expect(await cloud.call(.get, "/limits?service_id=x", admin).status == .badRequest)
            let changed = await cloud.call(.patch, "/limits/\(id)", admin, ["limit": ["resource_limit": 0, "description": "none"]])
            #expect(changed.json["limit"]?["resource_limit"] == 0)
            #expect(changed.json["limit"]?["description"] == "none")
            #expect(await cloud.call(.patch, "/limits/\(id)", admin, ["limit": ["project_id": "x"]]).status == .badRequest)
            #expect(await cloud.call(.patch, "/limits/nothing", admin, ["limit": ["resource_limit": 1]]).status == .notFound)
            #expect(await cloud.call(.get, "/limits/nothing", admin).status == .notFound)
            #expect(await cloud.call(.delete, "/projects/\(project)", admin).status == .noContent)
            #expect(await cloud.call(.get, "/limits/\(id)", admin).status == .notFound, "limits go with their project")
        }
    }

    @Test func peopleSeeTheLimitsOfTheirScope() async throws {
        try await Fixture.run { fixture in
            let (cloud, admin) = (fixture.cloud, fixture.admin)
            _ = try await fixture.create("registered_limits", fixture.registered())
            let (mine, theirs) = (try await fixture.domain("mine"), try await fixture.domain("theirs"))
            var ids: [String: String] = [:]
            for (name, body) in [
                ("my domain", fixture.own("domain_id", mine.domain, 9)), ("my project", fixture.own("project_id", mine.project, 5)),
                ("their domain", fixture.own("domain_id", theirs.domain, 9)), ("their project", fixture.own("project_id", theirs.project, 5)),
            ] { ids[name] = try await fixture.create("limits", body) }
            func check(_ token: String, sees names: Set<String>, comment: Comment) async {
                let list = await cloud.call(.get, "/limits", token).json["limits"]?.ids
                #expect(Set(list ?? ["none"]) == Set(names.compactMap { ids[$0] }), comment)
                for (name, id) in ids {
                    let status = await cloud.call(.get, "/limits/\(id)", token).status
                    #expect(status == (names.contains(name) ? .ok : .forbidden), "\(comment): \(name)")
                }
                #expect(await cloud.call(.get, "/limits/model", token).status == .ok)
                #expect(await cloud.call(.get, "/registered_limits", token).json["registered_limits"]?.ids.count == 1)
            }
            func persona(_ role: String, _ target: String, _ scope: JSON) async throws -> String {
                let id = try await cloud.user("\(role) of \(target)", role: role, on: target, admin)
                return try await cloud.token(of: id, scope: scope)
            }
            let domainScope: JSON = ["domain": ["id": .string(mine.domain)]]
            let manager = try await persona("manager", "domains/\(mine.domain)", domainScope)
            await check(manager, sees: ["my domain", "my project"], comment: "domain")
            let member = try await persona("member", "projects/\(mine.project)", ["project": ["id": .string(mine.project)]])
            await check(member, sees: ["my project"], comment: "project")
            await check(try await persona("reader", "system", ["system": ["all": true]]), sees: Set(ids.keys), comment: "system")
            await check(try await persona("admin", "domains/\(mine.domain)", domainScope), sees: Set(ids.keys), comment: "admin")
            await check(try await cloud.token(of: try await cloud.user("nobody", admin)), sees: [], comment: "unscoped")
            #expect(await fixture.post("limits", fixture.own("project_id", mine.project, 1, "x"), token: manager).status == .forbidden)
            for method in [HTTPRequest.Method.patch, .delete] {
                let status = await cloud.call(method, "/limits/\(ids["my project"] ?? "")", manager, ["limit": ["resource_limit": 1]]).status
                #expect(status == .forbidden)
                #expect(await cloud.call(method, "/limits/nothing", manager, ["limit": ["resource_limit": 1]]).status == .notFound)
            }
            #expect(await cloud.call(.get, "/limits/nothing", manager).status == .forbidden)
        }
    }

    @Test(arguments: EnforcementModel.allCases) func modelsAreTold(model: EnforcementModel) async throws {
        try await Fixture.run(model) { fixture in
            let shown = await fixture.cloud.call(.get, "/limits/model", fixture.admin).json["model"]
            #expect(shown?["name"] == .string(model.rawValue))
            #expect(shown?["description"]?.string?.isEmpty == false)
            #expect(await fixture.cloud.call(.head, "/limits/model", fixture.admin).status == .ok)
        }
    }

    @Test func projectsHaveNoMoreThanTheirDomain() async throws {
        try await Fixture.run(.strictTwoLevel) { fixture in
            let (cloud, admin) = (fixture.cloud, fixture.admin)
            _ = try await fixture.create("registered_limits", fixture.registered("gigabytes", 10))
            let (domain, project) = try await fixture.domain("d")
            func set(_ id: String, _ limit: Int) async -> HTTPResponse.Status {
                await cloud.call(.patch, "/limits/\(id)", admin, ["limit": ["resource_limit": .int(limit)]]).status
            }
            #expect(await fixture.post("limits", fixture.own("project_id", project, 11)).status == .forbidden, "the domain has the default")
            #expect(await fixture.post("limits", fixture.own("project_id", project, -1)).status == .forbidden, "no bound is more than any")
            let child = try await fixture.create("limits", fixture.own("project_id", project, 10))
            #expect(await fixture.post("limits", fixture.own("domain_id", domain, 9)).status == .forbidden)
            let parent = try await fixture.create("limits", fixture.own("domain_id", domain, 20))
            #expect(await set(child, 20) == .ok)
            #expect(await set(child, 21) == .forbidden)
            #expect(await set(parent, 19) == .forbidden)
            #expect(await set(parent, -1) == .ok)
            #expect(await set(child, -1) == .ok)
            #expect(await set(parent, 1_000_000) == .forbidden, "the project has no bound")
        }
    }

    @Test func limitsInOneRequestAreComparedToo() async throws {
        try await Fixture.run(.strictTwoLevel) { fixture in
            _ = try await fixture.create("registered_limits", fixture.registered("gigabytes", 10))
            let (domain, project) = try await fixture.domain("d")
            let child = fixture.own("project_id", project, 12)
            #expect(await fixture.post("limits", child, fixture.own("domain_id", domain, 11)).status == .forbidden)
            #expect(await fixture.post("limits", child, fixture.own("domain_id", domain, 12)).status == .created)
        }
    }

    @Test func theStrictModelKeepsHierarchiesFlat() async throws {
        try await Fixture.run(.strictTwoLevel) { fixture in
            func child(of parent: String, _ name: String) async -> TestResponse {
                await fixture.cloud.call(.post, "/projects", fixture.admin, ["project": ["name": .string(name), "parent_id": .string(parent)]])
            }
            let first = try #require(await child(of: "default", "a").json["project"]?["id"]?.string)
            let second = try #require(await child(of: first, "b").json["project"]?["id"]?.string)
            #expect(await child(of: second, "c").status == .forbidden)
        }
    }

    /// A cloud whose projects nest deeper does not start under the strict model.
    @Test func deepHierarchiesKeepTheStrictModelOut() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            var parent = "default"
            for name in ["a", "b", "c"] {
                parent = try await cloud.createID("projects", "project", ["name": .string(name), "parent_id": .string(parent)], admin)
            }
            var options = cloud.identity.options
            options.enforcementModel = .strictTwoLevel
            let strict = try Identity(database: cloud.identity.database, options: options)
            await #expect(throws: ProjectDepthError.self) {
                try await strict.bootstrap(adminPassword: Secret(TestCloud.adminPassword), services: [])
            }
            #expect(await cloud.call(.delete, "/projects/\(parent)", admin).status == .noContent)
            try await strict.bootstrap(adminPassword: Secret(TestCloud.adminPassword), services: [])
        }
    }

    @Test func hierarchiesShowLimitsWhenAsked() async throws {
        try await Fixture.run { fixture in
            let (cloud, admin) = (fixture.cloud, fixture.admin)
            _ = try await fixture.create("registered_limits", fixture.registered())
            let parent = try await cloud.createID("projects", "project", ["name": "parent"], admin)
            let child = try await cloud.createID("projects", "project", ["name": "child", "parent_id": .string(parent)], admin)
            let limit = try await fixture.create("limits", fixture.own("project_id", child, 5))
            let user = try await cloud.user("u", role: "member", on: "projects/\(parent)", admin)
            let role = try await cloud.roleID("member", admin)
            #expect(await cloud.call(.put, "/projects/\(child)/users/\(user)/roles/\(role)", admin).status == .noContent)
            let token = try await cloud.token(of: user, scope: ["project": ["id": .string(parent)]])
            func subtree(_ query: String) async -> JSON? {
                await cloud.call(.get, "/projects/\(parent)?subtree_as_list&\(query)", token).json["project"]?["subtree"]?[0]?["project"]
            }
            #expect(await subtree("")?["limits"] == nil)
            let shown = await subtree("include_limits")
            #expect(shown?["id"] == .string(child))
            #expect(shown?["limits"]?.ids == [limit])
            #expect(shown?["limits"]?[0]?["links"] == nil)
        }
    }
}
