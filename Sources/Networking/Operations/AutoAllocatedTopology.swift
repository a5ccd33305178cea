import CloudCore
import CloudStore
import NetworkMessages

extension Operations {
    private static func failure(_ reason: String) -> NetworkingError {
        NetworkingError(.conflict, "AutoAllocationFailure", "Deployment error: \(reason).")
    }

    /// What a topology is made of: the default external network and the default subnet pools.
    private func ingredients(
        _ visibility: Visibility, in reader: any Reader
    ) throws -> (external: Network, pools: [SubnetPool]) {
        guard let external = try NetworkRecords.defaultExternal(in: reader) else {
            throw Self.failure("No default router:external network")
        }
        let pools = try [IPAddress.Version.v4, .v6].compactMap { try SubnetPoolRecords.standard($0, visibility, in: reader) }
        guard !pools.isEmpty else { throw Self.failure("No default subnetpools defined") }
        return (external, pools)
    }

    /// Checks that a topology could be made.
    func checkAutoAllocation(_ visibility: Visibility, in reader: any Reader) throws {
        _ = try ingredients(visibility, in: reader)
    }

    /// The project's topology, which is made when it is missing.
    func autoAllocate(
        project: String, _ visibility: Visibility, in transaction: any Transaction
    ) throws -> AutoAllocatedTopology {
        try AutoAllocationRecords.claim(project: project, in: transaction)
        if let existing = try AutoAllocationRecords.find(project: project, in: transaction) { return existing }
        let (external, pools) = try ingredients(visibility, in: transaction)
        let draft = NetworkDraft(projectID: project, name: "auto_allocated_network")
        let network = try createNetwork(draft, in: transaction)
        let subnets = try pools.map { try autoAllocate(from: $0, on: network, in: transaction) }
        let gateway = GatewayDraft(networkID: external.id)
        let router = try createRouter(
            RouterDraft(projectID: project, name: "auto_allocated_router", gateway: gateway), by: .service, in: transaction)
        for subnet in subnets { _ = try addInterface(.subnet(subnet.id), to: router, by: .service, in: transaction) }
        let topology = AutoAllocatedTopology(projectID: project, networkID: network.id, routerID: router.id)
        try AutoAllocationRecords.update(topology, in: transaction)
        return topology
    }

    private func autoAllocate(from pool: SubnetPool, on network: Network, in transaction: any Transaction) throws -> Subnet {
        let (cidr, pool) = try choose(
            .cut(pool: pool.id, nil, prefixLength: nil), version: nil, project: network.projectID, by: .service, in: transaction)
        var draft = SubnetDraft(networkID: network.id, projectID: network.projectID, cidr: cidr)
        draft.name = "auto_allocated_subnet_v\(cidr.version.rawValue)"
        draft.gateway = cidr.first.advanced(by: 1).map { .address($0) } ?? .automatic
        return try createSubnet(draft, on: network, from: pool, in: transaction)
    }

    /// Takes a project's topology away; there may be none.
    func deleteAutoAllocation(project: String, in transaction: any Transaction) throws {
        guard let topology = try AutoAllocationRecords.find(project: project, in: transaction) else { return }
        if let id = topology.routerID, let router = try RouterRecords.find(id, in: transaction) {
            for subnet in try SubnetRecords.all(network: topology.networkID, in: transaction) {
                do throws(any Error) {
                    _ = try removeInterface(.subnet(subnet.id), from: router, in: transaction)
                } catch let error as NetworkingError where error.kind == .notFound {
                    // Somebody took the interface away already.
                    continue
                }
            }
            try AutoAllocationRecords.delete(project: project, in: transaction)
            try deleteRouter(try RouterRecords.find(id, in: transaction) ?? router, in: transaction)
        }
        try AutoAllocationRecords.delete(project: project, in: transaction)
        if let network = try NetworkRecords.find(topology.networkID, in: transaction) {
            try deleteNetwork(network, in: transaction)
        }
    }
}
