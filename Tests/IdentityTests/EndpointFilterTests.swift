import CloudAPI
import CloudCore
import Testing

@testable import Identity

@Suite struct EndpointFilterTests {
    /// A cloud with a project, a user of it, and three endpoints of one service.
    private struct Fixture {
        let cloud: TestCloud
        let admin: String
        let project: String
        let user: String
        let service: String
        let endpoints: [String]

        static func run(returnsAll: Bool = true, _ body: (Fixture) async throws -> Void) async throws {
            try await TestCloud.run({ $0.returnsAllEndpointsWithoutFilter = returnsAll }) { cloud in
                let admin = try await cloud.token()
                let project = try await cloud.createID("projects", "project", ["name": "p"], admin)
                let user = try await cloud.user("u", role: "member", on: "projects/\(project)", admin)
                let service = try await cloud.createID("services", "service", ["type": "metric", "name": "gnocchi"], admin)
                var endpoints: [String] = []
                for interface in ["public", "internal", "admin"] {
                    endpoints.append(try await cloud.createID(
                        "endpoints", "endpoint",
                        ["interface": .string(interface), "service_id": .string(service), "url": "http://m", "region_id": "RegionOne"], admin))
                }
                try await body(Fixture(
                    cloud: cloud, admin: admin, project: project, user: user, service: service, endpoints: endpoints))
            }
        }

        func call(_ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil) async -> TestResponse {
            await cloud.call(method, "/OS-EP-FILTER" + path, admin, body)
        }

        /// The endpoints of the service that the user's catalog shows; nil when there is no token.
        func visible() async -> Set<String>? {
            guard let token = try? await cloud.token(of: user, scope: ["project": ["id": .string(project)]]) else { return nil }
            let catalog = await cloud.call(.get, "/auth/catalog", token).json["catalog"]
            let shown = await cloud.call(.get, "/auth/tokens", token, headers: [.subjectToken: token]).json["token"]?["catalog"]
            #expect(catalog == shown)
            return Set(catalog?.array?.flatMap { $0["endpoints"]?.ids ?? [] } ?? []).intersection(endpoints)
        }

        func group(_ filters: JSON) async throws -> String {
            let response = await call(.post, "/endpoint_groups", ["endpoint_group": ["name": "g", "filters": filters]])
            #expect(response.status == .created, "\(response.text)")
            return try #require(response.json["endpoint_group"]?["id"]?.string)
        }
    }

    @Test func projectsSeeWhatWasChosenForThem() async throws {
        try await Fixture.run { fixture in
            let path = "/projects/\(fixture.project)/endpoints/\(fixture.endpoints[0])"
            #expect(await fixture.visible()?.count == 3)
            #expect(await fixture.call(.get, path).status == .notFound)
            #expect(await fixture.call(.delete, path).status == .notFound)
            #expect(await fixture.call(.put, path).status == .noContent)
            #expect(await fixture.call(.put, path).status == .conflict)
            #expect(await fixture.call(.get, path).status == .noContent)
            #expect(await fixture.call(.head, path).status == .noContent)
            #expect(await fixture.visible() == [fixture.endpoints[0]])
            let token = try await fixture.cloud.token(of: fixture.user, scope: ["project": ["id": .string(fixture.project)]])
            let catalog = await fixture.cloud.call(.get, "/auth/catalog", token).json["catalog"]
            #expect(catalog?.array?.count == 1, "services without a visible endpoint are left out")
            let listed = await fixture.call(.get, "/projects/\(fixture.project)/endpoints").json["endpoints"]
            #expect(listed?.ids == [fixture.endpoints[0]])
            #expect(listed?[0]?["region"] == "RegionOne")
            #expect(await fixture.call(.get, "/endpoints/\(fixture.endpoints[0])/projects").json["projects"]?.ids == [fixture.project])
            #expect(await fixture.call(.get, "/endpoints/\(fixture.endpoints[1])/projects").json["projects"] == [])
            #expect(await fixture.call(.delete, path).status == .noContent)
            #expect(await fixture.visible()?.count == 3)
        }
    }

    @Test func whatDoesNotExistIsNotChosen() async throws {
        try await Fixture.run { fixture in
            let endpoint = fixture.endpoints[0]
            for path in ["/projects/x/endpoints/\(endpoint)", "/projects/\(fixture.project)/endpoints/x"] {
                for method in [HTTPRequest.Method.get, .put, .delete] { #expect(await fixture.call(method, path).status == .notFound) }
            }
            #expect(await fixture.call(.get, "/projects/x/endpoints").status == .notFound)
            #expect(await fixture.call(.get, "/endpoints/x/projects").status == .notFound)
            #expect(await fixture.call(.put, "/projects/\(fixture.project)/endpoints/\(endpoint)").status == .noContent)
            #expect(await fixture.cloud.call(.delete, "/endpoints/\(endpoint)", fixture.admin).status == .noContent)
            #expect(await fixture.call(.get, "/projects/\(fixture.project)/endpoints").json["endpoints"] == [])
            #expect(await fixture.visible() == Set(fixture.endpoints.dropFirst()), "nothing is chosen any more")
        }
    }

    @Test func disabledEndpointsStayHidden() async throws {
        try await Fixture.run { fixture in
            let endpoint = fixture.endpoints[0]
            #expect(await fixture.call(.put, "/projects/\(fixture.project)/endpoints/\(endpoint)").status == .noContent)
            let change: JSON = ["endpoint": ["enabled": false]]
            #expect(await fixture.cloud.call(.patch, "/endpoints/\(endpoint)", fixture.admin, change).status == .ok)
            #expect(await fixture.visible() == [])
        }
    }

    @Test func withoutAFilterThereMayBeNothingToSee() async throws {
        try await Fixture.run(returnsAll: false) { fixture in
            #expect(await fixture.visible() == [])
            #expect(await fixture.call(.put, "/projects/\(fixture.project)/endpoints/\(fixture.endpoints[0])").status == .noContent)
            #expect(await fixture.visible() == [fixture.endpoints[0]])
        }
    }

    @Test func groupsChooseByWhatEndpointsAre() async throws {
        try await Fixture.run { fixture in
            let group = try await fixture.group(["service_id": .string(fixture.service), "interface": "internal"])
            let path = "/endpoint_groups/\(group)/projects/\(fixture.project)"
            #expect(await fixture.call(.get, path).status == .notFound)
            #expect(await fixture.call(.put, path).status == .noContent)
            #expect(await fixture.call(.put, path).status == .conflict)
            #expect(await fixture.visible() == [fixture.endpoints[1]])
            let shown = await fixture.call(.get, path).json["project_endpoint_group"]
            #expect(shown?["endpoint_group_id"] == .string(group))
            #expect(shown?["project_id"] == .string(fixture.project))
            #expect(await fixture.call(.head, path).status == .ok)
            #expect(await fixture.call(.get, "/endpoint_groups/\(group)/projects").json["projects"]?.ids == [fixture.project])
            #expect(await fixture.call(.get, "/endpoint_groups/\(group)/endpoints").json["endpoints"]?.ids == [fixture.endpoints[1]])
            #expect(await fixture.call(.get, "/projects/\(fixture.project)/endpoint_groups").json["endpoint_groups"]?.ids == [group])
            #expect(await fixture.call(.get, "/projects/\(fixture.project)/endpoints").json["endpoints"]?.ids == [fixture.endpoints[1]])
            #expect(await fixture.call(.put, "/projects/\(fixture.project)/endpoints/\(fixture.endpoints[0])").status == .noContent)
            #expect(await fixture.visible() == Set(fixture.endpoints.prefix(2)))

            let change: JSON = ["endpoint_group": ["filters": ["interface": "admin", "region_id": "RegionOne", "service_id": .string(fixture.service)]]]
            #expect(await fixture.call(.patch, "/endpoint_groups/\(group)", change).status == .ok)
            #expect(await fixture.visible() == [fixture.endpoints[0], fixture.endpoints[2]], "a change shows at once")
            #expect(await fixture.call(.delete, path).status == .noContent)
            #expect(await fixture.call(.delete, path).status == .notFound)
            #expect(await fixture.visible() == [fixture.endpoints[0]])
        }
    }

    @Test func groupsWithoutMembersChooseNothing() async throws {
        try await Fixture.run { fixture in
            let group = try await fixture.group(["region_id": "nowhere"])
            #expect(await fixture.call(.put, "/endpoint_groups/\(group)/projects/\(fixture.project)").status == .noContent)
            #expect(await fixture.visible()?.count == 3)
        }
    }

    @Test func groupsAreKept() async throws {
        try await Fixture.run { fixture in
            let filters: JSON = ["interface": "public"]
            let body: JSON = ["endpoint_group": ["name": "public", "description": "d", "filters": filters]]
            let created = await fixture.call(.post, "/endpoint_groups", body).json["endpoint_group"]
            let id = try #require(created?["id"]?.string)
            let path = "/endpoint_groups/\(id)"
            #expect(created == [
                "id": .string(id), "name": "public", "description": "d", "filters": filters,
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3/OS-EP-FILTER\(path)")],
            ])
            _ = try await fixture.group(filters)
            #expect(await fixture.call(.get, "/endpoint_groups").json["endpoint_groups"]?.names == ["g", "public"])
            #expect(await fixture.call(.get, "/endpoint_groups?name=public").json["endpoint_groups"]?.ids == [id])
            #expect(await fixture.call(.head, path).status == .ok)
            let changed = await fixture.call(.patch, path, ["endpoint_group": ["name": "new", "description": nil]]).json["endpoint_group"]
            #expect(changed?["name"] == "new")
            #expect(changed?["description"] == JSON.null)
            #expect(changed?["filters"] == filters)
            #expect(await fixture.call(.put, path + "/projects/\(fixture.project)").status == .noContent)
            #expect(await fixture.call(.delete, path).status == .noContent)
            #expect(await fixture.call(.get, "/projects/\(fixture.project)/endpoint_groups").json["endpoint_groups"] == [])
            for method in [HTTPRequest.Method.get, .delete] { #expect(await fixture.call(method, path).status == .notFound) }
            #expect(await fixture.call(.patch, path, ["endpoint_group": ["name": "x"]]).status == .notFound)
            #expect(await fixture.call(.get, path + "/endpoints").status == .notFound)
            #expect(await fixture.call(.put, path + "/projects/\(fixture.project)").status == .notFound)
            #expect(await fixture.call(.get, "/projects/x/endpoint_groups").status == .notFound)
        }
    }

    @Test(arguments: [
        ["name": "g"], ["name": "g", "filters": [:]], ["filters": ["interface": "public"]], ["name": "g", "filters": ["interface": "secret"]],
        ["name": "g", "filters": ["enabled": true]], ["name": "g", "filters": ["url": "http://h"]],
        ["name": "g", "filters": ["interface": "public"], "more": 1], ["name": " ", "filters": ["interface": "public"]],
    ] as [JSON])
    func impossibleGroupsAreRefused(body: JSON) async throws {
        try await Fixture.run { fixture in
            #expect(await fixture.call(.post, "/endpoint_groups", ["endpoint_group": body]).status == .badRequest)
            let group = try await fixture.group(["interface": "public"])
            #expect(await fixture.call(.patch, "/endpoint_groups/\(group)", ["endpoint_group": [:]]).status == .badRequest)
        }
    }

    @Test func onlyTheSystemsPeopleLookAtFilters() async throws {
        try await Fixture.run { fixture in
            let cloud = fixture.cloud
            let group = try await fixture.group(["interface": "public"])
            let reader = try await cloud.token(
                of: try await cloud.user("reader", role: "reader", on: "system", fixture.admin), scope: ["system": ["all": true]])
            let member = try await cloud.token(of: fixture.user, scope: ["project": ["id": .string(fixture.project)]])
            let domainAdmin = try await cloud.token(
                of: try await cloud.user("da", role: "admin", on: "domains/default", fixture.admin), scope: ["domain": ["id": "default"]])
            for (path, status) in [
                ("/endpoint_groups", HTTPResponse.Status.ok), ("/endpoint_groups/\(group)", .ok), ("/endpoint_groups/x", .notFound),
                ("/projects/\(fixture.project)/endpoints", .ok), ("/endpoints/x/projects", .notFound),
            ] {
                #expect(await cloud.call(.get, "/OS-EP-FILTER" + path, reader).status == status)
                #expect(await cloud.call(.get, "/OS-EP-FILTER" + path, member).status == .forbidden)
                #expect(await cloud.call(.get, "/OS-EP-FILTER" + path, domainAdmin).status == .forbidden)
            }
            #expect(await cloud.call(.delete, "/OS-EP-FILTER/endpoint_groups/x", reader).status == .forbidden)
        }
    }
}
