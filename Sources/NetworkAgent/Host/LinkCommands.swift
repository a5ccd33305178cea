import CLinux
import Foundation

/// Work on network devices, by `ip -batch`: one process for many changes.
struct LinkCommands: Sendable {
    /// The namespace of the data plane.
    let namespace: NetworkNamespace
    private let ip: String

    /// - Throws: `HostError.notInstalled`.
    init(namespace: NetworkNamespace) throws(HostError) {
        self.namespace = namespace
        ip = try Command.find("ip")
    }

    /// The device group of everything of ours that reaches into a guest or a metadata namespace.
    static let group = 41_328

    /// Whether a device is there.
    func exists(_ device: String) async throws -> Bool {
        try await namespace.run { if_nametoindex(device) != 0 }
    }

    /// The devices of our group in the namespace.
    func ours() async throws -> [String] {
        let output = try await Command(
            executable: ip, arguments: ["-o", "link", "show", "group", String(Self.group)]
        ).run(in: namespace)
        return output.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", maxSplits: 2)
            guard fields.count == 3 else { return nil }
            return fields[1].split(whereSeparator: { $0 == ":" || $0 == "@" }).first.map(String.init)
        }
    }

    /// Carries out lines of `ip -batch` in the data plane's or another namespace; the first that fails ends it.
    func batch(_ lines: [String], in other: NetworkNamespace? = nil) async throws {
        let text = lines.joined(separator: "\n") + "\n"
        try await Command(executable: ip, arguments: ["-batch", "-"], input: Array(text.utf8)).run(in: other ?? namespace)
    }

    /// Makes a guest's tap device, or brings the one that is there into shape. It has no address of its own: the host's
    /// network stack has no business on it.
    /// - Parameter hasQueues: whether it shall take several queues; nil for as it is.
    /// - Returns: whether it takes several.
    func makeTap(_ device: String, mtu: Int, hasQueues: Bool?) async throws -> Bool {
        let kind = try await namespace.run {
            let kind = altostack_tap_create(device, hasQueues.map { $0 ? 1 : 0 } ?? -1)
            guard kind >= 0 else { throw HostError.last("create tap \(device)") }
            return kind
        }
        try await batch([Self.shape(device, mtu: mtu)])
        return kind > 0
    }

    /// Makes a pair of devices into a namespace, of which the far end is `eth0`, unless it is there.
    func makePair(_ device: String, into other: String, mtu: Int) async throws {
        if try await !exists(device) {
            try await batch(["link add \(device) type veth peer name eth0 netns \(other)"])
        }
        try await batch([Self.shape(device, mtu: mtu)])
    }

    private static func shape(_ device: String, mtu: Int) -> String {
        "link set dev \(device) mtu \(mtu) group \(group) addrgenmode none up"
    }

    /// Removes a device, if it is there.
    func remove(_ device: String) async throws {
        guard try await exists(device) else { return }
        do {
            try await batch(["link delete dev \(device)"])
        } catch {
            // Somebody else may have removed it in between, which is all we want.
            if try await exists(device) { throw error }
        }
    }

    /// Makes a named namespace, unless it is there.
    func makeNamespace(_ name: String) async throws {
        guard !NetworkNamespace.names().contains(name) else { return }
        try await Command(executable: ip, arguments: ["netns", "add", name]).run()
    }

    /// Removes a named namespace with the devices in it, if it is there.
    func removeNamespace(_ name: String) async throws {
        guard NetworkNamespace.names().contains(name) else { return }
        try await Command(executable: ip, arguments: ["netns", "delete", name]).run()
    }

    /// Gives the host's own end of a bridge its address. On a userspace data path the kernel must compute checksums
    /// itself, because nobody does after it.
    func addressBridge(_ bridge: String, _ address: String, userspace: Bool) async throws {
        try await batch(["address replace \(address) dev \(bridge)", "link set dev \(bridge) up"])
        if userspace { try await disableTransmitChecksum(bridge, in: namespace) }
    }

    /// Lets the kernel compute the checksums of what a device sends.
    func disableTransmitChecksum(_ device: String, in namespace: NetworkNamespace) async throws {
        try await namespace.run {
            guard altostack_transmit_checksum_off(device) == 0 else { throw HostError.last("checksum offload of \(device)") }
        }
    }
}
