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

    private var processors: [String: Int] = [:]
    private let inbound: Traffic?
    private let outbound: Traffic?
    /// What may go through each of the disks that are the flavor's.
    let disks: DiskLimits

    /// Reads properties.
    /// - Throws: `GuestFailure` for what is no number.
    init(_ reader: PropertyReader) throws {
        (inbound, outbound) = (try Self.traffic("inbound", reader), try Self.traffic("outbound", reader))
        disks = try DiskLimits(reader)
        for measure in Self.processorMeasures {
            // A quota below zero is none at all.
            processors["\(measure)"] = try reader.count("quota:cpu_\(measure)", Int.min...Int.max)
        }
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
    var processorMarkup: [Markup] {
        Self.processorMeasures.compactMap { measure in processors["\(measure)"].map { Markup(measure, text: "\($0)") } }
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
}
