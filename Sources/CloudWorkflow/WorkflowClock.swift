import CloudCore
import Synchronization

/// The time as workflows and reconcilers see it; tests put one of their own in its place.
public protocol WorkflowClock: Sendable {
    /// The present moment.
    var now: Timestamp { get }
    /// Waits until a moment; returns at once when it has passed.
    /// - Throws: `CancellationError` when the task is cancelled.
    func sleep(until moment: Timestamp) async throws
}

/// The machine's clock.
public struct SystemClock: WorkflowClock {
    /// The machine's clock.
    public init() {}

    /// The present moment.
    public var now: Timestamp { .now }

    /// Waits until a moment of the machine's clock.
    public func sleep(until moment: Timestamp) async throws {
        let distance = moment - now
        if distance > .zero { try await Task.sleep(for: distance) }
    }
}

/// How long to wait before trying again: doubling from `initial` to `maximum`, each time shortened by up to half at
/// random, so that what failed together does not come back together.
public struct Backoff: Sendable, Hashable {
    /// The wait after the first failure.
    public var initial: Duration
    /// The longest wait.
    public var maximum: Duration

    /// A backoff.
    public init(initial: Duration, maximum: Duration) { (self.initial, self.maximum) = (initial, maximum) }

    /// The wait after so many failures.
    /// - Parameter random: a number in 0..<1.
    public func delay(failures: Int, random: Double) -> Duration {
        let doublings = min(max(failures - 1, 0), 30)
        let full = min(initial * (1 << doublings), maximum)
        return full * (1 - random / 2)
    }
}

/// A bell that one task waits for. Rings while nobody waits are remembered as one.
final class Bell: Sendable {
    private struct State {
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    /// Wakes whoever waits, or the next to wait.
    func ring() {
        wake { $0.isRung = $0.waiter == nil }
    }

    /// Waits for the bell, the moment, or the cancellation of the task, whichever comes first.
    func wait(until moment: Timestamp, on clock: any WorkflowClock) async {
        let timer = Task {
            // A cancelled sleep is a wait that ended otherwise.
            do { try await clock.sleep(until: moment) } catch { return }
            self.wake { _ in }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    guard !state.isRung, !Task.isCancelled, clock.now < moment else {
                        state.isRung = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            wake { _ in }
        }
        timer.cancel()
    }

    private func wake(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
