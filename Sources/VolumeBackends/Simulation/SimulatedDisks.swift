import Synchronization
import VolumeMessages

/// The volumes of simulated back ends as simulated hosts reach them: by the files that connections name.
public struct SimulatedDisks: Sendable {
    private let backends: [SimulatedBackend]

    /// The disks of some back ends.
    public init(backends: [SimulatedBackend]) { self.backends = backends }

    /// Makes a volume's bytes those of another, while guests have both; a repeat begins again.
    /// - Parameters: the files that their connections name.
    /// - Throws: `VolumeFailure` with `notFound` for a file that is no volume's, and `unsupported` for more bytes than there is room for.
    public func copy(_ source: String, to target: String) async throws {
        try await disk(target).overwrite(with: disk(source))
    }

    private func disk(_ path: String) throws -> SimulatedBytes {
        for backend in backends {
            if let bytes = backend.bytes(at: path) { return bytes }
        }
        throw VolumeFailure.notFound(path)
    }
}

extension SimulatedBackend {
    /// The bytes of the volume that a connection leads to by a file; nil where it is no volume of this back end.
    fileprivate func bytes(at path: String) -> SimulatedBytes? {
        let found = state.withLock { state in state.volumes.values.first { place($0.name) == path } }
        return found.map { SimulatedBytes(backend: self, volume: $0.name, snapshot: nil, size: $0.content.size) }
    }
}
