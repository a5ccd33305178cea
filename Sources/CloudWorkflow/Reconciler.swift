import CloudCore

/// What converges by itself: an idempotent look at the whole, without input, run on signal and on a timer.
/// A reconciler compares what should be with what is and closes the difference; running it twice, late, or after
/// a crash is harmless.
public protocol Reconciler: Sendable {
    /// Its name, such as "networking.topology".
    var name: String { get }
    /// How long the timer waits between runs.
    var interval: Duration { get }
    /// Closes the differences. A thrown error is logged and counted, and the next run tries again.
    func reconcile() async throws
}
