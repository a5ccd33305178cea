import Foundation

/// The drive on which a guest finds its metadata: the files as the controller wrote them. The agent makes the image,
/// labelled "config-2", anew whenever the guest is started.
public struct ConfigDrive: Codable, Sendable, Hashable {
    /// What the drive is formatted as (Nova's config_drive_format).
    public enum Format: String, Codable, Sendable { case iso9660, vfat }

    /// A file on it.
    public struct File: Codable, Sendable, Hashable {
        /// Its path from the drive's root, such as "openstack/latest/meta_data.json": no "..", no leading slash.
        public var path: String
        /// What is in it.
        public var bytes: Data

        /// A file.
        public init(path: String, bytes: Data) { (self.path, self.bytes) = (path, bytes) }
    }

    /// The files.
    public var files: [File]
    /// What the drive is formatted as. ISO 9660 is a CD-ROM to the guest, vfat a disk.
    public var format: Format

    /// A drive.
    public init(files: [File], format: Format = .iso9660) { (self.files, self.format) = (files, format) }
}

extension GuestSpecification {
    /// The guest without what unlocks its volumes, to be kept.
    public var withoutSecrets: GuestSpecification {
        var guest = self
        for position in guest.volumes.indices { guest.volumes[position].dropSecrets() }
        return guest
    }
}

/// A volume as a guest has it.
public struct GuestVolume: Codable, Sendable, Hashable {
    /// Where the volume is, as the block storage service's connection info says.
    public enum Connection: Codable, Sendable, Hashable, CustomStringConvertible {
        /// A file on the host, at an absolute path, of format raw or qcow2.
        case file(path: String, format: String)
        /// A Ceph RBD image. `monitors` are "host:port"; `secret` is the user's key.
        case rbd(pool: String, image: String, monitors: [String], user: String?, secret: String?)
        /// An iSCSI target's unit, at one or more "host:port", with CHAP where user and password are given.
        case iscsi(portals: [String], iqn: String, lun: Int, user: String?, password: String?)
        /// A file of an NFS export "host:/path", of format raw or qcow2.
        case nfs(export: String, name: String, format: String)

        /// Its kind alone: what unlocks it is in it, and nobody shall print that.
        public var description: String {
            switch self {
            case .file: "file"
            case .rbd: "rbd"
            case .iscsi: "iscsi"
            case .nfs: "nfs"
            }
        }
    }

    /// Takes away what unlocks it.
    fileprivate mutating func dropSecrets() {
        if encryption != nil { encryption = Encryption(passphrase: "") }
        switch connection {
        case .rbd(let pool, let image, let monitors, let user, .some):
            connection = .rbd(pool: pool, image: image, monitors: monitors, user: user, secret: "")
        case .iscsi(let portals, let iqn, let lun, let user, .some):
            connection = .iscsi(portals: portals, iqn: iqn, lun: lun, user: user, password: "")
        case .file, .nfs, .rbd, .iscsi: break
        }
    }

    /// How a volume's bytes are encrypted: LUKS, by QEMU on the host where the guest runs.
    public struct Encryption: Codable, Sendable, Hashable, CustomStringConvertible {
        /// What unlocks it. It is on its way to the hypervisor's secret store, in memory, and is never kept or printed.
        public var passphrase: String
        /// What nothing is printed of.
        public var description: String { "LUKS" }

        /// An encryption.
        public init(passphrase: String) { self.passphrase = passphrase }
    }

    /// The volume's UUID.
    public var id: String
    /// Where it is.
    public var connection: Connection
    /// How it is encrypted; nil for one in the clear.
    public var encryption: Encryption?
    /// The name that the API shows, such as "/dev/vdb"; nil to let the host choose.
    public var deviceName: String?
    /// What it is plugged into: virtio, scsi, sata, ide or usb; nil for what the guest's disks use.
    public var bus: String?
    /// Its place in the boot order, zero for the first; nil when it is never booted from.
    public var bootIndex: Int?
    /// Whether the guest may not write to it.
    public var isReadOnly: Bool
    /// Whether other guests may have it attached at the same time.
    public var isShared: Bool
    /// The serial number that the guest sees; the volume's UUID by Nova's custom.
    public var serial: String
    /// The tag under which the guest's metadata lists it; nil for none.
    public var tag: String?
    /// What its host keeps of the QoS specs of its type, in Cinder's words (total_iops_sec …), as they were when it was connected; nil
    /// for nothing. A host passes over those that it does not know.
    public var qosSpecs: [String: String]?

    /// A volume.
    public init(
        id: String, connection: Connection, deviceName: String? = nil, bus: String? = nil, bootIndex: Int? = nil,
        isReadOnly: Bool = false, isShared: Bool = false, serial: String? = nil, tag: String? = nil,
        encryption: Encryption? = nil, qosSpecs: [String: String]? = nil
    ) {
        (self.encryption, self.qosSpecs) = (encryption, qosSpecs)
        (self.id, self.connection, self.deviceName, self.bus, self.bootIndex) = (id, connection, deviceName, bus, bootIndex)
        (self.isReadOnly, self.isShared, self.serial, self.tag) = (isReadOnly, isShared, serial ?? id, tag)
    }
}
