import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Placement

@Suite struct ProviderAPITests {
    @Test func createShowRenameListDelete() async throws {
        try await Site.with { site in
            let created = await site.expect(.ok, .post, "/resource_providers", ["name": "one"])
            let uuid = try #require(created.json["uuid"]?.string)
            #expect(created.headers[.location]?.hasSuffix("/placement/resource_providers/\(uuid)") == true)
            #expect(created.json["root_provider_uuid"]?.string == uuid)
            #expect(created.json["parent_provider_uuid"] == .null)
            #expect(created.headers[.cacheControl] == "no-cache")
            let old = await site.expect(.created, .post, "/resource_providers", version: "1.19", ["name": "two"])
            #expect(old.bytes.isEmpty)
            let renamed = await site.expect(.ok, .put, "/resource_providers/\(uuid)", ["name": "uno"])
            #expect(renamed.json["name"] == "uno")
            let list = await site.expect(.ok, .get, "/resource_providers?name=uno")
            #expect(list.json["resource_providers"]?.array?.compactMap { $0["uuid"]?.string } == [uuid])
            let links = await site.expect(.ok, .get, "/resource_providers/\(uuid)", version: "1.0").json["links"]?.array
            #expect(links?.compactMap { $0["rel"]?.string } == ["self", "inventories", "usages"])
            await site.expect(.noContent, .delete, "/resource_providers/\(uuid)")
            await site.expect(.notFound, .delete, "/resource_providers/\(uuid)")
            await site.expect(.notFound, .get, "/resource_providers/\(uuid)")
        }
    }

    @Test func namesAndUUIDsAreUnique() async throws {
        try await Site.with { site in
            let body: JSON = ["name": "one", "uuid": "d3a64825-8228-4ccb-8a6c-1c6d3eb6a3e8"]
            await site.expect(.ok, .post, "/resource_providers", body)
            let refused = await site.expect(.conflict, .post, "/resource_providers", body)
            #expect(refused.json["errors"]?[0]?["code"] == "placement.duplicate_name")
            await site.expect(.ok, .post, "/resource_providers", ["name": "two", "uuid": "e3a6482582284ccb8a6c1c6d3eb6a3e8"])
            await site.expect(.conflict, .put, "/resource_providers/e3a64825-8228-4ccb-8a6c-1c6d3eb6a3e8", ["name": "one"])
        }
    }

    @Test func treesKeepTheirShape() async throws {
        try await Site.with { site in
            let (root, child, leaf) = (Identifier.uuid(), Identifier.uuid(), Identifier.uuid())
            func make(_ uuid: String, _ parent: String?) async {
                let parent: JSON = parent.map { .string($0) } ?? .null
                await site.expect(
                    .ok, .post, "/resource_providers",
                    ["name": .string(uuid), "uuid": .string(uuid), "parent_provider_uuid": parent])
            }
            await make(root, nil)
            await make(child, root)
            await make(leaf, child)
            let refused = await site.expect(.conflict, .delete, "/resource_providers/\(root)")
            #expect(refused.json["errors"]?[0]?["code"] == "placement.resource_provider.cannot_delete_parent")
            let tree = await site.expect(.ok, .get, "/resource_providers?in_tree=\(leaf)")
            #expect(tree.json["resource_providers"]?.array?.count == 3)
            let loop: JSON = ["name": .string(root), "parent_provider_uuid": .string(leaf)]
            await site.expect(.badRequest, .put, "/resource_providers/\(root)", loop)
            let free: JSON = ["name": .string(child), "parent_provider_uuid": nil]
            await site.expect(.badRequest, .put, "/resource_providers/\(child)", version: "1.36", free)
            await site.expect(.ok, .put, "/resource_providers/\(child)", free)
            let moved = await site.expect(.ok, .get, "/resource_providers/\(leaf)")
            #expect(moved.json["root_provider_uuid"]?.string == child)
            await site.expect(
                .badRequest, .post, "/resource_providers",
                ["name": "x", "parent_provider_uuid": "00000000-0000-0000-0000-00000000abcd"])
        }
    }

    @Test func listsByWhatProvidersHave() async throws {
        try await Site.with { site in
            let (one, two, group) = (try await site.host("one"), try await site.host("two", ["VCPU": Inventory(total: 1)]), Identifier.uuid())
            await site.expect(.ok, .put, "/resource_providers/\(one)/aggregates", ["aggregates": [.string(group)], "resource_provider_generation": 1])
            await site.expect(.ok, .put, "/resource_providers/\(two)/traits", ["traits": ["HW_CPU_X86_VMX"], "resource_provider_generation": 1])
            func list(_ query: String, version: String = "1.39") async -> [String] {
                await site.expect(.ok, .get, "/resource_providers?\(query)", version: version)
                    .json["resource_providers"]?.array?.compactMap { $0["uuid"]?.string } ?? []
            }
            #expect(await list("") == [one, two])
            #expect(await list("resources=VCPU:2") == [one])
            #expect(await list("member_of=\(group)") == [one])
            #expect(await list("member_of=!\(group)") == [two])
            #expect(await list("required=HW_CPU_X86_VMX") == [two])
            #expect(await list("required=!HW_CPU_X86_VMX") == [one])
            #expect(await list("required=in:HW_CPU_X86_VMX,HW_CPU_X86_AVX") == [two])
            await site.expect(.badRequest, .get, "/resource_providers?required=CUSTOM_NONE")
            await site.expect(.badRequest, .get, "/resource_providers?resources=CUSTOM_NONE:1")
            await site.expect(.badRequest, .get, "/resource_providers?resources=VCPU:0")
            await site.expect(.badRequest, .get, "/resource_providers?required=HW_CPU_X86_VMX", version: "1.17")
            await site.expect(.badRequest, .get, "/resource_providers?what=ever")
        }
    }
}

@Suite struct InventoryAPITests {
    @Test func inventoriesAreGuardedByGenerations() async throws {
        try await Site.with { site in
            let path = "/resource_providers/\(try await site.host("one", [:]))/inventories"
            let body: JSON = ["resource_provider_generation": 0, "inventories": ["VCPU": ["total": 4], "DISK_GB": ["total": 9, "reserved": 9]]]
            let set = await site.expect(.ok, .put, path, body)
            #expect(set.json["resource_provider_generation"] == 1)
            #expect(set.json["inventories"]?["VCPU"] == [
                "total": 4, "reserved": 0, "min_unit": 1, "max_unit": 2_147_483_647, "step_size": 1, "allocation_ratio": 1.0,
            ])
            let stale = await site.expect(.conflict, .put, path, body)
            #expect(stale.json["errors"]?[0]?["code"] == "placement.concurrent_update")
            let old = await site.expect(.conflict, .put, path, version: "1.22", body)
            #expect(old.json["errors"]?[0]?["code"] == nil)
            await site.expect(.badRequest, .put, path, version: "1.25", ["resource_provider_generation": 1, "inventories": ["DISK_GB": ["total": 9, "reserved": 9]]])
            let added = await site.expect(.created, .post, path, ["resource_class": "MEMORY_MB", "total": 64])
            #expect(added.json["resource_provider_generation"] == 2)
            await site.expect(.conflict, .post, path, ["resource_class": "MEMORY_MB", "total": 64])
            await site.expect(.badRequest, .post, path, ["resource_class": "CUSTOM_NONE", "total": 64])
            await site.expect(.ok, .put, path + "/VCPU", ["total": 8, "resource_provider_generation": 2])
            #expect(await site.expect(.ok, .get, path + "/VCPU").json["total"] == 8)
            await site.expect(.badRequest, .put, path + "/PCPU", ["total": 8, "resource_provider_generation": 3])
            await site.expect(.noContent, .delete, path + "/VCPU")
            await site.expect(.notFound, .delete, path + "/VCPU")
            await site.expect(.methodNotAllowed, .delete, path, version: "1.4")
            await site.expect(.noContent, .delete, path)
            #expect(await site.expect(.ok, .get, path).json["inventories"] == [:])
        }
    }

    @Test func whatIsGivenStays() async throws {
        try await Site.with { site in
            let host = try await site.host("one")
            await site.expect(.noContent, .put, "/allocations/\(Identifier.uuid())", Site.claim([host: ["VCPU": 1]]))
            let path = "/resource_providers/\(host)"
            let refused = await site.expect(.conflict, .delete, path + "/inventories")
            #expect(refused.json["errors"]?[0]?["code"] == "placement.inventory.inuse")
            await site.expect(.conflict, .delete, path + "/inventories/VCPU")
            await site.expect(.noContent, .delete, path + "/inventories/DISK_GB")
            let inUse = await site.expect(.conflict, .delete, path)
            #expect(inUse.json["errors"]?[0]?["code"] == "placement.resource_provider.inuse")
        }
    }
}

@Suite struct AllocationAPITests {
    @Test func aConsumersAllocationsAreGuardedByItsGeneration() async throws {
        try await Site.with { site in
            let (host, consumer) = (try await site.host("one"), Identifier.uuid())
            let path = "/allocations/\(consumer)"
            let wrong = await site.expect(.conflict, .put, path, Site.claim([host: ["VCPU": 1]], generation: 3))
            #expect(wrong.json["errors"]?[0]?["code"] == "placement.concurrent_update")
            await site.expect(.noContent, .put, path, Site.claim([host: ["VCPU": 1]]))
            await site.expect(.conflict, .put, path, Site.claim([host: ["VCPU": 2]]))
            let shown = await site.expect(.ok, .get, path)
            #expect(shown.json["allocations"]?[host] == ["resources": ["VCPU": 1], "generation": 2])
            #expect(shown.json["consumer_generation"] == 1)
            #expect(shown.json["consumer_type"] == "INSTANCE")
            await site.expect(.noContent, .put, path, Site.claim([host: ["VCPU": 2]], generation: 1))
            let given = await site.expect(.ok, .get, "/resource_providers/\(host)/allocations")
            #expect(given.json["allocations"]?[consumer] == ["resources": ["VCPU": 2], "consumer_generation": 2])
            await site.expect(.noContent, .put, path, Site.claim([:], generation: 2))
            #expect(await site.expect(.ok, .get, path).json == ["allocations": [:]])
            await site.expect(.notFound, .delete, path)
        }
    }

    @Test func olderFormsAreUnderstood() async throws {
        try await Site.with { site in
            let (host, consumer) = (try await site.host("one"), Identifier.uuid())
            let list: JSON = ["allocations": [["resource_provider": ["uuid": .string(host)], "resources": ["VCPU": 3]]]]
            await site.expect(.noContent, .put, "/allocations/\(consumer)", version: "1.7", list)
            await site.expect(.badRequest, .put, "/allocations/\(consumer)", version: "1.8", list)
            let shown = await site.expect(.ok, .get, "/allocations/\(consumer)", version: "1.38")
            #expect(shown.json["consumer_type"] == "unknown")
            #expect(shown.json["project_id"] == "00000000-0000-0000-0000-000000000000")
            let object: JSON = ["allocations": [:], "project_id": "p", "user_id": "u"]
            await site.expect(.badRequest, .put, "/allocations/\(consumer)", version: "1.12", object)
            await site.expect(.noContent, .delete, "/allocations/\(consumer)", version: "1.7")
        }
    }

    @Test func severalConsumersChangeTogetherOrNotAtAll() async throws {
        try await Site.with { site in
            let (from, to) = (try await site.host("one", ["VCPU": Inventory(total: 2)]), try await site.host("two", ["VCPU": Inventory(total: 2)]))
            let (server, migration) = (Identifier.uuid(), Identifier.uuid())
            await site.expect(.noContent, .put, "/allocations/\(server)", Site.claim([from: ["VCPU": 2]]))
            // The old room goes to the migration, new room to the server: at once, or neither.
            var body = JSONObject()
            body[migration] = Site.claim([from: ["VCPU": 2]])
            body[server] = Site.claim([to: ["VCPU": 3]], generation: 1)
            await site.expect(.conflict, .post, "/allocations", .object(body))
            #expect(await site.expect(.ok, .get, "/allocations/\(migration)").json == ["allocations": [:]])
            body[server] = Site.claim([to: ["VCPU": 2]], generation: 1)
            await site.expect(.noContent, .post, "/allocations", .object(body))
            #expect(await site.expect(.ok, .get, "/allocations/\(server)").json["allocations"]?[to]?["resources"] == ["VCPU": 2])
            await site.expect(.badRequest, .post, "/allocations", [:])
            await site.expect(.notFound, .post, "/allocations", version: "1.12", .object(body))
        }
    }

    @Test func usagesAreSummed() async throws {
        try await Site.with { site in
            let host = try await site.host("one")
            for _ in 0..<2 { await site.expect(.noContent, .put, "/allocations/\(Identifier.uuid())", Site.claim([host: ["VCPU": 2, "DISK_GB": 5]])) }
            let provider = await site.expect(.ok, .get, "/resource_providers/\(host)/usages")
            #expect(provider.json["usages"] == ["VCPU": 4, "DISK_GB": 10, "MEMORY_MB": 0])
            let query = "/usages?project_id=\(RoleTokens.project)"
            #expect(await site.expect(.ok, .get, query, version: "1.37").json == ["usages": ["VCPU": 4, "DISK_GB": 10]])
            let typed: JSON = ["VCPU": 4, "DISK_GB": 10, "consumer_count": 2]
            #expect(await site.expect(.ok, .get, query).json["usages"] == ["INSTANCE": typed])
            #expect(await site.expect(.ok, .get, query + "&consumer_type=all").json["usages"] == ["all": typed])
            #expect(await site.expect(.ok, .get, query + "&consumer_type=unknown").json["usages"] == [:])
            // Readers see their own project and no other.
            await site.expect(.ok, .get, query, token: "reader")
            await site.expect(.forbidden, .get, "/usages?project_id=other", token: "reader")
            await site.expect(.badRequest, .get, "/usages")
        }
    }
}

@Suite struct NameAPITests {
    @Test func resourceClasses() async throws {
        try await Site.with { site in
            let list = await site.expect(.ok, .get, "/resource_classes")
            #expect(list.json["resource_classes"]?.array?.compactMap { $0["name"]?.string } == StandardResourceClasses.names)
            await site.expect(.created, .put, "/resource_classes/CUSTOM_GOLD")
            await site.expect(.noContent, .put, "/resource_classes/CUSTOM_GOLD")
            await site.expect(.badRequest, .put, "/resource_classes/GOLD")
            await site.expect(.conflict, .post, "/resource_classes", ["name": "CUSTOM_GOLD"])
            await site.expect(.ok, .put, "/resource_classes/CUSTOM_GOLD", version: "1.2", ["name": "CUSTOM_SILVER"])
            await site.expect(.notFound, .get, "/resource_classes/CUSTOM_GOLD")
            _ = try await site.host("one", ["CUSTOM_SILVER": Inventory(total: 1)])
            await site.expect(.conflict, .delete, "/resource_classes/CUSTOM_SILVER")
            await site.expect(.badRequest, .delete, "/resource_classes/VCPU")
            await site.expect(.notFound, .get, "/resource_classes", version: "1.1")
        }
    }

    @Test func traits() async throws {
        try await Site.with { site in
            let all = await site.expect(.ok, .get, "/traits").json["traits"]?.array ?? []
            #expect(all.count == StandardTraits.names.count)
            #expect(all.contains("HW_CPU_X86_AVX512F") && all.contains("COMPUTE_VOLUME_MULTI_ATTACH"))
            await site.expect(.created, .put, "/traits/CUSTOM_FAST")
            await site.expect(.noContent, .put, "/traits/CUSTOM_FAST")
            await site.expect(.badRequest, .put, "/traits/FAST")
            await site.expect(.noContent, .get, "/traits/CUSTOM_FAST")
            #expect(await site.expect(.ok, .get, "/traits?name=startswith:CUSTOM_").json == ["traits": ["CUSTOM_FAST"]])
            #expect(await site.expect(.ok, .get, "/traits?name=in:CUSTOM_FAST,CUSTOM_NONE").json == ["traits": ["CUSTOM_FAST"]])
            let path = "/resource_providers/\(try await site.host("one"))/traits"
            await site.expect(.ok, .put, path, ["traits": ["CUSTOM_FAST"], "resource_provider_generation": 1])
            await site.expect(.conflict, .put, path, ["traits": ["CUSTOM_FAST"], "resource_provider_generation": 1])
            await site.expect(.badRequest, .put, path, ["traits": ["CUSTOM_NONE"], "resource_provider_generation": 2])
            #expect(await site.expect(.ok, .get, "/traits?associated=true").json == ["traits": ["CUSTOM_FAST"]])
            await site.expect(.conflict, .delete, "/traits/CUSTOM_FAST")
            await site.expect(.noContent, .delete, path)
            await site.expect(.noContent, .delete, "/traits/CUSTOM_FAST")
            await site.expect(.badRequest, .delete, "/traits/HW_CPU_X86_VMX")
        }
    }

    @Test func standardNamesAreWellFormed() {
        #expect(StandardTraits.names.count == 377)
        #expect(Set(StandardTraits.names).count == 377)
        #expect(StandardTraits.names.allSatisfy { !$0.isCustom && $0.wholeMatch(of: /[A-Z0-9_]+/) != nil })
    }
}

@Suite struct CandidateAPITests {
    @Test func theFormFollowsTheMicroversion() async throws {
        try await Site.with { site in
            let host = try await site.host("one")
            let query = "/allocation_candidates?resources=VCPU:2,DISK_GB:5"
            let oldest = await site.expect(.ok, .get, query, version: "1.10")
            #expect(oldest.json["allocation_requests"] == [
                ["allocations": [["resource_provider": ["uuid": .string(host)], "resources": ["VCPU": 2, "DISK_GB": 5]]]]
            ])
            #expect(oldest.json["provider_summaries"]?[host] == [
                "resources": ["VCPU": ["capacity": 32, "used": 0], "DISK_GB": ["capacity": 100, "used": 0]]
            ])
            let latest = await site.expect(.ok, .get, query + "&limit=1")
            let claim = try #require(latest.json["allocation_requests"]?[0])
            #expect(claim["mappings"] == ["": [.string(host)]])
            #expect(latest.json["provider_summaries"]?[host]?["resources"]?.object?.count == 3)
            #expect(latest.json["provider_summaries"]?[host]?["root_provider_uuid"]?.string == host)
            // What is proposed can be claimed as it stands.
            var body = claim.object ?? [:]
            for (name, value) in Site.claim([:]).object ?? [:] where body[name] == nil { body[name] = value }
            await site.expect(.noContent, .put, "/allocations/\(Identifier.uuid())", .object(body))
            await site.expect(.notFound, .get, query, version: "1.9")
        }
    }
}

@Suite struct AccessTests {
    @Test func everyEndpointRefusesStrangersAndMembers() async throws {
        try await Site.with { site in
            for entry in EndpointAudit(site.server).entries where entry.service == "placement" {
                if case .open = entry.access { continue }
                #expect(await site.server.respond(to: entry, token: nil).status == .unauthorized, "\(entry.name)")
                #expect(await site.server.respond(to: entry, token: "member").status == .forbidden, "\(entry.name)")
                let service = await site.server.respond(to: entry, token: "service").status
                #expect(service != .forbidden && service != .internalServerError, "\(entry.name)")
            }
        }
    }

    @Test func versionsAndErrorsHaveUpstreamsForm() async throws {
        try await Site.with { site in
            let root = await site.server.respond(.get, "/placement")
            #expect(root.json["versions"]?[0]?["max_version"] == "1.39")
            let unknown = await site.expect(.notFound, .get, "/resource_providers/nothing", version: "1.23")
            let error = try #require(unknown.json["errors"]?[0])
            #expect(error["status"] == 404 && error["title"] == "Not Found" && error["code"] == "placement.undefined_code")
            #expect(error["request_id"]?.string?.hasPrefix("req-") == true)
            let future = await site.expect(.notAcceptable, .get, "/resource_providers", version: "1.99")
            #expect(future.json["errors"]?[0]?["max_version"] == "1.39")
            let invalid = await site.expect(.badRequest, .post, "/resource_providers", ["transport": "car"])
            #expect(invalid.json["errors"]?[0]?["detail"]?.string?.hasPrefix("JSON does not validate") == true)
            let accepting = await site.server.respond(
                .get, "/placement/resource_providers", headers: [.authToken: "admin", .accept: "text/plain"])
            #expect(accepting.status == .notAcceptable)
        }
    }
}
