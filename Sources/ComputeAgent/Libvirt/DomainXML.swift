import ComputeMessages

/// A guest in libvirt's words (libvirt.org/formatdomain.html).
struct DomainXML {
    /// The XML namespace of our element in a domain's metadata. A domain that has it is ours.
    static let namespace = "urn:altostack:guest:1"

    /// What the host can do.
    struct Host: Sendable, Hashable {
        /// Whether guests run on the processor rather than on its emulation.
        var hasKVM: Bool
        /// Whether disks can be opened past the page cache.
        var hasDirectIO: Bool
        /// UEFI, where it is installed.
        var firmware: Firmware?
        /// UEFI that checks signatures, where it is installed.
        var secureFirmware: Firmware?
        /// Whether guests have SPICE screens beside their VNC ones.
        var hasSPICE = false
        /// Whether there is software that stands in for a TPM.
        var hasTPM = false
        /// Whether it can be limited what guests take of the processors.
        var limitsProcessors = false
        /// The sizes in KiB of the huge pages that are set aside.
        var hugePages: Set<Int> = []
        /// The host's NUMA cells, with what of them is free for one guest alone.
        var cells: [HostCell] = []
        /// Whether memory can be bound to them.
        var bindsMemory = false
        /// The host's processors that guests share; nil for all.
        var shared: [Int]?
        /// The host's devices that guests may have to themselves, and those of them that are free.
        var pci = PCIDevices()
        var freeDevices: [PCIDevice] = []
    }

    let definition: GuestDefinition
    let machine: MachineProperties
    let host: Host
    let layout: DiskLayout
    private let firmware: Firmware?
    private let cells: [MachineLayout.Cell]
    private let pins: ProcessorPins
    let devicesPassed: [PCIDevice]
    var guest: GuestSpecification { definition.guest }

    /// A definition for a host.
    /// - Throws: `GuestFailure` when a property asks for what no machine has, or not on this host.
    init(_ definition: GuestDefinition, host: Host) throws {
        (self.definition, self.host) = (definition, host)
        machine = try MachineProperties(definition.guest.properties)
        layout = try DiskLayout(definition, machine)
        firmware = try Self.firmware(machine, host)
        cells = try machine.layout.cells(vcpus: definition.guest.vcpus, memoryMiB: definition.guest.memoryMiB)
        pins = try ProcessorPins(
            machine.layout, vcpus: definition.guest.vcpus, memoryMiB: definition.guest.memoryMiB, cells: cells, host: host.cells)
        devicesPassed = try host.pci.choose(for: definition.guest.properties, from: host.freeDevices)
        try Self.check(machine, host)
    }

    private static func firmware(_ machine: MachineProperties, _ host: Host) throws -> Firmware? {
        guard machine.hasUEFI else { return nil }
        guard machine.requiresSecureBoot else {
            guard let firmware = host.firmware else {
                throw GuestFailure(.hypervisorError, "The property hw_firmware_type=uefi needs UEFI firmware, which this host lacks (package ovmf).")
            }
            return firmware
        }
        guard let firmware = host.secureFirmware, machine.type.contains("q35") else {
            throw GuestFailure(.unsupported, "Secure boot takes the machine type q35 and firmware that checks signatures on the host.")
        }
        return firmware
    }

    private static func check(_ machine: MachineProperties, _ host: Host) throws {
        guard machine.tpm == nil || host.hasTPM else {
            throw GuestFailure(.unsupported, "A virtual TPM takes the program swtpm, which this host lacks.")
        }
        guard !machine.limits.limitsProcessors || host.limitsProcessors else {
            throw GuestFailure(.unsupported, "This host can't limit what guests take of its processors (quota:cpu_…): no cpu controller of control groups is to be had.")
        }
        switch machine.layout.pages {
        case .usual: break
        case .large where !host.hugePages.isEmpty: break
        case .size(let size) where host.hugePages.contains(size): break
        default: throw GuestFailure(.unsupported, "This host has no huge pages of the size that hw:mem_page_size asks for.")
        }
    }

    /// The XML text.
    var text: String {
        Markup("domain", ["type": host.hasKVM ? "kvm" : "qemu"], [
            Markup("name", text: guest.domainName),
            Markup("uuid", text: guest.id),
            Markup("metadata", [:], [metadata]),
            Markup("memory", ["unit": "MiB"], text: "\(guest.memoryMiB)"),
            memoryBacking,
            processors,
            tuning,
            memoryBinding,
            systemInformation,
            system,
            Markup("features", [:], [
                Markup("acpi"), Markup("apic"), Markup("vmcoreinfo", ["state": "on"]),
                machine.requiresSecureBoot ? Markup("smm", ["state": "on"]) : nil,
            ]),
            cpu,
            clock,
            // A guest that reboots keeps its process; one that powers off or crashes is off.
            Markup("on_poweroff", text: "destroy"),
            Markup("on_reboot", text: "restart"),
            Markup("on_crash", text: "destroy"),
            devices,
        ]).text
    }

    private var metadata: Markup {
        Markup("altostack:guest", [
            "xmlns:altostack": Self.namespace, "name": guest.name, "project": guest.projectID,
            "console": definition.disks.console, "administrator": guest.properties["os_admin_user"] ?? "root",
            "pinned": ProcessorMask.text(pins.processors.keys),
        ])
    }

    /// What the machine is booted by; what it is booted from stands with the devices.
    private var system: Markup {
        var children: [Markup?] = [Markup("type", ["arch": "x86_64", "machine": machine.type], text: "hvm")]
        if let firmware {
            let attributes: KeyValuePairs<StaticString, String> = machine.requiresSecureBoot
                ? ["readonly": "yes", "secure": "yes", "type": "pflash"] : ["readonly": "yes", "type": "pflash"]
            children.append(Markup("loader", attributes, text: firmware.code))
            children.append(Markup("nvram", ["template": firmware.variables]))
        }
        if machine.hasBootMenu { children.append(Markup("bootmenu", ["enable": "yes"])) }
        children.append(Markup("smbios", ["mode": "sysinfo"]))
        return Markup("os", [:], children)
    }

    /// Guests such as cloud-init know by the product's name that metadata is to be had.
    private var systemInformation: Markup {
        Markup("sysinfo", ["type": "smbios"], [
            Markup("system", [:], [
                Markup("entry", ["name": "manufacturer"], text: "Altostack"),
                Markup("entry", ["name": "product"], text: "OpenStack Nova"),
                Markup("entry", ["name": "serial"], text: guest.id),
                Markup("entry", ["name": "uuid"], text: guest.id),
                Markup("entry", ["name": "family"], text: "Virtual Machine"),
            ])
        ])
    }

    // MARK: Processors and memory

    private var memoryBacking: Markup? {
        switch machine.layout.pages {
        case .usual: nil
        case .large: Markup("memoryBacking", [:], [Markup("hugepages")])
        case .size(let size): Markup("memoryBacking", [:], [Markup("hugepages", [:], [Markup("page", ["size": "\(size)", "unit": "KiB"])])])
        }
    }

    /// Guests keep to the processors that are shared, if not all are.
    private var processors: Markup {
        guard let shared = host.shared, !shared.isEmpty else { return Markup("vcpu", text: "\(guest.vcpus)") }
        return Markup("vcpu", ["cpuset": ProcessorMask.text(shared)], text: "\(guest.vcpus)")
    }

    private var tuning: Markup? {
        let children = machine.limits.processorMarkup + pinning
        return children.isEmpty ? nil : Markup("cputune", [:], children)
    }

    private var pinning: [Markup] {
        let sets = (pins.floating ?? [:]).merging(pins.processors.mapValues { [$0] }) { $1 }
        guard !sets.isEmpty else { return [] }
        let children = sets.sorted { $0.key < $1.key }.map { Markup("vcpupin", ["vcpu": "\($0.key)", "cpuset": ProcessorMask.text($0.value)]) }
        return children + [Markup("emulatorpin", ["cpuset": ProcessorMask.text(pins.emulatorSet)])]
    }

    /// The memory of each of the guest's NUMA cells comes from the host's cell that its processors run in.
    private var memoryBinding: Markup? {
        guard host.bindsMemory, let places = pins.cells else { return nil }
        let nodes = cells.indices.compactMap { number in
            places[number].map { Markup("memnode", ["cellid": "\(number)", "mode": "strict", "nodeset": "\($0)"]) }
        }
        return Markup("numatune", [:], [Markup("memory", ["mode": "strict", "nodeset": ProcessorMask.text(places.values)])] + nodes)
    }

    private var cpu: Markup? {
        let topology = machine.layout.topology(vcpus: guest.vcpus)
        var children = [
            Markup("topology", [
                "sockets": "\(topology.sockets)", "dies": "1", "cores": "\(topology.cores)", "threads": "\(topology.threads)",
            ])
        ]
        if !cells.isEmpty {
            children.append(Markup("numa", [:], cells.enumerated().map { number, cell in
                Markup("cell", [
                    "id": "\(number)", "cpus": cell.processors.map(String.init).joined(separator: ","),
                    "memory": "\(cell.memoryMiB)", "unit": "MiB",
                ])
            }))
        }
        return host.hasKVM
            ? Markup("cpu", ["mode": "host-model", "check": "partial"], children)
            : Markup("cpu", [:], children)
    }

    private var clock: Markup {
        Markup("clock", ["offset": "utc"], [
            Markup("timer", ["name": "rtc", "tickpolicy": "catchup"]),
            Markup("timer", ["name": "pit", "tickpolicy": "delay"]),
            Markup("timer", ["name": "hpet", "present": machine.hasHPET ? "yes" : "no"]),
        ])
    }
}
