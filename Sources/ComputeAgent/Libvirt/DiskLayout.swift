import ComputeMessages

/// A guest's disks with their names, buses and places in the boot order.
struct DiskLayout: Sendable, Hashable {
    /// A disk.
    struct Disk: Sendable, Hashable {
        /// What the hypervisor opens.
        var file: GuestDisks.Disk
        /// disk or cdrom.
        var device = "disk"
        /// What it is plugged into.
        var bus: MachineProperties.DiskBus
        /// Its name, such as "vda".
        var name: String
        /// Its place in the boot order, counted from one.
        var bootOrder: Int?
        /// The serial number that the guest sees.
        var serial: String?
        /// Whether the guest can't write to it.
        var isReadOnly = false
        /// Whether others may write to it at the same time.
        var isShared = false
        /// Whether what the guest frees is freed on the host.
        var discards = true
        /// How a volume is reached over the network; nil for a file. The file then has its identity for a path.
        var remote: RemoteVolume?
        /// The name of the secret that the bytes are encrypted with; nil for a disk in the clear.
        var encryptionUsage: String?
        /// How much may go through it: the flavor decides of its own disks, and a volume's type of the volume; nil for a drive of ours.
        var limits: DiskLimits?

        /// The disk in libvirt's words.
        func markup(hasDirectIO: Bool) -> Markup {
            let own = isShared || hasDirectIO && device == "disk" ? "none" : "writeback"
            let cache = isShared ? "none" : remote?.cache ?? own
            let encryption = encryptionUsage.map {
                Markup("encryption", ["format": "luks"], [Markup("secret", ["type": "passphrase", "usage": $0])])
            }
            let driver = discards && device == "disk"
                ? Markup("driver", ["name": "qemu", "type": file.format, "cache": cache, "discard": "unmap"])
                : Markup("driver", ["name": "qemu", "type": file.format, "cache": cache])
            return Markup("disk", ["type": remote == nil ? "file" : "network", "device": device], [
                driver,
                remote?.source(encryption) ?? Markup("source", ["file": file.path], [encryption]),
                Markup("target", ["dev": name, "bus": bus.rawValue]),
                isReadOnly ? Markup("readonly") : nil,
                isShared ? Markup("shareable") : nil,
                limits?.markup,
                serial.map { Markup("serial", text: $0) },
                bootOrder.map { Markup("boot", ["order": "\($0)"]) },
            ])
        }
    }

    /// The disks in the order of their definition.
    private(set) var disks: [Disk] = []
    /// Whether one of them needs a SCSI controller.
    var needsSCSI: Bool { disks.contains { $0.bus == .scsi } }
    /// Whether one of them needs a USB controller.
    var needsUSB: Bool { disks.contains { $0.bus == .usb } }

    private var taken: Set<String> = []
    private let guestID: String
    private let limits: DiskLimits

    /// A layout.
    /// - Throws: `GuestFailure` for a volume that can't be attached here.
    init(_ definition: GuestDefinition, _ machine: MachineProperties) throws {
        let (files, guest) = (definition.disks, definition.guest)
        (guestID, limits) = (guest.id, machine.limits.disks)
        let own = [files.root].compactMap { $0 } + files.ephemerals + [files.swap].compactMap { $0 }
        let isRescued = files.rescue != nil
        // The old kind of rescue disk takes the root disk's name; the stable kind leaves all names as they are.
        if let rescue = files.rescue, machine.rescue == nil { add(rescue, machine.diskBus, bootOrder: 1) }
        if files.root == nil { for volume in guest.volumes where volume.bootIndex == 0 { try add(volume, machine, boots: !isRescued) } }
        for (number, file) in own.enumerated() {
            let boots = number == 0 && files.root != nil && !isRescued
            add(file, machine.diskBus, bootOrder: boots ? 1 : nil)
        }
        // Names that were chosen for volumes come before those that are given as they come.
        let others = guest.volumes.filter { files.root != nil || $0.bootIndex != 0 }
        let isNamed = { (volume: GuestVolume) in Self.name(of: volume) != nil }
        for volume in others.filter(isNamed) + others.filter({ !isNamed($0) }) { try add(volume, machine, boots: !isRescued) }
        if let rescue = files.rescue, let kind = machine.rescue {
            append(Disk(
                file: rescue, device: kind.device, bus: kind.bus, name: free(kind.bus), bootOrder: 1, isReadOnly: kind.device == "cdrom",
                limits: limits))
        }
        if let drive = files.configDrive { addConfigDrive(drive, of: guest, machine) }
    }

    private mutating func addConfigDrive(_ file: GuestDisks.Disk, of guest: GuestSpecification, _ machine: MachineProperties) {
        if guest.configDrive?.format == .vfat { return append(Disk(file: file, bus: machine.diskBus, name: free(machine.diskBus), discards: false)) }
        let bus = machine.opticalBus
        let last = bus == .ide ? "hdd" : free(bus)
        append(Disk(file: file, device: "cdrom", bus: bus, name: taken.contains(last) ? free(bus) : last, isReadOnly: true))
    }

    private mutating func add(_ file: GuestDisks.Disk, _ bus: MachineProperties.DiskBus, bootOrder: Int?) {
        append(Disk(file: file, bus: bus, name: free(bus), bootOrder: bootOrder, limits: limits))
    }

    private mutating func add(_ volume: GuestVolume, _ machine: MachineProperties, boots: Bool) throws {
        var disk = try Self.disk(of: volume, machine, guest: guestID, taken: taken)
        let order = volume.bootIndex.map { $0 + 1 } ?? 0
        let isFree = !disks.contains { $0.bootOrder == order }
        disk.bootOrder = boots && order > 0 && isFree ? order : nil
        append(disk)
    }

    private mutating func append(_ disk: Disk) {
        taken.insert(disk.name)
        disks.append(disk)
    }

    private func free(_ bus: MachineProperties.DiskBus) -> String { Self.free(bus, taken: taken) }

    private static func free(_ bus: MachineProperties.DiskBus, taken: Set<String>) -> String {
        DeviceNames.first(taken.count + 1, prefix: bus.devicePrefix).first { !taken.contains($0) } ?? bus.devicePrefix + "zz"
    }

    /// The name that was chosen for a volume, without the folder.
    private static func name(of volume: GuestVolume) -> String? {
        guard let name = volume.deviceName?.split(separator: "/").last.map(String.init), (3...5).contains(name.utf8.count),
            name.utf8.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) })
        else { return nil }
        return name
    }

    /// A volume as a disk.
    /// - Parameters:
    ///   - guest: the guest's id, which its secrets are named by.
    ///   - taken: the names that other disks have.
    /// - Throws: `GuestFailure` with `volumeUnavailable` or `unsupported`.
    static func disk(of volume: GuestVolume, _ machine: MachineProperties, guest: String, taken: Set<String>) throws -> Disk {
        let remote = try RemoteVolume(volume, of: guest)
        var (path, format) = (remote?.identity ?? "", remote?.format ?? "raw")
        if case .file(let name, let kind) = volume.connection { (path, format) = (name, kind) }
        guard remote != nil || path.hasPrefix("/") && !path.split(separator: "/").contains(".."), ["raw", "qcow2"].contains(format) else {
            throw GuestFailure(.volumeUnavailable, "A volume's file has an absolute path and the format raw or qcow2.")
        }
        guard let bus = volume.bus.map(MachineProperties.DiskBus.init(rawValue:)) ?? machine.diskBus else {
            throw GuestFailure(.unsupported, "This host has no bus \(volume.bus ?? "") for volumes.")
        }
        let wanted = name(of: volume).flatMap { $0.hasPrefix(bus.devicePrefix) && !taken.contains($0) ? $0 : nil }
        return Disk(
            file: .init(path: path, format: format), bus: bus, name: wanted ?? free(bus, taken: taken), serial: volume.serial,
            isReadOnly: volume.isReadOnly, isShared: volume.isShared, remote: remote,
            encryptionUsage: volume.encryption.map { VolumeSecret(.volume, guest: guest, volume: volume.id, value: $0.passphrase).usage },
            limits: try DiskLimits(volume))
    }
}
