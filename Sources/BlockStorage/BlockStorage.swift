import CloudBus
import CloudStore
import CloudWorkflow

/// The block storage service: volumes, their snapshots, backups and attachments (Cinder's API 3.0 to 3.71).
public final class BlockStorage: Sendable {
    /// The service.
    public init() {}
}
