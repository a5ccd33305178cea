/// A network's metadata port as the southbound database tells it to every host.
struct MetadataEndpoint: Sendable, Hashable {
    var networkID: String
    var portID: String
    var mac: String
    /// Its addresses with prefix lengths.
    var addresses: [String]

    /// The metadata ports of all networks: OVN copies a port's labels.
    static let monitor = OVSDBMonitor(
        database: "OVN_Southbound",
        tables: [
            "Port_Binding": .init(
                columns: ["logical_port", "mac", "external_ids"],
                conditions: [OVSDBCondition(column: "type", function: "==", value: .string("localport"))])
        ],
        indexKey: OVNRowKey.networkLabel)

    /// The endpoint in a row of the table Port_Binding; nil if it is none of ours.
    init?(row: OVSDBRow) {
        let labels = row["external_ids"]?.stringMap ?? [:]
        guard let networkID = labels[OVNRowKey.networkLabel], let cidrs = labels[OVNRowKey.cidrsLabel],
            let portID = row["logical_port"]?.string,
            let mac = row["mac"]?.atoms.lazy.compactMap(Self.firstWord).first
        else { return nil }
        (self.networkID, self.portID, self.mac) = (networkID, portID, mac)
        addresses = cidrs.split(separator: " ").map(String.init)
    }

    private static func firstWord(_ atom: OVSDBAtom) -> String? {
        guard case .string(let text) = atom else { return nil }
        return text.split(separator: " ").first.map(String.init)
    }

    /// The endpoint of a network.
    static func of(_ networkID: String, in replica: OVSDBReplica) -> MetadataEndpoint? {
        replica.rows(indexed: networkID).sorted().lazy.compactMap { replica[$0].flatMap(MetadataEndpoint.init(row:)) }.first
    }

    /// The interface on the host's side.
    var record: InterfaceRecord {
        InterfaceRecord(
            device: InterfaceName.metadata(networkID), kind: .metadata, portID: portID, networkID: networkID, mac: mac)
    }

    /// What makes the namespace's device the metadata port (`ip -batch`).
    var shape: [String] {
        ["link set dev lo up", "address flush dev eth0", "link set dev eth0 address \(mac) up"]
            + (addresses + ["169.254.169.254/32"]).map { "address replace \($0) dev eth0" }
            + ["address replace \(OVNProjection.metadataIPv6)/64 dev eth0 nodad"]
    }
}
