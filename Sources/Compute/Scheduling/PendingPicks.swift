import CloudCore
import Synchronization

/// Hosts that were chosen and are not claimed yet. Whoever chooses in the meantime counts them as taken, so that many
/// servers at once do not all run to the emptiest host.
final class PendingPicks: Sendable {
    private struct Pick {
        let host: String
        let room: HostCandidates.Room
        let expiresAt: Timestamp
    }

    private let picks = Mutex<[String: Pick]>([:])
    /// How long a choice counts that nobody claims.
    private static let lifetime = Duration.seconds(10)

    /// Notes that a server is on its way to a host.
    func add(_ server: String, to host: String, taking room: HostCandidates.Room) {
        let pick = Pick(host: host, room: room, expiresAt: .now + Self.lifetime)
        picks.withLock { $0[server] = pick }
    }

    /// Forgets a server: its claim is made, or will not be.
    func remove(_ server: String) { picks.withLock { $0[server] = nil } }

    /// What is on its way to each host, by the host's UUID.
    func sums() -> [String: (room: HostCandidates.Room, servers: Int)] {
        let now = Timestamp.now
        return picks.withLock { picks in
            if picks.values.contains(where: { $0.expiresAt < now }) { picks = picks.filter { $0.value.expiresAt >= now } }
            var sums: [String: (room: HostCandidates.Room, servers: Int)] = [:]
            for pick in picks.values {
                var sum = sums[pick.host] ?? (HostCandidates.Room(vcpus: 0, memoryMiB: 0, diskGiB: 0), 0)
                sum.room.vcpus += pick.room.vcpus
                sum.room.memoryMiB += pick.room.memoryMiB
                sum.room.diskGiB += pick.room.diskGiB
                sum.servers += 1
                sums[pick.host] = sum
            }
            return sums
        }
    }
}

/// What hosts are doing, as far as only the order of hosts depends on it: read at most once a second, whatever the
/// number of requests.
final class HostActivity: Sendable {
    private struct State {
        var work: [String: Int] = [:]
        var readAt = Timestamp(microseconds: 0)
        var failures: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private static let lifetime = Duration.seconds(1)

    /// How many servers keep each host's disks busy, by the host's name; nil when that must be read again.
    var diskWork: [String: Int]? {
        state.withLock { $0.readAt + Self.lifetime > .now ? $0.work : nil }
    }

    func note(diskWork: [String: Int]) {
        state.withLock { ($0.work, $0.readAt) = (diskWork, .now) }
    }

    /// How many builds in a row failed on a host, by the host's name.
    var buildFailures: [String: Int] { state.withLock { $0.failures } }

    /// A build failed on a host.
    func noteFailure(on host: String) { state.withLock { $0.failures[host, default: 0] += 1 } }
    /// A build succeeded on a host: what failed before counts no more.
    func noteSuccess(on host: String) { state.withLock { $0.failures[host] = nil } }
}
