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

/// A NUMA cell of the host as guests are bound to it.
struct HostCell: Sendable, Hashable {
    /// Its number.
    var id: Int
    /// Its memory in MiB.
    var memoryMiB: Int
    /// How much of it guests are bound to already.
    var boundMiB = 0
    /// Its processors that are free for one guest alone.
    var dedicated: [Int] = []
    /// Its processors that guests share.
    var shared: [Int] = []
}

/// What of the host a guest's processors are bound to.
struct ProcessorPins: Sendable, Hashable, Codable {
    /// The host's processor of each of the guest's that has one.
    var processors: [Int: Int] = [:]
    /// The host's processor for the emulator's own threads; nil where it has none to itself.
    var emulator: Int?
    /// The host's NUMA cell of each of the guest's; nil for a guest that has no say in that.
    var cells: [Int: Int]?
    /// The host's processors that each of the guest's others keeps to: what is shared of its cell.
    var floating: [Int: [Int]]?

    /// The host's processors that are for this guest alone.
    var all: Set<Int> { Set(processors.values).union(emulator.map { [$0] } ?? []) }

    /// The host's processors that the emulator's own threads keep to: where it has none to itself it runs beside the
    /// guest, as upstream's does without a policy.
    var emulatorSet: [Int] { emulator.map { [$0] } ?? Array(processors.values) + (floating ?? [:]).values.flatMap { $0 } }

    /// Nothing to itself.
    init() {}

    /// Chooses cells and processors: one NUMA cell of the guest is one of the host's, that with the most memory that
    /// nobody is bound to (nova.virt.hardware.numa_fit_instance_to_host).
    /// - Parameter host: the host's cells; none where it isn't known to have any.
    /// - Throws: `GuestFailure` when there is too little of them.
    init(_ layout: MachineLayout, vcpus: Int, memoryMiB: Int, cells: [MachineLayout.Cell], host: [HostCell]) throws {
        let pinned = layout.pinned(vcpus: vcpus)
        guard !pinned.isEmpty || layout.hasTopology && !host.isEmpty else { return }
        var left = host
        let groups = cells.isEmpty ? [MachineLayout.Cell(processors: Array(0..<vcpus), memoryMiB: memoryMiB)] : cells
        for (number, group) in groups.enumerated() {
            let own = pinned.intersection(group.processors).sorted()
            let wanted = own.count + (number == 0 && layout.isolatesEmulator ? 1 : 0)
            // Another cell of the guest is another cell of the host.
            let cell = left.remove(at: try Self.place(of: group, wanted: wanted, in: left))
            bind(number, group, own, wanted, to: cell)
        }
    }

    private mutating func bind(_ number: Int, _ group: MachineLayout.Cell, _ own: [Int], _ wanted: Int, to cell: HostCell) {
        let dedicated = cell.dedicated.sorted()
        for (processor, host) in zip(own, dedicated) { processors[processor] = host }
        if wanted > own.count { emulator = dedicated[own.count] }
        cells = (cells ?? [:]).merging([number: cell.id]) { $1 }
        guard !cell.shared.isEmpty else { return }
        for processor in group.processors where processors[processor] == nil {
            floating = (floating ?? [:]).merging([processor: cell.shared]) { $1 }
        }
    }

    private static func place(of group: MachineLayout.Cell, wanted: Int, in left: [HostCell]) throws -> Int {
        let fitting = left.indices.filter { left[$0].dedicated.count >= wanted && left[$0].memoryMiB >= group.memoryMiB }
        func room(_ index: Int) -> Int { left[index].memoryMiB - left[index].boundMiB }
        if let best = fitting.max(by: { room($0) < room($1) }) { return best }
        let processors = wanted > 0 ? " and \(wanted) processors free for one guest alone (hw:cpu_policy)" : ""
        throw GuestFailure(.unsupported, "This host has no NUMA node for each of the guest's, with \(group.memoryMiB) MiB\(processors).")
    }
}
