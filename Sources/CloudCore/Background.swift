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
        Task { try await $isCurrent.withValue(true) { try await work() } }
    }
}
