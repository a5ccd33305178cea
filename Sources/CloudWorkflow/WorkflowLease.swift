import CloudCore
import Synchronization

/// What makes an execution leave its path.
enum LeaseInterruption: Error, Sendable, Equatable {
    /// The program stops: leave at the next step's end.
    case stopping
    /// The program has waited long enough: leave now.
    case halted
    /// Somebody asked for the workflow to unwind.
    case cancelled
    /// The lease is another runner's, or ended: leave without a trace.
    case lost
}

/// A runner's hold on one row: what the runner tells the execution while that is busy with a step.
final class WorkflowLease: Sendable {
    private struct State {
        var expiresAt: Timestamp
        var interruptions: Set<LeaseInterruption> = []
        var listener: (@Sendable () -> Void)?
    }

    let id: String
    let fence: Int
    private let state: Mutex<State>

    init(id: String, fence: Int, expiresAt: Timestamp) {
        (self.id, self.fence) = (id, fence)
        state = Mutex(State(expiresAt: expiresAt))
    }

    /// Until when the row is ours.
    var expiresAt: Timestamp {
        get { state.withLock { $0.expiresAt } }
        set { state.withLock { $0.expiresAt = max($0.expiresAt, newValue) } }
    }

    /// Whether an interruption has arrived.
    func has(_ interruption: LeaseInterruption) -> Bool {
        state.withLock { $0.interruptions.contains(interruption) }
    }

    /// Tells the execution.
    func interrupt(_ interruption: LeaseInterruption) {
        let listener = state.withLock { state in
            state.interruptions.insert(interruption).inserted ? state.listener : nil
        }
        listener?()
    }

    /// Calls the listener at each interruption while the body runs, and once before it if there is one already.
    func listening<Result>(
        _ listener: @escaping @Sendable () -> Void, while body: () async -> Result
    ) async -> Result {
        let isInterrupted = state.withLock { state in
            state.listener = listener
            return !state.interruptions.isEmpty
        }
        if isInterrupted { listener() }
        defer { state.withLock { $0.listener = nil } }
        return await body()
    }

    /// Waits until a moment, or until one of these interruptions.
    func wait(until moment: Timestamp, orAnyOf interruptions: Set<LeaseInterruption>, on clock: any WorkflowClock) async {
        let bell = Bell()
        await listening({ bell.ring() }) {
            while clock.now < moment, !interruptions.contains(where: has) {
                await bell.wait(until: moment, on: clock)
            }
        }
    }
}
