import CloudCore
import ComputeAgent
import NetworkAgent
import VolumeBackends

/// A piece of a simulated host's work that can be made to fail.
enum SimulatedWork: Sendable, Hashable {
    case guest(SimulatedHostOperation)
    case network(SimulatedFaults.Work)
    case volume(SimulatedStorageOperation)

    /// Its name in the API, such as `spawn`, `power_off`, `plug_port` or `volume_create`.
    var name: String {
        switch self {
        case .guest(let operation):
            Self.words(operation.rawValue)
        case .volume(let operation): "volume_" + Self.words(operation.rawValue)
        case .network(.apply): "apply_topology"
        case .network(.plug): "plug_port"
        case .network(.unplug): "unplug_port"
        }
    }

    private static func words(_ name: String) -> String { name.map { $0.isUppercase ? "_\($0.lowercased())" : "\($0)" }.joined() }

    private static let volumes: [SimulatedWork] = SimulatedStorageOperation.allCases.map { .volume($0) }

    static let all: [SimulatedWork] =
        SimulatedHostOperation.allCases.map { .guest($0) } + SimulatedFaults.Work.allCases.map { .network($0) } + volumes

    /// What a name in a request stands for: one piece of work, all that is done to `ports` or `volumes`, or `any`; nil for a name that is
    /// none of these.
    static func named(_ name: String) -> Set<SimulatedWork>? {
        switch name {
        case "any": return Set(all)
        case "ports": return [.network(.plug), .network(.unplug)]
        case "volumes": return Set(volumes)
        default: return all.first { $0.name == name }.map { [$0] }
        }
    }

    /// Every name that `named` knows.
    static var names: [String] { all.map(\.name).sorted() + ["ports", "volumes", "any"] }
}

/// A fault that somebody ordered: "fail the next 2 spawns on host 3", "delay ports by 2 s".
struct FaultRule: Sendable, Hashable {
    /// What goes wrong.
    enum Effect: Sendable, Hashable {
        case fail(String)
        case delay(Duration)
        case hang
    }

    let id: String
    /// The name that was asked for.
    let operation: String
    let work: Set<SimulatedWork>
    /// The host's name; nil for every host.
    let host: String?
    /// The name of the back end of volumes; nil for every one. A fault of a back end strikes no other work.
    var backend: String?
    let effect: Effect
    /// How often it strikes yet; nil for until it is withdrawn.
    var remaining: Int?
    /// How often it has struck.
    var struck = 0
}

/// The faults that are ordered, oldest first. One piece of work is struck by one of them at most: the oldest that fits.
struct FaultRules: Sendable {
    private(set) var rules: [FaultRule] = []

    /// How many there may be.
    static let limit = 1_000

    mutating func add(_ rule: FaultRule) { rules.append(rule) }

    /// Withdraws one.
    /// - Returns: whether there was such a rule.
    mutating func remove(_ id: String) -> Bool {
        let before = rules.count
        rules.removeAll { $0.id == id }
        return rules.count < before
    }

    mutating func removeAll() { rules = [] }

    /// What goes wrong with a piece of work that begins now on a host, in one of its back ends where it is work on volumes. Rules that
    /// have struck as often as they shall are gone.
    mutating func strike(_ work: SimulatedWork, on host: String, backend: String? = nil) -> FaultRule.Effect? {
        let match = rules.firstIndex { rule in
            rule.work.contains(work) && (rule.host == nil || rule.host == host) && (rule.backend == nil || rule.backend == backend)
        }
        guard let match else { return nil }
        rules[match].struck += 1
        let effect = rules[match].effect
        if let remaining = rules[match].remaining {
            rules[match].remaining = remaining - 1
            if remaining <= 1 { rules.remove(at: match) }
        }
        return effect
    }
}
