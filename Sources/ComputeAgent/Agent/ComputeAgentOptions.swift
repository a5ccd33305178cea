/// How a compute agent behaves.
public struct ComputeAgentOptions: Sendable {
    /// The time between two reports to the controllers.
    public var reportInterval: Duration = .seconds(10)
    /// The time between two rounds of tidying.
    public var maintenanceInterval: Duration = .seconds(60)
    /// How many guests are built at once; further builds wait.
    public var concurrentBuilds = 8
    /// How many messages are handled at once.
    public var concurrentMessages = 128
    /// How many messages may wait.
    public var queueLimit = 1024
    /// How often a guest that was asked to shut down is asked again: one that is still booting misses the first.
    public var shutdownReminder: Duration = .seconds(5)
    /// How often a guest that was asked to shut down is looked at.
    public var shutdownPoll: Duration = .milliseconds(200)
    /// How long the network agent may take to plug or unplug an interface.
    public var networkDeadline: Duration = .seconds(30)
    /// How long another host's agent may take to read a piece of a disk.
    public var transferDeadline: Duration = .seconds(60)
    /// The host's address for other hosts and for consoles.
    public var hostAddress = "127.0.0.1"
    /// Whether guests that ran when the host went down are started when it is up again.
    public var resumesGuests = true
    /// How long a host that is up again waits for a controller that says which of its guests still belong there.
    public var controllerPatience: Duration = .seconds(3600)
    /// The most bytes of a console that are handed out (Nova's MAX_CONSOLE_BYTES).
    public var consoleBytes = 100 * 1024

    /// The usual behaviour.
    public init() {}
}
