import ComputeMessages

/// The NUMA cells that a guest is given (`hw:numa_nodes` and what implies it; nova.virt.hardware.numa_get_constraints).
struct GuestTopology: Sendable {
    /// A cell of the guest.
    struct Cell: Sendable, Hashable {
        var id: Int
        var processors: [Int]
        var memoryMiB: Int
    }

    let cells: [Cell]
    /// The size of the pages in KiB that it wants; nil where none was named.
    let pageKiB: Int?
    /// Whether any large pages do.
    let wantsLargePages: Bool
    /// Those of its processors that have host processors of their own.
    let pinned: Set<Int>

    /// Nil for a guest without a topology of its own.
    /// - Parameter properties: those of the image that it boots from, or that its root volume was made of.
    init?(_ flavor: Flavor, _ properties: [String: String]) {
        func property(_ name: String) -> String? { flavor.extraSpecs["hw:\(name)"] ?? properties["hw_\(name)"] }
        let pages = property("mem_page_size")
        pinned = Self.pinned(flavor, properties)
        guard property("numa_nodes") != nil || pages != nil || !pinned.isEmpty else { return nil }
        let count = min(max(1, property("numa_nodes").flatMap { Int($0) } ?? 1), max(1, flavor.vcpus))
        cells = (0..<count).map { number in
            let each = flavor.vcpus / count
            let mask = property("numa_cpus.\(number)").map { ProcessorMask.processors($0, count: flavor.vcpus).sorted() }
            let memory = property("numa_mem.\(number)").flatMap { Int($0) }
            return Cell(
                id: number, processors: mask ?? Array(number * each..<(number + 1) * each), memoryMiB: memory ?? flavor.memoryMiB / count)
        }
        pageKiB = pages.flatMap(Self.kibibytes)
        wantsLargePages = pages == "large"
    }

    /// Those of a guest's processors that have host processors of their own (`hw:cpu_policy`).
    static func pinned(_ flavor: Flavor, _ properties: [String: String]) -> Set<Int> {
        func property(_ name: String) -> String? { flavor.extraSpecs["hw:\(name)"] ?? properties["hw_\(name)"] }
        switch property("cpu_policy") {
        case "dedicated": return Set(0..<max(0, flavor.vcpus))
        case "mixed":
            let mask = flavor.extraSpecs["hw:cpu_dedicated_mask"] ?? property("cpu_realtime_mask") ?? ""
            return ProcessorMask.processors(mask, count: flavor.vcpus)
        default: return []
        }
    }

    /// `2048`, `2MB` or `1GB` in KiB; nil for `any`, `small` and `large`.
    private static func kibibytes(_ text: String) -> Int? {
        if let number = Int(text) { return number }
        let digits = text.prefix { $0.isNumber }
        guard let number = Int(digits), number < 1 << 20 else { return text == "small" ? 4 : nil }
        switch text.dropFirst(digits.count).uppercased() {
        case "KB", "KIB", "K": return number
        case "MB", "MIB", "M": return number << 10
        case "GB", "GIB", "G": return number << 20
        default: return nil
        }
    }

    /// Whether a host has as many cells that are large enough, each for one of the guest's.
    /// - Parameter free: the host's processors that may be given to one guest alone, and are given to none.
    func fits(_ host: [ComputeHost.Cell], free: Set<Int>) -> Bool {
        var left = host
        for cell in cells.sorted(by: { ($0.memoryMiB, $0.processors.count) > ($1.memoryMiB, $1.processors.count) }) {
            guard let place = left.firstIndex(where: { holds($0, cell, free) }) else { return false }
            left.remove(at: place)
        }
        return true
    }

    private func holds(_ host: ComputeHost.Cell, _ cell: Cell, _ free: Set<Int>) -> Bool {
        let wanted = pinned.intersection(cell.processors).count
        guard host.memoryMiB >= cell.memoryMiB, free.intersection(host.processors).count >= wanted else { return false }
        // 4 KiB pages are not counted.
        guard wantsLargePages || pageKiB.map({ $0 > 4 }) == true else { return true }
        return host.hugePages.contains { size, count in
            (wantsLargePages || size == pageKiB) && size > 4 && count * size / 1024 >= cell.memoryMiB
        }
    }
}
