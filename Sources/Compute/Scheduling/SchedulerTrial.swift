import CloudCore
import CloudStore
import ComputeMessages

/// Tries the scheduler on hosts that do not exist, for the servers of nobody: how fast hosts are found, and how servers
/// spread over them. It runs what a build runs until its host is claimed, on a database of its own.
public struct SchedulerTrial: Sendable {
    /// What came of it.
    public struct Result: Sendable {
        /// How many servers got a host.
        public var placed = 0
        /// How many did not.
        public var refused = 0
        /// How long all of it took.
        public var seconds = 0.0
        /// How long each server took, in milliseconds, in rising order.
        public var milliseconds: [Double] = []
        /// How many servers the hosts got that have any.
        public var perHost: [Int] = []
    }

    private let compute: Compute.Parts
    /// How many zones the hosts are spread over.
    private static let zones = 10

    /// A trial on a service's database, which it fills with hosts.
    public init(_ compute: Compute) { self.compute = compute.parts }

    /// Makes hosts known as their agents' first reports do, spread over ten availability zones.
    public func makeHosts(_ count: Int) async throws {
        for first in stride(from: 0, to: count, by: 500) {
            let range = first..<min(first + 500, count)
            try await compute.database.write { [compute] transaction in
                for number in range { try Self.report(number, compute, in: transaction) }
            }
        }
        try await compute.database.write { [compute] transaction in
            let hosts = try HostRecords.all(in: transaction)
            for zone in 0..<Self.zones {
                let aggregate = Aggregate(
                    id: try NumberRecords.next("aggregate", in: transaction), uuid: Identifier.uuid(), name: "zone-\(zone)",
                    metadata: [Aggregate.zoneKey: "zone-\(zone)"], hosts: [], createdAt: .now, updatedAt: nil)
                try AggregateRecords.insert(aggregate, in: transaction)
                for host in hosts where host.number % Self.zones == zone {
                    _ = try AggregateRecords.add(host.name, to: aggregate.id, in: transaction)
                    try compute.placement.setMembership(true, of: host.id, inAggregate: aggregate.uuid, in: transaction)
                }
            }
        }
    }

    private static func report(_ number: Int, _ compute: Compute.Parts, in transaction: any Transaction) throws {
        let inventory = HostInventory(
            host: "trial-\(number)", hypervisorType: "QEMU", hypervisorVersion: 7_002_000, vcpus: 64, memoryMiB: 262_144,
            diskGiB: 4_000, cpuInfo: #"{"arch": "x86_64", "model": "trial"}"#, traits: ["HW_CPU_X86_AVX2", "COMPUTE_VOLUME_EXTEND"])
        // Hosts that nobody hears of again stay up for the trial.
        let (host, _) = try HostRecords.report(
            inventory, downTime: compute.options.serviceDownTime, at: .now + .seconds(86_400), in: transaction)
        try compute.placement.report(
            provider: host.id, name: host.name, inventories: compute.inventories(of: host), traits: compute.traits(of: host),
            in: transaction)
    }

    /// Finds and claims hosts for servers, as many at the same time as there are clients.
    public func schedule(_ count: Int, clients: Int) async throws -> Result {
        let began = ContinuousClock.now
        var results: [Result] = []
        try await withThrowingTaskGroup(of: Result.self) { group in
            for client in 0..<clients {
                group.addTask { try await serve(stride(from: client, to: count, by: clients)) }
            }
            for try await result in group { results.append(result) }
        }
        var total = Result()
        total.seconds = Self.seconds(since: began)
        for result in results {
            total.placed += result.placed
            total.refused += result.refused
            total.milliseconds += result.milliseconds
        }
        total.milliseconds.sort()
        total.perHost = try await compute.database.read { [compute] reader in
            let hosts = try HostRecords.all(in: reader).map(\.id)
            return try compute.placement.usage(providers: hosts, in: reader).values.compactMap { used in
                used["MEMORY_MB"].flatMap { $0 > 0 ? $0 / 4_096 : nil }
            }
        }.sorted()
        return total
    }

    private static func seconds(since moment: ContinuousClock.Instant) -> Double {
        let (seconds, attoseconds) = (ContinuousClock.now - moment).components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    private func serve(_ numbers: StrideTo<Int>) async throws -> Result {
        let scheduler = Scheduler(compute: compute)
        var result = Result()
        for number in numbers {
            let began = ContinuousClock.now
            let request = Self.request(number)
            let choices = try await scheduler.choose(request)
            let choice = try await compute.database.write { try scheduler.claim(choices, for: request, in: $0) }
            if choice == nil { result.refused += 1 } else { result.placed += 1 }
            result.milliseconds.append(Self.seconds(since: began) * 1000)
        }
        return result
    }

    /// Every third server names a zone.
    private static func request(_ number: Int) -> SchedulingRequest {
        let flavor = Flavor(
            id: "trial", name: "trial", vcpus: 2, memoryMiB: 4_096, diskGiB: 20, ephemeralGiB: 0, swapMiB: 0, rxtxFactor: 1,
            isPublic: true, isDisabled: false, description: nil, extraSpecs: ["trait:HW_CPU_X86_AVX2": "required"])
        return SchedulingRequest(
            serverID: Identifier.uuid(), projectID: "trial", userID: "trial", flavor: flavor, image: nil,
            availabilityZone: number % 3 == 0 ? "zone-\(number % zones)" : nil)
    }
}
