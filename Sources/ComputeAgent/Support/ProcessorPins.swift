import ComputeMessages

/// Which of a host's processors guests share, and which are for one guest alone (nova's cpu_shared_set and cpu_dedicated_set).
public struct ProcessorSets: Sendable, Hashable {
    /// The processors for one guest alone, such as `2-7,^4`; nil for none.
    public var dedicated: String?
    /// The processors that guests share; nil for those that are for no guest alone.
    public var shared: String?

    /// Every processor is shared.
    public init() {}

    /// The processors for one guest alone, out of the host's.
    func dedicated(of all: [Int]) -> [Int] { Self.choose(dedicated, of: all) ?? [] }

    /// The processors that guests share; nil for all.
    func shared(of all: [Int]) -> [Int]? {
        if let chosen = Self.choose(shared, of: all) { return chosen }
        guard dedicated != nil else { return nil }
        // Upstream's hosts with nothing but processors for one guest alone have none to share.
        return []
    }

    private static func choose(_ text: String?, of all: [Int]) -> [Int]? {
        text.map { ProcessorMask.processors($0, count: (all.max() ?? -1) + 1).intersection(all).sorted() }
    }
}

/// The host's processors that a guest has to itself.
struct ProcessorPins: Sendable, Hashable, Codable {
    /// The host's processor of each of the guest's that has one.
    var processors: [Int: Int] = [:]
    /// The host's processor for the emulator's own threads; nil where it has none to itself.
    var emulator: Int?

    /// The host's processors.
    var all: Set<Int> { Set(processors.values).union(emulator.map { [$0] } ?? []) }

    /// Nothing to itself.
    init() {}

    /// Chooses processors: those of one NUMA cell of the guest lie in one of the host's.
    /// - Parameter free: the host's processors that are free for one guest alone, by NUMA cell.
    /// - Throws: `GuestFailure` when there are too few.
    init(_ layout: MachineLayout, vcpus: Int, cells: [MachineLayout.Cell], free: [[Int]]) throws {
        let pinned = layout.pinned(vcpus: vcpus)
        guard !pinned.isEmpty else { return }
        var left = free.map { $0.sorted() }
        let groups = (cells.isEmpty ? [Array(0..<vcpus)] : cells.map(\.processors)).map { pinned.intersection($0).sorted() }
        for (number, group) in groups.enumerated() {
            let wanted = group.count + (number == 0 && layout.isolatesEmulator ? 1 : 0)
            guard wanted > 0 else { continue }
            guard let place = left.firstIndex(where: { $0.count >= wanted }) else {
                throw GuestFailure(.unsupported, "This host has no \(wanted) processors free for one guest alone (hw:cpu_policy).")
            }
            for (processor, host) in zip(group, left[place]) { processors[processor] = host }
            if wanted > group.count { emulator = left[place][group.count] }
            // Another cell of the guest is another cell of the host.
            left[place] = []
        }
    }
}
