import CloudCore
import Foundation

/// What a guest may learn about itself at 169.254.169.254: the OpenStack metadata format and EC2's tree
/// (docs.openstack.org/nova/latest/user/metadata.html).
struct MetadataTree: Sendable {
    let server: Server
    let ports: [ServerPort]
    /// The availability zone of the server's host.
    let zone: String

    /// The versions of the OpenStack format that guests ask for; all have the same content here.
    static let openStackVersions = [
        "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22", "2018-08-27",
        "2020-10-14", "latest",
    ]
    /// The versions of EC2's tree.
    static let ec2Versions = [
        "1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01",
        "2009-04-04", "latest",
    ]

    /// A document, or nil where there is none.
    func document(at path: String) -> (contentType: String, body: [UInt8])? {
        let parts = path.split(separator: "/").map(String.init)
        guard let first = parts.first else { return text(Self.ec2Versions.joined(separator: "\n")) }
        if first == "openstack" { return openStack(Array(parts.dropFirst())) }
        guard Self.ec2Versions.contains(first) else { return nil }
        return ec2(Array(parts.dropFirst()), isDirectory: path.hasSuffix("/"))
    }

    private func text(_ text: String) -> (String, [UInt8]) { ("text/plain; charset=UTF-8", Array(text.utf8)) }
    private func json(_ json: JSON) -> (String, [UInt8]) { ("application/json", json.bytes) }

    private var userDataBytes: [UInt8]? {
        server.userData.flatMap { Data(base64Encoded: $0) }.map(Array.init)
    }

    // MARK: OpenStack's format

    private func openStack(_ parts: [String]) -> (String, [UInt8])? {
        guard let version = parts.first else { return text(Self.openStackVersions.joined(separator: "\n")) }
        guard Self.openStackVersions.contains(version), parts.count <= 2 else { return nil }
        switch parts.dropFirst().first {
        case nil:
            let names = ["meta_data.json", "network_data.json", "vendor_data.json", "vendor_data2.json"]
            return text((names + (server.userData == nil ? [] : ["user_data"])).joined(separator: "\n"))
        case "meta_data.json": return json(.object(metaData))
        case "network_data.json": return json(.object(networkData))
        case "vendor_data.json", "vendor_data2.json": return json([:])
        case "user_data": return userDataBytes.map { ("application/octet-stream", $0) }
        default: return nil
        }
    }

    private var metaData: JSONObject {
        var object: JSONObject = [
            "uuid": .string(server.id), "name": .string(server.name), "hostname": .string(server.hostName),
            "launch_index": .int(server.launchIndex), "project_id": .string(server.projectID),
            "availability_zone": .string(zone),
            "meta": JSON(server.metadata), "devices": [], "dedicated_cpus": [],
        ]
        if let name = server.keyName, let key = server.publicKey {
            object["public_keys"] = JSON([name: key])
            object["keys"] = [["name": .string(name), "type": .string(server.keyType ?? "ssh"), "data": .string(key)]]
        }
        return object
    }

    private var networkData: JSONObject {
        var (links, networks, services): ([JSON], [JSON], [JSON]) = ([], [], [])
        for port in ports {
            links.append([
                "id": .string(port.deviceName), "vif_id": .string(port.id), "type": "ovs", "mtu": .int(port.mtu),
                "ethernet_mac_address": .string(port.mac),
            ])
            for address in port.addresses {
                networks.append(network(address, of: port, number: networks.count))
                services += address.nameservers.map { ["type": "dns", "address": .string($0)] }
            }
        }
        return ["links": .array(links), "networks": .array(networks), "services": .array(services)]
    }

    private func network(_ address: ServerPort.Address, of port: ServerPort, number: Int) -> JSON {
        [
            "id": .string("network\(number)"), "type": .string(address.version == 4 ? "ipv4_dhcp" : "ipv6_dhcp"),
            "link": .string(port.deviceName), "network_id": .string(port.networkID),
        ]
    }

    // MARK: EC2's tree

    private func ec2(_ parts: [String], isDirectory: Bool) -> (String, [UInt8])? {
        switch parts.first {
        case nil: return text(server.userData == nil ? "meta-data/" : "meta-data/\nuser-data")
        case "user-data" where parts.count == 1: return userDataBytes.map { ("application/octet-stream", $0) }
        case "meta-data": return ec2MetaData(Array(parts.dropFirst()))
        default: return nil
        }
    }

    private func ec2MetaData(_ parts: [String]) -> (String, [UInt8])? {
        var node: Node? = .folder(ec2Root)
        for part in parts {
            guard case .folder(let children)? = node else { return nil }
            node = children.first { $0.name == part }?.node
        }
        switch node {
        case .value(let value)?: return text(value)
        case .folder(let children)?: return text(children.map(\.listing).joined(separator: "\n"))
        case nil: return nil
        }
    }

    /// A node of the tree.
    private indirect enum Node {
        case value(String)
        case folder([Child])
    }

    private struct Child {
        let name: String
        let node: Node
        /// How the parent lists it, where that is not the name with a slash for folders.
        var label: String?

        var listing: String {
            if let label { return label }
            if case .folder = node { return name + "/" }
            return name
        }
    }

    private var ec2Root: [Child] {
        let address = ports.first?.addresses.first { $0.version == 4 }
        var children = [
            Child(name: "ami-id", node: .value(EC2Identifier.text("ami", for: server.image?.id ?? ""))),
            Child(name: "ami-launch-index", node: .value(String(server.launchIndex))),
            Child(name: "hostname", node: .value(server.hostName)),
            Child(name: "instance-action", node: .value("none")),
            Child(name: "instance-id", node: .value(EC2Identifier.text("i", for: server.id))),
            Child(name: "instance-type", node: .value(server.flavor.name)),
            Child(name: "local-hostname", node: .value(server.hostName)),
            Child(name: "local-ipv4", node: .value(address?.address ?? "")),
            Child(name: "placement", node: .folder([
                Child(name: "availability-zone", node: .value(zone))
            ])),
            Child(name: "public-hostname", node: .value(server.hostName)),
            Child(name: "public-ipv4", node: .value(address?.floatingIPs.first ?? "")),
            Child(name: "reservation-id", node: .value(server.reservationID)),
            Child(name: "security-groups", node: .value(ports.first?.securityGroups.joined(separator: "\n") ?? "")),
        ]
        if let name = server.keyName, let key = server.publicKey {
            let entry = Child(name: "0", node: .folder([Child(name: "openssh-key", node: .value(key))]), label: "0=\(name)")
            children.append(Child(name: "public-keys", node: .folder([entry])))
        }
        return children
    }
}

/// EC2's short identifiers, derived from UUIDs.
enum EC2Identifier {
    /// `i-` or `ami-` and eight hexadecimal digits.
    static func text(_ prefix: String, for uuid: String) -> String { "\(prefix)-\(uuid.prefix(8))" }
}

extension ServerPort {
    /// The name under which the guest's metadata and the host know the interface.
    var deviceName: String { "tap" + id.prefix(11) }
}
