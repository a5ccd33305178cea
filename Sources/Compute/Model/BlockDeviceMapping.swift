import CloudCore
import ComputeMessages

/// A volume that a server has, or is to have: a row of its own, from the request that asks for it until it is detached. The disks that
/// are files on the host follow from the server's flavor and image and have none.
struct BlockDeviceMapping: Sendable, Hashable, Codable {
    /// How far it has come.
    enum State: String, Sendable, Codable {
        /// The volume is still to be made.
        case planned
        /// The volume is there and reserved for the server, which does not have it yet.
        case reserved
        /// The guest has it, or will as soon as it is on a host.
        case attached
    }

    let id: String
    let serverID: String
    /// Its place among the server's devices.
    var number: Int
    var source: BlockDevice.Source
    /// The image or snapshot that the volume is made of; nil for a volume that was there, and for a blank one.
    var sourceID: String?
    var volumeID: String
    /// The reservation in block storage; nil before there is one.
    var attachmentID: String?
    var state: State
    var bootIndex: Int?
    var sizeGiB: Int?
    var diskBus: String?
    /// Such as `/dev/vdb`; nil until it is chosen.
    var deviceName: String?
    var tag: String?
    var volumeType: String?
    /// Whether the volume goes with the server.
    var deletesOnTermination: Bool
    var isShared: Bool

    /// Whether the server is booted from it.
    var isRoot: Bool { bootIndex == 0 }

    /// The volume as the server's guest has it.
    func guestVolume(_ access: ServerVolumeAccess) -> GuestVolume {
        GuestVolume(
            id: volumeID, connection: access.connection, deviceName: deviceName, bus: diskBus,
            bootIndex: bootIndex.flatMap { $0 >= 0 ? $0 : nil }, isReadOnly: access.isReadOnly, isShared: isShared, tag: tag,
            encryption: access.encryption, qosSpecs: access.qosSpecs)
    }
}

extension BlockDeviceMapping {
    /// What a server's creation asks for.
    init(_ device: BlockDevice, number: Int, server: String, isShared: Bool) {
        let isThere = device.source == .volume
        self.init(
            id: Identifier.uuid(), serverID: server, number: number, source: device.source, sourceID: isThere ? nil : device.sourceID,
            volumeID: isThere ? device.sourceID ?? "" : Identifier.uuid(), attachmentID: isThere ? Identifier.uuid() : nil,
            state: isThere ? .reserved : .planned, bootIndex: device.bootIndex, sizeGiB: device.sizeGiB, diskBus: device.diskBus,
            deviceName: nil, tag: device.tag, volumeType: device.volumeType, deletesOnTermination: device.deletesOnTermination,
            isShared: isShared)
    }

    /// The reservation that a planned or an existing volume needs.
    func reservation(projectID: String) -> NewVolumeAttachment? {
        attachmentID.map { NewVolumeAttachment(id: $0, volumeID: volumeID, serverID: serverID, projectID: projectID) }
    }

    /// The entry of an image's `block_device_mapping` that makes such a device of a snapshot (nova's snapshot_from_bdm).
    func imageMapping(snapshot: String, sizeGiB: Int?) -> JSON {
        [
            "source_type": "snapshot", "destination_type": "volume", "snapshot_id": .string(snapshot), "volume_id": .null,
            "image_id": .null, "boot_index": bootIndex.map { .int($0) } ?? .null, "delete_on_termination": .bool(deletesOnTermination),
            "device_name": deviceName.map { .string($0) } ?? .null, "device_type": "disk", "disk_bus": .string(diskBus ?? "virtio"),
            "guest_format": .null, "no_device": .null, "tag": tag.map { .string($0) } ?? .null,
            "volume_size": sizeGiB.map { .int($0) } ?? .null, "volume_type": .null,
        ]
    }
}

/// The names of a server's disks as its guest is to have them.
enum DiskNames {
    /// The folder of a device's name.
    static let folder = "/dev/"

    /// A device's name with its folder, whether it was given with it or not.
    static func full(_ name: String) -> String { name.hasPrefix(folder) ? name : folder + name }

    /// The names that a server's disks without a row take: root disk, ephemeral disks, swap.
    static func own(_ server: Server) -> [String] {
        let isRootLocal = !server.isVolumeBacked
        let hasSwap = (server.details.swapMiB ?? server.flavor.swapMiB) > 0
        let count = 1 + server.ephemeralDisks.count + (hasSwap ? 1 : 0)
        let names = (0..<count).map { name($0, prefix: "vd") }
        return isRootLocal ? names : Array(names.dropFirst())
    }

    /// The first name of a bus that is not taken.
    static func free(bus: String?, taken: Set<String>) -> String {
        let prefix = bus.map { ["virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "ide": "hd", "fdc": "fd"][$0] ?? "vd" } ?? "vd"
        var number = 0
        while taken.contains(name(number, prefix: prefix)) { number += 1 }
        return name(number, prefix: prefix)
    }

    /// Names mappings that have none: the root disk's volume first, then in their order. Names that were asked for count where
    /// they are free.
    static func name(_ mappings: inout [BlockDeviceMapping], wanted: [String?], of server: Server) {
        var taken = Set(own(server))
        let order = mappings.indices.sorted { mappings[$0].isRoot && !mappings[$1].isRoot }
        for position in order {
            let bus = mappings[position].diskBus
            let wish = wanted[position].map(full).flatMap { taken.contains($0) ? nil : $0 }
            let chosen = mappings[position].isRoot ? free(bus: bus, taken: taken) : wish ?? free(bus: bus, taken: taken)
            mappings[position].deviceName = chosen
            taken.insert(chosen)
        }
    }

    private static func name(_ number: Int, prefix: String) -> String {
        var (text, rest) = ("", number)
        repeat {
            text = String(UnicodeScalar(UInt8(ascii: "a") + UInt8(rest % 26))) + text
            rest = rest / 26 - 1
        } while rest >= 0
        return folder + prefix + text
    }
}
