import CloudCore
import ComputeMessages

/// A guest of a simulated host.
struct SimulatedGuest: Codable, Sendable {
    /// What was asked for.
    var specification: GuestSpecification
    /// Whether a domain was defined; before that there are only disks.
    var isDefined = false
    /// Its power.
    var power = PowerState.shutdown
    /// How often it was started.
    var boots = 0
    /// When it was started last.
    var bootedAt: Timestamp?

    /// What its serial console shows: the last few boots, each as a small Linux would print it.
    var console: String {
        guard boots > 0 else { return "" }
        return (max(1, boots - 3)...boots).map { bootLog($0) }.joined()
    }

    /// The host name a guest would take from the server's name.
    var hostName: String {
        let plain = specification.name.lowercased().unicodeScalars.map { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil) ? Character(scalar) : "-"
        }
        let name = String(plain).split(separator: "-", omittingEmptySubsequences: true).joined(separator: "-").prefix(63)
        return name.isEmpty ? "server-\(specification.id)" : String(name)
    }

    private func bootLog(_ boot: Int) -> String {
        var lines = [
            "SeaBIOS (version simulated)",
            "Booting from Hard Disk...",
            "[    0.000000] Linux version 6.1.0-simulated (boot \(boot) of \(specification.domainName))",
            "[    0.041207] Memory: \(specification.memoryMiB * 1024)K",
            "[    0.083122] smp: Brought up 1 node, \(specification.vcpus) CPU\(specification.vcpus == 1 ? "" : "s")",
            "[    0.412931] virtio_blk virtio1: [vda] root disk \(specification.root.map { "from image \($0.imageID)" } ?? "on a volume")",
        ]
        for (index, interface) in specification.interfaces.enumerated() {
            lines.append("[    0.5\(index)1044] virtio_net virtio\(index + 2): eth\(index) mac \(interface.mac) mtu \(interface.mtu)")
        }
        lines += ["[    1.204518] hostname set to \(hostName)", "", "\(hostName) login: "]
        let isLast = boot == boots
        if !isLast || power == .shutdown { lines.append("[   62.018270] reboot: Power down") }
        if isLast, power == .crashed { lines.append("[   62.018270] Kernel panic - not syncing: simulated crash") }
        return lines.joined(separator: "\r\n") + "\r\n"
    }
}
