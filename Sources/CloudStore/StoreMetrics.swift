import Metrics

/// What operators see of a database: how many transactions ended how, how many commits they took, and how long.
struct StoreMetrics: Sendable {
    private let committed: Counter
    private let failed: Counter
    private let commits: Counter
    private let retries: Counter
    private let commitDuration: Timer

    init(driver: String) {
        let driver = ("driver", driver)
        committed = Counter(label: "store_transactions_total", dimensions: [driver, ("outcome", "committed")])
        failed = Counter(label: "store_transactions_total", dimensions: [driver, ("outcome", "failed")])
        commits = Counter(label: "store_commits_total", dimensions: [driver])
        retries = Counter(label: "store_retries_total", dimensions: [driver])
        commitDuration = Timer(label: "store_commit_duration", dimensions: [driver])
    }

    /// A commit that worked, with the transactions that it made durable and those that failed by themselves.
    func commit(transactions: Int, failed: Int, took duration: Duration) {
        committed.increment(by: transactions)
        self.failed.increment(by: failed)
        commits.increment()
        let (seconds, attoseconds) = duration.components
        commitDuration.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    /// Transactions that failed without a commit.
    func fail(_ transactions: Int) { failed.increment(by: transactions) }

    /// A transaction that is run again after a conflict or a lost connection.
    func retry() { retries.increment() }
}
