import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Testing

@testable import Compute

/// Live migration and evacuation.
@Suite(.timeLimit(.minutes(2))) struct LiveMoveTests {
    private static let live: JSON = ["os-migrateLive": ["host": .null, "block_migration": "auto"]]

    @Test func aRunningServerMoves() async throws {
        try await Site.with { site in
            let id = try await site.build()
            try await site.order(id, Self.live, token: Site.admin)
            #expect(await site.show(id)["status"] == "MIGRATING")
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(await site.host(of: id) == "host-2")
            #expect(site.agents.guests(on: "host-2") == [id: .running])
            #expect(site.agents.all == [id])
            #expect(try await site.portHosts() == ["host-2"])
            #expect(try await site.claims() == [id: 1])
            #expect(try await site.migrations() == ["live-migration completed"])
            #expect(try await site.log(id)["live-migration"] == "Success")
        }
    }

    @Test(arguments: ["prepare", "live"]) func aFailedMigrationChangesNothing(_ step: String) async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.orders.fail(step, with: BusFailure(code: "unsupported", message: "no"))
            try await site.order(id, Self.live, token: Site.admin)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(await site.host(of: id) == "host-1")
            #expect(site.agents.all == [id])
            #expect(try await site.claims() == [id: 1])
            #expect(try await site.migrations() == ["live-migration error"])
        }
    }

    @Test func aMigrationIsShownAndAborted() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.orders.before("progress") { _ in
                let path = "/servers/\(id)/migrations"
                let list = await site.send(.get, path, token: Site.admin, at: "2.80").json["migrations"]
                #expect(list?[0]?["memory_remaining_bytes"] == 60)
                let number = list?[0]?["id"]?.int ?? 0
                #expect(await site.send(.get, "\(path)/\(number)", token: Site.admin, at: "2.80").status == .ok)
                #expect(await site.send(.delete, "\(path)/\(number)", token: Site.admin, at: "2.80").status == .accepted)
                throw BusFailure(code: "interrupted", message: "aborted")
            }
            try await site.order(id, Self.live, token: Site.admin)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(site.agents.guests(on: "host-1") == [id: .running])
            #expect(site.agents.all == [id])
            #expect(try await site.claims() == [id: 1])
            #expect(try await site.migrations() == ["live-migration cancelled"])
            #expect(try await site.log(id)["live_migration_cancel"] == "Success")
        }
    }

    @Test func aServerIsDeletedWhileItMigrates() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.orders.before("progress") { _ in _ = await site.send(.delete, "/servers/\(id)") }
            try await site.order(id, Self.live, token: Site.admin)
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            try await site.expectCleanSlate()
        }
    }

    @Test func earlyMicroversionsHearAtOnceWhyNot() async throws {
        try await Site.with(hosts: ["host-1"]) { site in
            let id = try await site.build()
            let body: JSON = ["os-migrateLive": ["host": .null, "block_migration": true, "disk_over_commit": false]]
            #expect(await site.send(.post, "/servers/\(id)/action", token: Site.admin, at: "2.1", body).status == .badRequest)
            #expect(await site.show(id)["status"] == "ACTIVE")
            let named: JSON = ["os-migrateLive": ["host": "nowhere", "block_migration": "auto"]]
            #expect(await site.act(id, named, token: Site.admin).status == .badRequest)
            #expect(try await site.migrations() == [])
        }
    }

    @Test func aHostThatIsDownIsEvacuated() async throws {
        try await Site.with { site in
            let id = try await site.build()
            #expect(await site.act(id, ["evacuate": [:]], token: Site.admin).status == .badRequest)
            try await site.forceDown("host-1")
            #expect(await site.act(id, ["evacuate": ["host": "host-1"]], token: Site.admin).status == .badRequest)
            #expect(await site.act(id, ["evacuate": ["host": "nowhere"]], token: Site.admin).status == .notFound)
            try await site.order(id, ["evacuate": [:]], token: Site.admin, at: "2.90")
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(await site.host(of: id) == "host-2")
            #expect(try await site.migrations() == ["evacuation done"])
            #expect(try await site.claims() == [id: 1])
            try await site.forceUp("host-1")
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            #expect(site.agents.guests(on: "host-1") == [:])
            #expect(site.agents.all == [id])
        }
    }

    @Test func aFailedEvacuationEndsInError() async throws {
        try await Site.with { site in
            let id = try await site.build()
            try await site.forceDown("host-1")
            site.agents.orders.fail("spawn", with: BusFailure(code: "disk_full", message: "no room"))
            try await site.order(id, ["evacuate": [:]], token: Site.admin)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ERROR")
            #expect(await site.host(of: id) == "host-1")
            #expect(site.agents.guests(on: "host-2") == [:])
            #expect(try await site.portHosts() == ["host-1"])
            #expect(try await site.claims() == [id: 1])
            #expect(try await site.migrations() == ["evacuation error"])
        }
    }

    @Test func migrationsAreListedInPages() async throws {
        try await Site.with { site in
            let id = try await site.build()
            for _ in 0..<2 {
                try await site.order(id, Self.live, token: Site.admin)
                try await site.settle()
            }
            let first = await site.send(.get, "/os-migrations?limit=1", token: Site.admin, at: "2.80").json
            #expect(first["migrations"]?.array?.count == 1)
            let uuid = first["migrations"]?[0]?["uuid"]?.string ?? ""
            #expect(first["migrations_links"]?[0]?["href"]?.string?.contains("marker=\(uuid)") == true)
            let rest = await site.send(.get, "/os-migrations?marker=\(uuid)", token: Site.admin, at: "2.80").json
            #expect(rest["migrations"]?.array?.count == 1)
            #expect(rest["migrations"]?[0]?["uuid"]?.string != uuid)
            let filtered = await site.send(.get, "/os-migrations?status=error", token: Site.admin, at: "2.80").json
            #expect(filtered["migrations"]?.array?.isEmpty == true)
            #expect(await site.send(.get, "/os-migrations?marker=none", token: Site.admin, at: "2.59").status == .badRequest)
            #expect(await site.send(.get, "/os-migrations", at: "2.80").status == .forbidden)
        }
    }
}
