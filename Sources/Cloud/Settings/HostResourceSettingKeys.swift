import CloudSettings
import Compute
import ComputeAgent

/// The settings of what of a host guests have to themselves.
enum HostResourceSettingKeys {
    static let dedicated = SettingKey<String?>(
        "compute.cpu_dedicated_set", default: nil,
        "The processors of each host that are for one guest alone (hw:cpu_policy), such as 4-7,^6; nothing for none.")
    static let shared = SettingKey<String?>(
        "compute.cpu_shared_set", default: nil,
        "The processors of each host that guests share; nothing for all where no processors are for one guest alone, else for none.")

    static let devices = SettingKey<[String]>(
        "compute.pci_devices", default: [],
        "The devices of each host that guests may have to themselves, as vendor and product (8086:1572) or by address (0000:3b:00.0). "
            + "A simulated host has two of each product.") { problem(devices: $0) }
    static let aliases = SettingKey<[String]>(
        "compute.pci_aliases", default: [],
        "The names under which flavors ask for devices (pci_passthrough:alias), such as nic=8086:1572.") { problem(aliases: $0) }

    static let ephemeralFormat = SettingKey<String?>(
        "compute.default_ephemeral_format", default: nil,
        "The file system of ephemeral disks whose server asks for none (guest_format): ext2, ext3, ext4, xfs, vfat or ntfs; nothing "
            + "for ntfs or vfat where the image says os_type=windows, else ext4."
    ) { $0.map { FileDisks.defaultEphemeralFormats.contains($0) ? nil : "must be a file system that can be made" } ?? nil }

    static let all: [any SettingDeclaration] = [dedicated, shared, devices, aliases, ephemeralFormat]

    private static func problem(devices: [String]) -> String? {
        devices.first { $0.wholeMatch(of: product) == nil && $0.wholeMatch(of: address) == nil }.map { "\($0) is neither a product nor an address" }
    }

    private static func problem(aliases: [String]) -> String? {
        aliases.first { pair($0).map { $0.name.isEmpty || $0.product.wholeMatch(of: product) == nil } ?? true }.map { "\($0) is not NAME=VENDOR:PRODUCT" }
    }

    private static var product: Regex<Substring> { /[0-9a-f]{4}:[0-9a-f]{4}/ }
    private static var address: Regex<Substring> { /[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/ }

    private static func pair(_ text: String) -> (name: String, product: String)? {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 ? (parts[0], parts[1]) : nil
    }

    private static func named(_ settings: Settings) -> [String: String] {
        Dictionary(settings[aliases].compactMap { pair($0) }.map { ($0.name, $0.product) }) { $1 }
    }

    static func pci(_ settings: Settings) -> PCIDevices { PCIDevices(offered: settings[devices], aliases: named(settings)) }

    static func apply(_ settings: Settings, to options: inout ComputeOptions) { options.deviceAliases = Set(named(settings).keys) }

    static func sets(_ settings: Settings) -> ProcessorSets {
        var sets = ProcessorSets()
        (sets.dedicated, sets.shared) = (settings[dedicated], settings[shared])
        return sets
    }
}
