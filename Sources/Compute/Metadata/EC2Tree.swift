import CloudCore

/// EC2's metadata of a guest.
struct EC2Tree {
    /// The versions, the oldest first.
    private static let dates = [
        "1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04",
    ]
    static let versions = dates + ["latest"]

    private let tree: MetadataTree
    private var server: Server { tree.server }

    init(_ tree: MetadataTree) { self.tree = tree }

    /// A document by the parts of its path, the version first; nil where there is none.
    func document(_ parts: [String]) -> (contentType: String, body: [UInt8])? {
        guard let first = parts.first, let version = Self.date(first) else { return nil }
        switch parts.dropFirst().first {
        case nil: return MetadataTree.text(server.userData == nil ? "meta-data/" : "meta-data/\nuser-data")
        case "user-data"? where parts.count == 2: return tree.userDataBytes.map { ("application/octet-stream", $0) }
        case "meta-data"?: return metaData(Array(parts.dropFirst(2)), version)
        default: return nil
        }
    }

    private static func date(_ path: String) -> String? {
        path == "latest" ? dates.last : dates.first { $0 == path }
    }

    private func metaData(_ parts: [String], _ version: String) -> (String, [UInt8])? {
        var node: Node? = .folder(root(version))
        for part in parts {
            guard case .folder(let children)? = node else { return nil }
            node = children.first { $0.name == part }?.node
        }
        switch node {
        case .value(let value)?: return MetadataTree.text(value)
        case .list(let values)?: return MetadataTree.text(values.joined(separator: "\n"))
        case .folder(let children)?: return MetadataTree.text(children.map(\.listing).joined(separator: "\n"))
        case nil: return nil
        }
    }

    /// The whole of a version as JSON, as config drives have it.
    func json(_ path: String) -> JSON {
        guard let version = Self.date(path) else { return [:] }
        return Self.json(.folder(root(version)))
    }

    private static func json(_ node: Node) -> JSON {
        switch node {
        case .value(let value): .string(value)
        case .list(let values): .array(values.map { .string($0) })
        case .folder(let children):
            .object(children.reduce(into: JSONObject()) { $0[$1.name] = json($1.node) })
        }
    }

    /// A node of the tree.
    private indirect enum Node {
        case value(String)
        case list([String])
        case folder([Child])
    }

    private struct Child {
        let name: String
        let node: Node
        /// How the parent lists it, where that is not the name with a slash for folders.
        var label: String?

        init(_ name: String, _ node: Node, label: String? = nil) { (self.name, self.node, self.label) = (name, node, label) }

        var listing: String {
            if let label { return label }
            if case .folder = node { return name + "/" }
            return name
        }
    }

    /// Versions are dates but for the first, which sorts before them as text, too.
    private func root(_ version: String) -> [Child] {
        let address = tree.ports.lazy.flatMap(\.addresses).first { $0.version == 4 }
        func since(_ date: String, _ children: Child...) -> [Child] { version >= date ? children : [] }
        var children = [
            Child("ami-id", .value(EC2Identifier.text("ami", for: server.image?.id ?? ""))),
            Child("ami-launch-index", .value(String(server.launchIndex))), Child("ami-manifest-path", .value("(unknown)")),
            Child("hostname", .value(server.hostName)), Child("instance-id", .value(EC2Identifier.text("i", for: server.id))),
            Child("local-ipv4", .value(address?.address ?? "")), Child("reservation-id", .value(server.reservationID)),
            Child("security-groups", .list(Set(tree.ports.flatMap(\.securityGroups)).sorted())),
        ]
        children += since(
            "2007-01-19", Child("local-hostname", .value(server.hostName)), Child("public-hostname", .value(server.hostName)),
            Child("public-ipv4", .value(address?.floatingIPs.first ?? "")))
        children += since("2007-08-29", Child("instance-type", .value(server.flavor.name)))
        children += since("2007-12-15", Child("block-device-mapping", .folder(disks)))
        children += since("2008-02-01", Child("placement", .folder([Child("availability-zone", .value(tree.zone))])))
        children += since("2008-09-01", Child("instance-action", .value("none")))
        if let name = server.keyName, let key = server.publicKey {
            children.append(
                Child("public-keys", .folder([Child("0", .folder([Child("openssh-key", .value(key))]), label: "0=\(name)")])))
        }
        return children.sorted { $0.name < $1.name }
    }

    /// The disks by what they are.
    private var disks: [Child] {
        let root = server.details.rootDeviceName ?? "/dev/vda"
        var disks = [Child("ami", .value(root.hasPrefix("/dev/") ? String(root.dropFirst(5)) : root))]
        var letters = "bcdefgh".map { "vd\($0)" }[...]
        for number in server.ephemeralDisks.indices {
            if let name = letters.popFirst() { disks.append(Child("ephemeral\(number)", .value(name))) }
        }
        disks.append(Child("root", .value(root)))
        if server.details.swapMiB ?? server.flavor.swapMiB > 0, let name = letters.popFirst() {
            disks.append(Child("swap", .value(name)))
        }
        return disks
    }
}

/// EC2's short identifiers, derived from UUIDs.
enum EC2Identifier {
    /// `i-` or `ami-` and eight hexadecimal digits.
    static func text(_ prefix: String, for uuid: String) -> String { "\(prefix)-\(uuid.prefix(8))" }
}
