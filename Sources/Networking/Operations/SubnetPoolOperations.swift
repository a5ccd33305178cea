import CloudCore
import CloudStore
import NetworkMessages

/// A subnet pool as it is asked for. Nil means that the client said nothing.
struct SubnetPoolDraft: Sendable {
    var projectID: String
    var name: String
    var description = ""
    var prefixes: [CIDR]
    var minimum: Int?
    var maximum: Int?
    var standard: Int?
    var quota: Int?
    var isDefault = false
    var isShared = false
    var scopeID: String?
    var tags: [String] = []
}

/// What an update of a subnet pool changes; nil leaves as it is.
struct SubnetPoolChange: Sendable {
    var name: String?
    var description: String?
    var prefixes: [CIDR]?
    var minimum: Int?
    var maximum: Int?
    var standard: Int?
    var quota: Int?
    var isDefault: Bool?
    /// The scope; the inner nil takes it away.
    var scopeID: String??
}

extension Caller {
    /// Whether a caller may use what belongs to a project and is open to others.
    func mayUse(_ projectID: String, _ sharing: Sharing) -> Bool {
        isAdmin || projectID == self.projectID || sharing.includes(self.projectID)
    }
}

extension Operations {
    func createSubnetPool(_ draft: SubnetPoolDraft, by caller: Caller, in transaction: any Transaction) throws -> SubnetPool {
        try checkQuota(.subnetPool, project: draft.projectID, in: transaction)
        let version = try SubnetPoolRules.version(of: draft.prefixes)
        let bounds = try SubnetPoolRules.bounds(
            minimum: draft.minimum, maximum: draft.maximum, standard: draft.standard, version: version)
        var pool = SubnetPool(
            id: Identifier.uuid(), projectID: draft.projectID, name: draft.name,
            prefixes: CIDRSet(draft.prefixes, version: version).cidrs, version: version, bounds: bounds, quota: draft.quota,
            isDefault: draft.isDefault, scopeID: draft.scopeID,
            standard: StandardAttributes(description: draft.description, createdAt: .now))
        if pool.isDefault { try checkOnlyDefault(version, in: transaction) }
        try checkScope(of: pool, by: caller, in: transaction)
        try SubnetPoolRecords.insert(pool, in: transaction)
        if draft.isShared {
            try checkScopeIsOpen(of: pool, to: SharingPolicy.everyone, in: transaction)
            try share(pool.id, "subnetpool", project: pool.projectID, true, in: transaction)
            pool.sharing = try SharingRecords.sharing(of: pool.id, in: transaction)
        }
        for tag in draft.tags { try TagRecords.add(tag, to: pool.id, in: transaction) }
        return pool
    }

    func updateSubnetPool(
        _ pool: SubnetPool, _ change: SubnetPoolChange, by caller: Caller, in transaction: any Transaction
    ) throws -> SubnetPool {
        var updated = pool
        updated.name = change.name ?? pool.name
        updated.standard.description = change.description ?? pool.standard.description
        if let prefixes = change.prefixes { updated.prefixes = try grown(pool, to: prefixes) }
        updated.bounds = PrefixBounds(
            minimum: change.minimum ?? pool.bounds.minimum, maximum: change.maximum ?? pool.bounds.maximum,
            standard: change.standard ?? pool.bounds.standard)
        try SubnetPoolRules.check(updated.bounds, version: pool.version)
        updated.quota = change.quota ?? pool.quota
        updated.isDefault = change.isDefault ?? pool.isDefault
        if let scope = change.scopeID { updated.scopeID = scope }
        if updated.isDefault, !pool.isDefault { try checkOnlyDefault(pool.version, in: transaction) }
        if let scope = try pool.scopeID.flatMap({ try AddressScopeRecords.find($0, in: transaction) }) {
            guard caller.isAdmin || scope.projectID == caller.projectID else {
                throw NetworkingError.illegalPoolUpdate(
                    "subnetpool \(pool.id) cannot be updated when associated with shared address scope \(scope.id)")
            }
        }
        try checkScope(of: updated, by: caller, in: transaction)
        updated.standard = updated.standard.changed()
        try SubnetPoolRecords.update(updated, in: transaction)
        return updated
    }

    func deleteSubnetPool(_ pool: SubnetPool, in transaction: any Transaction) throws {
        guard try SubnetRecords.all(pool: pool.id, in: transaction).isEmpty else {
            throw NetworkingError(
                .badRequest, "SubnetPoolDeleteError", "Unable to delete subnet pool: Subnet pool has existing allocations.")
        }
        try TagRecords.removeAll(from: pool.id, in: transaction)
        try SharingRecords.removeAll(of: pool.id, in: transaction)
        try SubnetPoolRecords.delete(pool.id, in: transaction)
    }

    /// The prefixes of a pool that grows: none of its addresses may go.
    private func grown(_ pool: SubnetPool, to prefixes: [CIDR]) throws(NetworkingError) -> [CIDR] {
        guard try SubnetPoolRules.version(of: prefixes) == pool.version else {
            throw NetworkingError(.badRequest, "PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.")
        }
        let addresses = CIDRSet(prefixes, version: pool.version)
        guard pool.addresses.isSubset(of: addresses) else {
            throw .illegalPrefixUpdate("Existing prefixes must be a subset of the new prefixes")
        }
        return addresses.cidrs
    }

    private func checkOnlyDefault(_ version: IPAddress.Version, in reader: any Reader) throws {
        guard try SubnetPoolRecords.standard(version, .everything, in: reader) == nil else {
            throw NetworkingError.invalidInput(
                "A default subnetpool for this IP family has already been set. Only one default may exist per IP family")
        }
    }
}

// Prefixes and subnets that join and leave.
extension Operations {
    func addPrefixes(
        _ prefixes: [CIDR], to pool: SubnetPool, by caller: Caller, in transaction: any Transaction
    ) throws -> SubnetPool {
        try updateSubnetPool(pool, SubnetPoolChange(prefixes: pool.prefixes + prefixes), by: caller, in: transaction)
    }

    func removePrefixes(_ prefixes: [CIDR], from pool: SubnetPool, in transaction: any Transaction) throws -> SubnetPool {
        let removed = CIDRSet(prefixes, version: pool.version)
        guard pool.addresses.intersects(removed) else { return pool }
        try SubnetPoolRecords.lock(pool.id, in: transaction)
        let taken = CIDRSet(try SubnetRecords.all(pool: pool.id, in: transaction).map(\.cidr), version: pool.version)
        guard !taken.intersects(removed) else {
            throw NetworkingError.illegalPrefixUpdate("One or more the prefixes to be removed is in use by a subnet")
        }
        var updated = pool
        updated.prefixes = pool.addresses.subtracting(removed).cidrs
        updated.standard = updated.standard.changed()
        try SubnetPoolRecords.update(updated, in: transaction)
        return updated
    }

    /// Makes a network's subnets of a pool's family the pool's own.
    func onboard(
        _ network: Network, into pool: SubnetPool, by caller: Caller, in transaction: any Transaction
    ) throws -> [Subnet] {
        guard caller.isAdmin || network.projectID == caller.projectID else {
            throw NetworkingError(.forbidden, "NotAuthorized", "Only a network's own project may move its subnets into a pool.")
        }
        try SubnetPoolRecords.lock(pool.id, in: transaction)
        let subnets = try SubnetRecords.all(network: network.id, in: transaction).filter { $0.cidr.version == pool.version }
        let taken = CIDRSet(try SubnetRecords.all(pool: pool.id, in: transaction).map(\.cidr), version: pool.version)
        for subnet in subnets where taken.intersects(CIDRSet([subnet.cidr], version: pool.version)) {
            throw NetworkingError.illegalPoolUpdate(
                "Onboarding subnet \(subnet.id): \(subnet.cidr) conflicts with allocated prefixes in subnet pool \(pool.id)")
        }
        _ = try addPrefixes(subnets.map(\.cidr), to: pool, by: caller, in: transaction)
        return try subnets.map { subnet in
            var moved = subnet
            moved.poolID = pool.id
            moved.standard = moved.standard.changed()
            try SubnetRecords.update(moved, in: transaction)
            return moved
        }
    }
}

// Address scopes.
extension Operations {
    func createAddressScope(
        name: String, project: String, version: IPAddress.Version, isShared: Bool, in transaction: any Transaction
    ) throws -> AddressScope {
        var scope = AddressScope(id: Identifier.uuid(), projectID: project, name: name, version: version)
        try AddressScopeRecords.insert(scope, in: transaction)
        try share(scope.id, "address_scope", project: project, isShared, in: transaction)
        scope.sharing = try SharingRecords.sharing(of: scope.id, in: transaction)
        return scope
    }

    func updateAddressScope(
        _ scope: AddressScope, name: String?, isShared: Bool?, by caller: Caller, in transaction: any Transaction
    ) throws -> AddressScope {
        if scope.sharing.includes(caller.projectID), isShared == false {
            throw NetworkingError(
                .badRequest, "AddressScopeUpdateError",
                "Unable to update address scope \(scope.id): Shared address scope can't be unshared.")
        }
        var updated = scope
        updated.name = name ?? scope.name
        try AddressScopeRecords.update(updated, in: transaction)
        if isShared == true { try share(scope.id, "address_scope", project: scope.projectID, true, in: transaction) }
        updated.sharing = try SharingRecords.sharing(of: scope.id, in: transaction)
        return updated
    }

    func deleteAddressScope(_ scope: AddressScope, in transaction: any Transaction) throws {
        guard try SubnetPoolRecords.all(scope: scope.id, in: transaction).isEmpty else {
            throw NetworkingError(
                .conflict, "AddressScopeInUse",
                "Unable to complete operation on address scope \(scope.id). There are one or more subnet pools in use on it.")
        }
        try SharingRecords.removeAll(of: scope.id, in: transaction)
        try AddressScopeRecords.delete(scope.id, in: transaction)
    }

    /// Checks that a pool may be in its scope: that the scope is the caller's to use and of the pool's family, that no
    /// network would be in two scopes, and that no other pool of the scope has the same addresses.
    private func checkScope(of pool: SubnetPool, by caller: Caller, in reader: any Reader) throws {
        guard let id = pool.scopeID else { return }
        guard let scope = try AddressScopeRecords.find(id, in: reader), caller.mayUse(scope.projectID, scope.sharing) else {
            throw NetworkingError.addressScopeNotFound(id)
        }
        guard scope.version == pool.version else {
            throw NetworkingError(
                .badRequest, "IllegalSubnetPoolIpVersionAssociationToAddressScope",
                "Subnet pool \(pool.id) cannot be associated with address scope \(id) of IPv\(scope.version.rawValue).")
        }
        let own = try SubnetRecords.all(pool: pool.id, in: reader)
        let networks = Set(own.map(\.networkID))
        let siblings = try SubnetRecords.all(networks: Array(networks), in: reader).values.joined()
        guard siblings.allSatisfy({ $0.poolID == pool.id || $0.cidr.version != pool.version }) else { throw Self.scopeAffinity }
        let others = try SubnetPoolRecords.all(scope: id, in: reader).filter { $0.id != pool.id }
        guard !others.contains(where: { $0.addresses.intersects(pool.addresses) }) else {
            throw NetworkingError(
                .conflict, "AddressScopePrefixConflict",
                "Failed to associate address scope: subnetpools within an address scope must have unique prefixes.")
        }
    }

    /// A pool can be open only to those to whom its scope is.
    func checkScopeIsOpen(of pool: SubnetPool, to target: String, in reader: any Reader) throws {
        guard let id = pool.scopeID else { return }
        let targets = try SharingRecords.sharing(of: id, in: reader).targets[.shared] ?? []
        guard targets.contains(SharingPolicy.everyone) || targets.contains(target) else {
            throw NetworkingError.invalidInput(
                "Failed to create RBAC policy on object \(pool.id) because target project doesn't have access to associated"
                    + " address scope")
        }
    }

    static let scopeAffinity = NetworkingError(
        .badRequest, "NetworkAddressScopeAffinityError",
        "Subnets of one family on one network must be of subnet pools of the same address scope.")
}

// Cutting subnets from pools.
extension Operations {
    /// How a subnet gets its range.
    enum PrefixChoice: Sendable, Hashable {
        /// This one, from no pool.
        case given(CIDR)
        /// From a pool: this one, or any of a length (nil for the pool's usual one).
        case cut(pool: String, CIDR?, prefixLength: Int?)
    }

    /// Chooses a subnet's range and makes sure that nobody else gets it meanwhile.
    func choose(
        _ choice: PrefixChoice, version: Int?, project: String, by caller: Caller, in transaction: any Transaction
    ) throws -> (cidr: CIDR, pool: SubnetPool?) {
        guard case .cut(let id, let wanted, let length) = choice else {
            guard case .given(let cidr) = choice else { throw NetworkingError.badRequest("subnets", "a cidr is needed") }
            return (cidr, nil)
        }
        guard let pool = try SubnetPoolRecords.find(id, in: transaction), caller.mayUse(pool.projectID, pool.sharing) else {
            throw NetworkingError.subnetPoolNotFound(id)
        }
        if let version, version != pool.version.rawValue {
            throw NetworkingError.badRequest(
                "subnets", "Cannot allocate IPv\(version) subnet from IPv\(pool.version.rawValue) subnet pool")
        }
        let prefixLength = wanted?.prefixLength ?? length ?? pool.bounds.standard
        try SubnetPoolRules.check(prefixLength: prefixLength, of: pool)
        try SubnetPoolRecords.lock(pool.id, in: transaction)
        let subnets = try SubnetRecords.all(pool: pool.id, in: transaction)
        try checkPoolQuota(of: pool, subnets, project: project, prefixLength: prefixLength)
        return (try cut(wanted, prefixLength, from: pool, besides: subnets.map(\.cidr)), pool)
    }

    private func checkPoolQuota(
        of pool: SubnetPool, _ subnets: [Subnet], project: String, prefixLength: Int
    ) throws(NetworkingError) {
        guard let quota = pool.quota, quota > 0 else { return }
        let used = subnets.filter { $0.projectID == project }.reduce(0.0) { $0 + SubnetPoolRules.share(of: $1.cidr) }
        guard used + SubnetPoolRules.share(prefixLength: prefixLength, pool.version) > Double(quota) else { return }
        throw NetworkingError(.conflict, "SubnetPoolQuotaExceeded", "Per-project subnet pool prefix quota exceeded.")
    }

    private func cut(_ wanted: CIDR?, _ prefixLength: Int, from pool: SubnetPool, besides taken: [CIDR]) throws(NetworkingError) -> CIDR {
        func refused(_ reason: String) -> NetworkingError {
            NetworkingError(.conflict, "SubnetAllocationError", "Failed to allocate subnet: \(reason).")
        }
        guard let wanted else {
            guard let free = SubnetPoolRules.firstFree(prefixLength: prefixLength, in: pool, besides: taken) else {
                throw refused("Insufficient prefix space to allocate subnet size /\(prefixLength)")
            }
            return free
        }
        let free = pool.addresses.subtracting(CIDRSet(taken, version: pool.version))
        guard wanted.version == pool.version, CIDRSet([wanted], version: pool.version).isSubset(of: free) else {
            throw refused("Cannot allocate requested subnet from the available set of prefixes")
        }
        return wanted
    }

    /// The subnets of one family on a network come from one pool or, where scopes are used, from one scope.
    func checkAffinity(
        of network: Network, _ siblings: [Subnet], to pool: SubnetPool?, _ version: IPAddress.Version, in reader: any Reader
    ) throws {
        let family = siblings.filter { $0.cidr.version == version }
        guard !family.isEmpty else { return }
        let scope = try SubnetPoolRecords.scopes(networks: [network.id], in: reader)[network.id]?[version]
        if let pool, let scope {
            guard pool.scopeID == scope else { throw Self.scopeAffinity }
            return
        }
        guard family.allSatisfy({ $0.poolID == pool?.id }) else {
            throw NetworkingError(
                .badRequest, "NetworkSubnetPoolAffinityError",
                "Subnets hosted on the same network must be allocated from the same subnet pool.")
        }
    }
}
