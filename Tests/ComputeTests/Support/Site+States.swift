import CloudCore
import CloudStore
import Synchronization

@testable import Compute

extension Site {
    /// Puts a server into a state behind the service's back.
    func put(_ id: String, _ state: Server.State, task: Server.Task? = nil) async throws {
        _ = try await database.write { transaction in
            try ServerRecords.change(id, in: transaction) { ($0.state, $0.task) = (state, task) }
        }
    }

    /// Lets a host that was forced down count as up.
    func forceUp(_ name: String) async throws {
        try await database.write { transaction in
            guard var host = try HostRecords.find(name: name, in: transaction) else { return }
            host.isForcedDown = false
            try HostRecords.update(host, in: transaction)
        }
    }

    /// Makes a deletion that can be taken back a day old.
    func age(_ id: String) async throws {
        _ = try await database.write { transaction in
            try ServerRecords.change(id, in: transaction) { server in
                server.details.softDeletedAt = Timestamp(microseconds: Timestamp.now.microseconds - 86_400_000_000)
            }
        }
    }
}

/// Tells the first of several from the others.
final class Flag: Sendable {
    private let isRaised = Mutex(false)

    /// - Returns: whether this is the first.
    func raise() -> Bool {
        isRaised.withLock { isRaised in
            defer { isRaised = true }
            return !isRaised
        }
    }
}
