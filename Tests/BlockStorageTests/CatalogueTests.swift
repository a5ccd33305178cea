import CloudAPI
import CloudCore
import Testing
import VolumeMessages

@testable import BlockStorage

/// Volume types and what belongs to them, quotas, messages, and who may see what.
struct CatalogueTests {
    private func makeType(_ site: StorageSite, _ body: JSON) async throws -> String {
        let made = await site.send(.post, "/types", token: StorageSite.admin, ["volume_type": body])
        return try #require(made.json["volume_type"]?["id"]?.string, "\(made.text)")
    }

    @Test func specsThatTellOfTheDeploymentAreAdministrators() async throws {
        try await StorageSite.with { site in
            let id = try await makeType(
                site, ["name": "gold", "extra_specs": ["volume_backend_name": "fast", "multiattach": "<is> True"]])
            let seen = await site.send(.get, "/types/\(id)").json["volume_type"]
            #expect(seen?["extra_specs"] == ["multiattach": "<is> True"])
            #expect(seen?["qos_specs_id"] == nil)
            #expect(await site.send(.get, "/types/\(id)/extra_specs/volume_backend_name").status == .notFound)
            func found(_ specs: String, _ token: String) async -> Int? {
                await site.send(.get, "/types?extra_specs=" + specs, token: token).json["volume_types"]?.array?.count
            }
            let hidden = "%7B'volume_backend_name':'fast'%7D"
            #expect(await found(hidden, StorageSite.member) == 0)
            #expect(await found(hidden, StorageSite.admin) == 1)
            #expect(await found("%7B'multiattach':'%3Cis%3E%20True'%7D", StorageSite.member) == 1)
        }
    }

    @Test func typesInUseStayAsTheyAre() async throws {
        try await StorageSite.with { site in
            let id = try await makeType(site, ["name": "gold"])
            _ = try await site.makeVolume(["volume_type": "gold"])
            let specs: JSON = ["extra_specs": ["a": "b"]]
            #expect(await site.send(.post, "/types/\(id)/extra_specs", token: StorageSite.admin, specs).status == .badRequest)
            #expect(await site.send(.delete, "/types/\(id)", token: StorageSite.admin).status == .badRequest)
            let encryption: JSON = ["encryption": ["provider": "luks", "control_location": "front-end"]]
            #expect(await site.send(.post, "/types/\(id)/encryption", token: StorageSite.admin, encryption).status == .badRequest)
        }
    }

    @Test func limitsOfATypeFollowItsName() async throws {
        try await StorageSite.with { site in
            let id = try await makeType(site, ["name": "gold"])
            let path = "/os-quota-sets/blue"
            let set = await site.send(.put, path, token: StorageSite.admin, ["quota_set": ["volumes_gold": 1]])
            #expect(set.json["quota_set"]?["volumes_gold"] == 1)
            #expect(await site.send(.put, "/types/\(id)", token: StorageSite.admin, ["volume_type": ["name": "silver"]]).status == .ok)
            #expect(await site.send(.get, path).json["quota_set"]?["volumes_silver"] == 1)
            _ = try await site.makeVolume(["volume_type": "silver"])
            let over = await site.send(.post, "/volumes", ["volume": ["size": 1, "volume_type": "silver"]])
            #expect(over.status == .contentTooLarge)
            let below = await site.send(.put, path, token: StorageSite.admin, ["quota_set": ["volumes": 0]])
            #expect(below.status == .badRequest)
            #expect(await site.send(.get, path, token: "member@red").status == .forbidden)
        }
    }

    @Test func failedRequestsLeaveMessages() async throws {
        try await StorageSite.with { site in
            _ = try await makeType(site, ["name": "nowhere", "extra_specs": ["vendor_name": "nobody"]])
            let id = try await site.makeVolume(["volume_type": "nowhere"])
            let listed = await site.send(.get, "/messages").json["messages"]
            #expect(listed?[0]?["resource_uuid"]?.string == id)
            #expect(listed?[0]?["event_id"] == "VOLUME_VOLUME_001_003")
            #expect(listed?[0]?["request_id"]?.string?.hasPrefix("req-") == true)
            let message = try #require(listed?[0]?["id"]?.string)
            #expect(await site.send(.get, "/messages/\(message)", token: "member@red").status == .notFound)
            #expect(await site.send(.delete, "/messages/\(message)", token: "reader@blue").status == .forbidden)
            #expect(await site.send(.delete, "/messages/\(message)").status == .noContent)
            #expect(await site.send(.get, "/messages", at: "3.2").status == .notFound)
        }
    }

    @Test func privateTypesHaveTheirProjects() async throws {
        try await StorageSite.with { site in
            let id = try await makeType(site, ["name": "hidden", "os-volume-type-access:is_public": false])
            #expect(await site.send(.get, "/types/\(id)").status == .notFound)
            #expect(await site.send(.post, "/volumes", ["volume": ["size": 1, "volume_type": "hidden"]]).status == .notFound)
            let add: JSON = ["addProjectAccess": ["project": "blue"]]
            #expect(await site.send(.post, "/types/\(id)/action", add).status == .forbidden)
            #expect(await site.send(.post, "/types/\(id)/action", token: StorageSite.admin, add).status == .accepted)
            #expect(await site.send(.get, "/types/\(id)").status == .ok)
            #expect(await site.send(.get, "/types").json["volume_types"]?.array?.count == 2)
            _ = try await site.makeVolume(["volume_type": "hidden"])
        }
    }

    @Test func administratorsOperationsRefuseMembers() async throws {
        try await StorageSite.with { site in
            let paths = [
                "/os-services", "/os-hosts", "/scheduler-stats/get_pools", "/capabilities/one@fast", "/qos-specs", "/default-types",
                "/os-quota-class-sets/default", "/clusters",
            ]
            for path in paths {
                #expect(await site.send(.get, path).status == .forbidden, "\(path)")
                #expect(await site.send(.get, path, token: StorageSite.admin).status == .ok, "\(path)")
            }
            let freeze: JSON = ["host": "one@fast"]
            #expect(await site.send(.put, "/os-services/freeze", freeze).status == .forbidden)
            #expect(await site.send(.put, "/os-services/freeze", token: StorageSite.admin, freeze).status == .ok)
            let id = try await site.makeVolume()
            #expect(try await site.volume(id)?.host == "two@fast")
        }
    }
}
