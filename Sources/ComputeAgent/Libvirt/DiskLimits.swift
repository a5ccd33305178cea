import ComputeMessages

/// How much may go through a disk: the measures of libvirt's `<iotune>`, which have the same names in the QoS specs of volume types
/// (nova.virt.libvirt.volume) and, the first six of them, in flavors.
struct DiskLimits: Sendable, Hashable {
    /// What flavors say of the disks that are theirs.
    private static let ofFlavors: [StaticString] = [
        "total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec", "write_iops_sec",
    ]
    private static let ofBursts: [StaticString] = [
        "total_bytes_sec_max", "read_bytes_sec_max", "write_bytes_sec_max", "total_iops_sec_max", "read_iops_sec_max",
        "write_iops_sec_max", "size_iops_sec",
    ]
    /// For how many seconds a burst may last, which upstream passes over.
    private static let ofLengths: [StaticString] = [
        "total_bytes_sec_max_length", "read_bytes_sec_max_length", "write_bytes_sec_max_length", "total_iops_sec_max_length",
        "read_iops_sec_max_length", "write_iops_sec_max_length",
    ]
    /// All, in the order in which they are written.
    private static let measures = ofFlavors + ofBursts + ofLengths
    /// The most that QEMU takes of one (THROTTLE_VALUE_MAX).
    private static let maximum = 1_000_000_000_000_000

    private var values: [String: Int] = [:]

    /// Reads a flavor's `quota:disk_…`.
    /// - Throws: `GuestFailure` for what is no number, and for what cannot hold together.
    init(_ reader: PropertyReader) throws {
        for measure in Self.ofFlavors { values["\(measure)"] = try reader.count("quota:disk_\(measure)", 0...Int.max) }
        try check("The flavor's quotas")
    }

    /// Reads a volume's QoS specs. Those that are none of libvirt's measures say nothing here.
    /// - Throws: `GuestFailure` with `unsupported`: nothing has been changed yet, and trying again does not help.
    init(_ volume: GuestVolume) throws {
        let (specs, subject) = (volume.qosSpecs ?? [:], "The QoS specs of the volume \(volume.id)")
        for measure in Self.measures {
            guard let text = specs["\(measure)"] else { continue }
            guard let number = Int(text), (0...Self.maximum).contains(number) else {
                throw GuestFailure(.unsupported, "\(subject) say \(measure)=\(text), which is no number that a disk can be held to.")
            }
            values["\(measure)"] = number
        }
        try check(subject)
    }

    /// Whether there are any.
    var isEmpty: Bool { values.isEmpty }

    /// What stands in a disk; nil for nothing.
    var markup: Markup? {
        let elements = Self.measures.compactMap { measure in values["\(measure)"].map { Markup(measure, text: "\($0)") } }
        return elements.isEmpty ? nil : Markup("iotune", [:], elements)
    }

    /// A volume's limits for people; nothing for none.
    static func text(of volume: GuestVolume) -> String {
        measures.compactMap { measure in volume.qosSpecs?["\(measure)"].map { "\(measure) \($0)" } }.joined(separator: ", ")
    }

    /// All measures by name, with zero for what is not limited.
    var parameters: [(name: StaticString, value: UInt64)] { Self.measures.map { ($0, UInt64(amount("\($0)"))) } }

    private func amount(_ measure: String) -> Int { values[measure] ?? 0 }

    // MARK: What holds together

    /// QEMU's rules (its throttle_is_valid), which libvirt would otherwise find broken while it changes the guest.
    private func check(_ subject: String) throws {
        for unit in ["bytes_sec", "iops_sec"] {
            for kind in [unit, unit + "_max"] where amount("total_" + kind) > 0 {
                guard let other = ["read_" + kind, "write_" + kind].first(where: { amount($0) > 0 }) else { continue }
                throw GuestFailure(.unsupported, "\(subject) limit total_\(kind) together with \(other), which no hypervisor can do.")
            }
            for measure in ["total_", "read_", "write_"].map({ $0 + unit }) { try checkBurst(of: measure, subject) }
        }
        let hasOperations = ["total", "read", "write"].contains { amount($0 + "_iops_sec") > 0 }
        guard amount("size_iops_sec") == 0 || hasOperations else {
            throw GuestFailure(.unsupported, "\(subject) say size_iops_sec, which needs a limit of operations beside it.")
        }
    }

    private func checkBurst(of measure: String, _ subject: String) throws {
        let (most, seconds) = (amount(measure + "_max"), amount(measure + "_max_length"))
        guard most == 0 || amount(measure) > 0 && most >= amount(measure) else {
            throw GuestFailure(.unsupported, "\(subject) say \(measure)_max, which needs \(measure) beside it and must not be below it.")
        }
        guard seconds <= 1 || most > 0 && seconds <= Self.maximum / most else {
            throw GuestFailure(.unsupported, "\(subject) say \(measure)_max_length, which needs \(measure)_max and is bounded by it.")
        }
    }
}
