import CloudBus

/// Asks for what a guest has used. Fails with `guest_not_found`, and with `wrong_state` when it is off.
public struct DiagnoseGuest: BusRequest {
    public typealias Reply = GuestDiagnostics
    public static let method = "guest.diagnose"
    /// The server's UUID.
    public var id: String

    /// A question.
    public init(id: String) { self.id = id }
}

/// What a guest has used since it was started (Nova's diagnostics of microversion 2.48). What the driver can't say is nil.
public struct GuestDiagnostics: Codable, Sendable, Hashable {
    /// A virtual processor.
    public struct Processor: Codable, Sendable, Hashable {
        /// Its number.
        public var id: Int
        /// The time it has run, in nanoseconds.
        public var time: Int?
        /// How much of it is used, in percent.
        public var utilisation: Int?

        /// A processor.
        public init(id: Int, time: Int?, utilisation: Int? = nil) { (self.id, self.time, self.utilisation) = (id, time, utilisation) }
    }

    /// An interface; counts from the guest's side.
    public struct Interface: Codable, Sendable, Hashable {
        /// What has gone in one direction.
        public struct Traffic: Codable, Sendable, Hashable {
            /// Bytes.
            public var octets: Int?
            /// Packets.
            public var packets: Int?
            /// Packets that were damaged.
            public var errors: Int?
            /// Packets that were thrown away.
            public var dropped: Int?
            /// Octets a second.
            public var rate: Int?

            /// Traffic.
            public init(octets: Int?, packets: Int?, errors: Int?, dropped: Int?, rate: Int? = nil) {
                (self.octets, self.packets, self.errors, self.dropped, self.rate) = (octets, packets, errors, dropped, rate)
            }
        }

        /// Its MAC address.
        public var mac: String?
        /// Its name on the host, such as "tap0c1f5b63-4b".
        public var device: String?
        /// What the guest received.
        public var received: Traffic
        /// What the guest sent.
        public var sent: Traffic

        /// An interface.
        public init(mac: String?, device: String?, received: Traffic, sent: Traffic) {
            (self.mac, self.device, self.received, self.sent) = (mac, device, received, sent)
        }
    }

    /// A disk.
    public struct Disk: Codable, Sendable, Hashable {
        /// Its name in the guest, such as "vda".
        public var device: String?
        /// Bytes read.
        public var readBytes: Int?
        /// How often was read.
        public var readRequests: Int?
        /// Bytes written.
        public var writeBytes: Int?
        /// How often was written.
        public var writeRequests: Int?
        /// How often that failed.
        public var errors: Int?

        /// A disk.
        public init(device: String?, readBytes: Int?, readRequests: Int?, writeBytes: Int?, writeRequests: Int?, errors: Int?) {
            (self.device, self.readBytes, self.readRequests) = (device, readBytes, readRequests)
            (self.writeBytes, self.writeRequests, self.errors) = (writeBytes, writeRequests, errors)
        }
    }

    /// Its power.
    public var power: PowerState
    /// The driver, as Nova names it: libvirt, fake …
    public var driver: String
    /// The hypervisor: kvm, qemu, fake …
    public var hypervisor: String?
    /// The host's operating system.
    public var hypervisorOS: String?
    /// How long it has run, in seconds.
    public var uptime: Int?
    /// Whether it has a config drive.
    public var hasConfigDrive: Bool
    /// Its processors.
    public var processors: [Processor]
    /// Its interfaces.
    public var interfaces: [Interface]
    /// Its disks.
    public var disks: [Disk]
    /// The most memory it may have, in MiB.
    public var memoryMaximumMiB: Int?
    /// The memory it uses, in MiB.
    public var memoryUsedMiB: Int?

    /// Diagnostics.
    public init(
        power: PowerState, driver: String, hypervisor: String?, hypervisorOS: String?, uptime: Int?, hasConfigDrive: Bool,
        processors: [Processor] = [], interfaces: [Interface] = [], disks: [Disk] = [], memoryMaximumMiB: Int? = nil,
        memoryUsedMiB: Int? = nil
    ) {
        (self.power, self.driver, self.hypervisor, self.hypervisorOS) = (power, driver, hypervisor, hypervisorOS)
        (self.uptime, self.hasConfigDrive, self.processors) = (uptime, hasConfigDrive, processors)
        (self.interfaces, self.disks) = (interfaces, disks)
        (self.memoryMaximumMiB, self.memoryUsedMiB) = (memoryMaximumMiB, memoryUsedMiB)
    }
}

/// Asks where a guest's screen or serial port can be reached, for a proxy on the guest's host. Fails with
/// `guest_not_found`, with `wrong_state` when it is off, and with `unsupported` when the guest has no such console.
public struct OpenGuestConsole: BusRequest {
    public typealias Reply = GuestConsoleAddress
    public static let method = "guest.open-console"
    /// What is spoken on it.
    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// The remote framebuffer protocol (RFC 6143).
        case vnc
        /// SPICE.
        case spice
        /// The bytes of the serial port.
        case serial
        /// Remote desktop.
        case rdp
        /// VMware's mouse, keyboard and screen.
        case mks
    }
    /// The server's UUID.
    public var id: String
    /// What is spoken on it.
    public var kind: Kind

    /// A question.
    public init(id: String, kind: Kind) { (self.id, self.kind) = (id, kind) }
}

/// Where a console can be reached.
public enum GuestConsoleAddress: Codable, Sendable, Hashable {
    /// At a host's port, and at another by TLS where there is one.
    case tcp(host: String, port: Int, tlsPort: Int?)
    /// At a Unix socket of the guest's host.
    case unix(path: String)
}

/// Brings images to the host ahead of need. Answers for each image's UUID how that went.
public struct CacheImages: BusRequest {
    public typealias Reply = [String: Outcome]
    public static let method = "host.cache-images"
    /// How it went with an image.
    public enum Outcome: String, Codable, Sendable {
        /// It was fetched.
        case cached
        /// It was there.
        case existing
        /// It could not be fetched, or can't be booted.
        case failed
    }
    /// The images; their disks' sizes don't matter.
    public var images: [RootDisk]

    /// An errand.
    public init(images: [RootDisk]) { self.images = images }
}
