import VolumeMessages

/// What a simulated volume or snapshot holds.
struct SimulatedContent: Codable, Sendable, Hashable {
    /// Its size in bytes.
    var size: Int64
    /// The names of the pieces that are not zeros, by their number.
    var pieces: [Int64: String] = [:]

    var names: Set<String> { Set(pieces.values) }
}

/// A volume that a simulated back end keeps.
struct SimulatedVolume: Codable, Sendable, Hashable {
    var name: String
    var pool: String
    var content: SimulatedContent
    /// The key that it is encrypted with.
    var keyID: String?
    var snapshots: [String: SimulatedContent] = [:]
    /// Snapshots that wait for the compute host's copy.
    var begun: Set<String> = []
    /// The attachments that it is connected for.
    var attachments: Set<String> = []

    init(name: String, pool: String, content: SimulatedContent, keyID: String? = nil) {
        (self.name, self.pool, self.content, self.keyID) = (name, pool, content, keyID)
    }

    /// Every piece that it needs.
    var names: Set<String> { snapshots.values.reduce(into: content.names) { $0.formUnion($1.names) } }
}
