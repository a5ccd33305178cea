import ComputeMessages

/// An XML element that libvirt wrote. It knows what libvirt writes: no sections, no document types, no references but
/// characters and the five names.
struct MarkupNode: Sendable, Hashable {
    /// The element's name.
    let name: String
    /// Its attributes, unescaped.
    private(set) var attributes: [String: String] = [:]
    /// The elements in it.
    private(set) var children: [MarkupNode] = []
    /// The text in it, unescaped, without what is around it.
    private(set) var text = ""
    /// The element as it was written.
    private(set) var source = ""

    private init(name: String) { self.name = name }

    /// Reads a document.
    /// - Returns: nil when it isn't well formed.
    init?(_ xml: String) {
        var reader = Reader(bytes: Array(xml.utf8))
        guard let root = reader.element() else { return nil }
        self = root
    }

    /// The elements at the end of a path of names.
    func nodes(_ path: String...) -> [MarkupNode] {
        path.reduce([self]) { nodes, name in nodes.flatMap { $0.children.filter { $0.name == name } } }
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        /// Depths beyond which nothing that libvirt writes goes.
        private static let depthLimit = 64

        mutating func element(depth: Int = 0) -> MarkupNode? {
            guard depth < Self.depthLimit, skipToTag(), index + 1 < bytes.count else { return nil }
            let start = index
            index += 1
            var node = MarkupNode(name: word())
            while let (name, value) = attribute() { node.attributes[name] = value }
            if take("/>") { return finish(node, start) }
            guard take(">") else { return nil }
            while true {
                let from = index
                while index < bytes.count, bytes[index] != UInt8(ascii: "<") { index += 1 }
                node.text += Self.unescape(bytes[from..<index])
                if take("</") {
                    guard word() == node.name, take(">") else { return nil }
                    node.text = Self.trim(node.text)
                    return finish(node, start)
                }
                if skipComment() { continue }
                guard let child = element(depth: depth + 1) else { return nil }
                node.children.append(child)
            }
        }

        private func finish(_ node: MarkupNode, _ start: Int) -> MarkupNode {
            var node = node
            node.source = String(decoding: bytes[start..<index], as: UTF8.self)
            return node
        }

        /// Passes over the declaration, comments and space before an element.
        private mutating func skipToTag() -> Bool {
            while index < bytes.count {
                if skipComment() { continue }
                if bytes[index...].starts(with: "<?".utf8) {
                    while index < bytes.count, bytes[index] != UInt8(ascii: ">") { index += 1 }
                    index += 1
                } else if bytes[index] == UInt8(ascii: "<") {
                    return true
                } else {
                    index += 1
                }
            }
            return false
        }

        private mutating func skipComment() -> Bool {
            guard bytes[index...].starts(with: "<!--".utf8) else { return false }
            index += 4
            while index < bytes.count, !bytes[index...].starts(with: "-->".utf8) { index += 1 }
            index = min(bytes.count, index + 3)
            return true
        }

        private mutating func word() -> String {
            let start = index
            while index < bytes.count, !" \t\r\n/>=<".utf8.contains(bytes[index]) { index += 1 }
            return String(decoding: bytes[start..<index], as: UTF8.self)
        }

        private mutating func attribute() -> (String, String)? {
            while index < bytes.count, " \t\r\n".utf8.contains(bytes[index]) { index += 1 }
            guard index < bytes.count, bytes[index] != UInt8(ascii: "/"), bytes[index] != UInt8(ascii: ">") else { return nil }
            let name = word()
            guard take("="), index < bytes.count, "\"'".utf8.contains(bytes[index]) else { return nil }
            let quote = bytes[index]
            index += 1
            let start = index
            while index < bytes.count, bytes[index] != quote { index += 1 }
            guard index < bytes.count else { return nil }
            defer { index += 1 }
            return (name, Self.unescape(bytes[start..<index]))
        }

        private mutating func take(_ text: String) -> Bool {
            guard index <= bytes.count, bytes[index...].starts(with: text.utf8) else { return false }
            index += text.utf8.count
            return true
        }

        private static func unescape(_ bytes: ArraySlice<UInt8>) -> String { Markup.unescape(Substring(String(decoding: bytes, as: UTF8.self))) }

        private static func trim(_ text: String) -> String {
            let space: (Character) -> Bool = { $0.isWhitespace }
            return String(text.drop(while: space).reversed().drop(while: space).reversed())
        }
    }
}

/// What stands where in a domain's description.
extension MarkupNode {
    /// A disk of a domain.
    struct Disk: Sendable {
        let node: MarkupNode
        /// Its name, such as "vda".
        var name: String { node.nodes("target").first?.attributes["dev"] ?? "" }
        /// Its file.
        var path: String? { node.nodes("source").first?.attributes["file"] }
        /// What tells one source from another: the file, or the protocol and what it reaches.
        var identity: String? {
            guard let source = node.nodes("source").first, let kind = source.attributes["protocol"], let name = source.attributes["name"]
            else { return path }
            return kind + ":" + name
        }
        /// The name of the secret that its bytes are encrypted with; nil for a disk in the clear.
        var encryptionUsage: String? {
            let secrets = node.nodes("source", "encryption", "secret") + node.nodes("encryption", "secret")
            return secrets.first?.attributes["usage"]
        }
        /// Whether it is limited in any way.
        var isLimited: Bool { !node.nodes("iotune").isEmpty }
        /// The serial number that the guest sees.
        var serial: String? { node.nodes("serial").first?.text }
    }

    /// A domain's disks.
    var disks: [Disk] { nodes("devices", "disk").map(Disk.init) }

    /// A domain's interfaces.
    var interfaces: [(mac: String, device: String)] {
        nodes("devices", "interface").map { node in
            (node.nodes("mac").first?.attributes["address"] ?? "", node.nodes("target").first?.attributes["dev"] ?? "")
        }
    }

    /// A domain's interface with a MAC address.
    func interface(mac: String) -> MarkupNode? {
        nodes("devices", "interface").first { $0.nodes("mac").first?.attributes["address"]?.lowercased() == mac.lowercased() }
    }

    /// Whether a domain has a drive of ours with metadata.
    var hasConfigDrive: Bool { disks.contains { $0.path?.hasSuffix("/disk.config") == true } }

    /// Whether a domain has a channel for QEMU's guest agent.
    var hasAgentChannel: Bool { nodes("devices", "channel", "target").contains { $0.attributes["name"] == "org.qemu.guest_agent.0" } }

    /// Where a domain's serial port listens.
    var serialSocket: String? { nodes("devices", "serial", "source").first { $0.attributes["mode"] == "bind" }?.attributes["path"] }

    /// Where a domain's screen of this kind listens.
    func screen(_ kind: String) -> GuestConsoleAddress? {
        guard let node = nodes("devices", "graphics").first(where: { $0.attributes["type"] == kind }) else { return nil }
        func port(_ name: String) -> Int? { node.attributes[name].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } }
        guard let number = port("port") ?? port("tlsPort") else { return nil }
        return .tcp(host: node.attributes["listen"] ?? "127.0.0.1", port: number, tlsPort: port("tlsPort"))
    }
}
