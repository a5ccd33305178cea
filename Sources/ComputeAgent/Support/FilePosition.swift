import Synchronization

/// How far a file has been read.
final class FilePosition: Sendable {
    private let state = Mutex(0)

    /// The next byte's place.
    var value: Int {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
