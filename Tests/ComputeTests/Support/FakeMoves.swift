import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages

@testable import Compute

/// What moves guests between hosts. What is put aside, on its way or left behind is a guest of a place of its own, so that nothing
/// is forgotten.
extension FakeAgents {
    private static func aside(_ host: String) -> String { "aside \(host)" }
    private static func arriving(_ host: String) -> String { "arriving \(host)" }
    private static func left(_ host: String) -> String { "left \(host)" }

    /// Takes away what a move left on a host.
    func forgetMoves(_ id: String, on host: String) {
        for place in [Self.aside(host), Self.arriving(host), Self.left(host)] { lose(id, on: place) }
    }

    /// Serves what moves guests.
    func serveMoves(on service: inout BusService, host: String) {
        serveColdMoves(on: &service, host: host)
        serveLiveMoves(on: &service, host: host)
    }

    private func serveColdMoves(on service: inout BusService, host: String) {
        service.on(ReleaseGuest.self) { request, _ in
            try await self.begin("release", host)
            if self.guests(on: Self.aside(host))[request.id] == nil {
                _ = try self.status(request.id, host)
                self.lose(request.id, on: host)
                self.put(request.id, on: Self.aside(host), .shutdown)
            }
            return ReleasedGuest(host: host, files: [ReleasedGuest.File(name: "disk", sizeBytes: 1000)])
        }
        service.on(ReceiveGuest.self) { request, _ in
            try await self.begin("receive", host)
            let power: PowerState = request.start ? .running : .shutdown
            self.put(request.guest.id, on: host, power)
            return GuestStatus(id: request.guest.id, power: power)
        }
        service.on(ListReleasedGuests.self) { _, _ in self.guests(on: Self.aside(host)).keys.sorted() }
        service.on(ConfirmMove.self) { request, _ in
            try await self.begin("confirm", host)
            self.lose(request.id, on: Self.aside(host))
            return BusNothing()
        }
        service.on(RevertMove.self) { request, _ in
            try await self.begin("revert", host)
            if self.guests(on: Self.aside(host))[request.guest.id] == nil { _ = try self.status(request.guest.id, host) }
            self.lose(request.guest.id, on: Self.aside(host))
            let power: PowerState = request.start ? .running : .shutdown
            self.put(request.guest.id, on: host, power)
            return GuestStatus(id: request.guest.id, power: power)
        }
    }

    /// A migration is under way once it has begun, and has got there when its progress is asked for.
    private func serveLiveMoves(on service: inout BusService, host: String) {
        service.on(PrepareArrival.self) { request, _ in
            try await self.begin("prepare", host)
            self.put(request.guest.id, on: Self.arriving(host), .noState)
            return ArrivalPlan(host: host, address: host, block: true)
        }
        service.on(LiveMigrate.self) { request, _ in
            try await self.begin("live", host)
            _ = try self.status(request.guest.id, host)
            return MigrationStatus(state: .running, memoryTotal: 100, memoryProcessed: 40, memoryRemaining: 60)
        }
        service.on(MigrationProgress.self) { request, _ in
            try await self.begin("progress", host)
            guard let target = self.destination(of: request.id) else { return MigrationStatus(state: .none) }
            self.lose(request.id, on: host)
            self.put(request.id, on: Self.left(host), .shutdown)
            self.lose(request.id, on: Self.arriving(target))
            self.put(request.id, on: target, .running)
            return MigrationStatus(state: .completed)
        }
        service.on(AbortMigration.self) { request, _ in
            try await self.begin("abort", host)
            if self.guests(on: Self.left(host))[request.id] != nil { return MigrationStatus(state: .completed) }
            return MigrationStatus(state: .cancelled)
        }
        service.on(FinishArrival.self) { request, _ in
            try await self.begin("arrive", host)
            return try self.status(request.guest.id, host)
        }
        service.on(FinishDeparture.self) { request, _ in
            try await self.begin("depart", host)
            self.lose(request.id, on: Self.left(host))
            return BusNothing()
        }
        service.on(CancelArrival.self) { request, _ in
            try await self.begin("cancel", host)
            self.lose(request.id, on: Self.arriving(host))
            return BusNothing()
        }
    }

    private func destination(of id: String) -> String? {
        ["host-1", "host-2", "host-3"].first { guests(on: Self.arriving($0))[id] != nil }
    }
}

extension Site {
    /// What is claimed, by consumer.
    func claims() async throws -> [String: Int] {
        let rows = try await database.read {
            try $0.all("SELECT server_id, vcpus FROM fake_claims") { (try $0[0] as String, try $0[1] as Int) }
        }
        return Dictionary(uniqueKeysWithValues: rows)
    }

    /// The hosts that ports are bound to.
    func portHosts() async throws -> Set<String> {
        Set(try await database.read { try $0.all("SELECT host FROM fake_ports") { try $0[0] as String } })
    }

    /// The kinds and statuses of migrations, the oldest first.
    func migrations() async throws -> [String] {
        try await database.read {
            try $0.all("SELECT kind, status FROM compute_migrations ORDER BY id") { "\(try $0[0] as String) \(try $0[1] as String)" }
        }
    }

    /// Where a server is.
    func host(of id: String) async -> String? {
        await show(id, token: Site.admin)["OS-EXT-SRV-ATTR:host"]?.string
    }

    /// Asks for an action and checks that it is accepted.
    func order(_ id: String, _ action: JSON, token: String = Site.member, at version: String = "2.104") async throws {
        let answer = await send(.post, "/servers/\(id)/action", token: token, at: version, action)
        guard answer.status.code / 100 == 2 else { throw Refused(text: answer.text) }
    }

    /// Says that a host is down, whatever it reports.
    func forceDown(_ host: String) async throws {
        try await database.write { transaction in
            guard var found = try HostRecords.find(name: host, in: transaction) else { throw Unlucky() }
            found.isForcedDown = true
            try HostRecords.update(found, in: transaction)
        }
    }
}

struct Refused: Error { let text: String }
