import CloudCore
import CloudStore
import NetworkMessages

/// Who changes something, as far as Neutron's own rules (not policy) care.
struct Caller: Sendable, Hashable {
    /// The project the token is for.
    var projectID: String?
    /// Whether the rules about others' resources do not bind them.
    var isAdmin: Bool

    /// Networking itself.
    static let service = Caller(projectID: nil, isAdmin: true)
}

/// The changes that Networking knows, each within its caller's transaction: they check Neutron's rules, write the rows
/// and mark what the data plane must be told. Policy is the API's.
struct Operations: Sendable {
    let options: NetworkingOptions
    /// Rings once a change that concerns the data plane is on disk.
    let ring: @Sendable () -> Void

    /// Who keeps what guests' ports are promised; nil for nobody.
    let placement: (any NetworkPlacement)?

    init(options: NetworkingOptions, placement: (any NetworkPlacement)? = nil, ring: @escaping @Sendable () -> Void) {
        (self.options, self.placement, self.ring) = (options, placement, ring)
    }

    /// Marks an entity of the topology as changed or gone.
    func mark(_ kind: TopologyKey.Kind, _ id: String, in transaction: any Transaction) throws {
        try TopologyChangeRecords.mark(TopologyKey(kind: kind, id: id), in: transaction)
        transaction.onCommit(ring)
    }

    /// Marks the entity that a port is part of: a router, its network, or itself.
    func mark(_ port: Port, in transaction: any Transaction) throws {
        switch port.deviceOwner {
        case DeviceOwner.routerInterface, DeviceOwner.routerGateway: try mark(.router, port.deviceID, in: transaction)
        case DeviceOwner.distributed: try mark(.network, port.networkID, in: transaction)
        case DeviceOwner.floatingIP: break
        default: try mark(.port, port.id, in: transaction)
        }
    }

    /// Refuses what a project may not have.
    /// - Throws: `OverQuota`.
    func checkQuota(_ resource: QuotaResource, project: String, adding count: Int = 1, in reader: any Reader) throws {
        guard !project.isEmpty else { return }
        let own = try QuotaRecords.limit(resource, project: project, in: reader)
        let limit = own ?? options.quotas[resource.rawValue] ?? -1
        guard limit >= 0 else { return }
        guard try QuotaRecords.used(resource, project: project, upTo: limit + 1, in: reader) + count <= limit else {
            throw NetworkingError.overQuota(resource.rawValue)
        }
    }
}

extension Optional {
    /// The value, or the error when there is none.
    func orThrow(_ error: @autoclosure () -> NetworkingError) throws -> Wrapped {
        guard let self else { throw error() }
        return self
    }
}
