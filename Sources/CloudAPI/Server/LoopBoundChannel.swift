import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes

/// Answers a connection's requests on the event loop that reads and writes it. A request that needs no database then
/// never changes threads, which costs more than most of them do otherwise; the database has threads of its own.
struct LoopBoundChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> { base.setup(channel: channel, logger: logger) }

    func handle(value: Value, logger: Logger) async {
        await withTaskExecutorPreference(EventLoopExecutor(eventLoop: value.channel.eventLoop)) {
            await base.handle(value: value, logger: logger)
        }
    }
}

/// An event loop as an executor of tasks.
private final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        // The loop keeps its executor for as long as a job waits: the reference is unowned.
        eventLoop.execute { [self] in withExtendedLifetime(self) { job.runSynchronously(on: executor) } }
    }
}
