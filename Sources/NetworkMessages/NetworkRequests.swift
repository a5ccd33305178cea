import CloudBus

/// The topics of networking's messages.
public enum NetworkTopic {
    /// The data plane's one writer.
    public static let plane = "network-plane"
    /// Every host's network agent.
    public static let agent = "network-agent"
    /// The controllers, for what agents report.
    public static let controller = "network-controller"
}

/// Makes entities true in the data plane and removes others. Returns when the engine has committed it.
public struct ApplyTopology: BusRequest {
    public typealias Reply = TopologyReport
    public static let method = "topology.apply"
    /// The entities to create or replace.
    public var entities: [TopologyEntity]
    /// The entities to remove.
    public var removed: [TopologyKey]
    /// Whether `entities` is everything: whatever else of ours the engine holds is removed.
    public var complete: Bool

    /// A change.
    public init(entities: [TopologyEntity], removed: [TopologyKey] = [], complete: Bool = false) {
        (self.entities, self.removed, self.complete) = (entities, removed, complete)
    }
}

/// What applying a topology did.
public struct TopologyReport: Codable, Sendable, Hashable {
    /// Rows of the engine inserted, updated and deleted; all zero when everything was right already.
    public var inserted: Int
    public var updated: Int
    public var deleted: Int

    /// A report.
    public init(inserted: Int, updated: Int, deleted: Int) {
        (self.inserted, self.updated, self.deleted) = (inserted, updated, deleted)
    }
}

/// Makes a host's interface for a port and joins it to the data plane. Repeating it is harmless.
public struct PlugInterface: BusRequest {
    public typealias Reply = PluggedInterface
    public static let method = "interface.plug"
    /// The port.
    public var portID: String
    /// Its network, which the host then serves metadata on.
    public var networkID: String
    /// The guest's MAC address.
    public var mac: String
    /// The largest packet in bytes.
    public var mtu: Int
    /// Whether the device shall take several queues; nil from who doesn't know the guest, for a device as it is.
    public var hasQueues: Bool?

    /// A plug.
    public init(portID: String, networkID: String, mac: String, mtu: Int, hasQueues: Bool? = nil) {
        (self.portID, self.networkID, self.mac, self.mtu, self.hasQueues) = (portID, networkID, mac, mtu, hasQueues)
    }
}

/// The interface that was made: the hypervisor opens the tap device by this name.
public struct PluggedInterface: Codable, Sendable, Hashable {
    /// The tap device's name, at most 15 characters: "tap" and the first 11 of the port's id.
    public var device: String
    /// Whether the guest may leave checksums and segmentation to the host. Where false (a userspace data path), the
    /// guest's device must be made without them, or its TCP dies.
    public var offload: Bool
    /// Whether the device takes several queues; the hypervisor must then open it with more than one. Nil from an older agent.
    public var hasQueues: Bool?

    /// An interface.
    public init(device: String, offload: Bool = true, hasQueues: Bool? = false) {
        (self.device, self.offload, self.hasQueues) = (device, offload, hasQueues)
    }
}

/// Takes a port's interface away. Repeating it is harmless.
public struct UnplugInterface: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "interface.unplug"
    /// The port.
    public var portID: String

    /// An unplug.
    public init(portID: String) { self.portID = portID }
}

/// Asks a host's network agent which ports are plugged there.
public struct ListInterfaces: BusRequest {
    public typealias Reply = [String]
    public static let method = "interface.list"

    /// A question.
    public init() {}
}

/// Makes a host's interfaces exactly these: plugs what is missing, takes away what is not wanted, leaves the rest
/// untouched. Repeating it is harmless.
public struct ReconcileInterfaces: BusRequest {
    public typealias Reply = InterfaceReconciliation
    public static let method = "interface.reconcile"
    /// Every port that belongs on this host.
    public var wanted: [PlugInterface]

    /// A reconciliation.
    public init(wanted: [PlugInterface]) { self.wanted = wanted }
}

/// What a reconciliation of interfaces did; three empty lists when everything was right already.
public struct InterfaceReconciliation: Codable, Sendable, Hashable {
    /// The ports that were missing and are plugged now.
    public var plugged: [String]
    /// The ports that were not wanted and are gone now.
    public var unplugged: [String]
    /// The ports that could not be plugged or unplugged; the next reconciliation tries again.
    public var failed: [String]

    /// A result.
    public init(plugged: [String], unplugged: [String], failed: [String]) {
        (self.plugged, self.unplugged, self.failed) = (plugged, unplugged, failed)
    }
}

/// A host's network agent reports that a port's packets flow, or no longer do. Cast to the controllers.
public struct PortStatusReport: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "port.status"
    /// The port.
    public var portID: String
    /// The host that reports.
    public var host: String
    /// Whether it is up.
    public var isUp: Bool

    /// A report.
    public init(portID: String, host: String, isUp: Bool) { (self.portID, self.host, self.isUp) = (portID, host, isUp) }
}

/// A host's network agent says that it is there. Cast to the controllers when it starts and every half minute; at a start
/// the controllers answer with `ReconcileInterfaces`.
public struct AgentReport: BusRequest {
    public typealias Reply = BusNothing
    public static let method = "agent.report"
    /// The host.
    public var host: String
    /// The host's availability zone; empty for the cloud's default.
    public var zone: String
    /// Whether the agent has just started.
    public var isStarting: Bool
    /// What the host's ways into physical networks carry, where ports may be promised parts of it.
    public var bandwidths: [HostBandwidth]

    /// A report.
    public init(host: String, zone: String = "", isStarting: Bool, bandwidths: [HostBandwidth] = []) {
        (self.host, self.zone, self.isStarting, self.bandwidths) = (host, zone, isStarting, bandwidths)
    }
}

/// What a host's way into a physical network carries.
public struct HostBandwidth: Codable, Sendable, Hashable {
    /// The physical network.
    public var physicalNetwork: String
    /// What leaves the host, in kbit/s.
    public var egress: Int
    /// What comes in, in kbit/s.
    public var ingress: Int

    /// A bandwidth.
    public init(physicalNetwork: String, egress: Int, ingress: Int) {
        (self.physicalNetwork, self.egress, self.ingress) = (physicalNetwork, egress, ingress)
    }

    /// A bandwidth as operators write it, `PHYSICAL:EGRESS:INGRESS`; nil for anything else.
    public init?(parsing text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, let egress = Int(parts[1]), let ingress = Int(parts[2]), egress >= 0, ingress >= 0
        else { return nil }
        self.init(physicalNetwork: String(parts[0]), egress: egress, ingress: ingress)
    }
}

/// A guest's request to 169.254.169.254, forwarded to the controllers.
public struct MetadataRequest: BusRequest {
    public typealias Reply = MetadataResponse
    public static let method = "metadata.get"
    /// The network it came in on: with the address, it names the guest's port.
    public var networkID: String
    /// The guest's address.
    public var address: String
    /// The path asked for, such as `/openstack/latest/meta_data.json`.
    public var path: String
    /// What the guest leaves there; nil when it asks.
    public var leaving: [UInt8]?

    /// A request.
    public init(networkID: String, address: String, path: String, leaving: [UInt8]? = nil) {
        (self.networkID, self.address, self.path, self.leaving) = (networkID, address, path, leaving)
    }
}

/// The answer for the guest.
public struct MetadataResponse: Codable, Sendable, Hashable {
    /// The HTTP status.
    public var status: Int
    /// The media type.
    public var contentType: String
    /// The bytes.
    public var body: [UInt8]

    /// An answer.
    public init(status: Int, contentType: String, body: [UInt8]) {
        (self.status, self.contentType, self.body) = (status, contentType, body)
    }
}
