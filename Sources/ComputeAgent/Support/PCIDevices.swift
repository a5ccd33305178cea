import ComputeMessages
import Foundation

/// A device of a host that a guest may have to itself.
struct PCIDevice: Sendable, Hashable, Codable {
    /// Its domain, bus, slot and function, such as `0000:3b:00.0`.
    var address: String
    /// Its vendor and product, such as `8086:1572`.
    var product: String
}

/// Which of a host's devices guests may have to themselves, and under which names flavors ask for them (nova's device_spec and alias).
public struct PCIDevices: Sendable, Hashable {
    /// Devices as vendor and product (`8086:1572`) or by address (`0000:3b:00.0`).
    public var offered: [String]
    /// The vendor and product of each name.
    public var aliases: [String: String]

    /// None, if nothing is said.
    public init(offered: [String] = [], aliases: [String: String] = [:]) { (self.offered, self.aliases) = (offered, aliases) }

    /// The devices of this machine that guests may have.
    func installed() -> [PCIDevice] {
        guard !offered.isEmpty else { return [] }
        let folder = "/sys/bus/pci/devices"
        let names = (try? FileSystem.names(in: folder)) ?? []
        func digits(_ name: String, _ file: String) -> String {
            let text = (try? String(contentsOfFile: "\(folder)/\(name)/\(file)", encoding: .utf8)) ?? ""
            return text.trimmingCharacters(in: .whitespacesAndNewlines).replacingOccurrences(of: "0x", with: "")
        }
        let all = names.map { PCIDevice(address: $0, product: digits($0, "vendor") + ":" + digits($0, "device")) }
        return all.filter { offered.contains($0.product) || offered.contains($0.address) }.sorted { $0.address < $1.address }
    }

    /// The devices of a simulated host: two of each product that is offered.
    func simulated() -> [PCIDevice] {
        offered.filter { $0.utf8.count == 9 }.enumerated().flatMap { number, product in
            (0..<2).map { PCIDevice(address: "0000:" + String(0x100 + number, radix: 16).suffix(2) + ":00.\($0)", product: product) }
        }
    }

    /// How many of some devices there are under each name.
    func counts(_ devices: [PCIDevice]) -> [String: Int] {
        aliases.mapValues { product in devices.filter { $0.product == product }.count }
    }

    /// What a guest with these properties gets.
    /// - Throws: `GuestFailure` when there is too little of it.
    func choose(for properties: [String: String], from free: [PCIDevice]) throws -> [PCIDevice] {
        var (left, chosen) = (free, [PCIDevice]())
        for (alias, count) in DeviceAliases.wanted(properties[DeviceAliases.property]).sorted(by: { $0.key < $1.key }) {
            let found = Array(left.filter { $0.product == aliases[alias] }.prefix(count))
            guard found.count == count else {
                throw GuestFailure(.unsupported, "This host has no \(count) free devices of the name \(alias) (\(DeviceAliases.property)).")
            }
            chosen += found
            left.removeAll(where: found.contains)
        }
        return chosen
    }
}

extension PCIDevice {
    /// The device in libvirt's words. libvirt takes it from the host's driver and gives it back.
    var markup: Markup {
        let parts = address.split { ":.".contains($0) }.map { "0x" + $0 }
        func part(_ number: Int) -> String { number < parts.count ? parts[number] : "0x0" }
        return Markup("hostdev", ["mode": "subsystem", "type": "pci", "managed": "yes"], [
            Markup("source", [:], [
                Markup("address", ["domain": part(0), "bus": part(1), "slot": part(2), "function": part(3)])
            ])
        ])
    }
}

extension MarkupNode {
    /// The addresses of the host's devices that a domain has.
    var hostDevices: Set<String> {
        Set(nodes("devices", "hostdev", "source", "address").map { node in
            func digits(_ name: String, _ width: Int) -> String {
                let text = (node.attributes[name] ?? "0").replacingOccurrences(of: "0x", with: "")
                return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
            }
            return "\(digits("domain", 4)):\(digits("bus", 2)):\(digits("slot", 2)).\(digits("function", 1))"
        })
    }
}
