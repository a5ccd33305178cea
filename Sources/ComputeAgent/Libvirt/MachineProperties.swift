import ComputeMessages

/// The image and flavor properties that shape a machine, with their values checked. Names and values are those of
/// Glance's "useful image properties".
struct MachineProperties: Sendable, Hashable {
    /// What disks are plugged into.
    enum DiskBus: String, Sendable, CaseIterable {
        case virtio, scsi, sata, ide

        /// What the names of disks on this bus begin with.
        var devicePrefix: String {
            switch self {
            case .virtio: "vd"
            case .scsi, .sata: "sd"
            case .ide: "hd"
            }
        }
    }

    /// The machine: pc, q35 or a versioned name such as pc-q35-7.2.
    let type: String
    /// What disks are plugged into.
    let diskBus: DiskBus
    /// The network card.
    let interfaceModel: String
    /// The graphics card; none for no display.
    let videoModel: String
    private let sockets: Int?
    private let cores: Int?
    private let threads: Int?

    /// Reads properties; those that say nothing about the machine are passed over.
    /// - Throws: `GuestFailure` for a value that no machine has.
    init(_ properties: [String: String]) throws {
        func choose(_ name: String, _ allowed: Set<String>, _ usual: String) throws -> String {
            guard let value = properties[name] else { return usual }
            guard allowed.contains(value) else { throw Self.refusal(name, value) }
            return value
        }
        func count(_ name: String) throws -> Int? {
            guard let value = properties[name] else { return nil }
            guard let number = Int(value), (1...1024).contains(number) else { throw Self.refusal(name, value) }
            return number
        }
        type = try Self.machineType(properties["hw_machine_type"] ?? "pc")
        diskBus = DiskBus(rawValue: try choose("hw_disk_bus", Set(DiskBus.allCases.map(\.rawValue)), "virtio")) ?? .virtio
        interfaceModel = try choose("hw_vif_model", ["virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet", "vmxnet3"], "virtio")
        videoModel = try choose("hw_video_model", ["virtio", "vga", "cirrus", "qxl", "bochs", "none"], "virtio")
        _ = try choose("hw_firmware_type", ["bios"], "bios")
        _ = try choose("hw_architecture", ["x86_64"], "x86_64")
        (sockets, cores, threads) = (try count("hw_cpu_sockets"), try count("hw_cpu_cores"), try count("hw_cpu_threads"))
    }

    private static func machineType(_ value: String) throws -> String {
        let isVersioned = value.hasPrefix("pc-") && value.dropFirst(3).allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".-".contains($0)) }
        guard value == "pc" || value == "q35" || isVersioned else { throw refusal("hw_machine_type", value) }
        return value
    }

    private static func refusal(_ name: String, _ value: String) -> GuestFailure {
        GuestFailure(.hypervisorError, "The property \(name)=\(value) is not supported on this host.")
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
}
