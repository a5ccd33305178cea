import Synchronization

/// What was given to pools since their hosts reported last, so that many volumes made at once spread as if one after another.
final class PendingVolumes: Sendable {
    private let taken = Mutex<[String: [String: Int]]>([:])

    /// Counts GiB as taken in a pool of a host until the host's next report.
    func add(_ size: Int, to place: VolumeHostName) {
        taken.withLock { $0[place.host, default: [:]][place.text, default: 0] += size }
    }

    /// GiB given to a pool since the last report.
    func size(in place: VolumeHostName) -> Int { taken.withLock { $0[place.host]?[place.text] ?? 0 } }

    /// A host has reported: it counts for itself.
    func forget(host: String) { taken.withLock { $0[host] = nil } }
}
