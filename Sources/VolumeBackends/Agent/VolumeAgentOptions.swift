/// How a volume agent behaves.
public struct VolumeAgentOptions: Sendable {
    /// The time between two reports to the controllers.
    public var reportInterval: Duration = .seconds(10)
    /// How many messages are handled at once.
    public var concurrentMessages = 128
    /// How many messages may wait.
    public var queueLimit = 4096
    /// How many operations that move many bytes (images, copies, backups) run at once; further ones wait.
    public var concurrentTransfers = 4
    /// The longest that a look at a back end may take, so that one which hangs keeps nobody from hearing of the others.
    public var poolDeadline: Duration = .seconds(30)
    /// Where new backups go; nil for any of the places that the agent has.
    public var backupDriver: String?
    /// The folder for images on their way, which is the agent's alone.
    public var scratch: String

    /// The usual behaviour, with a folder for what is on its way.
    public init(scratch: String) { self.scratch = scratch }
}
