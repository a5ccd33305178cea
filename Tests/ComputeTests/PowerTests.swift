import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Testing

@testable import Compute

/// Deleting, starting, stopping, restarting, and what the hosts report.
@Suite(.timeLimit(.minutes(2))) struct PowerTests {
    @Test func deletingTakesAllAway() async throws {
        try await Site.with { site in
            let id = try await site.build()
            #expect(await site.send(.delete, "/servers/\(id)").status == .noContent)
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            try await site.expectCleanSlate()
            #expect(try await site.log(id) == ["create": "Success", "delete": "Success"])
        }
    }

    @Test func aHostThatIsGoneDoesNotHoldUpADelete() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.orders.fail("destroy", with: Unlucky())
            _ = await site.send(.delete, "/servers/\(id)")
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            #expect(site.agents.all == [id])
            site.agents.orders.clear()
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            try await site.expectCleanSlate()
        }
    }

    @Test func deletingDuringAPowerChangeWins() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.orders.before("power") { _ in _ = await site.send(.delete, "/servers/\(id)") }
            #expect(await site.act(id, ["os-stop": nil]).status == .accepted)
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            #expect(try await site.log(id) == ["create": "Success", "stop": "Error", "delete": "Success"])
            site.agents.orders.clear()
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            try await site.expectCleanSlate()
        }
    }

    @Test func stopStartAndReboot() async throws {
        try await Site.with { site in
            let id = try await site.build()
            #expect(await site.act(id, ["os-stop": nil]).status == .accepted)
            #expect(await site.show(id)["OS-EXT-STS:task_state"] != "deleting")
            try await site.settle()
            #expect(await site.show(id)["status"] == "SHUTOFF")
            #expect(await site.show(id)["OS-EXT-STS:power_state"] == 4)
            #expect(await site.act(id, ["os-start": nil]).status == .accepted)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(await site.act(id, ["reboot": ["type": "SOFT"]]).status == .accepted)
            try await site.settle()
            #expect(await site.act(id, ["reboot": ["type": "HARD"]]).status == .accepted)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(try await site.log(id) == ["create": "Success", "stop": "Success", "start": "Success", "reboot": "Success"])
        }
    }

    @Test func actionsHaveTheirStates() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let start = await site.act(id, ["os-start": nil])
            #expect(start.status == .conflict)
            #expect(start.json["conflictingRequest"]?["message"] == .string("Cannot 'start' instance \(id) while it is in vm_state active"))
            site.agents.orders.before("power") { _ in
                let again = await site.act(id, ["os-stop": nil])
                #expect(again.status == .conflict)
                #expect(again.json["conflictingRequest"]?["message"] == .string("Cannot 'stop' instance \(id) while it is in task_state powering-off"))
            }
            #expect(await site.act(id, ["os-stop": nil]).status == .accepted)
            try await site.settle()
            let reboot = await site.act(id, ["reboot": ["type": "SOFT"]])
            #expect(reboot.json["conflictingRequest"]?["message"] == .string("Cannot 'reboot' instance \(id) while it is in vm_state stopped"))
            #expect(await site.act(id, ["reboot": ["type": "MAYBE"]]).status == .badRequest)
            #expect(await site.act(id, ["fly": nil]).status == .badRequest)
            #expect(await site.act(id, ["os-start": nil], token: "reader@blue").status == .forbidden)
            #expect(await site.act(id, ["os-start": nil], token: "member@red").status == .notFound)
        }
    }

    @Test func aPowerChangeThatFailsLeavesTheServerAsItWas() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.orders.fail("power", with: BusFailure(code: "hypervisor", message: "no"))
            #expect(await site.act(id, ["os-stop": nil]).status == .accepted)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(await site.show(id)["OS-EXT-STS:task_state"] == .null)
            #expect(try await site.log(id)["stop"] == "Error")
        }
    }

    @Test func theConsoleIsRead() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let whole = await site.act(id, ["os-getConsoleOutput": [:]])
            #expect(whole.status == .ok)
            #expect(whole.json["output"] == "line 1\nline 2\nline 3\nline 4\nline 5")
            #expect(await site.act(id, ["os-getConsoleOutput": ["length": 2]]).json["output"] == "line 4\nline 5")
            #expect(await site.act(id, ["os-getConsoleOutput": ["length": "-1"]]).json["output"] == whole.json["output"])
            site.agents.lose(id, on: "host-1")
            #expect(await site.act(id, ["os-getConsoleOutput": [:]]).status == .conflict)
        }
    }

    @Test func theActionLogTellsItsEvents() async throws {
        try await Site.with { site in
            let id = try await site.build()
            let list = await site.send(.get, "/servers/\(id)/os-instance-actions", at: "2.104").json["instanceActions"]
            let action = try #require(list?[0])
            #expect(action["action"] == "create")
            #expect(action["instance_uuid"] == .string(id))
            let request = try #require(action["request_id"]?.string)
            let shown = await site.send(.get, "/servers/\(id)/os-instance-actions/\(request)", at: "2.104").json["instanceAction"]
            #expect(shown?["events"]?[0]?["result"] == "Success")
            #expect(await site.send(.get, "/servers/\(id)/os-instance-actions/req-none").status == .notFound)
            _ = await site.send(.delete, "/servers/\(id)")
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)/os-instance-actions", at: "2.20").status == .notFound)
            #expect(await site.send(.get, "/servers/\(id)/os-instance-actions", at: "2.21").json["instanceActions"]?.array?.count == 2)
        }
    }

    @Test func reportsChangeThePowerOfIdleServers() async throws {
        try await Site.with { site in
            let id = try await site.build()
            try await site.report("host-1", guests: [GuestStatus(id: id, power: .paused)])
            #expect(await site.show(id)["status"] == "ACTIVE", "it may be so for a moment only")
            #expect(await site.show(id)["OS-EXT-STS:power_state"] == 3)
            try await site.report("host-2", guests: [GuestStatus(id: id, power: .shutdown)])
            #expect(await site.show(id)["status"] == "ACTIVE", "it is not that host's guest")
            try await site.report("host-1", guests: [GuestStatus(id: id, power: .shutdown)])
            #expect(await site.show(id)["status"] == "ACTIVE", "the host no longer says so")
            site.agents.put(id, on: "host-1", .crashed)
            try await site.report("host-1", guests: [GuestStatus(id: id, power: .crashed)])
            #expect(await site.show(id)["status"] == "SHUTOFF")
        }
    }

    @Test func theReconcilerRemovesOrphansAndShowsLosses() async throws {
        try await Site.with { site in
            let id = try await site.build()
            site.agents.put("stray", on: "host-2", .running)
            site.agents.lose(id, on: "host-1")
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            #expect(site.agents.all == [])
            #expect(await site.show(id)["status"] == "SHUTOFF")
        }
    }

    @Test func oneDeafHostDoesNotHoldUpTheOthers() async throws {
        try await Site.with { site in
            try await site.report("host-0")
            site.agents.put("stray", on: "host-2", .running)
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            #expect(site.agents.all == [])
        }
    }
}
