import ComputeMessages
import Foundation

/// A volume that the hypervisor reaches over the network by itself, in libvirt's words.
struct RemoteVolume: Sendable, Hashable {
    /// Where a server listens.
    struct Server: Sendable, Hashable {
        var host: String
        var port: String?
    }

    /// libvirt's name of the protocol.
    let networkProtocol: String
    /// What is reached, as the protocol names it.
    let name: String
    let servers: [Server]
    /// Who asks; nil where nobody is asked who he is.
    let user: String?
    /// What proves who asks, as a secret; nil where nothing has to.
    let secret: VolumeSecret?
    let format: String

    /// A volume's way; nil for one that is a file of the host.
    /// - Throws: `GuestFailure` for what can't be a way.
    init?(_ volume: GuestVolume, of guest: String) throws {
        switch volume.connection {
        case .file: return nil
        case .rbd(let pool, let image, let monitors, let user, let key):
            guard !pool.isEmpty, !image.isEmpty else { throw Self.invalid("An RBD volume has a pool and an image.") }
            (networkProtocol, name, servers) = ("rbd", pool + "/" + image, try monitors.map(Self.server))
            (self.user, format) = (user, "raw")
            secret = key.flatMap { key in user.map { _ in VolumeSecret(.ceph, guest: guest, volume: volume.id, value: key) } }
        case .iscsi(let portals, let iqn, let lun, let user, let password):
            // QEMU's initiator goes one way; the others are for hosts' own initiators.
            guard let portal = portals.first, !iqn.isEmpty, !iqn.contains("/"), lun >= 0 else {
                throw Self.invalid("An iSCSI volume has a portal, a target's name and a unit.")
            }
            (networkProtocol, name, servers) = ("iscsi", "\(iqn)/\(lun)", [try Self.server(portal)])
            (self.user, format) = (user, "raw")
            secret = password.flatMap { password in user.map { _ in VolumeSecret(.iscsi, guest: guest, volume: volume.id, value: password) } }
        case .nfs(let export, let file, let format):
            guard let colon = export.range(of: ":/", options: []), !file.isEmpty, !file.split(separator: "/").contains(".."),
                ["raw", "qcow2"].contains(format)
            else { throw Self.invalid("An NFS volume has an export, a file below it and the format raw or qcow2.") }
            let folder = String(export[colon.lowerBound...].dropFirst())
            (networkProtocol, name) = ("nfs", (folder.hasSuffix("/") ? folder : folder + "/") + file)
            (servers, user, secret) = ([Server(host: String(export[..<colon.lowerBound]), port: nil)], nil, nil)
            self.format = format
        }
    }

    private static func invalid(_ message: String) -> GuestFailure { GuestFailure(.volumeUnavailable, message) }

    /// "host:port" or "[address]:port", or either without a port.
    private static func server(_ text: String) throws -> Server {
        var (host, port): (Substring, Substring?) = (text[...], nil)
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            port = rest.hasPrefix(":") ? rest.dropFirst() : nil
        } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
            (host, port) = (text[..<colon], text[text.index(after: colon)...])
        }
        guard !host.isEmpty, port.map({ Int($0) != nil }) ?? true else { throw invalid("\(text) is no server of volumes.") }
        return Server(host: String(host), port: port.map(String.init))
    }

    /// What tells one volume from another.
    var identity: String { networkProtocol + ":" + name }

    /// How the hypervisor caches. librbd and libnfs keep what is written until the guest flushes.
    var cache: String { networkProtocol == "iscsi" ? "none" : "writeback" }

    /// The source of a disk.
    func source(_ encryption: Markup?) -> Markup {
        let hosts = servers.map { server in
            server.port.map { Markup("host", ["name": server.host, "port": $0]) } ?? Markup("host", ["name": server.host])
        }
        let authentication = user.flatMap { user in
            secret.map { Markup("auth", ["username": user], [Markup("secret", ["type": $0.kind.rawValue, "usage": $0.usage])]) }
        }
        let owner = networkProtocol == "nfs" ? Markup("nfs", ["user": "+0", "group": "+0"]) : nil
        return Markup("source", ["protocol": networkProtocol, "name": name], hosts + [authentication, owner, encryption])
    }
}

/// What unlocks a volume, kept by libvirt in memory alone: ephemeral and private. Definitions name it by its usage.
struct VolumeSecret: Sendable, Hashable {
    /// What it is for, in libvirt's words.
    enum Kind: String, Sendable { case ceph, iscsi, volume }

    let kind: Kind
    /// The name under which definitions mean it: the guest's, the volume's and its kind.
    let usage: String
    private let value: String

    init(_ kind: Kind, guest: String, volume: String, value: String) {
        (self.kind, self.value) = (kind, value)
        usage = "\(Self.prefix(guest: guest))\(volume):\(kind.rawValue)"
    }

    /// What the names of all of a guest's secrets begin with.
    static func prefix(guest: String, volume: String? = nil) -> String { "altostack:\(guest):" + (volume.map { $0 + ":" } ?? "") }

    /// All that a volume needs.
    /// - Throws: `GuestFailure`.
    static func all(_ volume: GuestVolume, of guest: String) throws -> [VolumeSecret] {
        [
            try RemoteVolume(volume, of: guest)?.secret,
            volume.encryption.map { VolumeSecret(.volume, guest: guest, volume: volume.id, value: $0.passphrase) },
        ].compactMap { $0 }
    }

    /// What libvirt keeps: Ceph's keys are text that stands for bytes.
    var bytes: [UInt8] {
        kind == .ceph ? Base64Text.decode(value) ?? Array(value.utf8) : Array(value.utf8)
    }

    /// The definition, without the value.
    var markup: Markup {
        let name: Markup
        switch kind {
        case .ceph: name = Markup("name", text: usage)
        case .iscsi: name = Markup("target", text: usage)
        case .volume: name = Markup("volume", text: usage)
        }
        return Markup("secret", ["ephemeral": "yes", "private": "yes"], [Markup("usage", ["type": kind.rawValue], [name])])
    }
}
