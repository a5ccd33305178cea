import VolumeMessages

/// A back end that keeps volumes. What every one of them promises is held by one conformance suite.
public protocol VolumeBackend: Sendable {
    /// Its pools as they are now.
    func pools() async throws -> [VolumePool]
}
