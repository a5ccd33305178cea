import ComputeMessages

/// How a machine's processors and memory are laid out.
struct MachineLayout: Sendable, Hashable {
    /// What memory consists of.
    enum Pages: Sendable, Hashable {
        /// The host's usual pages.
        case usual
        /// The host's huge pages, of whatever size.
        case large
        /// Pages of so many KiB.
        case size(Int)
    }

    /// What virtual processors run on.
    private enum Policy: Sendable, Hashable {
        /// Whatever of the host's is free.
        case shared
        /// Each on one of the host's of its own.
        case dedicated
        /// Those of a mask each on one of its own.
        case mixed(String)
    }

    /// A NUMA cell of the guest.
    struct Cell: Sendable, Hashable {
        /// The guest's processors in it.
        var processors: [Int]
        /// Its memory in MiB.
        var memoryMiB: Int
    }

    /// What memory consists of.
    let pages: Pages
    /// Whether the guest has a say in the NUMA cells that it gets (nova.virt.hardware.numa_get_constraints).
    let hasTopology: Bool
    /// Whether some virtual processors have one of the host's to themselves each.
    var isPinned: Bool { policy != .shared }
    /// Whether the emulator's own threads have one of the host's processors to themselves.
    let isolatesEmulator: Bool
    private let policy: Policy
    private let sockets: Int?
    private let cores: Int?
    private let threads: Int?
    private let cellCount: Int?
    private let cellProcessors: [Int: [Int]]
    private let cellMemory: [Int: Int]

    /// Reads properties.
    /// - Throws: `GuestFailure` for a value that no machine has.
    init(_ reader: PropertyReader) throws {
        func count(_ name: String) throws -> Int? { try reader.count("hw:" + name, 1...1024) ?? reader.count("hw_" + name, 1...1024) }
        (sockets, cores, threads) = (try count("cpu_sockets"), try count("cpu_cores"), try count("cpu_threads"))
        let policies: Set = ["dedicated", "shared", "mixed"]
        let policy = try reader.choose("hw:cpu_policy", policies) ?? reader.choose("hw_cpu_policy", policies)
        switch policy {
        case "dedicated": self.policy = .dedicated
        case "mixed":
            guard let mask = reader.text("hw:cpu_dedicated_mask") ?? reader.text("hw:cpu_realtime_mask") ?? reader.text("hw_cpu_realtime_mask")
            else { throw PropertyReader.refusal("hw:cpu_policy", "mixed") }
            self.policy = .mixed(mask)
        default: self.policy = .shared
        }
        isolatesEmulator = reader.text("hw:emulator_threads_policy") == "isolate" && self.policy != .shared
        let pageSize = reader.text("hw:mem_page_size") ?? reader.text("hw_mem_page_size")
        pages = try Self.pages(pageSize)
        cellCount = try reader.count("hw:numa_nodes", 1...64) ?? reader.count("hw_numa_nodes", 1...64)
        var (processors, memory): ([Int: [Int]], [Int: Int]) = ([:], [:])
        for number in 0..<(cellCount ?? 0) {
            if let list = reader.text("hw:numa_cpus.\(number)") ?? reader.text("hw_numa_cpus.\(number)") {
                processors[number] = try Self.list(list, "hw:numa_cpus.\(number)")
            }
            memory[number] = try reader.count("hw:numa_mem.\(number)", 1...1 << 30) ?? reader.count("hw_numa_mem.\(number)", 1...1 << 30)
        }
        (cellProcessors, cellMemory) = (processors, memory)
        hasTopology = cellCount != nil || pageSize != nil || self.policy != .shared
    }

    private static func pages(_ value: String?) throws -> Pages {
        switch value {
        case nil, "small", "any", "4", "4KB", "4096": return .usual
        case "large": return .large
        case let value?:
            let units = [("KB", 1), ("MB", 1024), ("GB", 1 << 20), ("", 1)]
            guard let unit = units.first(where: { value.hasSuffix($0.0) }), let number = Int(value.dropLast(unit.0.count)),
                [2048, 1 << 20].contains(number.multipliedReportingOverflow(by: unit.1).partialValue)
            else { throw PropertyReader.refusal("hw:mem_page_size", value) }
            return .size(number * unit.1)
        }
    }

    /// Numbers and ranges such as "0,2-3".
    private static func list(_ text: String, _ name: String) throws -> [Int] {
        try text.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").map { Int($0.filter { $0 != " " }) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first >= 0, first <= last, last < 1024 else {
                throw PropertyReader.refusal(name, text)
            }
            return Array(first...last)
        }
    }

    /// The virtual processors that have one of the host's to themselves.
    func pinned(vcpus: Int) -> Set<Int> {
        switch policy {
        case .shared: []
        case .dedicated: Set(0..<vcpus)
        case .mixed(let mask): ProcessorMask.processors(mask, count: vcpus)
        }
    }

    /// How processors are arranged. Wishes that don't add up are passed over, as Nova's preferences are; without
    /// wishes each processor is a socket.
    func topology(vcpus: Int) -> (sockets: Int, cores: Int, threads: Int) {
        let threads = threads.flatMap { vcpus.isMultiple(of: $0) ? $0 : nil } ?? 1
        let left = vcpus / threads
        if let sockets, left.isMultiple(of: sockets) { return (sockets, left / sockets, threads) }
        if let cores, left.isMultiple(of: cores) { return (left / cores, cores, threads) }
        return (left, 1, threads)
    }

    /// The guest's NUMA cells; none when it has no say in that.
    /// - Throws: `GuestFailure` when they don't add up to the guest.
    func cells(vcpus: Int, memoryMiB: Int) throws -> [Cell] {
        guard let cellCount else { return [] }
        if cellProcessors.isEmpty, cellMemory.isEmpty {
            guard vcpus.isMultiple(of: cellCount), memoryMiB.isMultiple(of: cellCount) else {
                throw GuestFailure(.unsupported, "\(vcpus) processors and \(memoryMiB) MiB can't be shared out evenly among \(cellCount) NUMA nodes.")
            }
            let share = vcpus / cellCount
            return (0..<cellCount).map { Cell(processors: Array($0 * share..<($0 + 1) * share), memoryMiB: memoryMiB / cellCount) }
        }
        let cells = (0..<cellCount).map { Cell(processors: cellProcessors[$0] ?? [], memoryMiB: cellMemory[$0] ?? 0) }
        guard cells.flatMap(\.processors).sorted() == Array(0..<vcpus), cells.reduce(0, { $0 + $1.memoryMiB }) == memoryMiB,
            cells.allSatisfy({ $0.memoryMiB > 0 })
        else { throw GuestFailure(.unsupported, "The flavor's NUMA nodes don't add up to its processors and memory.") }
        return cells
    }
}
