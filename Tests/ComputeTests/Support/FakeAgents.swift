import CloudBus
import ComputeMessages
import Synchronization

/// Compute agents whose guests are entries in a dictionary.
final class FakeAgents: Sendable {
    let orders = Orders()
    /// The volumes that guests have.
    let disks = FakeDisks()
    private let guests = Mutex<[String: [String: GuestStatus]]>([:])
    private let calls = Mutex<[String]>([])
    private let powered = Mutex<[PowerGuest]>([])
    private let uploads = Mutex<(@Sendable (String) async throws -> Void)?>(nil)

    /// Where the bytes of images go.
    func takeUploads(_ store: @escaping @Sendable (String) async throws -> Void) { uploads.withLock { $0 = store } }

    /// Sends an image's bytes.
    func upload(_ imageID: String) async throws {
        guard let store = uploads.withLock({ $0 }) else { throw BusFailure(code: "image_unavailable", message: "Nobody takes images.") }
        try await store(imageID)
    }

    /// The changes of power that were asked for.
    var powerRequests: [PowerGuest] { powered.withLock { $0 } }

    /// What was asked of the agents, as `method host`.
    var asked: [String] { calls.withLock { $0 } }

    /// The guests on a host.
    func guests(on host: String) -> [String: PowerState] {
        guests.withLock { ($0[host] ?? [:]).mapValues(\.power) }
    }

    /// Every guest of every host.
    var all: [String] { guests.withLock { $0.values.flatMap(\.keys) } }

    /// Puts a guest on a host, or changes its power.
    func put(_ id: String, on host: String, _ power: PowerState) {
        guests.withLock { $0[host, default: [:]][id] = GuestStatus(id: id, power: power) }
    }

    /// Takes a guest away behind compute's back.
    func lose(_ id: String, on host: String) { guests.withLock { $0[host]?[id] = nil } }

    func begin(_ call: String, _ host: String) async throws {
        calls.withLock { $0.append("\(call) \(host)") }
        try await orders.run(call, host: host)
    }

    func status(_ id: String, _ host: String) throws -> GuestStatus {
        guard let status = guests.withLock({ $0[host]?[id] }) else {
            throw BusFailure(code: "guest_not_found", message: "The guest is not on this host.")
        }
        return status
    }

    /// The agent of a host.
    func service(host: String) -> BusService {
        var service = BusService()
        serveLife(on: &service, host: host)
        service.on(SpawnGuest.self) { request, _ in
            try await self.begin("spawn", host)
            self.put(request.guest.id, on: host, .running)
            self.disks.set(request.guest)
            return GuestStatus(id: request.guest.id, power: .running)
        }
        service.on(DestroyGuest.self) { request, _ in
            try await self.begin("destroy", host)
            self.lose(request.id, on: host)
            self.disks.set([], of: request.id)
            self.forgetMoves(request.id, on: host)
            return BusNothing()
        }
        service.on(PowerGuest.self) { request, _ in
            try await self.begin("power", host)
            _ = try self.status(request.guest.id, host)
            let power = Self.power(after: request.action)
            self.powered.withLock { $0.append(request) }
            self.put(request.guest.id, on: host, power)
            return GuestStatus(id: request.guest.id, power: power)
        }
        service.on(ReadConsole.self) { request, _ in
            try await self.begin("console", host)
            _ = try self.status(request.id, host)
            let lines = (1...5).map { "line \($0)" }
            return lines.suffix(request.lines ?? 5).joined(separator: "\n")
        }
        service.on(ListGuests.self) { _, _ in
            try await self.begin("list", host)
            return self.guests.withLock { Array(($0[host] ?? [:]).values) }
        }
        serveMoves(on: &service, host: host)
        serveVolumes(on: &service, host: host)
        return service
    }
}
