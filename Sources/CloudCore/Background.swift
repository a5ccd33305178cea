/// Work that nobody waits for on a connection: workflows' steps, reconcilers, what hosts do for them. Where it queues with
/// requests it stands behind them, so that a cloud that is busy building still answers.
public enum Background {
    /// Whether the current task is such work. Tasks begun by it are too, detached ones excepted.
    @TaskLocal public static var isCurrent = false

    /// Begins a task of background work.
    @discardableResult
    public static func start<Result: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () async throws(Failure) -> Result
    ) -> Task<Result, any Error> {
        Task(priority: priority) {
            giveWay()
            return try await $isCurrent.withValue(true) { try await work() }
        }
    }

    /// The priority of such tasks. Threads that run tasks of it run no others.
    public static let priority = TaskPriority.utility

    /// Lets the current thread stand behind those that serve requests. To be called where a task of background work begins.
    public static func giveWay() {
        guard Task.currentPriority <= priority else { return }
        ThreadNiceness.set(niceness)
    }

    /// By so much that one who serves requests gets nine times as much of a processor.
    public static let niceness: Int32 = 10
}
