import ComputeMessages

/// What of its host a domain is bound to.
extension MarkupNode {
    /// The guest's processors that have one of the host's to themselves: those that its definition says so of; without
    /// a word of that, as before it was said, all that are pinned.
    private var pinned: Set<Int>? {
        nodes("metadata", "altostack:guest").first?.attributes["pinned"].map {
            ProcessorMask.processors($0, count: HostInventory.maximumProcessors)
        }
    }

    private func number(_ name: String) -> Int? { attributes[name].flatMap { Int($0) } }

    private var processorSet: Set<Int> { ProcessorMask.processors(attributes["cpuset"] ?? "", count: HostInventory.maximumProcessors) }

    /// The host's processors that the guest has to itself, its emulator's among them.
    var ownProcessors: Set<Int> {
        let pinned = pinned
        let pins = nodes("cputune", "vcpupin").filter { node in pinned.map { node.number("vcpu").map($0.contains) ?? false } ?? true }
        // The emulator of a guest without pins floats as the guest does.
        let emulator = pins.isEmpty ? [] : nodes("cputune", "emulatorpin")
        return (pins + emulator).reduce(into: []) { $0.formUnion($1.processorSet) }
    }

    /// Where the guest is.
    var placement: GuestPlacement {
        let pinned = pinned
        var placement = GuestPlacement()
        for node in nodes("cputune", "vcpupin") {
            guard let processor = node.number("vcpu"), pinned?.contains(processor) ?? true else { continue }
            let set = node.processorSet
            if let own = set.first, set.count == 1 { placement.processors[processor] = own }
        }
        placement.cells = boundCells
        return placement
    }

    /// The host's NUMA cell of each of the guest's.
    private var boundCells: [Int: Int] {
        let cells = nodes("numatune", "memnode").compactMap { node in
            node.number("cellid").flatMap { cell in node.number("nodeset").map { (cell, $0) } }
        }
        if !cells.isEmpty { return Dictionary(cells) { first, _ in first } }
        return nodes("numatune", "memory").first?.number("nodeset").map { [0: $0] } ?? [:]
    }

    /// How much of the memory of the host's NUMA cells the guest is bound to, in MiB.
    var boundMemory: [Int: Int] {
        let sizes = Dictionary(
            nodes("cpu", "numa", "cell").compactMap { node in
                node.number("id").flatMap { id in node.number("memory").map { (id, Self.mebibytes($0, node.attributes["unit"])) } }
            }) { first, _ in first }
        let whole = nodes("memory").first.flatMap { node in Int(node.text).map { Self.mebibytes($0, node.attributes["unit"]) } } ?? 0
        return boundCells.reduce(into: [:]) { $0[$1.value, default: 0] += sizes.isEmpty ? whole : sizes[$1.key] ?? 0 }
    }

    /// libvirt writes KiB, whatever it was given.
    private static func mebibytes(_ size: Int, _ unit: String?) -> Int { unit == "MiB" ? size : size / 1024 }
}
