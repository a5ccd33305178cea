/// Keeps guests away from the host's own network stack. A userspace data path reads a tap device beside the kernel, not
/// instead of it: without this, a guest that sends to the tap's own MAC address would reach the host's services past every
/// security group. Devices are told by their group, so one static rule covers those to come.
struct GuestIsolation: Sendable {
    private let nft: String
    private let namespace: NetworkNamespace
    private static let table = "altostack_guests"

    /// - Throws: `HostError.notInstalled`.
    init(namespace: NetworkNamespace) throws(HostError) {
        nft = try Command.find("nft")
        self.namespace = namespace
    }

    /// Puts the rules in place, replacing what is there of them in one step.
    func enforce() async throws {
        let rules = """
            table inet \(Self.table)
            delete table inet \(Self.table)
            table arp \(Self.table)
            delete table arp \(Self.table)
            table inet \(Self.table) {
              chain prerouting {
                type filter hook prerouting priority raw; policy accept
                iifgroup \(LinkCommands.group) drop
              }
            }
            table arp \(Self.table) {
              chain input {
                type filter hook input priority 0; policy accept
                iifgroup \(LinkCommands.group) drop
              }
            }

            """
        try await run(rules)
    }

    /// Takes the rules away.
    func remove() async throws {
        try await run("""
            table inet \(Self.table)
            delete table inet \(Self.table)
            table arp \(Self.table)
            delete table arp \(Self.table)

            """)
    }

    private func run(_ rules: String) async throws {
        try await Command(executable: nft, arguments: ["-f", "-"], input: Array(rules.utf8)).run(in: namespace)
    }
}
