import CloudCore
import CloudStore

/// Chooses hosts for servers and claims their room. Choosing reads a snapshot, so that any number of requests do it at
/// the same time; the claim is checked against rows in the transaction that makes it, so nothing is given twice. Who
/// chooses in a step of a workflow and claims in the transaction after it loses nothing to the time in between:
///
///     state.choices = try await scheduler.choose(request)                              // in an action
///     guard let choice = try scheduler.claim(state.choices, for: request, in: transaction) else { … }
struct Scheduler: Sendable {
    let compute: Compute.Parts
    private var options: SchedulerOptions { compute.options.scheduler }

    /// The hosts that may take a server, the best first: that one and a few in reserve. Empty when there is none.
    func choose(_ request: SchedulingRequest) async throws -> [HostChoice] {
        try await compute.database.read { try choose(request, in: $0) }
    }

    /// Claims the first of the hosts that still has room and that the server's group still admits.
    /// - Returns: nil when there is none; then it is worth choosing again, for something has changed.
    func claim(_ choices: [HostChoice], for request: SchedulingRequest, in transaction: any Transaction) throws -> HostChoice? {
        let group = try ServerGroupRecords.find(member: request.serverID, in: transaction)
        let members = try group.map { try SchedulingContext.members(of: $0, without: request.serverID, in: transaction) } ?? [:]
        let current = group?.policy == .antiAffinity
            ? try HostLoadRecords.hosts(of: [request.serverID], in: transaction)[request.serverID] : nil
        let consumer = ResourceConsumer(id: request.serverID, projectID: request.projectID, userID: request.userID)
        for choice in choices where SchedulingContext.admits(choice.host, group, members, currentHost: current) {
            do {
                try transaction.savepoint { try compute.placement.claim(choice.claims, for: consumer, in: transaction) }
            } catch is HostFull {
                continue
            }
            transaction.onCommit { [pending = compute.pending, id = request.serverID] in pending.remove(id) }
            return choice
        }
        return nil
    }

    /// Whether the host a server is on may run it with another image: the filters that look at images say so.
    func admitsRebuild(_ request: SchedulingRequest, on host: String) async throws -> Bool {
        try await compute.database.read { [self] reader in
            let snapshot = try compute.hosts.snapshot(in: reader)
            guard let host = snapshot.host(named: host).flatMap({ snapshot.known(id: $0.id) }) else { return false }
            let context = try SchedulingContext(request, compute.options, in: reader)
            let state = HostState(
                known: host, room: HostCandidates.Room(vcpus: 0, memoryMiB: 0, diskGiB: 0), diskWork: 0, servers: 0, buildFailures: 0, place: 0)
            return HostFilter.named(options.enabledFilters).allSatisfy { !$0.countsOnRebuild || $0.passes(state, context) }
        }
    }
}

// MARK: Choosing

extension Scheduler {
    /// The request with what its ports need.
    private func withPorts(_ request: SchedulingRequest, in reader: any Reader) throws -> SchedulingRequest {
        let own = request.portIDs == nil ? try compute.networking.ports(servers: [request.serverID], in: reader) : [:]
        let ports = request.portIDs ?? (own[request.serverID] ?? []).map(\.id)
        guard !ports.isEmpty else { return request }
        var request = request
        request.portRequests = try compute.networking.resourceRequests(ports: ports, in: reader)
        return request
    }

    private func choose(_ bare: SchedulingRequest, in reader: any Reader) throws -> [HostChoice] {
        let request = try withPorts(bare, in: reader)
        let snapshot = try compute.hosts.snapshot(in: reader)
        var context = try SchedulingContext(request, compute.options, in: reader)
        for aggregate in snapshot.aggregates {
            context.overriddenWeights.formUnion(aggregate.metadata.keys.filter { $0.hasSuffix("_weight_multiplier") })
        }
        var wanted = ResourceTranslation.request(for: request)
        guard try restrict(&wanted, for: request, snapshot, in: reader) else { return [] }
        var chance = ChoiceGenerator()
        let place = Double.random(in: 0..<1, using: &chance)
        // The few hosts that have the other members must be among those that are looked at.
        let limit = context.group?.policy == .softAffinity ? .max : options.maximumCandidates
        var candidates = try compute.placement.candidates(wanted, from: place, limit: limit, in: reader)
        var states = try self.states(candidates, snapshot, context, in: reader)
        if states.isEmpty, !candidates.isComplete {
            candidates = try compute.placement.candidates(wanted, from: place, limit: .max, in: reader)
            states = try self.states(candidates, snapshot, context, in: reader)
        }
        let best = ranked(states, context)
        let choices = best.map { state in
            HostChoice(
                hostID: state.host.id, host: state.host.name, claims: candidates.claims(at: state.place),
                portProviders: candidates.providers(at: state.place).filter { name, _ in request.portRequests.contains { $0.id == name } })
        }
        if let first = choices.first {
            compute.pending.add(request.serverID, to: first.hostID, taking: first.room)
        }
        return choices
    }

    /// The candidates that pass every filter.
    private func states(
        _ candidates: HostCandidates, _ snapshot: HostSnapshot, _ context: SchedulingContext, in reader: any Reader
    ) throws -> [HostState] {
        let isForced = if case .forced = context.request.destination { true } else { false }
        // A host of choice need not please the filters, but nothing can be built where nobody listens.
        let filters = HostFilter.named(isForced ? ["ComputeFilter"] : options.enabledFilters)
        let counts = filters.contains(where: \.countsServers) || options.weights.servers != 0
        let loads = counts ? try HostLoadRecords.loads(in: reader) : [:]
        let (work, pending) = (try diskWork(in: reader), compute.pending.sums())
        let (failures, excluded) = (compute.activity.buildFailures, Set(context.request.excludedHosts))
        var states: [HostState] = []
        states.reserveCapacity(candidates.hosts.count)
        for (place, id) in candidates.hosts.enumerated() {
            guard let known = snapshot.known(id: id), excluded.isEmpty || !excluded.contains(known.host.name) else { continue }
            var (room, coming) = (candidates.rooms[place], 0)
            if let sum = pending[id] { (room, coming) = (room.without(sum.room), sum.servers) }
            let state = HostState(
                known: known, room: room, diskWork: (work.isEmpty ? 0 : work[known.host.name] ?? 0) + coming,
                servers: (loads.isEmpty ? 0 : loads[known.host.name]?.servers ?? 0) + coming,
                buildFailures: failures.isEmpty ? 0 : failures[known.host.name] ?? 0, place: place)
            if filters.allSatisfy({ $0.passes(state, context) }) { states.append(state) }
        }
        return states
    }

    private func diskWork(in reader: any Reader) throws -> [String: Int] {
        if let known = compute.activity.diskWork { return known }
        let work = try HostLoadRecords.diskWork(in: reader)
        compute.activity.note(diskWork: work)
        return work
    }

    /// The best hosts, the first drawn out of the best few; equals stay in the order of the candidates.
    private func ranked(_ states: [HostState], _ context: SchedulingContext) -> [HostState] {
        guard states.count > 1 else { return states }
        var scores = Array(repeating: 0.0, count: states.count)
        for weigher in HostWeigher.all(options.weights) { weigher.weigh(states, context, into: &scores) }
        let wanted = options.alternates + 1
        var best = Self.highest(scores, max(wanted, options.hostSubsetSize))
        let subset = min(options.hostSubsetSize, best.count)
        var chance = ChoiceGenerator()
        if subset > 1 { best.swapAt(0, Int.random(in: 0..<subset, using: &chance)) }
        return best.prefix(wanted).map { states[$0] }
    }

    /// The places of the highest numbers, the highest first. One walk over all, for there may be thousands.
    private static func highest(_ numbers: [Double], _ count: Int) -> [Int] {
        var best: [Int] = []
        for (place, number) in numbers.enumerated() {
            if best.count == count, let last = best.last, number <= numbers[last] { continue }
            let position = best.firstIndex { numbers[$0] < number } ?? best.count
            best.insert(place, at: position)
            if best.count > count { best.removeLast() }
        }
        return best
    }
}

// MARK: What narrows the search down before it begins

extension Scheduler {
    /// Puts zones, isolated aggregates and a host of choice into the request (nova.scheduler.request_filter).
    /// - Returns: false when no host can be right.
    private func restrict(
        _ wanted: inout ResourceRequest, for request: SchedulingRequest, _ snapshot: HostSnapshot, in reader: any Reader
    ) throws -> Bool {
        wanted.rootForbidden.insert(HostTrait.disabled)
        if let zone = request.availabilityZone { restrict(&wanted, toZone: zone, snapshot) }
        guard restrictToProject(&wanted, request.projectID, snapshot) else { return false }
        if options.isolatesAggregates { isolate(&wanted, snapshot) }
        if options.requiresImageTypeSupport, !request.bootsFromVolume, let image = request.image {
            wanted.rootRequired.insert("COMPUTE_IMAGE_TYPE_" + image.diskFormat.uppercased())
        }
        if options.requiresImageMetadataSupport { requireImageSupport(&wanted, request.properties) }
        guard let destination = request.destination else { return true }
        let host = snapshot.hosts.first { host in
            (destination.host.map { $0 == host.name } ?? true)
                && (destination.hypervisorHostName.map { $0 == host.hypervisorHostName } ?? true)
        }
        wanted.inTree = host?.id
        return host != nil
    }

    /// Servers of a zone go to its aggregates; those of the default zone to hosts in no zone.
    private func restrict(_ wanted: inout ResourceRequest, toZone zone: String, _ snapshot: HostSnapshot) {
        let zones = snapshot.aggregates.filter { $0.zone != nil }
        let matching = zones.filter { $0.zone == zone }
        if matching.isEmpty, zone == compute.options.defaultAvailabilityZone {
            wanted.forbiddenAggregates.formUnion(zones.map(\.uuid))
        } else {
            wanted.memberOf.append(Set(matching.map(\.uuid)))
        }
    }

    private func restrictToProject(_ wanted: inout ResourceRequest, _ project: String, _ snapshot: HostSnapshot) -> Bool {
        guard options.limitsProjectsToAggregates else { return true }
        let own = snapshot.aggregates.filter { aggregate in
            aggregate.metadata.contains { $0.key.hasPrefix(AggregateKey.project) && $0.value == project }
        }
        if !own.isEmpty { wanted.memberOf.append(Set(own.map(\.uuid))) }
        return !own.isEmpty || !options.requiresProjectAggregates
    }

    /// Aggregates with traits take only servers that require each of them.
    private func isolate(_ wanted: inout ResourceRequest, _ snapshot: HostSnapshot) {
        let required = wanted.named.values.reduce(wanted.main.requiredTraits) { $0.union($1.requiredTraits) }
        let isolated = snapshot.aggregates.filter { aggregate in
            aggregate.metadata.contains { key, value in
                key.hasPrefix(AggregateKey.trait) && value == "required"
                    && !required.contains(String(key.dropFirst(AggregateKey.trait.count)))
            }
        }
        wanted.forbiddenAggregates.formUnion(isolated.map(\.uuid))
    }

    private func requireImageSupport(_ wanted: inout ResourceRequest, _ properties: [String: String]) {
        let prefixes = [
            "hw_cdrom_bus": "COMPUTE_STORAGE_BUS", "hw_disk_bus": "COMPUTE_STORAGE_BUS", "hw_video_model": "COMPUTE_GRAPHICS_MODEL",
            "hw_vif_model": "COMPUTE_NET_VIF_MODEL", "hw_architecture": "HW_ARCH", "hw_emulation_architecture": "COMPUTE_ARCH",
            "hw_viommu_model": "COMPUTE_VIOMMU_MODEL",
        ]
        for (property, prefix) in prefixes {
            guard let value = properties[property] else { continue }
            wanted.rootRequired.insert("\(prefix)_\(value.replacing("-", with: "_").uppercased())")
        }
    }
}

extension HostCandidates.Room {
    /// What is left after something else is taken.
    fileprivate func without(_ other: HostCandidates.Room) -> HostCandidates.Room {
        HostCandidates.Room(
            vcpus: vcpus - other.vcpus, memoryMiB: memoryMiB - other.memoryMiB, diskGiB: diskGiB - other.diskGiB)
    }
}

extension HostChoice {
    /// What is claimed there, as far as it decides between hosts.
    fileprivate var room: HostCandidates.Room {
        func sum(_ classes: String...) -> Int {
            claims.values.reduce(0) { total, resources in classes.reduce(total) { $0 + (resources[$1] ?? 0) } }
        }
        return HostCandidates.Room(vcpus: sum("VCPU", "PCPU"), memoryMiB: sum("MEMORY_MB"), diskGiB: sum("DISK_GB"))
    }
}
