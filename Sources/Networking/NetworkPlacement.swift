import CloudStore
import NetworkMessages

/// What networking tells placement.
public protocol NetworkPlacement: Sendable {
    /// Records what a part of a host has to give: a provider below the host's own, with inventories and traits. A host that
    /// placement does not know is left for its next report.
    func report(_ provider: BandwidthProvider, in transaction: any Transaction) throws

    /// Changes what a consumer has, by provider and resource class; a consumer that has nothing stays so.
    /// - Throws: `PlacementHasNoRoom` when a provider cannot give it, and nothing may have been changed then.
    func adjust(_ consumer: String, by difference: [String: [String: Int]], in transaction: any Transaction) throws
}

/// A provider has no room for what is asked of it.
public struct PlacementHasNoRoom: Error {
    /// The error.
    public init() {}
}

/// A host's way into a physical network, as placement knows it.
public struct BandwidthProvider: Sendable, Hashable {
    /// Always the same for the same way of the same host.
    public let uuid: String
    /// Its name.
    public let name: String
    /// The host, whose provider it stands below.
    public let host: String
    /// How much there is, by resource class.
    public let inventories: [String: Int]
    /// What ports ask of it: the physical network, and the kinds of interface that it serves.
    public let traits: Set<String>

    private static let namespace = "5c6f0d0e-3c1a-4b7f-9f0c-6b2a8a2f1d5e"

    init(_ bandwidth: HostBandwidth, host: String) {
        self.host = host
        name = "\(host):\(NetworkAgentRecord.type):\(bandwidth.physicalNetwork)"
        uuid = NamedIdentifier.make(namespace: Self.namespace, name: name)
        inventories = ["NET_BW_EGR_KILOBIT_PER_SEC": bandwidth.egress, "NET_BW_IGR_KILOBIT_PER_SEC": bandwidth.ingress]
            .filter { $0.value > 0 }
        traits = [
            ResourceRequest.trait("PHYSNET_\(bandwidth.physicalNetwork)"), ResourceRequest.trait("VNIC_TYPE_normal"),
        ]
    }
}
