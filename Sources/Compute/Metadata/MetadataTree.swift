import CloudCore
import Foundation

/// What a guest may learn about itself at 169.254.169.254 and on its config drive: the OpenStack metadata format and EC2's tree
/// (docs.openstack.org/nova/latest/user/metadata.html).
struct MetadataTree: Sendable {
    let server: Server
    let ports: [ServerPort]
    /// The server's volumes.
    var disks: [BlockDeviceMapping] = []
    /// The availability zone of the server's host.
    let zone: String
    /// What the operator tells the guest.
    var vendorData = VendorData()
    /// The administrator's password, which is on the config drive of a guest's first start only.
    var password: Secret<String>?

    /// The versions of the OpenStack format, the oldest first.
    enum Version: String, CaseIterable, Comparable {
        case folsom = "2012-08-10"
        case grizzly = "2013-04-04"
        case havana = "2013-10-17"
        case liberty = "2015-10-15"
        case newton = "2016-06-30"
        case newtonTwo = "2016-10-06"
        case ocata = "2017-02-22"
        case rocky = "2018-08-27"
        case victoria = "2020-10-14"
        case epoxy = "2025-04-04"

        /// A version by its name in a path; `latest` is the newest.
        init?(path: String) { self.init(rawValue: path == "latest" ? Self.epoxy.rawValue : path) }

        /// The names in paths.
        static let paths = allCases.map(\.rawValue) + ["latest"]

        static func < (left: Version, right: Version) -> Bool { left.rawValue < right.rawValue }
    }

    /// A document, or nil where there is none.
    func document(at path: String) -> (contentType: String, body: [UInt8])? {
        let parts = path.split(separator: "/").map(String.init)
        guard let first = parts.first else { return Self.text(EC2Tree.versions.joined(separator: "\n")) }
        if first == "openstack" { return openStack(Array(parts.dropFirst())) }
        return EC2Tree(self).document(parts)
    }

    static func text(_ text: String) -> (String, [UInt8]) { ("text/plain; charset=UTF-8", Array(text.utf8)) }
    private func json(_ json: JSON) -> (String, [UInt8]) { ("application/json", json.bytes) }

    var userDataBytes: [UInt8]? { server.userData.flatMap { Data(base64Encoded: $0) }.map(Array.init) }

    /// The files that the creation brought, in the order of their paths, each with the name it has under `content`.
    var files: [(path: String, name: String, bytes: Data)] {
        (server.details.personality ?? [:]).sorted { $0.key < $1.key }.enumerated().map { number, file in
            let digits = String(number)
            let name = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            return (file.key, name, Data(base64Encoded: file.value) ?? Data())
        }
    }

    // MARK: OpenStack's format

    private func openStack(_ parts: [String]) -> (String, [UInt8])? {
        guard let first = parts.first else { return Self.text((Version.paths + ["content"]).joined(separator: "\n")) }
        if first == "content" {
            guard parts.count == 2, let file = files.first(where: { $0.name == parts[1] }) else { return nil }
            return ("application/octet-stream", Array(file.bytes))
        }
        guard let version = Version(path: first), parts.count <= 2 else { return nil }
        guard let name = parts.dropFirst().first else { return Self.text(listing(version).joined(separator: "\n")) }
        return document(name, version)
    }

    private func listing(_ version: Version) -> [String] {
        var names = ["meta_data.json"]
        if server.userData != nil { names.append("user_data") }
        if version >= .grizzly { names.append("password") }
        if version >= .havana { names.append("vendor_data.json") }
        if version >= .liberty { names.append("network_data.json") }
        if version >= .newtonTwo { names.append("vendor_data2.json") }
        return names
    }

    /// Whether a path is that of the document in which the operator's services are heard.
    static func tellsOfServices(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        return parts.count == 3 && parts[0] == "openstack" && parts[2] == "vendor_data2.json"
    }

    /// A document of a version. What a guest has left as its password is in no tree: the service answers it from the table.
    func document(_ name: String, _ version: Version) -> (String, [UInt8])? {
        switch name {
        case "meta_data.json": json(.object(metaData(version)))
        case "user_data": userDataBytes.map { ("application/octet-stream", $0) }
        case "vendor_data.json" where version >= .havana: json(vendorData.fixed ?? [:])
        case "network_data.json" where version >= .liberty: json(NetworkData(ports: ports).json)
        case "vendor_data2.json" where version >= .newtonTwo: json(vendorData.document)
        default: nil
        }
    }

    private func metaData(_ version: Version) -> JSONObject {
        var object: JSONObject = ["uuid": .string(server.id), "meta": JSON(server.metadata)]
        let files = files
        if !files.isEmpty {
            object["files"] = .array(files.map { ["path": .string($0.path), "content_path": .string("/content/\($0.name)")] })
        }
        if let password { object["admin_pass"] = .string(password.reveal()) }
        if let name = server.keyName, let key = server.publicKey {
            object["public_keys"] = JSON([name: key])
            object["keys"] = [["name": .string(name), "type": .string(server.keyType ?? "ssh"), "data": .string(key)]]
        }
        object["hostname"] = .string(server.hostName)
        object["name"] = .string(server.name)
        object["launch_index"] = .int(server.launchIndex)
        object["availability_zone"] = .string(zone)
        if version >= .grizzly { object["random_seed"] = .string(Self.randomSeed()) }
        if version >= .liberty { object["project_id"] = .string(server.projectID) }
        if version >= .newton { object["devices"] = .array(devices(version)) }
        if version >= .victoria { object["dedicated_cpus"] = .array(dedicatedProcessors) }
        return object
    }

    private var dedicatedProcessors: [JSON] { GuestTopology.pinned(server.flavor, server.imageProperties).sorted().map { .int($0) } }

    /// Entropy for the guest's own generator, other bytes each time.
    private static func randomSeed() -> String {
        var generator = SystemRandomNumberGenerator()
        return Data((0..<64).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } }).base64EncodedString()
    }

    /// The devices that have tags. Where they are plugged in, only their host knows.
    private func devices(_ version: Version) -> [JSON] {
        var devices: [JSON] = ports.compactMap { port in
            guard let tag = server.details.portTags?[port.id] else { return nil }
            var device: JSONObject = [
                "type": "nic", "mac": .string(port.mac), "bus": "none", "address": "none", "tags": [.string(tag)],
            ]
            if version >= .rocky { device["vf_trusted"] = false }
            return .object(device)
        }
        if let tag = server.details.rootTag {
            devices.append([
                "type": "disk", "path": .string(server.details.rootDeviceName ?? "/dev/vda"), "bus": "none", "address": "none",
                "tags": [.string(tag)],
            ])
        }
        return devices + disks.compactMap { disk in
            disk.tag.map { tag in
                [
                    "type": "disk", "path": .string(disk.deviceName ?? ""), "serial": .string(disk.volumeID), "bus": "none",
                    "address": "none", "tags": [.string(tag)],
                ]
            }
        }
    }
}
