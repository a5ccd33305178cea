import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// Compares each host's guests with the servers that belong there: guests without a server are removed, servers
/// whose guest vanished are shown as shut down, to be started again by their owner, and guests whose disks are not their
/// server's volumes are brought in line.
struct GuestReconciler: Reconciler {
    let name = "compute.guests"
    let interval = Duration.seconds(60)
    let compute: Compute.Parts

    func reconcile() async throws {
        let hosts = try await compute.database.read { try HostRecords.all(in: $0) }
        for host in hosts where compute.isUp(host) {
            do {
                try await reconcile(host.name)
            } catch let error as BusError {
                // The others are not held up by it; the next round asks it again.
                compute.logger.warning("a host's guests cannot be compared", metadata: ["host": "\(host.name)", "error": "\(error)"])
            }
        }
    }

    private func reconcile(_ host: String) async throws {
        let address = BusAddress(topic: ComputeTopic.agent, host: host)
        let guests = try await compute.bus.call(ListGuests(), to: address, deadline: .seconds(30))
        // Read after the question: a server that was accepted in between has its row by now.
        let (servers, moving) = try await compute.database.read { reader in
            (try ServerRecords.onHost(host, in: reader), try MigrationRecords.servers(movingAt: host, in: reader))
        }
        // While a server moves, its guest may be on either host; that is for the move to settle.
        let wanted = moving.union(servers.map(\.id))
        for guest in guests where !wanted.contains(guest.id) {
            compute.logger.notice("removing a guest without a server", metadata: ["server": "\(guest.id)", "host": "\(host)"])
            try await compute.destroyGuest(guest.id, ports: [], host: host, key: "orphan/\(guest.id)/\(Identifier.hex())")
        }
        try await stopVanished(servers, Set(guests.map(\.id)))
        try await VolumeComparison(compute: compute).run(host, servers)
        try await settleReleased(host, at: address)
    }

    /// What moves put aside on a host that could not be asked when they ended: the disks of servers that are gone or live elsewhere
    /// are deleted, and a server that belongs there gets its own back.
    private func settleReleased(_ host: String, at address: BusAddress) async throws {
        let released = try await compute.bus.call(ListReleasedGuests(), to: address, deadline: .seconds(30))
        guard !released.isEmpty else { return }
        let (servers, moving) = try await compute.database.read { reader in
            let found = try released.compactMap { try ServerRecords.find($0, in: reader) }
            return (Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0) }), try MigrationRecords.servers(movingAt: host, in: reader))
        }
        for id in released where !moving.contains(id) {
            if let server = servers[id], server.host == host {
                guard server.task == nil else { continue }
                compute.logger.notice("bringing back a server that a failed move left aside", metadata: ["server": "\(id)"])
                let request = RevertMove(guest: try await compute.definition(of: id), start: false)
                _ = try await compute.bus.call(request, to: address, deadline: .seconds(120))
            } else {
                compute.logger.notice("removing disks of a server that is not here any more", metadata: ["server": "\(id)"])
                _ = try await compute.bus.call(ConfirmMove(id: id), to: address, deadline: .seconds(120))
            }
        }
    }

    private func stopVanished(_ servers: [Server], _ present: Set<String>) async throws {
        let vanished = servers.filter { (server: Server) in !present.contains(server.id) && server.state == .active && server.task == nil }
        guard !vanished.isEmpty else { return }
        try await compute.database.write { transaction in
            for server in vanished {
                try ServerRecords.change(server.id, in: transaction) { server in
                    if server.task == nil, server.state == .active { (server.state, server.power) = (.stopped, .shutdown) }
                }
            }
        }
    }
}

/// Removes the rows of servers that were deleted long ago.
struct ServerPurge: Reconciler {
    let name = "compute.purge"
    let interval = Duration.seconds(3600)
    let compute: Compute.Parts

    func reconcile() async throws {
        let (seconds, _) = compute.options.deletedRetention.components
        let horizon = Timestamp(microseconds: Timestamp.now.microseconds - Int(seconds) * 1_000_000)
        try await compute.database.write { transaction in
            _ = try ServerRecords.purge(deletedBefore: horizon, in: transaction)
            try ConsoleTokenRecords.purge(expiredBy: .now, in: transaction)
        }
    }
}
