internal import CLibvirt
import ComputeMessages

/// What guests of libvirt get of their host.
extension LibvirtHypervisor {
    /// What this host can give to a guest now.
    func host(for definition: GuestDefinition) async throws -> DomainXML.Host {
        var host = DomainXML.Host(
            hasKVM: hasKVM, hasDirectIO: Self.hasDirectIO(for: definition.disks.root?.path ?? options.directory),
            firmware: Firmware.find(checksSignatures: false), secureFirmware: Firmware.find(checksSignatures: true),
            hasSPICE: options.hasSPICE, hasTPM: Self.hasTPM)
        let machine = try MachineProperties(definition.guest.properties)
        let layout = machine.layout
        if machine.limits.limitsProcessors { host.limitsProcessors = daemon?.limitsProcessors ?? ProcessorControl.here.isOffered }
        let sets = options.processors
        (host.pci, host.freeDevices) = (options.pci, options.pci.installed())
        guard layout.hasTopology || sets != ProcessorSets() || !host.freeDevices.isEmpty else { return host }
        let id = definition.guest.id
        let (cells, pinned, bound, passed) = try await call { connection in
            (
                try connection.inventory().cells, try Self.pins(on: connection, but: id), try Self.boundMemory(on: connection, but: id),
                try Self.passed(on: connection, but: id)
            )
        }
        host.freeDevices.removeAll { passed.contains($0.address) }
        host.hugePages = Set(cells.flatMap(\.hugePages.keys))
        let all = cells.flatMap(\.processors)
        let dedicated = Set(sets.dedicated(of: all)).subtracting(pinned)
        host.shared = sets.shared(of: all)
        let shared = Set(host.shared ?? all)
        host.cells = cells.map { cell in
            HostCell(
                id: cell.id, memoryMiB: cell.memoryMiB, boundMiB: bound[cell.id] ?? 0,
                dedicated: cell.processors.filter(dedicated.contains), shared: cell.processors.filter(shared.contains))
        }
        host.bindsMemory = Self.hasCells(cells)
        return host
    }

    /// libvirt makes a cell up where the kernel knows of none, and nothing can be bound to that.
    private static func hasCells(_ cells: [HostInventory.Cell]) -> Bool {
        !cells.isEmpty && cells.allSatisfy { FileSystem.exists("/sys/devices/system/node/node\($0.id)") }
    }

    /// The host's processors that guests have to themselves, by what libvirt keeps of them; those of one guest are left out.
    private static func pins(on connection: LibvirtConnection, but id: String? = nil) throws -> Set<Int> {
        try connection.domains().filter { $0.id != id }.reduce(into: []) { $0.formUnion(try $1.description.ownProcessors) }
    }

    /// How much of the memory of the host's NUMA cells guests are bound to, in MiB; one guest is left out.
    private static func boundMemory(on connection: LibvirtConnection, but id: String) throws -> [Int: Int] {
        try connection.domains().filter { $0.id != id }.reduce(into: [:]) { $0.merge(try $1.description.boundMemory, uniquingKeysWith: +) }
    }

    /// What of the host the domain is bound to, by what libvirt keeps of it.
    public func placement(_ id: String) async throws -> GuestPlacement {
        try await call { try Self.existing(id, on: $0).description.placement }
    }

    /// Whether a guest gets anything of the host's to itself, which is given to one guest at a time.
    func takesResources(_ guest: GuestSpecification) throws -> Bool {
        try MachineProperties(guest.properties).layout.hasTopology || guest.properties[DeviceAliases.property] != nil
    }

    /// The addresses of the host's devices that guests have, by what libvirt keeps of them; those of one guest are left out.
    private static func passed(on connection: LibvirtConnection, but id: String? = nil) throws -> Set<String> {
        try connection.domains().filter { $0.id != id }.reduce(into: []) { $0.formUnion(try $1.description.hostDevices) }
    }

    /// What of the host guests may have to themselves, and what of it is free.
    func addResources(to inventory: inout HypervisorInventory) async throws {
        let devices = options.pci.installed()
        if !options.pci.aliases.isEmpty {
            let passed = try await call { try Self.passed(on: $0) }
            inventory.freeDevices = options.pci.counts(devices.filter { !passed.contains($0.address) })
        }
        guard options.processors != ProcessorSets() else { return }
        let all = inventory.cells.flatMap(\.processors)
        inventory.dedicatedProcessors = options.processors.dedicated(of: all)
        inventory.sharedProcessors = options.processors.shared(of: all)
        let taken = try await call { try Self.pins(on: $0) }
        inventory.freeDedicatedProcessors = inventory.dedicatedProcessors.filter { !taken.contains($0) }
    }
}
