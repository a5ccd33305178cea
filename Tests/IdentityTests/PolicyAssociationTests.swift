import CloudAPI
import CloudCore
import Testing

@testable import Identity

@Suite struct PolicyAssociationTests {
    @Test func policiesAreKeptAsTheyCome() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let created = try await cloud.create("policies", "policy", ["type": "text/plain", "blob": "anything", "note": "n"], admin)
            let id = try #require(created["id"]?.string)
            #expect(created == [
                "id": .string(id), "type": "text/plain", "blob": "anything", "note": "n",
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3/policies/\(id)")],
            ])
            #expect(await cloud.call(.get, "/policies/\(id)", admin).json["policy"] == created)
            _ = try await cloud.create("policies", "policy", ["type": "application/json", "blob": "{}"], admin)
            #expect(await cloud.call(.get, "/policies?type=text/plain", admin).json["policies"]?.ids == [id])
            let changed = await cloud.call(.patch, "/policies/\(id)", admin, ["policy": ["type": "text/html"]])
            #expect(changed.json["policy"]?["type"] == "text/html")
            #expect(changed.json["policy"]?["blob"] == "anything")
            #expect(await cloud.call(.patch, "/policies/\(id)", admin, ["policy": [:]]).status == .badRequest)
            #expect(await cloud.call(.patch, "/policies/\(id)", admin, ["policy": ["id": "other"]]).status == .badRequest)
            #expect(await cloud.call(.post, "/policies", admin, ["policy": ["type": "text/plain"]]).status == .badRequest)
            #expect(await cloud.call(.delete, "/policies/\(id)", admin).status == .noContent)
            #expect(await cloud.call(.get, "/policies/\(id)", admin).status == .notFound)
            #expect(await cloud.call(.delete, "/policies/\(id)", admin).status == .notFound)
        }
    }

    /// A policy each for an endpoint, its service, and its service in a region above its own.
    private struct Catalog {
        let endpoint: String
        let service: String
        let (own, general, regional): (String, String, String)

        init(_ cloud: TestCloud, _ admin: String) async throws {
            _ = try await cloud.create("regions", "region", ["id": "Earth"], admin)
            _ = try await cloud.create("regions", "region", ["id": "Europe", "parent_region_id": "Earth"], admin)
            service = try await cloud.createID("services", "service", ["type": "t"], admin)
            endpoint = try await cloud.createID(
                "endpoints", "endpoint",
                ["interface": "public", "service_id": .string(service), "url": "http://h", "region_id": "Europe"], admin)
            func policy(_ blob: JSON) async throws -> String {
                try await cloud.createID("policies", "policy", ["type": "t", "blob": blob], admin)
            }
            (own, general, regional) = (try await policy("own"), try await policy("general"), try await policy("regional"))
        }

        func path(_ policy: String, _ rest: String) -> String { "/policies/\(policy)/OS-ENDPOINT-POLICY/" + rest }
    }

    @Test func theNearestPolicyHolds() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let catalog = try await Catalog(cloud, admin)
            let effective = "/endpoints/\(catalog.endpoint)/OS-ENDPOINT-POLICY/policy"
            func held() async -> String? { await cloud.call(.get, effective, admin).json["policy"]?["blob"]?.string }
            #expect(await cloud.call(.get, effective, admin).status == .notFound)
            let subjects = [
                (catalog.general, "services/\(catalog.service)", "general"),
                (catalog.regional, "services/\(catalog.service)/regions/Earth", "regional"),
                (catalog.own, "endpoints/\(catalog.endpoint)", "own"),
            ]
            for (policy, subject, blob) in subjects {
                let path = catalog.path(policy, subject)
                #expect(await cloud.call(.get, path, admin).status == .notFound)
                #expect(await cloud.call(.put, path, admin).status == .noContent)
                #expect(await cloud.call(.put, path, admin).status == .noContent, "once more changes nothing")
                #expect(await cloud.call(.get, path, admin).status == .noContent)
                #expect(await cloud.call(.head, path, admin).status == .noContent)
                #expect(await held() == blob)
                #expect(await cloud.call(.get, catalog.path(policy, "endpoints"), admin).json["endpoints"]?.ids == [catalog.endpoint])
            }
            for (policy, subject, blob) in subjects.reversed() {
                #expect(await held() == blob)
                #expect(await cloud.call(.delete, catalog.path(policy, subject), admin).status == .noContent)
            }
            #expect(await held() == nil)
        }
    }

    @Test func oneSubjectHasOnePolicy() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let catalog = try await Catalog(cloud, admin)
            let subject = "services/\(catalog.service)"
            #expect(await cloud.call(.put, catalog.path(catalog.own, subject), admin).status == .noContent)
            #expect(await cloud.call(.put, catalog.path(catalog.general, subject), admin).status == .noContent)
            #expect(await cloud.call(.get, catalog.path(catalog.own, subject), admin).status == .notFound)
            #expect(await cloud.call(.get, catalog.path(catalog.own, "endpoints"), admin).json["endpoints"]?.ids == [])
            #expect(await cloud.call(.delete, "/policies/\(catalog.general)", admin).status == .noContent)
            let effective = "/endpoints/\(catalog.endpoint)/OS-ENDPOINT-POLICY/policy"
            #expect(await cloud.call(.get, effective, admin).status == .notFound, "the association went with the policy")
        }
    }

    @Test func whatDoesNotExistIsNotFound() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let catalog = try await Catalog(cloud, admin)
            let paths = [
                catalog.path("x", "endpoints/\(catalog.endpoint)"), catalog.path(catalog.own, "endpoints/x"),
                catalog.path(catalog.own, "services/x"), catalog.path(catalog.own, "services/x/regions/Earth"),
                catalog.path(catalog.own, "services/\(catalog.service)/regions/x"),
            ]
            for path in paths {
                for method in [HTTPRequest.Method.put, .get, .delete] { #expect(await cloud.call(method, path, admin).status == .notFound, "\(path)") }
            }
            #expect(await cloud.call(.get, catalog.path("x", "endpoints"), admin).status == .notFound)
            #expect(await cloud.call(.get, "/endpoints/x/OS-ENDPOINT-POLICY/policy", admin).status == .notFound)
        }
    }

    @Test func systemReadersLookAndOthersDoNot() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let catalog = try await Catalog(cloud, admin)
            let path = catalog.path(catalog.own, "endpoints/\(catalog.endpoint)")
            #expect(await cloud.call(.put, path, admin).status == .noContent)
            let reads = [
                "/policies", "/policies/\(catalog.own)", path, catalog.path(catalog.own, "endpoints"),
                "/endpoints/\(catalog.endpoint)/OS-ENDPOINT-POLICY/policy",
            ]
            let reader = try await cloud.user("r", role: "reader", on: "system", admin)
            let system = try await cloud.token(of: reader, scope: ["system": ["all": true]])
            let manager = try await cloud.user("m", role: "manager", on: "domains/default", admin)
            let domain = try await cloud.token(of: manager, scope: ["domain": ["id": "default"]])
            for read in reads {
                #expect(await cloud.call(.get, read, system).status.kind == .successful, "\(read)")
                #expect(await cloud.call(.get, read, domain).status == .forbidden, "\(read)")
            }
            for token in [system, domain] {
                #expect(await cloud.call(.delete, path, token).status == .forbidden)
                #expect(await cloud.call(.put, path, token).status == .forbidden)
                #expect(await cloud.call(.delete, "/policies/nothing", token).status == .forbidden)
                #expect(await cloud.call(.patch, "/policies/nothing", token, ["policy": ["blob": "x"]]).status == .forbidden)
            }
        }
    }
}
