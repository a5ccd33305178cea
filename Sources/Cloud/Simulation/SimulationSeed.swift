import CloudCore
import CloudSettings
import Foundation

/// What a simulated cloud's identifiers follow from. Each start has numbers of its own, or a second one would give what
/// the first has given.
struct SimulationSeed {
    private let seed: UInt64
    private let start: UInt64

    /// The seed of a start; nil where none is set, or the cloud is real.
    init?(settings: Settings, directory: DataDirectory, simulate: Bool) throws {
        guard simulate, let seed = settings[SimulationSettingKeys.seed] else { return nil }
        let path = directory.file("simulation-starts")
        let before = (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { UInt64($0) } ?? 0
        (self.seed, start) = (UInt64(seed), before + 1)
        try PrivateFile.write(String(start), to: path)
    }

    /// From here on identifiers follow from the seed: what the first start makes is the same each time.
    func begin() { Identifier.reproduce(seed: mixed(0)) }

    /// Begins anew once the hosts have reported, in whatever order they did.
    func goOn() { Identifier.reproduce(seed: mixed(1)) }

    private func mixed(_ stage: UInt64) -> UInt64 { seed &* 0x9e37_79b9_7f4a_7c15 ^ start << 8 ^ stage }
}
