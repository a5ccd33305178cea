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
    /// Whether it shall run, as was remembered last.
    var runs: Bool?
    /// The last rebuild's token.
    var rebuildToken: String?
    /// What came to it from outside, in the order that it came, as its kernel and agent would print it.
    var journal: [String]?

    /// The host's processors that it has to itself.
    var pins: ProcessorPins?
    /// The host's devices that it has to itself.
    var devices: [PCIDevice]?
    /// The files that its volumes' bytes are in beside the volumes' own, by volume; the last is the one that is written.
    var overlays: [String: [String]]?

    /// Puts a file before a volume's others.
    mutating func addOverlay(_ file: String, to volume: String) { overlays = (overlays ?? [:]).merging([volume: [file]]) { $0 + $1 } }

    /// Takes files out of a volume's chain: one, or all that are between one (nil for all) and the last.
    mutating func removeOverlays(of volume: String, file: String?, into target: String?) {
        guard var chain = overlays?[volume], let last = chain.last else { return }
        if target != nil {
            chain.removeAll { $0 == file && $0 != last }
        } else {
            let base = chain.dropLast().firstIndex { $0 == file }.map { $0 + 1 } ?? 0
            chain = chain.prefix(base) + [last]
        }
        overlays?[volume] = chain
    }

    /// Writes a line to the console, of which the last few are kept.
    mutating func note(_ line: String) { journal = Array(((journal ?? []) + [line]).suffix(40)) }

    /// Writes what a volume is limited to.
    mutating func noteLimits(of volume: GuestVolume) {
        let limits = DiskLimits.text(of: volume)
        if !limits.isEmpty { note("virtio_blk: volume \(volume.id) limited to \(limits)") }
    }

    /// Whether its image says that it runs QEMU's guest agent.
    var hasAgent: Bool { ["yes", "true", "1"].contains(specification.properties["hw_qemu_guest_agent"]?.lowercased() ?? "") }

    /// What its serial console shows: the last few boots, each as a small Linux would print it.
    var console: String {
        guard boots > 0 else { return "" }
        let lines = (journal ?? []).map { "[   31.400221] \($0)\r\n" }
        return ((max(1, boots - 3)...boots).map { bootLog($0) } + lines).joined()
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
        if let rescue = specification.rescue { lines[5] = "[    0.412931] virtio_blk virtio1: [vda] rescue disk from image \(rescue.imageID)" }
        if specification.configDrive != nil { lines.append("[    0.440210] config drive found: label config-2") }
        for (index, interface) in specification.interfaces.enumerated() {
            lines.append("[    0.5\(index)1044] virtio_net virtio\(index + 2): eth\(index) mac \(interface.mac) mtu \(interface.mtu)")
        }
        for volume in specification.volumes {
            let limits = DiskLimits.text(of: volume)
            if !limits.isEmpty { lines.append("[    0.602117] virtio_blk: volume \(volume.id) limited to \(limits)") }
        }
        lines += ["[    1.204518] hostname set to \(hostName)", "", "\(hostName) login: "]
        let isLast = boot == boots
        if !isLast || power == .shutdown { lines.append("[   62.018270] reboot: Power down") }
        if isLast, power == .crashed { lines.append("[   62.018270] Kernel panic - not syncing: simulated crash") }
        return lines.joined(separator: "\r\n") + "\r\n"
    }
}

extension SimulatedGuest {
    /// Starts it.
    mutating func boot() {
        power = .running
        boots += 1
        bootedAt = .now
        journal = nil
    }
}
