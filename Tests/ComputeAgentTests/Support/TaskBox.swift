import Synchronization

@testable import ComputeAgent

/// An agent's run, which can be ended and begun again.
final class TaskBox: Sendable {
    private let task = Mutex<Task<Void, any Error>?>(nil)

    func run(_ agent: ComputeAgent) async throws {
        try await agent.start()
        task.withLock { $0 = Task { try await agent.run() } }
    }

    func end() async {
        let running = task.withLock { $0.take() }
        running?.cancel()
        _ = await running?.result
    }
}
