import CloudCore
import CloudStore

/// Answers guests' questions about themselves. The network agent forwards them; the network and the address they came
/// from name the server.
public struct MetadataService: Sendable {
    let compute: Compute.Parts

    /// A document for a guest, or the status it gets instead.
    public enum Answer: Sendable {
        /// A document.
        case document(contentType: String, body: [UInt8])
        /// No document: 404 where there is none, or another status for what was left.
        case status(Int)
    }

    /// The document a guest asks for; nil where there is none, or no such guest.
    public func document(network id: String, address: String, path: String) async throws -> (contentType: String, body: [UInt8])? {
        guard case .document(let type, let body) = try await answer(network: id, address: address, path: path, leaving: nil) else {
            return nil
        }
        return (type, body)
    }

    /// What a guest gets that asks for a document, or leaves its administrator's password encrypted with its key.
    /// - Parameter leaving: what it leaves; nil when it asks.
    public func answer(network id: String, address: String, path: String, leaving: [UInt8]?) async throws -> Answer {
        let compute = compute
        guard let serverID = try await server(network: id, address: address) else { return .status(404) }
        if Self.isPassword(path) { return try await password(of: serverID, leaving: leaving) }
        guard leaving == nil else { return .status(405) }
        let known = try await compute.database.read { reader -> MetadataTree? in
            guard let server = try ServerRecords.find(serverID, in: reader) else { return nil }
            let ports = try compute.networking.ports(servers: [serverID], in: reader)[serverID] ?? []
            let zone = try server.host.map { try compute.zones(in: reader).zone(of: $0) }
            return MetadataTree(
                server: server, ports: ports, disks: try BlockDeviceRecords.all(server: serverID, in: reader),
                zone: zone ?? compute.options.defaultAvailabilityZone, vendorData: VendorData(fixed: compute.options.vendorData))
        }
        guard var tree = known else { return .status(404) }
        if MetadataTree.tellsOfServices(path) {
            do {
                tree.vendorData = try await compute.vendorData(of: tree.server, isFatal: compute.options.isVendorDataFailureFatal)
            } catch is VendorDataFailure {
                return .status(500)
            }
        }
        guard let document = tree.document(at: path) else { return .status(404) }
        return .document(contentType: document.contentType, body: document.body)
    }

    /// The server that asks. A port tells of its own project's servers only, whatever device its owner calls it.
    private func server(network id: String, address: String) async throws -> String? {
        try await compute.database.read { [compute] reader in
            guard let found = try compute.networking.server(network: id, address: address, in: reader),
                try ServerRecords.find(found.id, in: reader)?.projectID == found.projectID
            else { return nil }
            return found.id
        }
    }

    private static func isPassword(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        guard parts.count == 3, parts[0] == "openstack", parts[2] == "password" else { return false }
        return MetadataTree.Version(path: String(parts[1])).map { $0 >= .grizzly } ?? false
    }

    /// A password can be left once, as long as it is not cleared through the API.
    private func password(of server: String, leaving: [UInt8]?) async throws -> Answer {
        guard let leaving else {
            let left = try await compute.database.read { try ServerPasswordRecords.password(server: server, in: $0) }
            return .document(contentType: "text/plain; charset=UTF-8", body: Array((left ?? "").utf8))
        }
        guard let text = String(validating: leaving, as: UTF8.self), !text.contains("\0"),
            text.utf8.count <= ServerPasswordRecords.maximumLength
        else { return .status(400) }
        let isKept = try await compute.database.write { try ServerPasswordRecords.leave(text, server: server, in: $0) }
        return isKept ? .document(contentType: "text/plain; charset=UTF-8", body: []) : .status(409)
    }
}

extension Compute {
    /// The metadata service.
    public var metadata: MetadataService { MetadataService(compute: parts) }
}
