import CloudCore
import CloudStore
import VolumeMessages

/// What a volume asks of the pool it goes to.
struct PoolDemand: Sendable {
    var size: Int
    var type: VolumeType
    /// The zones it may be in; nil for every one.
    var zones: [String]?
    /// Places that were tried in vain.
    var tried: [String] = []
    /// The back end it must be in, "host@backend", where its source is.
    var service: String?
    /// Places of volumes that it must not, or must, share a back end with (different_host, same_host).
    var apart: [String] = []
    var together: [String] = []
    /// Whether it is to be thin: what the type says; nil where it doesn't.
    var isThin: Bool? { CapabilityMatch.boolean(type.extraSpecs["provisioning:type"].map { $0 == "thin" ? "<is> True" : "<is> False" }) }
}

/// Chooses pools for volumes: Cinder's filters (availability zone, capacity, capabilities, affinity) and weighers.
struct VolumeScheduler: Sendable {
    let options: BlockStorageOptions
    let picks: PendingVolumes

    /// The pools that will do, the best first.
    func choose(_ demand: PoolDemand, among pools: [KnownPool], at moment: Timestamp) -> [KnownPool] {
        let fitting = pools.filter { passes($0, demand, at: moment) }
        let weights = weigh(fitting)
        return zip(fitting, weights).sorted { left, right in
            left.1 != right.1 ? left.1 > right.1 : left.0.name.text < right.0.name.text
        }.map(\.0)
    }

    /// Whether a pool could take a volume.
    func passes(_ pool: KnownPool, _ demand: PoolDemand, at moment: Timestamp) -> Bool {
        let (service, name) = (pool.service, pool.name)
        guard service.isUp(at: moment, downTime: options.serviceDownTime), !service.isDisabled, !service.isFrozen else { return false }
        guard demand.zones.map({ $0.contains(service.availabilityZone) }) ?? true else { return false }
        guard !demand.tried.contains(name.text), demand.service.map({ $0 == name.service }) ?? true else { return false }
        let services = { (places: [String]) in places.compactMap { VolumeHostName($0)?.service } }
        guard !services(demand.apart).contains(name.service) else { return false }
        guard demand.together.isEmpty || services(demand.together).contains(name.service) else { return false }
        return CapabilityMatch.admits(pool.report, demand.type) && hasRoom(pool, for: demand)
    }

    /// Cinder's CapacityFilter: room for it in fact, and within what may be promised where the pool is thin.
    func hasRoom(_ pool: KnownPool, for demand: PoolDemand) -> Bool {
        let report = pool.report
        guard let total = report.totalGiB, let free = report.freeGiB else { return true }
        guard total > 0 else { return false }
        let pending = Double(picks.size(in: pool.name))
        let reserved = (total * Double(report.reservedPercent) / 100).rounded(.down)
        let isThin = report.isThin && demand.isThin != false
        guard isThin else { return free - reserved - pending >= Double(demand.size) }
        let promised = (report.provisionedGiB + pending + Double(demand.size)) / total
        guard promised <= report.oversubscription else { return false }
        return (free - reserved) * report.oversubscription >= Double(demand.size)
    }

    /// Each pool's weight: free and allocated capacity, each normalised over the pools, times the operator's factors.
    private func weigh(_ pools: [KnownPool]) -> [Double] {
        let free = Self.normalised(pools.map(virtualFree))
        let allocated = Self.normalised(pools.map { $0.report.provisionedGiB + Double(picks.size(in: $0.name)) })
        return pools.indices.map { free[$0] * options.capacityWeight + allocated[$0] * options.allocatedWeight }
    }

    /// What can still be promised, as Cinder's CapacityWeigher counts it.
    private func virtualFree(_ pool: KnownPool) -> Double {
        let report = pool.report
        let pending = Double(picks.size(in: pool.name))
        guard let total = report.totalGiB, let free = report.freeGiB else { return .greatestFiniteMagnitude }
        let reserved = (total * Double(report.reservedPercent) / 100).rounded(.down)
        guard report.isThin else { return free - reserved - pending }
        return total * report.oversubscription - report.provisionedGiB - reserved - pending
    }

    private static func normalised(_ values: [Double]) -> [Double] {
        let bounded = values.filter { $0 < .greatestFiniteMagnitude }
        guard let least = bounded.min(), let most = bounded.max() else { return values.map { _ in 1 } }
        return values.map { value in
            guard value < .greatestFiniteMagnitude else { return 1 }
            return most > least ? (value - least) / (most - least) : 0
        }
    }
}

/// Whether a pool can do what a type asks for (Cinder's CapabilitiesFilter).
enum CapabilityMatch {
    /// Specs that are not about pools' capabilities.
    private static let others: Set = ["multiattach", "RESKEY:availability_zones"]

    static func admits(_ pool: VolumePool, _ type: VolumeType) -> Bool {
        guard !type.isMultiattach || pool.supportsMultiattach else { return false }
        return type.extraSpecs.allSatisfy { name, wanted in
            guard !others.contains(name) else { return true }
            let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
            // Specs of other scopes are the back end's own business.
            guard parts.count == 1 || parts[0] == "capabilities" else { return true }
            guard let found = capability(parts.last ?? name, of: pool) else { return false }
            return matches(found, wanted)
        }
    }

    private static func capability(_ name: String, of pool: VolumePool) -> String? {
        switch name {
        case "volume_backend_name": pool.backendName
        case "storage_protocol": pool.storageProtocol
        case "driver": pool.driver
        case "vendor_name": PoolEndpoints.vendor
        case "pool_name": pool.pool
        case "thin_provisioning_support": pool.isThin ? "True" : "False"
        case "thick_provisioning_support": pool.isThin ? "False" : "True"
        case "multiattach": pool.supportsMultiattach ? "True" : "False"
        case "online_extend_support": pool.supportsOnlineExtend ? "True" : "False"
        default: pool.capabilities[name]
        }
    }

    /// "<is> True", as a truth value.
    static func boolean(_ text: String?) -> Bool? {
        guard let text, text.hasPrefix("<is>") else { return nil }
        return LenientBoolean.parse(String(text.dropFirst(4)).trimmed)
    }

    /// The operators of extra specs (cinder/scheduler/filters/extra_specs_ops.py); a text without one must be equal.
    static func matches(_ found: String, _ wanted: String) -> Bool {
        let words = wanted.split(separator: " ").map(String.init)
        guard let sign = words.first else { return found.isEmpty }
        let operand = words.dropFirst().joined(separator: " ")
        let numbers = Double(found).flatMap { left in Double(operand).map { (left, $0) } }
        switch sign {
        case "=", ">=": return numbers.map { $0.0 >= $0.1 } ?? false
        case "==": return numbers.map { $0.0 == $0.1 } ?? false
        case "<=": return numbers.map { $0.0 <= $0.1 } ?? false
        case "!=": return numbers.map { $0.0 != $0.1 } ?? false
        case "<in>": return found.contains(operand)
        case "<is>": return LenientBoolean.parse(found) == LenientBoolean.parse(operand)
        case "<or>": return wanted.split(separator: " ").filter { $0 != "<or>" }.contains { $0 == found }
        case "s==": return found == operand
        case "s!=": return found != operand
        case "s<": return found < operand
        case "s<=": return found <= operand
        case "s>": return found > operand
        case "s>=": return found >= operand
        default: return found == wanted
        }
    }
}
