/// The devices that flavors ask for under operators' names (`pci_passthrough:alias`).
public enum DeviceAliases {
    /// The extra spec.
    public static let property = "pci_passthrough:alias"

    /// How many of each are asked for: `nic:2,gpu:1`. What can't be read is asked for by nobody.
    public static func wanted(_ text: String?) -> [String: Int] {
        var wanted: [String: Int] = [:]
        for part in (text ?? "").split(separator: ",") {
            let pair = part.filter { !$0.isWhitespace }.split(separator: ":")
            guard pair.count == 2, let count = Int(pair[1]), (1...256).contains(count) else { continue }
            wanted[String(pair[0]), default: 0] += count
        }
        return wanted
    }
}
