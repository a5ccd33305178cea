import CloudBus
import Foundation

/// The topics of block storage's messages.
public enum VolumeTopic {
    /// Every host's volume agent.
    public static let agent = "volume-agent"
    /// The controllers, for what agents report.
    public static let controller = "volume-controller"
}

/// Makes a volume. A repeat finds what is there; one that was not finished begins again. Fails with `full` before anything
/// is written where there is no room.
public struct CreateVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "volume.create"
    /// The back end's name in the settings.
    public var backend: String
    /// The volume.
    public var volume: VolumeSpecification
    /// What is in it.
    public var content: VolumeContent

    /// A creation.
    public init(backend: String, volume: VolumeSpecification, content: VolumeContent) {
        (self.backend, self.volume, self.content) = (backend, volume, content)
    }
}

/// Removes a volume, wiping it as the back end's settings say. A repeat, or an unknown volume, is success; fails with `busy`
/// while something made of it, or a guest, depends on it.
public struct DeleteVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "volume.delete"
    /// The back end.
    public var backend: String
    /// The volume.
    public var volume: VolumeSpecification

    /// A removal.
    public init(backend: String, volume: VolumeSpecification) { (self.backend, self.volume) = (backend, volume) }
}

/// Grows a volume to the size that its specification has. A volume that a guest has open grows by the guest's hypervisor
/// where `isAttached` and the back end needs that; the answer says so. Fails with `open_in_guest` where guests must be held first.
public struct ExtendVolume: BusRequest {
    /// What remains to be done.
    public struct Reply: Codable, Sendable, Hashable {
        /// Whether the compute host has to resize the disk itself (a file that QEMU holds), rather than only notice it.
        public var needsHypervisor: Bool
        /// An answer.
        public init(needsHypervisor: Bool) { self.needsHypervisor = needsHypervisor }
    }
    public static let method = "volume.extend"
    /// The back end.
    public var backend: String
    /// The volume with its new size.
    public var volume: VolumeSpecification
    /// Whether a guest has it.
    public var isAttached: Bool
    /// Whether the processors of every guest that has it are held, so that nobody writes.
    public var isHeld: Bool

    /// A growth.
    public init(backend: String, volume: VolumeSpecification, isAttached: Bool, isHeld: Bool = false) {
        (self.backend, self.volume, self.isAttached, self.isHeld) = (backend, volume, isAttached, isHeld)
    }
}

/// Makes a snapshot. Of a volume that a guest has open, a back end of files answers a `target`: where the compute host has to
/// write a copy of the disk as it is at one moment (QEMU's backup job, into what is there already and has the disk's size). Once
/// that is done, the same request with `isCopied` makes the copy the snapshot; without it, the copy is begun anew.
public struct CreateSnapshot: BusRequest {
    /// What remains to be done.
    public struct Reply: Codable, Sendable, Hashable {
        /// What the compute host that has the volume has to write to; nil when the snapshot is there.
        public var target: VolumeConnection?
        /// An answer.
        public init(target: VolumeConnection? = nil) { self.target = target }
    }
    public static let method = "snapshot.create"
    /// The back end.
    public var backend: String
    /// The snapshot.
    public var snapshot: SnapshotSpecification
    /// Whether a guest has the volume.
    public var isAttached: Bool
    /// Whether the compute host has written what the last answer's `target` named.
    public var isCopied: Bool

    /// A snapshot's making.
    public init(backend: String, snapshot: SnapshotSpecification, isAttached: Bool, isCopied: Bool = false) {
        (self.backend, self.snapshot, self.isAttached, self.isCopied) = (backend, snapshot, isAttached, isCopied)
    }
}

/// Removes a snapshot. A repeat, or an unknown one, is success.
public struct DeleteSnapshot: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "snapshot.delete"
    /// The back end.
    public var backend: String
    /// The snapshot.
    public var snapshot: SnapshotSpecification

    /// A removal.
    public init(backend: String, snapshot: SnapshotSpecification) { (self.backend, self.snapshot) = (backend, snapshot) }
}

/// Sets a volume that nobody has back to its snapshot.
public struct RevertVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "volume.revert"
    /// The back end.
    public var backend: String
    /// The snapshot; its volume has the size that it shall have.
    public var snapshot: SnapshotSpecification

    /// A reversal.
    public init(backend: String, snapshot: SnapshotSpecification) { (self.backend, self.snapshot) = (backend, snapshot) }
}

/// Lets a host reach a volume: makes the export where the back end has exports. A repeat gives the same answer.
public struct ConnectVolume: BusRequest {
    public typealias Reply = VolumeConnection
    public static let method = "volume.connect"
    /// The back end.
    public var backend: String
    /// The volume.
    public var volume: VolumeSpecification
    /// The attachment that this is for.
    public var attachmentID: String
    /// The host that wants it.
    public var connector: VolumeConnector

    /// A connection.
    public init(backend: String, volume: VolumeSpecification, attachmentID: String, connector: VolumeConnector) {
        (self.backend, self.volume, self.attachmentID, self.connector) = (backend, volume, attachmentID, connector)
    }
}

/// Takes away what `ConnectVolume` made for an attachment. A repeat, or an unknown one, is success.
public struct DisconnectVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "volume.disconnect"
    /// The back end.
    public var backend: String
    /// The volume.
    public var volume: VolumeSpecification
    /// The attachment.
    public var attachmentID: String

    /// An end of a connection.
    public init(backend: String, volume: VolumeSpecification, attachmentID: String) {
        (self.backend, self.volume, self.attachmentID) = (backend, volume, attachmentID)
    }
}

/// Copies a volume's bytes into another volume of the same host, which it makes, encrypted as that one's specification says; the source
/// stays as it is. A repeat begins again where the target was not finished.
public struct CopyVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "volume.copy"
    /// The back end it is in.
    public var backend: String
    /// The volume.
    public var volume: VolumeSpecification
    /// The back end it goes to.
    public var targetBackend: String
    /// The volume there.
    public var target: VolumeSpecification

    /// A copy.
    public init(backend: String, volume: VolumeSpecification, targetBackend: String, target: VolumeSpecification) {
        (self.backend, self.volume, self.targetBackend, self.target) = (backend, volume, targetBackend, target)
    }

    /// What lies beside the source while a copy under another key is written, and is to be removed when that is given up.
    public static func betweenName(of target: String) -> String { target + "-between" }
}

/// Writes another volume's bytes over those of a volume that nobody has, both of one back end and one size; snapshots of it keep theirs.
/// A repeat begins again.
public struct OverwriteVolume: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "volume.overwrite"
    /// The back end.
    public var backend: String
    /// The volume.
    public var volume: VolumeSpecification
    /// The one whose bytes it gets, which stays as it is.
    public var source: VolumeSpecification

    /// A writing.
    public init(backend: String, volume: VolumeSpecification, source: VolumeSpecification) {
        (self.backend, self.volume, self.source) = (backend, volume, source)
    }
}

/// Writes a volume's bytes into an image that waits for them.
public struct UploadVolume: BusRequest {
    /// What was written.
    public struct Reply: Codable, Sendable, Hashable {
        /// The image's size in bytes.
        public var bytes: Int64
        /// An answer.
        public init(bytes: Int64) { self.bytes = bytes }
    }
    public static let method = "volume.upload"
    /// The back end.
    public var backend: String
    /// The volume.
    public var volume: VolumeSpecification
    /// The image's UUID.
    public var imageID: String
    /// Its disk format: raw, qcow2, vmdk, vdi, vhd or vhdx.
    public var format: String

    /// An upload.
    public init(backend: String, volume: VolumeSpecification, imageID: String, format: String) {
        (self.backend, self.volume, self.imageID, self.format) = (backend, volume, imageID, format)
    }
}

/// Where a backup's bytes are: what the driver needs to find them.
public struct BackupSpecification: Codable, Sendable, Hashable {
    /// The backup's UUID.
    public var id: String
    /// Where backups are kept: "file", "nfs" or "swift", as the settings name it.
    public var driver: String
    /// The container (a folder, or an object container); nil for the driver's own.
    public var container: String?
    /// The backup that this one adds to; nil for a full one.
    public var parentID: String?

    /// A backup.
    public init(id: String, driver: String, container: String? = nil, parentID: String? = nil) {
        (self.id, self.driver, self.container, self.parentID) = (id, driver, container, parentID)
    }
}

/// Backs a volume, or a snapshot of it, up: in full, or what has changed since its parent. A repeat begins again.
public struct CreateBackup: BusRequest {
    /// What was written.
    public struct Reply: Codable, Sendable, Hashable {
        /// How many objects (chunks) there are.
        public var objectCount: Int
        /// Their bytes.
        public var bytes: Int64
        /// An answer.
        public init(objectCount: Int, bytes: Int64) { (self.objectCount, self.bytes) = (objectCount, bytes) }
    }
    public static let method = "backup.create"
    /// The back end of the volume.
    public var backend: String
    /// The volume.
    public var volume: VolumeSpecification
    /// The snapshot to take the bytes from; nil for the volume itself.
    public var snapshot: SnapshotSpecification?
    /// The backup.
    public var backup: BackupSpecification

    /// A backup's making.
    public init(backend: String, volume: VolumeSpecification, snapshot: SnapshotSpecification?, backup: BackupSpecification) {
        (self.backend, self.volume, self.snapshot, self.backup) = (backend, volume, snapshot, backup)
    }
}

/// Writes a backup, with those it adds to, into a volume that nobody has. Fails with `backup_damaged` where bytes are missing or
/// have changed.
public struct RestoreBackup: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "backup.restore"
    /// The back end of the volume.
    public var backend: String
    /// The volume.
    public var volume: VolumeSpecification
    /// The backup.
    public var backup: BackupSpecification

    /// A restoration.
    public init(backend: String, volume: VolumeSpecification, backup: BackupSpecification) {
        (self.backend, self.volume, self.backup) = (backend, volume, backup)
    }
}

/// Removes a backup's bytes. A repeat, or an unknown one, is success.
public struct DeleteBackup: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "backup.delete"
    /// The backup.
    public var backup: BackupSpecification

    /// A removal.
    public init(backup: BackupSpecification) { self.backup = backup }
}

/// A volume or a snapshot found in a back end, known to the API or not.
public struct FoundVolume: Codable, Sendable, Hashable {
    /// What the back end calls it (Cinder's source-name).
    public var name: String
    /// Its size in bytes.
    public var bytes: Int64
    /// The back end's name of the volume it is a snapshot of; nil for a volume.
    public var volumeName: String?
    /// Whether the back end can hand it over, and why not.
    public var isManageable: Bool
    /// Why not; nil where it can.
    public var reason: String?

    /// A find.
    public init(name: String, bytes: Int64, volumeName: String? = nil, isManageable: Bool = true, reason: String? = nil) {
        (self.name, self.bytes, self.volumeName, self.isManageable, self.reason) = (name, bytes, volumeName, isManageable, reason)
    }
}

/// Lists everything that a back end keeps.
public struct ListBackendVolumes: BusRequest {
    public typealias Reply = [FoundVolume]
    public static let method = "volume.list"
    /// The back end.
    public var backend: String
    /// The pool.
    public var pool: String
    /// Whether to list snapshots instead of volumes.
    public var snapshots: Bool

    /// A listing.
    public init(backend: String, pool: String = "", snapshots: Bool = false) {
        (self.backend, self.pool, self.snapshots) = (backend, pool, snapshots)
    }
}

/// Gives a volume or snapshot of the back end another name: taking one over (manage), letting one go (unmanage), and the end of a
/// migration. A repeat finds it renamed.
public struct RenameBackendVolume: BusRequest {
    public typealias Reply = FoundVolume
    public static let method = "volume.rename"
    /// The back end.
    public var backend: String
    /// The pool.
    public var pool: String
    /// What it is called.
    public var name: String
    /// What it shall be called.
    public var newName: String
    /// The volume it is a snapshot of, by the back end's name; nil for a volume.
    public var volumeName: String?

    /// A renaming.
    public init(backend: String, pool: String = "", name: String, newName: String, volumeName: String? = nil) {
        (self.backend, self.pool, self.name, self.newName, self.volumeName) = (backend, pool, name, newName, volumeName)
    }
}

/// What a volume agent has exported or connected, for the reconciler that compares it with the attachments.
public struct ListConnections: BusRequest {
    public typealias Reply = [Connected]
    public static let method = "volume.connections"
    /// A connection that stands.
    public struct Connected: Codable, Sendable, Hashable {
        /// The back end.
        public var backend: String
        /// The back end's name of the volume.
        public var volumeName: String
        /// The attachment.
        public var attachmentID: String
        /// A connection.
        public init(backend: String, volumeName: String, attachmentID: String) {
            (self.backend, self.volumeName, self.attachmentID) = (backend, volumeName, attachmentID)
        }
    }

    /// A listing.
    public init() {}
}

/// A volume agent's word to the controllers: it is there, and has these pools. Sent at start and every ten seconds.
public struct VolumeHostReport: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "volume-host.report"
    /// The host's name.
    public var host: String
    /// The pools of all its back ends.
    public var pools: [VolumePool]
    /// Back ends that don't work, and why, by name.
    public var failures: [String: String]
    /// Where backups can be kept ("file", "nfs" …), as the settings say, the place of new ones first; empty for none.
    public var backupDrivers: [String]

    /// A report.
    public init(host: String, pools: [VolumePool], failures: [String: String] = [:], backupDrivers: [String] = []) {
        (self.host, self.pools, self.failures, self.backupDrivers) = (host, pools, failures, backupDrivers)
    }
}
