import CloudCore
import CloudStore
import ComputeMessages
import Foundation

extension ConfigDrive {
    /// The drive on which a guest finds its metadata in every version.
    init(_ tree: MetadataTree) {
        var files: [File] = []
        func add(_ path: String, _ bytes: some Sequence<UInt8>) { files.append(File(path: path, bytes: Data(bytes))) }
        let ec2 = EC2Tree(tree)
        for version in EC2Tree.versions {
            add("ec2/\(version)/meta-data.json", ec2.json(version).bytes)
            if let userData = tree.userDataBytes { add("ec2/\(version)/user-data", userData) }
        }
        let names = ["meta_data.json", "user_data", "vendor_data.json", "network_data.json", "vendor_data2.json"]
        for path in MetadataTree.Version.paths {
            guard let version = MetadataTree.Version(path: path) else { continue }
            for name in names {
                if let document = tree.document(name, version) { add("openstack/\(path)/\(name)", document.1) }
            }
        }
        for file in tree.files { add("openstack/content/\(file.name)", file.bytes) }
        self.init(files: files)
    }
}

extension Server {
    /// The drive with what a guest is told of itself; nil for a guest that has none.
    func drive(
        _ ports: [ServerPort], _ disks: [BlockDeviceMapping] = [], zone: String, vendorData: VendorData = VendorData(),
        password: Secret<String>? = nil
    ) -> ConfigDrive? {
        guard configDrive else { return nil }
        return ConfigDrive(MetadataTree(server: self, ports: ports, disks: disks, zone: zone, vendorData: vendorData, password: password))
    }
}

extension Compute.Parts {
    /// The drive of a guest that is started for the first time, with its administrator's password where it is still known.
    func configDrive(of id: String) async throws -> ConfigDrive? {
        guard let server = try await database.read({ try ServerRecords.find(id, in: $0) }), server.configDrive else { return nil }
        let vendorData = try await vendorData(forNew: server)
        return try await database.read { [self] reader in
            let ports = try networking.ports(servers: [id], in: reader)[id] ?? []
            let zone = try server.host.map { try zones(in: reader).zone(of: $0) } ?? options.defaultAvailabilityZone
            let disks = try BlockDeviceRecords.all(server: id, in: reader)
            return server.drive(ports, disks, zone: zone, vendorData: vendorData, password: passwords.password(of: id))
        }
    }
}
