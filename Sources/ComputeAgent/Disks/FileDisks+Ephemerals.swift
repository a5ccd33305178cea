import ComputeMessages
import Foundation
import Glibc
import HostCommands
import Logging

/// Disks beside the root disk, empty but for a file system (nova.virt.libvirt.driver's _create_ephemeral).
extension FileDisks {
    /// The name of the file of one of them, counted from zero.
    static func ephemeralName(_ number: Int) -> String { "disk.eph\(number)" }

    /// Whether a name is one of theirs.
    static func isEphemeral(_ name: String) -> Bool {
        let number = name.trimmingPrefix("disk.eph")
        return number.count < name.count && (1...3).contains(number.count) && number.allSatisfy { $0.isASCII && $0.isNumber }
    }

    /// Makes them anew.
    /// - Parameter keeping: whether those that are there stay as they are.
    func makeEphemerals(of guest: GuestSpecification, keeping: Bool = false) async throws {
        for (number, disk) in guest.ephemeralDisks.enumerated() {
            let path = folder(of: guest.id) + "/" + Self.ephemeralName(number)
            if !keeping || !FileSystem.exists(path) { try await makeEphemeral(number, disk, of: guest) }
        }
    }

    /// Makes those that are missing, and larger those that are too small; what is on them is the guest's to grow.
    func growEphemerals(of guest: GuestSpecification) async throws {
        for (number, disk) in guest.ephemeralDisks.enumerated() {
            let path = folder(of: guest.id) + "/" + Self.ephemeralName(number)
            let bytes = disk.sizeGiB << 30
            let size = try await threads.run(deadline: options.ioDeadline) {
                FileSystem.exists(path) ? QCOW2Header(try FileSystem.prefix(of: path, count: QCOW2Header.prefixLength))?.virtualSize : nil
            }
            guard let size else {
                try await makeEphemeral(number, disk, of: guest)
                continue
            }
            if size < bytes { try await tool("qemu-img", ["resize", "-q", "-f", "qcow2", path, String(bytes)], options.toolDeadline) }
        }
    }

    // MARK: File systems

    /// The file systems that a request may name (nova.virt.libvirt.driver's is_supported_fs_format).
    private static let formats: Set = ["ext2", "ext3", "ext4", "xfs"]
    /// What takes the label, and the rest of what makes of a plain file what it would make of a device.
    private static let labelling = [
        "ext2": ["-q", "-F", "-L"], "ext3": ["-q", "-F", "-L"], "ext4": ["-q", "-F", "-L"], "xfs": ["-q", "-f", "-L"],
        "ntfs": ["-q", "-F", "-f", "-L"], "vfat": ["-n"],
    ]

    /// The file systems that an operator may choose for all servers that ask for none.
    public static let defaultEphemeralFormats = Set(labelling.keys)

    /// What a disk is formatted as: what was asked for, what the host's options say, or what the guest's system reads.
    /// - Throws: `GuestFailure` for what nobody makes.
    private func formats(of disk: EphemeralDisk, _ guest: GuestSpecification) throws -> [String] {
        if let format = disk.format {
            guard Self.formats.contains(format) else {
                throw GuestFailure(.unsupported, "Ephemeral disks can't have the file system \(format): \(Self.formats.sorted().joined(separator: ", ")) can be made.")
            }
            return [format]
        }
        if let format = options.ephemeralFormat { return [format] }
        return guest.properties["os_type"] == "windows" ? ["ntfs", "vfat"] : ["ext4"]
    }

    private func makeEphemeral(_ number: Int, _ disk: EphemeralDisk, of guest: GuestSpecification) async throws {
        let path = folder(of: guest.id) + "/" + Self.ephemeralName(number)
        let (plain, bytes) = (path + ".plain", disk.sizeGiB << 30)
        let makers = try formats(of: disk, guest).compactMap { format in
            Self.labelling[format].flatMap { arguments in Self.installed("mkfs.\(format)").map { (program: $0, arguments: arguments) } }
        }
        guard let maker = makers.first else {
            logger.notice("an ephemeral disk stays without a file system: nothing here makes it", metadata: ["server": "\(guest.id)"])
            return try await create(path, over: nil, bytes: bytes)
        }
        defer { unlink(plain) }
        // Made without holes being filled, and copied without them.
        try await tool("qemu-img", ["create", "-q", "-f", "raw", plain, String(bytes)], options.toolDeadline)
        try await tool(maker.program, maker.arguments + ["ephemeral\(number)", plain], options.toolDeadline)
        try await tool("qemu-img", ["convert", "-q", "-f", "raw", "-O", "qcow2", plain, path + ".part"], options.copyDeadline)
        try await threads.run(deadline: options.ioDeadline) { try FileSystem.rename(path + ".part", to: path) }
    }

    /// Where a program is that users without privileges seldom have in their PATH.
    private static func installed(_ program: String) -> String? {
        ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"].map { $0 + "/" + program }
            .first { access($0, X_OK) == 0 }
    }
}
