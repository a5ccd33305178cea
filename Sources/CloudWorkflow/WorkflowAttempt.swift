import CloudCore

/// One try of an action, raced against its deadline and the runner's interruptions.
struct WorkflowAttempt<State: Codable & Sendable>: Sendable {
    /// How a try ended. What the action changed in the state counts even when it failed; there is no state when the
    /// action did not come to its end.
    enum Outcome: Sendable {
        case ended(State, (any Error)?)
        /// The action did not end within its time.
        case timedOut(State?)
        /// Somebody interrupted, and the action did not succeed in spite of it.
        case interrupted(State?)
    }

    private enum Event: Sendable {
        case ended(State, (any Error)?)
        case deadline, grace, interruption
    }

    let action: Step<State>.Action
    let context: StepContext
    /// What interrupts this try.
    let interruptions: Set<LeaseInterruption>
    let grace: Duration
    let lease: WorkflowLease
    let clock: any WorkflowClock

    /// Tries once. Never waits longer than until the deadline and the grace after it, whatever the action does.
    func run(_ state: State) async -> Outcome {
        let (events, feed) = AsyncStream.makeStream(of: Event.self)
        let work = Task {
            var state = state
            do {
                try await action(&state, context)
                feed.yield(.ended(state, nil))
            } catch {
                feed.yield(.ended(state, error))
            }
        }
        let timer = alarm(at: context.deadline, .deadline, feed)
        defer { timer.cancel() }
        return await lease.listening({ feed.yield(.interruption) }) { await judge(events, feed, work) }
    }

    private func judge(
        _ events: AsyncStream<Event>, _ feed: AsyncStream<Event>.Continuation, _ work: Task<Void, Never>
    ) async -> Outcome {
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        var isOverdue = false
        for await event in events {
            switch event {
            case .ended(let state, let error):
                // A failure after an interruption or the deadline is most likely due to it; a success is one.
                guard error != nil, timer != nil else { return .ended(state, error) }
                return isOverdue ? .timedOut(state) : .interrupted(state)
            case .grace:
                return isOverdue ? .timedOut(nil) : .interrupted(nil)
            case .deadline, .interruption:
                if case .interruption = event, !interruptions.contains(where: lease.has) { continue }
                guard timer == nil else { continue }
                if case .deadline = event { isOverdue = true }
                work.cancel()
                timer = alarm(at: clock.now + grace, .grace, feed)
            }
        }
        return .interrupted(nil)
    }

    private func alarm(
        at moment: Timestamp, _ event: Event, _ feed: AsyncStream<Event>.Continuation
    ) -> Task<Void, Never> {
        Task {
            // A cancelled alarm has nobody left to wake.
            do { try await clock.sleep(until: moment) } catch { return }
            feed.yield(event)
        }
    }
}
