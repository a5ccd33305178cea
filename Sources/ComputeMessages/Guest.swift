/// Everything a hypervisor needs to run a server; complete in itself, so that an agent can rebuild a guest's
/// definition from it after anything.
public struct GuestSpecification: Codable, Sendable, Hashable {
    /// The server's UUID.
    public var id: String
    /// The server's name, for people.
    public var name: String
    /// The name of the domain on the hypervisor, such as "instance-0000001a".
    public var domainName: String
    /// The project that owns it.
    public var projectID: String
    /// Virtual processors.
    public var vcpus: Int
    /// Memory in MiB.
    public var memoryMiB: Int
    /// The root disk, made from an image; nil for a guest that boots from one of its volumes.
    public var root: RootDisk?
    /// All its further disks together in GiB; zero for none.
    public var ephemeralGiB: Int
    /// Its further disks, where they are other than one of that size; see `ephemeralDisks`.
    public var ephemerals: [EphemeralDisk]?
    /// Swap in MiB; zero for none.
    public var swapMiB: Int
    /// Its interfaces in order.
    public var interfaces: [GuestInterface]
    /// Image and flavor properties that shape the machine (hw_disk_bus, hw_vif_model, hw_machine_type …).
    ///
    /// Flavor extra specs come under their own names (hw:cpu_policy …); where both speak of the same thing the caller
    /// has decided which counts.
    public var properties: [String: String]
    /// The host name that the guest is to take; nil where nothing was said.
    public var hostName: String?
    /// The drive with the guest's metadata; nil for none.
    public var configDrive: ConfigDrive?
    /// While set the guest boots from a disk made from this image, and its root disk is the second one. A hard reboot
    /// with it enters rescue, one without it leaves, which deletes that disk.
    public var rescue: RootDisk?
    /// The volumes attached to it, in the order of their device names.
    public var volumes: [GuestVolume]

    /// A guest.
    public init(
        id: String, name: String, domainName: String, projectID: String, vcpus: Int, memoryMiB: Int, root: RootDisk?,
        ephemeralGiB: Int = 0, swapMiB: Int = 0, interfaces: [GuestInterface], properties: [String: String] = [:],
        hostName: String? = nil, configDrive: ConfigDrive? = nil, rescue: RootDisk? = nil, volumes: [GuestVolume] = [],
        ephemerals: [EphemeralDisk]? = nil
    ) {
        self.ephemerals = ephemerals
        (self.id, self.name, self.domainName, self.projectID) = (id, name, domainName, projectID)
        (self.vcpus, self.memoryMiB, self.root) = (vcpus, memoryMiB, root)
        (self.ephemeralGiB, self.swapMiB, self.interfaces, self.properties) = (ephemeralGiB, swapMiB, interfaces, properties)
        (self.hostName, self.configDrive, self.rescue, self.volumes) = (hostName, configDrive, rescue, volumes)
    }
}

/// A disk beside the root disk that goes with the guest: empty, with a file system on it.
public struct EphemeralDisk: Codable, Sendable, Hashable {
    /// Its size in GiB.
    public var sizeGiB: Int
    /// The file system that was asked for (`guest_format`); nil for what the host makes.
    public var format: String?

    /// A disk.
    public init(sizeGiB: Int, format: String? = nil) { (self.sizeGiB, self.format) = (sizeGiB, format) }
}

extension GuestSpecification {
    /// Its further disks in order.
    public var ephemeralDisks: [EphemeralDisk] { EphemeralDisk.list(ephemerals, totalGiB: ephemeralGiB) }
}

extension EphemeralDisk {
    /// The disks that were asked for, or one of the whole size.
    public static func list(_ disks: [EphemeralDisk]?, totalGiB: Int) -> [EphemeralDisk] {
        disks ?? (totalGiB > 0 ? [EphemeralDisk(sizeGiB: totalGiB)] : [])
    }
}

/// A disk made from an image.
public struct RootDisk: Codable, Sendable, Hashable {
    /// The image's UUID.
    public var imageID: String
    /// The image's format: raw, qcow2 …
    public var format: String
    /// The image's SHA-512 (os_hash_value), under which hosts cache it; nil when it has none.
    public var checksum: String?
    /// The disk's size in GiB; zero means the image's own.
    public var sizeGiB: Int

    /// A root disk.
    public init(imageID: String, format: String, checksum: String?, sizeGiB: Int) {
        (self.imageID, self.format, self.checksum, self.sizeGiB) = (imageID, format, checksum, sizeGiB)
    }
}

/// An interface of a guest.
public struct GuestInterface: Codable, Sendable, Hashable {
    /// The port.
    public var portID: String
    /// The port's network.
    public var networkID: String
    /// The MAC address.
    public var mac: String
    /// The largest packet in bytes.
    public var mtu: Int
    /// The tag under which the guest's metadata lists it; nil for none.
    public var tag: String?

    /// An interface.
    public init(portID: String, networkID: String, mac: String, mtu: Int, tag: String? = nil) {
        (self.portID, self.networkID, self.mac, self.mtu, self.tag) = (portID, networkID, mac, mtu, tag)
    }
}

/// What a hypervisor says about a guest's power. The raw values are Nova's (nova.compute.power_state).
public enum PowerState: Int, Codable, Sendable, Hashable {
    case noState = 0
    case running = 1
    case paused = 3
    case shutdown = 4
    case crashed = 6
    case suspended = 7
}

/// A guest as its host sees it.
public struct GuestStatus: Codable, Sendable, Hashable {
    /// The server's UUID.
    public var id: String
    /// Its power.
    public var power: PowerState

    /// A status.
    public init(id: String, power: PowerState) { (self.id, self.power) = (id, power) }
}
