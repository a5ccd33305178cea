import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Testing

@testable import Compute

/// Resize and cold migration: their success, the failure of each step, and deletion in between.
@Suite(.timeLimit(.minutes(2))) struct MoveTests {
    private static let resize: JSON = ["resize": ["flavorRef": "2"]]

    private static func with(_ body: (Site, String) async throws -> Void) async throws {
        try await Site.with { site in
            try await site.addFlavor("2", "small", vcpus: 2, ram: 1024)
            try await body(site, try await site.build())
        }
    }

    @Test func aResizeIsConfirmed() async throws {
        try await Self.with { site, id in
            try await site.order(id, Self.resize)
            #expect(await site.show(id)["status"] == "RESIZE")
            try await site.settle()
            let server = await site.show(id)
            #expect(server["status"] == "VERIFY_RESIZE")
            #expect(server["flavor"]?["original_name"] == "small")
            #expect(await site.host(of: id) == "host-2")
            #expect(site.agents.guests(on: "host-2") == [id: .running])
            #expect(site.agents.guests(on: "aside host-1") == [id: .shutdown])
            #expect(try await site.portHosts() == ["host-2"])
            #expect(try await site.claims().values.sorted() == [1, 2])
            #expect(await site.act(id, ["os-stop": .null]).status == .conflict)
            try await site.order(id, ["confirmResize": .null])
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(site.agents.all == [id])
            #expect(try await site.claims() == [id: 2])
            #expect(try await site.migrations() == ["resize confirmed"])
            #expect(try await site.log(id) == ["create": "Success", "resize": "Success", "confirmResize": "Success"])
        }
    }

    @Test func aFlavorsDiskMayShrinkWhereTheRootDiskIsAVolume() async throws {
        let root: JSON = [
            "source_type": "image", "destination_type": "volume", "uuid": .string(FakeImages.image), "boot_index": 0, "volume_size": 20,
        ]
        try await Site.with { site in
            try await site.addFlavor("2", "small", vcpus: 2, disk: 2)
            try await site.addFlavor("3", "wide", disk: 20)
            let local = try await site.build("local", ["flavorRef": "3"])
            #expect(await site.act(local, Self.resize).status == .badRequest)
            let onVolume = try await site.build("volume", ["flavorRef": "3", "block_device_mapping_v2": [root]])
            #expect(await site.act(onVolume, Self.resize).status == .accepted)
            try await site.settle()
        }
    }

    @Test func aSmallerEphemeralDiskIsRefusedBeforeAnythingChanges() async throws {
        try await Site.with { site in
            try await site.addFlavor("2", "narrow", vcpus: 2, ephemeral: 1)
            try await site.addFlavor("3", "wide", ephemeral: 2)
            try await site.addFlavor("4", "wider", vcpus: 2, ephemeral: 2)
            let id = try await site.build("web", ["flavorRef": "3"])
            let asked = site.agents.asked
            try await site.order(id, Self.resize)
            try await site.settle()
            let server = await site.show(id)
            #expect(server["status"] == "ACTIVE")
            #expect(server["OS-EXT-STS:task_state"] == .null)
            #expect(server["flavor"]?["original_name"] == "wide")
            #expect(site.agents.asked == asked)
            #expect(try await site.claims() == [id: 1])
            #expect(try await site.migrations() == ["resize error"])
            #expect(try await site.log(id)["resize"] == "Error")
            try await site.order(id, ["resize": ["flavorRef": "4"]])
            try await site.settle()
            #expect(await site.show(id)["status"] == "VERIFY_RESIZE")
        }
    }

    @Test func aResizeIsReverted() async throws {
        try await Self.with { site, id in
            try await site.order(id, ["os-stop": .null])
            try await site.settle()
            try await site.order(id, Self.resize)
            try await site.settle()
            try await site.order(id, ["revertResize": .null])
            try await site.settle()
            let server = await site.show(id)
            #expect(server["status"] == "SHUTOFF")
            #expect(server["flavor"]?["original_name"] == "tiny")
            #expect(site.agents.guests(on: "host-1") == [id: .shutdown])
            #expect(site.agents.all == [id])
            #expect(try await site.portHosts() == ["host-1"])
            #expect(try await site.claims() == [id: 1])
            #expect(try await site.migrations() == ["resize reverted"])
        }
    }

    @Test(arguments: ["release", "settle", "receive"]) func aFailedResizeChangesNothing(_ step: String) async throws {
        try await Self.with { site, id in
            let error = BusFailure(code: "unsupported", message: "no")
            if step == "settle" { site.orders.fail(step, with: Unlucky()) } else { site.agents.orders.fail(step, with: error) }
            try await site.order(id, Self.resize)
            try await site.settle()
            let server = await site.show(id)
            #expect(server["status"] == "ACTIVE")
            #expect(server["OS-EXT-STS:task_state"] == .null)
            #expect(server["flavor"]?["original_name"] == "tiny")
            #expect(site.agents.guests(on: "host-1") == [id: .running])
            #expect(site.agents.all == [id])
            #expect(try await site.portHosts() == ["host-1"])
            #expect(try await site.claims() == [id: 1])
            #expect(try await site.migrations() == ["resize error"])
            #expect(try await site.log(id)["resize"] == "Error")
        }
    }

    @Test(arguments: ["settle", "revert"]) func aFailedRevertLeavesTheChoiceOpen(_ step: String) async throws {
        try await Self.with { site, id in
            try await site.order(id, Self.resize)
            try await site.settle()
            let error = BusFailure(code: "unsupported", message: "no")
            if step == "settle" { site.orders.fail(step, with: Unlucky()) } else { site.agents.orders.fail(step, with: error) }
            try await site.order(id, ["revertResize": .null])
            try await site.settle()
            #expect(await site.show(id)["status"] == "VERIFY_RESIZE")
            #expect(site.agents.guests(on: "host-2") == [id: .running])
            #expect(try await site.portHosts() == ["host-2"])
            #expect(try await site.migrations() == ["resize finished"])
            site.orders.clear()
            site.agents.orders.clear()
            try await site.order(id, ["revertResize": .null])
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(site.agents.guests(on: "host-1") == [id: .running])
            #expect(site.agents.all == [id])
            #expect(try await site.claims() == [id: 1])
        }
    }

    @Test(arguments: ["release", "receive"]) func aServerIsDeletedWhileItMoves(_ step: String) async throws {
        try await Self.with { site, id in
            // The host answers late: after the deletion was asked for.
            site.agents.orders.before(step) { _ in _ = await site.send(.delete, "/servers/\(id)") }
            try await site.order(id, Self.resize)
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            try await site.expectCleanSlate()
            #expect(try await site.migrations() == ["resize error"])
        }
    }

    @Test func aMovedServerIsDeletedWithWhatItLeft() async throws {
        try await Self.with { site, id in
            try await site.order(id, Self.resize)
            try await site.settle()
            #expect(await site.send(.delete, "/servers/\(id)").status == .noContent)
            try await site.settle()
            try await site.expectCleanSlate()
            #expect(try await site.migrations() == ["resize confirmed"])
        }
    }

    @Test func aMoveGoesWhereItIsSent() async throws {
        try await Self.with { site, id in
            let move: JSON = ["migrate": ["host": "host-2"]]
            #expect(await site.act(id, move).status == .forbidden)
            #expect(await site.act(id, ["migrate": ["host": "host-1"]], token: Site.admin).status == .badRequest)
            #expect(await site.act(id, ["migrate": ["host": "nowhere"]], token: Site.admin).status == .badRequest)
            try await site.order(id, move, token: Site.admin)
            try await site.settle()
            #expect(await site.host(of: id) == "host-2")
            try await site.order(id, ["confirmResize": .null])
            try await site.settle()
            #expect(try await site.migrations() == ["migration confirmed"])
            #expect(try await site.claims() == [id: 1])
        }
    }

    @Test func whatCannotBeHadIsRefused() async throws {
        try await Self.with { site, id in
            try await site.addFlavor("3", "huge", vcpus: 40, ram: 1024)
            func refusal(_ flavor: String) async -> Int { await site.act(id, ["resize": ["flavorRef": .string(flavor)]]).status.code }
            #expect(await refusal("1") == 400)
            #expect(await refusal("none") == 400)
            #expect(await refusal("3") == 403)
            #expect(await site.act(id, ["confirmResize": .null]).status == .conflict)
            #expect(await site.act(id, ["revertResize": .null]).status == .conflict)
            try await site.forceDown("host-1")
            #expect(await refusal("2") == 409)
            #expect(try await site.migrations() == [])
        }
    }

    /// Begins a resize that fails when its source has just died, so that nothing can be brought back.
    private static func strand(_ site: Site, _ id: String) async throws {
        site.agents.orders.before("receive") { _ in
            try await site.forceDown("host-1")
            site.agents.orders.fail("revert", with: BusFailure(code: "hypervisor_error", message: "dead"))
            throw BusFailure(code: "unsupported", message: "no")
        }
        try await site.order(id, resize)
        try await site.settle()
        #expect(await site.show(id)["status"] == "ERROR")
        #expect(await site.show(id)["OS-EXT-STS:task_state"] == .null)
        #expect(await site.host(of: id) == "host-1")
        #expect(try await site.migrations() == ["resize error"])
        site.agents.orders.clear()
    }

    @Test func aServerWhoseSourceDiesInAMoveIsEvacuated() async throws {
        try await Self.with { site, id in
            try await Self.strand(site, id)
            try await site.order(id, ["evacuate": [:]], token: Site.admin, at: "2.90")
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(await site.host(of: id) == "host-2")
            #expect(try await site.claims() == [id: 1])
            try await site.forceUp("host-1")
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            #expect(site.agents.all == [id])
            #expect(site.agents.guests(on: "host-2") == [id: .running])
        }
    }

    @Test func aSourceThatIsBackBringsBackWhatAMoveLeftAside() async throws {
        try await Self.with { site, id in
            try await Self.strand(site, id)
            try await site.forceUp("host-1")
            try await GuestReconciler(compute: site.compute.parts).reconcile()
            #expect(site.agents.all == [id])
            #expect(site.agents.guests(on: "host-1") == [id: .shutdown])
        }
    }

    @Test func onlyFlavorsOfOnesOwnAreGiven() async throws {
        try await Self.with { site, id in
            try await site.addFlavor("3", "theirs", vcpus: 4, isPublic: false)
            let resize: JSON = ["resize": ["flavorRef": "3"]]
            #expect(await site.act(id, resize).status == .badRequest)
            let access: JSON = ["addTenantAccess": ["tenant": "blue"]]
            #expect(await site.send(.post, "/flavors/3/action", token: Site.admin, access).status == .ok)
            try await site.order(id, resize)
            try await site.settle()
            #expect(await site.show(id)["status"] == "VERIFY_RESIZE")
        }
    }

    @Test func withoutRoomAServerStays() async throws {
        try await Site.with(hosts: ["host-1"]) { site in
            let id = try await site.build()
            try await site.order(id, ["migrate": .null], token: Site.admin)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(try await site.migrations() == ["migration error"])
            #expect(try await site.claims() == [id: 1])
        }
    }

    @Test func nobodysConfirmationComesByItself() async throws {
        try await Site.with({ $0.resizeConfirmWindow = .microseconds(1) }) { site in
            try await site.addFlavor("2", "small", vcpus: 2)
            let id = try await site.build()
            try await site.order(id, Self.resize)
            try await site.settle()
            try await MoveTimers(compute: site.compute.parts).reconcile()
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(try await site.migrations() == ["resize confirmed"])
        }
    }
}
