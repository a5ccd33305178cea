import CloudStore
import Compute
import Placement

/// Placement as compute asks for it.
struct ComputePlacementAdapter: ComputePlacement {
    let placement: Placement

    /// The classes whose rest decides between hosts.
    private static let watched = ["VCPU", "PCPU", "MEMORY_MB", "DISK_GB"]

    func candidates(
        _ request: ResourceRequest, from place: Double, limit: Int, in reader: any Reader
    ) throws -> HostCandidates {
        let matches = try placement.matches(
            request.provider, watching: Self.watched, from: place, limit: limit, in: reader)
        let (free, width) = (matches.free, Self.watched.count)
        let rooms = matches.roots.indices.map { place in
            HostCandidates.Room(
                vcpus: free[place * width] + free[place * width + 1], memoryMiB: free[place * width + 2],
                diskGiB: free[place * width + 3])
        }
        return HostCandidates(
            hosts: matches.roots, rooms: rooms, isComplete: matches.isComplete, claims: { matches.resources(at: $0) },
            named: { matches.providers(at: $0) })
    }

    func claim(
        _ resources: [String: [String: Int]], for consumer: ResourceConsumer, in transaction: any Transaction
    ) throws {
        do {
            try placement.claim(
                consumer: consumer.id, project: consumer.projectID, user: consumer.userID, type: consumer.kind.rawValue,
                allocations: resources, in: transaction)
        } catch is ClaimRefused {
            throw HostFull()
        }
    }

    func release(server id: String, in transaction: any Transaction) throws {
        try placement.release(consumer: id, in: transaction)
    }

    func move(from consumer: String, to other: ResourceConsumer, in transaction: any Transaction) throws {
        do {
            try placement.move(
                from: consumer, to: other.id, project: other.projectID, user: other.userID, type: other.kind.rawValue,
                in: transaction)
        } catch is ClaimRefused {
            throw HostFull()
        }
    }

    func claims(of consumer: String, in reader: any Reader) throws -> [String: [String: Int]] {
        try placement.allocations(consumer: consumer, in: reader)
    }

    func usage(providers: [String], in reader: any Reader) throws -> [String: [String: Int]] {
        try placement.summaries(providers, in: reader).mapValues { classes in
            Dictionary(uniqueKeysWithValues: classes.map { ($0.resourceClass, $0.used) })
        }
    }

    func report(
        provider: String, name: String, inventories: [HostResource], traits: Set<String>, in transaction: any Transaction
    ) throws {
        try placement.ensureProvider(uuid: provider, name: name, in: transaction)
        let offered = inventories.map { resource in
            let inventory = Inventory(
                total: resource.total, reserved: resource.reserved, maximumUnit: resource.total,
                allocationRatio: resource.allocationRatio)
            return (resource.resourceClass, inventory)
        }
        try placement.setInventory(
            provider: provider, inventories: Dictionary(uniqueKeysWithValues: offered), in: transaction)
        let known = traits.subtracting(try placement.unknownTraits(traits, in: transaction))
        let others = try placement.traits(provider: provider, in: transaction).filter { !Self.isHosts($0) }
        try placement.setTraits(known.union(others), provider: provider, in: transaction)
    }

    /// Whether hosts report a trait of this kind; operators give others. That a host is disabled is no report of its own.
    private static func isHosts(_ trait: String) -> Bool {
        (trait.hasPrefix("COMPUTE_") && trait != HostTrait.disabled) || trait.hasPrefix("HW_CPU_") || trait.hasPrefix("HW_ARCH_")
    }

    func traits(providers: [String], in reader: any Reader) throws -> Set<String> {
        try providers.reduce(into: []) { traits, provider in
            traits.formUnion(try placement.traits(provider: provider, in: reader))
        }
    }

    func setTrait(_ trait: String, _ isPresent: Bool, of provider: String, in transaction: any Transaction) throws {
        var traits = try placement.traits(provider: provider, in: transaction)
        guard isPresent ? traits.insert(trait).inserted : traits.remove(trait) != nil else { return }
        do {
            try placement.setTraits(traits, provider: provider, in: transaction)
        } catch PlacementError.noProvider {
            // Hosts without a provider take part in nothing; the report that makes it brings the trait.
        }
    }

    func setMembership(
        _ isMember: Bool, of provider: String, inAggregate aggregate: String, in transaction: any Transaction
    ) throws {
        do {
            try placement.setMembership(isMember, of: provider, inAggregate: aggregate, in: transaction)
        } catch PlacementError.noProvider {
            // Hosts without a provider take part in nothing.
        }
    }

    func remove(provider: String, in transaction: any Transaction) throws {
        do {
            try placement.removeProvider(provider, in: transaction)
        } catch is PlacementError {
            throw HostInUse()
        }
    }
}

extension ResourceRequest {
    /// The request in placement's words. What is said of the host holds wherever its resources come from.
    fileprivate var provider: ProviderRequest {
        var required = rootRequired
        var groups = named.sorted { $0.key < $1.key }.map { group($0.key, $0.value) }
        if main.resources.isEmpty, !groups.isEmpty {
            required.formUnion(main.requiredTraits)
        } else {
            groups.insert(group("", main), at: 0)
        }
        return ProviderRequest(groups: groups, isIsolated: isIsolated, rootRequired: required, rootForbidden: rootForbidden)
    }

    private func group(_ suffix: String, _ group: Group) -> ProviderRequest.Group {
        // A provider below the host need not be in the host's aggregates.
        let isHosts = suffix.isEmpty || main.resources.isEmpty
        return ProviderRequest.Group(
            suffix: suffix, resources: group.resources, requiredTraits: group.requiredTraits.sorted().map { [$0] },
            forbiddenTraits: group.forbiddenTraits, memberOf: isHosts ? memberOf : [],
            forbiddenAggregates: isHosts ? forbiddenAggregates : [], inTree: inTree)
    }
}
