import CloudCore
import CloudStore

/// Answers guests' questions about themselves. The network agent forwards them; the network and the address they came
/// from name the server.
public struct MetadataService: Sendable {
    let compute: Compute.Parts

    /// The document a guest asks for; nil where there is none, or no such guest.
    public func document(network id: String, address: String, path: String) async throws -> (contentType: String, body: [UInt8])? {
        let (networking, zone) = (compute.networking, compute.options.defaultAvailabilityZone)
        let tree = try await compute.database.read { reader -> MetadataTree? in
            guard let serverID = try networking.server(network: id, address: address, in: reader),
                let server = try ServerRecords.find(serverID, in: reader)
            else { return nil }
            return MetadataTree(server: server, ports: try networking.ports(servers: [serverID], in: reader)[serverID] ?? [], zone: zone)
        }
        return tree?.document(at: path)
    }
}

extension Compute {
    /// The metadata service.
    public var metadata: MetadataService { MetadataService(compute: parts) }
}
