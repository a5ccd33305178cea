import CloudBus

/// Lets one task at a time through, in order of arrival, with a bound on how many wait.
actor AsyncTurn {
    private let limit: Int
    private var isTaken = false
    private var waiting: [(id: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    private var lastID = 0

    init(limit: Int) { self.limit = limit }

    /// Runs a body when it is its turn.
    /// - Throws: `BusError.deadlineExceeded` if that does not come in time, `BusFailure` if too many wait, and what the
    ///   body throws.
    func take<Value: Sendable>(
        deadline: ContinuousClock.Instant, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        try await enter(deadline: deadline)
        defer { leave() }
        return try await body()
    }

    private func enter(deadline: ContinuousClock.Instant) async throws {
        guard isTaken else { return isTaken = true }
        guard waiting.count < limit else {
            throw BusFailure(code: "engine_unavailable", message: "Too many changes wait for the engine")
        }
        lastID += 1
        let id = lastID
        let timer = Task {
            do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return }
            self.drop(id, BusError.deadlineExceeded)
        }
        defer { timer.cancel() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waiting.append((id, continuation))
                if Task.isCancelled { drop(id, CancellationError()) }
            }
        } onCancel: {
            Task { await self.drop(id, CancellationError()) }
        }
    }

    private func drop(_ id: Int, _ error: any Error) {
        guard let position = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: position).continuation.resume(throwing: error)
    }

    private func leave() {
        guard !waiting.isEmpty else { return isTaken = false }
        waiting.removeFirst().continuation.resume()
    }
}
