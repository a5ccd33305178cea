import Synchronization

/// Where a driver says whose power has changed, and one listener hears it.
final class GuestBell: Sendable {
    /// How many unheard rings are kept; the oldest go first, which the regular report makes up for.
    private static let limit = 4096
    private let continuation = Mutex<AsyncStream<String>.Continuation?>(nil)

    /// What rings from now on. The stream before this one ends.
    func stream() -> AsyncStream<String> {
        let (stream, next) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(Self.limit))
        let previous = continuation.withLock { continuation in
            defer { continuation = next }
            return continuation
        }
        previous?.finish()
        return stream
    }

    /// Says that this guest's power has changed.
    func ring(_ id: String) {
        let current = continuation.withLock { $0 }
        current?.yield(id)
    }
}
