import CloudCore
import CloudStore
import Synchronization

/// A host with its aggregates, as those who choose among thousands share it.
final class KnownHost: Sendable {
    let host: ComputeHost
    let aggregates: [Aggregate]

    init(_ host: ComputeHost, _ aggregates: [Aggregate]) { (self.host, self.aggregates) = (host, aggregates) }
}

/// The hosts and aggregates at one moment, arranged for looking things up.
struct HostSnapshot: Sendable {
    /// The hosts by their names.
    fileprivate(set) var hosts: [ComputeHost] = []
    /// Every aggregate by its id.
    fileprivate(set) var aggregates: [Aggregate] = []
    /// The place of each hypervisor among the hosts, by its UUID.
    private var placesByID: [String: Int] = [:]
    private var placesByName: [String: Int] = [:]
    /// The hosts again, each with its aggregates, in the same order.
    private var known: [KnownHost] = []
    /// The places of each host's aggregates, by its name.
    private var memberships: [String: [Int]] = [:]

    /// A host by its hypervisor's UUID.
    func host(id: String) -> ComputeHost? { placesByID[id].map { hosts[$0] } }
    /// A host with its aggregates, by its hypervisor's UUID.
    func known(id: String) -> KnownHost? { placesByID[id].map { known[$0] } }
    /// A host by its name.
    func host(named name: String) -> ComputeHost? { placesByName[name].map { hosts[$0] } }
    /// The aggregates that a host is in.
    func aggregates(of host: String) -> [Aggregate] { memberships[host]?.map { aggregates[$0] } ?? [] }
    /// The availability zone that a host is in; nil when it is in no aggregate that is one.
    func zone(of host: String) -> String? { memberships[host]?.lazy.compactMap { aggregates[$0].zone }.first }

    fileprivate mutating func arrange() {
        placesByID = Dictionary(uniqueKeysWithValues: hosts.enumerated().map { ($1.id, $0) })
        placesByName = Dictionary(uniqueKeysWithValues: hosts.enumerated().map { ($1.name, $0) })
        share()
    }

    private mutating func share() { known = hosts.map(shared) }

    private func shared(_ host: ComputeHost) -> KnownHost { KnownHost(host, aggregates(of: host.name)) }

    fileprivate mutating func arrangeAggregates() {
        memberships = [:]
        for (place, aggregate) in aggregates.enumerated() { for host in aggregate.hosts { memberships[host, default: []].append(place) } }
        share()
    }

    /// Takes over what has changed of hosts.
    fileprivate mutating func merge(_ changed: [ComputeHost]) {
        var isNew = false
        for host in changed {
            if let place = placesByID[host.id] {
                (hosts[place], known[place]) = (host, shared(host))
            } else {
                hosts.append(host)
                isNew = true
            }
        }
        guard isNew else { return }
        hosts.sort { $0.name < $1.name }
        arrange()
    }

    fileprivate mutating func note(seen moments: [String: Timestamp]) {
        for place in hosts.indices { if let moment = moments[hosts[place].id] { hosts[place].seenAt = moment } }
        share()
    }

    fileprivate mutating func replace(hosts all: [ComputeHost]) {
        hosts = all
        arrange()
    }

    fileprivate mutating func replace(aggregates all: [Aggregate]) {
        aggregates = all
        arrangeAggregates()
    }
}

/// Keeps the hosts and aggregates in memory. Each use asks the store how many changes there were, three rows for any
/// number of hosts, and reads again only what has changed since; when hosts were last heard of is read anew from time
/// to time.
final class HostDirectory: Sendable {
    private struct State {
        var snapshot = HostSnapshot()
        var numbers: [HostChangeRecords.Kind: Int]?
        /// When the reports' moments were last read.
        var seenAt = Timestamp(microseconds: 0)
    }

    private let state = Mutex(State())
    /// How old the moments of the last reports may be. A host that is up can so count as down only when it was silent
    /// for nearly as long as makes it so.
    private let patience: Duration

    /// - Parameter downTime: how long after its last report a host counts as down.
    init(downTime: Duration) { patience = min(.seconds(5), downTime / 6) }

    /// The hosts and aggregates as the reader sees them.
    func snapshot(in reader: any Reader) throws -> HostSnapshot {
        let (numbers, now) = (try HostChangeRecords.numbers(in: reader), Timestamp.now)
        var known = state.withLock { $0 }
        let isFresh = known.seenAt + patience > now
        // More than the reader sees was committed later: as true an answer.
        let isKnown = known.numbers.map { seen in numbers.allSatisfy { (seen[$0.key] ?? 0) >= $0.value } } ?? false
        if isFresh, isKnown { return known.snapshot }
        try Self.update(&known, to: numbers, isFresh: isFresh, at: now, in: reader)
        publish(known, seenBy: reader)
        return known.snapshot
    }

    private static func update(
        _ state: inout State, to numbers: [HostChangeRecords.Kind: Int], isFresh: Bool, at now: Timestamp, in reader: any Reader
    ) throws {
        let old = state.numbers
        if let old, old[.removals] == numbers[.removals], (old[.hosts] ?? 0) <= (numbers[.hosts] ?? 0) {
            if old[.hosts] != numbers[.hosts] {
                state.snapshot.merge(try HostRecords.changed(since: old[.hosts] ?? 0, in: reader))
            }
            if !isFresh {
                state.snapshot.note(seen: try HostRecords.lastSeen(in: reader))
                state.seenAt = now
            }
        } else {
            state.snapshot.replace(hosts: try HostRecords.all(in: reader))
            state.seenAt = now
        }
        if old == nil || old?[.aggregates] != numbers[.aggregates] {
            state.snapshot.replace(aggregates: try AggregateRecords.all(in: reader))
        }
        state.numbers = numbers
    }

    /// Keeps what was read, unless another request has seen more. What a transaction sees may never come to be: it is
    /// kept once that is committed.
    private func publish(_ fresh: State, seenBy reader: any Reader) {
        let keep: @Sendable () -> Void = { [self] in
            state.withLock { state in
                func isOlder(_ kind: HostChangeRecords.Kind) -> Bool {
                    (fresh.numbers?[kind] ?? 0) < (state.numbers?[kind] ?? 0)
                }
                guard !isOlder(.hosts), !isOlder(.removals), !isOlder(.aggregates) else { return }
                state = fresh
            }
        }
        if let transaction = reader as? any Transaction { transaction.onCommit(keep) } else { keep() }
    }
}

extension Compute.Parts {
    /// Whether a host's agent has reported lately, and nobody said that it is down.
    func isUp(_ host: ComputeHost) -> Bool { host.isUp(after: options.serviceDownTime) }

    /// The hosts, aggregates and zones as the reader sees them: one look-up for a whole request.
    func zones(in reader: any Reader) throws -> AvailabilityZones {
        AvailabilityZones(snapshot: try hosts.snapshot(in: reader), fallback: options.defaultAvailabilityZone)
    }
}

/// The availability zones: the aggregates that say they are one, and a default zone for the hosts in none.
struct AvailabilityZones: Sendable {
    let snapshot: HostSnapshot
    /// The zone of hosts that are in no other.
    let fallback: String

    /// The zone a host is in.
    func zone(of host: String) -> String { snapshot.zone(of: host) ?? fallback }

    /// Every zone that has hosts, by name: whether one of its services is enabled.
    var all: [(name: String, isAvailable: Bool, hosts: [ComputeHost])] {
        var zones: [String: [ComputeHost]] = [:]
        for host in snapshot.hosts { zones[zone(of: host.name), default: []].append(host) }
        return zones.sorted { $0.key < $1.key }.map { ($0.key, $0.value.contains { !$0.isDisabled }, $0.value) }
    }

    /// Whether servers may be asked for there: it has a host whose service is enabled.
    func isAvailable(_ zone: String) -> Bool {
        snapshot.hosts.contains { !$0.isDisabled && self.zone(of: $0.name) == zone }
    }
}
