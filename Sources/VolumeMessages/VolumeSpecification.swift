/// A volume as a storage host has to keep it; complete in itself, so that a back end can find or make it after anything.
public struct VolumeSpecification: Codable, Sendable, Hashable {
    /// The volume's UUID as the API shows it.
    public var id: String
    /// What the back end calls it, such as "volume-UUID"; another one for a volume that was taken over or moved.
    public var name: String
    /// Its size in GiB.
    public var sizeGiB: Int
    /// The back end's pool it is in; empty where a back end has one alone.
    public var pool: String
    /// What the volume's type says of how it is kept (extra specs without scope, such as "volume:format"), by name.
    public var options: [String: String]
    /// How it is encrypted; nil for a volume in the clear.
    public var encryption: VolumeEncryption?

    /// A volume.
    public init(
        id: String, name: String, sizeGiB: Int, pool: String = "", options: [String: String] = [:], encryption: VolumeEncryption? = nil
    ) {
        (self.id, self.name, self.sizeGiB, self.pool, self.options, self.encryption) = (id, name, sizeGiB, pool, options, encryption)
    }
}

/// How a volume's bytes are encrypted: by QEMU, in the LUKS format, on the host where the guest runs. Such a volume is raw bytes
/// that begin with a LUKS header, whatever the format of the back end's other volumes; the disk inside has the volume's size.
public struct VolumeEncryption: Codable, Sendable, Hashable {
    /// The secret that unlocks it, in the key manager.
    public var keyID: String
    /// The passphrase itself; only on its way to a host, never kept.
    public var passphrase: String
    /// The cipher, such as "aes-xts-plain64"; nil for QEMU's own choice.
    public var cipher: String?
    /// The key's length in bits; nil for the cipher's own.
    public var keyBits: Int?

    /// An encryption.
    public init(keyID: String, passphrase: String, cipher: String? = nil, keyBits: Int? = nil) {
        (self.keyID, self.passphrase, self.cipher, self.keyBits) = (keyID, passphrase, cipher, keyBits)
    }
}

/// A volume's snapshot as a back end keeps it.
public struct SnapshotSpecification: Codable, Sendable, Hashable {
    /// The snapshot's UUID.
    public var id: String
    /// What the back end calls it, such as "snapshot-UUID".
    public var name: String
    /// The volume it was made of.
    public var volume: VolumeSpecification

    /// A snapshot.
    public init(id: String, name: String, volume: VolumeSpecification) { (self.id, self.name, self.volume) = (id, name, volume) }
}

/// What a new volume is filled with.
public enum VolumeContent: Codable, Sendable, Hashable {
    /// Nothing: it reads as zeros.
    case blank
    /// A snapshot of the same back end.
    case snapshot(SnapshotSpecification)
    /// A volume of the same back end, as it is at this moment.
    case volume(VolumeSpecification)
    /// An image's bytes: its UUID, format (raw, qcow2 …; "luks" for raw bytes that are encrypted already with the volume's
    /// key) and SHA-512 (nil where it has none).
    case image(id: String, format: String, checksum: String?)
}

/// The host that wants to reach a volume, with Cinder's connector properties as far as back ends look at them.
public struct VolumeConnector: Codable, Sendable, Hashable {
    /// The host's name.
    public var host: String
    /// Its address.
    public var ip: String
    /// Its iSCSI initiator's name; nil where it has none.
    public var initiator: String?
    /// Whether it means to write.
    public var isReadOnly: Bool

    /// A connector.
    public init(host: String, ip: String, initiator: String? = nil, isReadOnly: Bool = false) {
        (self.host, self.ip, self.initiator, self.isReadOnly) = (host, ip, initiator, isReadOnly)
    }
}

/// Where a volume is reached, which a compute host hands to its hypervisor as it is.
public enum VolumeConnection: Codable, Sendable, Hashable {
    /// A file on the host, at an absolute path, of format raw or qcow2.
    case file(path: String, format: String)
    /// A Ceph RBD image; `monitors` are "host:port", `secret` is the user's key.
    case rbd(pool: String, image: String, monitors: [String], user: String?, secret: String?)
    /// An iSCSI target's unit, at one or more "host:port", with CHAP where user and password are given.
    case iscsi(portals: [String], iqn: String, lun: Int, user: String?, password: String?)
    /// A file of an NFS export "host:/path", of format raw or qcow2.
    case nfs(export: String, name: String, format: String)
}

/// A pool of a back end, as its host reports it (Cinder's get_volume_stats).
public struct VolumePool: Codable, Sendable, Hashable {
    /// The host's name; with the back end's and the pool's it makes "host@backend#pool".
    public var host: String
    /// The back end's name in the settings.
    public var backend: String
    /// The pool's name.
    public var pool: String
    /// The name that volume types ask for (volume_backend_name).
    public var backendName: String
    /// The driver: file, lvm, iscsi, nfs, rbd or simulated.
    public var driver: String
    /// The protocol: "file", "iSCSI", "nfs", "ceph".
    public var storageProtocol: String
    /// Its size in GiB; nil where it is without bound.
    public var totalGiB: Double?
    /// What is free in GiB; nil where it is without bound.
    public var freeGiB: Double?
    /// What all volumes together may grow to, in GiB.
    public var provisionedGiB: Double
    /// How many times its size may be promised with thin provisioning (max_over_subscription_ratio).
    public var oversubscription: Double
    /// Percent of its size kept free.
    public var reservedPercent: Int
    /// Whether volumes take only what is written to them.
    public var isThin: Bool
    /// Whether a volume can be attached to several servers at once.
    public var supportsMultiattach: Bool
    /// Whether an attached volume can be extended.
    public var supportsOnlineExtend: Bool
    /// What it can do beyond that, by the names that extra specs use; "<is> True" asks for "True".
    public var capabilities: [String: String]

    /// A pool.
    public init(
        host: String, backend: String, pool: String, backendName: String, driver: String, storageProtocol: String,
        totalGiB: Double?, freeGiB: Double?, provisionedGiB: Double, oversubscription: Double = 20, reservedPercent: Int = 0,
        isThin: Bool = true, supportsMultiattach: Bool = true, supportsOnlineExtend: Bool = true, capabilities: [String: String] = [:]
    ) {
        (self.host, self.backend, self.pool, self.backendName) = (host, backend, pool, backendName)
        (self.driver, self.storageProtocol, self.totalGiB, self.freeGiB) = (driver, storageProtocol, totalGiB, freeGiB)
        (self.provisionedGiB, self.oversubscription, self.reservedPercent) = (provisionedGiB, oversubscription, reservedPercent)
        (self.isThin, self.supportsMultiattach, self.supportsOnlineExtend) = (isThin, supportsMultiattach, supportsOnlineExtend)
        self.capabilities = capabilities
    }
}

/// The codes of `BusError.remote` that callers of a storage host can rely on.
public enum VolumeFailureCode: String, Codable, Sendable, CaseIterable {
    /// The back end has no such volume or snapshot.
    case notFound = "volume_not_found"
    /// It is in use by a guest, by an export, or by something made of it.
    case busy
    /// A guest has it open, and has to be held for what is asked.
    case openInGuest = "open_in_guest"
    /// There is no room for it; nothing was written.
    case full = "backend_full"
    /// The image can't be read, is not what it says, or is larger than the volume.
    case imageUnavailable = "image_unavailable"
    /// The back end can't do this; trying again doesn't help.
    case unsupported
    /// The back end failed.
    case backendError = "backend_error"
    /// The host has no such back end.
    case unknownBackend = "unknown_backend"
    /// A backup's bytes are missing, or not what its record says.
    case backupDamaged = "backup_damaged"
}
