/// What a flavor allows its guests of the host's processors, disks and network: the extra specs `quota:…`, under their
/// own names and in their own units (nova.api.validation.extra_specs.quota), which are libvirt's.
struct GuestLimits: Sendable, Hashable {
    /// One direction of an interface, in kilobytes and kilobytes a second.
    private struct Traffic: Sendable, Hashable {
        var average: Int
        var peak: Int?
        var burst: Int?
    }

    private static let processorMeasures: [StaticString] = ["shares", "period", "quota"]
    private static let diskMeasures: [StaticString] = [
        "total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec", "write_iops_sec",
    ]

    private var processors: [String: Int] = [:]
    private var disks: [String: Int] = [:]
    private let inbound: Traffic?
    private let outbound: Traffic?

    /// Reads properties.
    /// - Throws: `GuestFailure` for what is no number.
    init(_ reader: PropertyReader) throws {
        (inbound, outbound) = (try Self.traffic("inbound", reader), try Self.traffic("outbound", reader))
        for measure in Self.processorMeasures {
            // A quota below zero is none at all.
            processors["\(measure)"] = try reader.count("quota:cpu_\(measure)", Int.min...Int.max)
        }
        for measure in Self.diskMeasures { disks["\(measure)"] = try reader.count("quota:disk_\(measure)", 0...Int.max) }
    }

    /// Without an average libvirt knows nothing of a direction.
    private static func traffic(_ direction: String, _ reader: PropertyReader) throws -> Traffic? {
        func count(_ measure: String) throws -> Int? { try reader.count("quota:vif_\(direction)_\(measure)", 0...Int.max) }
        let (average, peak, burst) = (try count("average"), try count("peak"), try count("burst"))
        return average.map { Traffic(average: $0, peak: peak, burst: burst) }
    }

    /// Whether the host must be able to limit processors.
    var limitsProcessors: Bool { !processors.isEmpty }

    /// The elements of `<cputune>`.
    var processorMarkup: [Markup] { Self.elements(Self.processorMeasures, processors) }

    /// What stands in a disk; nil for nothing.
    var diskMarkup: Markup? {
        let elements = Self.elements(Self.diskMeasures, disks)
        return elements.isEmpty ? nil : Markup("iotune", [:], elements)
    }

    /// What stands in an interface; nil for nothing.
    var interfaceMarkup: Markup? {
        guard inbound != nil || outbound != nil else { return nil }
        return Markup("bandwidth", [:], [inbound.map { Self.element("inbound", $0) }, outbound.map { Self.element("outbound", $0) }])
    }

    private static func element(_ direction: StaticString, _ traffic: Traffic) -> Markup {
        Markup(direction, optional: [
            "average": "\(traffic.average)", "peak": traffic.peak.map { "\($0)" }, "burst": traffic.burst.map { "\($0)" },
        ])
    }

    private static func elements(_ measures: [StaticString], _ values: [String: Int]) -> [Markup] {
        measures.compactMap { measure in values["\(measure)"].map { Markup(measure, text: "\($0)") } }
    }
}
