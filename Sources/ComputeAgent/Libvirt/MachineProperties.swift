import ComputeMessages

/// The image properties and flavor extra specs that shape a machine, with their values checked. Names and values are
/// those of Glance's "useful image properties" and of Nova's extra specs; what both speak of, the flavor decides.
struct MachineProperties: Sendable, Hashable {
    /// What disks are plugged into.
    enum DiskBus: String, Sendable, CaseIterable {
        case virtio, scsi, sata, ide, usb

        /// What the names of disks on this bus begin with.
        var devicePrefix: String {
            switch self {
            case .virtio: "vd"
            case .scsi, .sata, .usb: "sd"
            case .ide: "hd"
            }
        }
    }

    /// A virtual TPM.
    struct TPM: Sendable, Hashable {
        /// The device: tpm-tis or tpm-crb.
        var model: String
        /// The standard's version: 1.2 or 2.0.
        var version: String
    }

    /// How fast random numbers come.
    struct RandomRate: Sendable, Hashable {
        /// Bytes in a period.
        var bytes: Int
        /// The period in milliseconds; nil for libvirt's second.
        var period: Int?
    }

    /// How a rescue disk is plugged in where the image says so; the other disks then keep their names.
    struct Rescue: Sendable, Hashable {
        /// cdrom or disk.
        var device: String
        /// What it is plugged into.
        var bus: DiskBus
    }

    /// The machine: pc, q35 or a versioned name such as pc-q35-7.2.
    let type: String
    /// What disks are plugged into.
    let diskBus: DiskBus
    /// What CD-ROMs are plugged into.
    let opticalBus: DiskBus
    /// The SCSI controller.
    let scsiModel: String
    /// The network card.
    let interfaceModel: String
    /// Whether the network card has a queue for each processor.
    let hasQueues: Bool
    /// The graphics card; none for no display.
    let videoModel: String
    /// The graphics card's memory in MiB, where something is said of it.
    let videoMemoryMiB: Int?
    /// Whether the firmware is UEFI rather than a BIOS.
    let hasUEFI: Bool
    /// Whether the firmware must check signatures.
    let requiresSecureBoot: Bool
    /// The virtual TPM, if there is one.
    let tpm: TPM?
    /// The name of the character device for the guest agent, if there is one.
    let hasAgent: Bool
    /// Whether there is a random number generator.
    let hasRandom: Bool
    /// How much of it the guest may take: so many bytes in so many milliseconds; nil for as much as there is.
    let randomRate: RandomRate?
    /// What happens when the watchdog isn't fed; nil for no watchdog.
    let watchdogAction: String?
    /// Whether there is a pointer with absolute positions.
    let hasTablet: Bool
    /// Whether the firmware offers its menu.
    let hasBootMenu: Bool
    /// Whether there is a high precision event timer.
    let hasHPET: Bool
    /// How a rescue disk is plugged in; nil for in the root disk's place.
    let rescue: Rescue?
    /// How processors and memory are laid out.
    let layout: MachineLayout
    /// What the flavor allows of the host.
    let limits: GuestLimits

    /// Reads properties; those that say nothing about the machine are passed over.
    /// - Throws: `GuestFailure` for a value that no machine has.
    init(_ properties: [String: String]) throws {
        let reader = PropertyReader(properties)
        let machineType = try Self.machineType(properties["hw_machine_type"] ?? "pc")
        let isQ35 = machineType.contains("q35")
        type = machineType
        diskBus = try reader.bus("hw_disk_bus") ?? .virtio
        opticalBus = try reader.bus("hw_cdrom_bus") ?? (isQ35 ? .sata : .ide)
        scsiModel = try reader.choose("hw_scsi_model", ["virtio-scsi", "lsilogic", "lsisas1068", "lsisas1078", "vmpvscsi"]) ?? "virtio-scsi"
        interfaceModel = try reader.choose(
            "hw_vif_model", ["virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet", "vmxnet3"]) ?? "virtio"
        hasQueues = try reader.flag("hw:vif_multiqueue_enabled") ?? reader.flag("hw_vif_multiqueue_enabled") ?? false
        videoModel = try reader.choose("hw_video_model", ["virtio", "vga", "cirrus", "qxl", "bochs", "none"]) ?? "virtio"
        videoMemoryMiB = try reader.count("hw_video_ram", 1...512)
        let firmware = try reader.choose("hw_firmware_type", ["bios", "uefi"])
        let secure = try reader.choose("os:secure_boot", ["required", "optional", "disabled"])
            ?? reader.choose("os_secure_boot", ["required", "optional", "disabled"])
        requiresSecureBoot = secure == "required"
        hasUEFI = firmware == "uefi"
        guard !requiresSecureBoot || hasUEFI else { throw PropertyReader.refusal("os_secure_boot", "required") }
        _ = try reader.choose("hw_architecture", ["x86_64"])
        tpm = try Self.tpm(reader)
        hasAgent = try reader.flag("hw_qemu_guest_agent") ?? false
        _ = try reader.choose("hw_rng_model", ["virtio"])
        // Whatever the image says: the flavor alone decides.
        hasRandom = try reader.flag("hw_rng:allowed") ?? true
        randomRate = try Self.randomRate(reader)
        let action = try reader.choose("hw:watchdog_action", Self.watchdogActions) ?? reader.choose("hw_watchdog_action", Self.watchdogActions)
        watchdogAction = action == "disabled" ? nil : action
        hasTablet = try reader.choose("hw_pointer_model", ["usbtablet"]) != nil
        hasBootMenu = try reader.flag("hw:boot_menu") ?? reader.flag("hw_boot_menu") ?? false
        hasHPET = try reader.flag("hw_time_hpet") ?? false
        rescue = try Self.rescue(reader, isQ35: isQ35)
        layout = try MachineLayout(reader)
        limits = try GuestLimits(reader)
    }

    private static let watchdogActions: Set<String> = ["disabled", "none", "pause", "poweroff", "reset"]

    private static func machineType(_ value: String) throws -> String {
        let isVersioned = value.hasPrefix("pc-") && value.dropFirst(3).allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".-".contains($0)) }
        guard value == "pc" || value == "q35" || isVersioned else { throw PropertyReader.refusal("hw_machine_type", value) }
        return value
    }

    private static func tpm(_ reader: PropertyReader) throws -> TPM? {
        guard let version = try reader.choose("hw:tpm_version", ["1.2", "2.0"]) ?? reader.choose("hw_tpm_version", ["1.2", "2.0"]) else { return nil }
        let models: Set = ["tpm-tis", "tpm-crb"]
        let model = try reader.choose("hw:tpm_model", models) ?? reader.choose("hw_tpm_model", models) ?? "tpm-tis"
        guard model == "tpm-tis" || version == "2.0" else { throw PropertyReader.refusal("hw_tpm_model", model) }
        return TPM(model: model, version: version)
    }

    /// A rate of nothing is none, and so is a period of nothing, as upstream has it.
    private static func randomRate(_ reader: PropertyReader) throws -> RandomRate? {
        let period = try reader.count("hw_rng:rate_period", 0...Int.max)
        guard let bytes = try reader.count("hw_rng:rate_bytes", 0...Int.max), bytes > 0 else { return nil }
        return RandomRate(bytes: bytes, period: period == 0 ? nil : period)
    }

    private static func rescue(_ reader: PropertyReader, isQ35: Bool) throws -> Rescue? {
        let device = try reader.choose("hw_rescue_device", ["cdrom", "disk"])
        let bus = try reader.bus("hw_rescue_bus")
        guard device != nil || bus != nil else { return nil }
        let kind = device ?? "disk"
        return Rescue(device: kind, bus: bus ?? (kind == "disk" ? .virtio : isQ35 ? .sata : .ide))
    }
}

/// Properties by name, read as what they must be.
struct PropertyReader: Sendable {
    private let properties: [String: String]

    init(_ properties: [String: String]) { self.properties = properties }

    /// The text, whatever it is.
    func text(_ name: String) -> String? { properties[name] }

    /// One of these values.
    func choose(_ name: String, _ allowed: Set<String>) throws -> String? {
        guard let value = properties[name] else { return nil }
        guard allowed.contains(value) else { throw Self.refusal(name, value) }
        return value
    }

    /// A number in a range.
    func count(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let value = properties[name] else { return nil }
        guard let number = Int(value), range.contains(number) else { throw Self.refusal(name, value) }
        return number
    }

    /// Yes or no in the words that oslo.utils knows.
    func flag(_ name: String) throws -> Bool? {
        guard let value = properties[name] else { return nil }
        switch value.lowercased() {
        case "1", "t", "true", "on", "y", "yes": return true
        case "0", "f", "false", "off", "n", "no": return false
        default: throw Self.refusal(name, value)
        }
    }

    /// A bus for disks.
    func bus(_ name: String) throws -> MachineProperties.DiskBus? {
        guard let value = properties[name] else { return nil }
        guard let bus = MachineProperties.DiskBus(rawValue: value) else { throw Self.refusal(name, value) }
        return bus
    }

    static func refusal(_ name: String, _ value: String) -> GuestFailure {
        GuestFailure(.hypervisorError, "The property \(name)=\(value) is not supported on this host.")
    }
}
