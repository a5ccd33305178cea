import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Testing

@testable import Compute

/// Putting servers away and bringing them back.
@Suite(.timeLimit(.minutes(2))) struct ShelveTests {
    private static let shelve: JSON = ["shelve": .null]
    private static let unshelve: JSON = ["unshelve": .null]

    private static func with(
        _ adjust: (inout ComputeOptions) -> Void = { _ in }, _ body: (Site, String) async throws -> Void
    ) async throws {
        try await Site.with(adjust) { site in
            site.acceptUploads()
            try await body(site, try await site.build())
        }
    }

    @Test func aShelvedServerLeavesItsHost() async throws {
        try await Self.with { site, id in
            try await site.order(id, Self.shelve)
            try await site.settle()
            #expect(await site.show(id)["status"] == "SHELVED_OFFLOADED")
            #expect(site.agents.all == [])
            #expect(try await site.claims() == [:])
            #expect(try await site.portHosts() == [""])
            #expect(try await site.snapshots() == ["web-shelved"])
            #expect(try await site.log(id)["shelve"] == "Success")
            #expect(await site.act(id, Self.shelve).status == .conflict)
            #expect(await site.send(.delete, "/servers/\(id)").status == .noContent)
            try await site.settle()
            #expect(try await site.snapshots() == [])
            try await site.expectCleanSlate()
        }
    }

    @Test func aServerThatStaysComesBackWhereItIs() async throws {
        try await Self.with({ $0.shelvedOffloadSeconds = -1 }) { site, id in
            try await site.order(id, Self.shelve)
            try await site.settle()
            #expect(await site.show(id)["status"] == "SHELVED")
            #expect(site.agents.guests(on: "host-1") == [id: .shutdown])
            #expect(await site.act(id, ["unshelve": ["host": "host-2"]], token: Site.admin).status == .conflict)
            try await site.order(id, Self.unshelve)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(site.agents.guests(on: "host-1") == [id: .running])
            #expect(try await site.snapshots() == [])
            try await site.order(id, Self.shelve)
            try await site.settle()
            try await site.order(id, ["shelveOffload": .null], token: Site.admin)
            try await site.settle()
            #expect(await site.show(id)["status"] == "SHELVED_OFFLOADED")
            #expect(try await site.claims() == [:])
        }
    }

    @Test func aServerWhoseDiskCannotBeKeptGoesOn() async throws {
        try await Self.with { site, id in
            site.agents.orders.fail("snapshot", with: BusFailure(code: "unsupported", message: "no"))
            try await site.order(id, Self.shelve)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ACTIVE")
            #expect(site.agents.guests(on: "host-1") == [id: .running])
            #expect(try await site.snapshots() == [])
            #expect(try await site.log(id)["shelve"] == "Error")
        }
    }

    @Test func withoutItsImageAServerIsLost() async throws {
        try await Self.with { site, id in
            try await site.order(id, Self.shelve)
            try await site.settle()
            #expect(await site.act(id, ["unshelve": ["availability_zone": "nowhere"]]).status == .badRequest)
            // The image service of the tests does not know images of servers by their ids.
            try await site.order(id, Self.unshelve)
            try await site.settle()
            #expect(await site.show(id)["status"] == "ERROR")
            #expect(site.agents.all == [])
            #expect(try await site.claims() == [:])
        }
    }

    @Test func aServerIsDeletedWhileItIsShelved() async throws {
        try await Self.with { site, id in
            site.agents.orders.before("snapshot") { _ in _ = await site.send(.delete, "/servers/\(id)") }
            try await site.order(id, Self.shelve)
            try await site.settle()
            #expect(await site.send(.get, "/servers/\(id)").status == .notFound)
            #expect(try await site.snapshots() == [])
            try await site.expectCleanSlate()
        }
    }
}
