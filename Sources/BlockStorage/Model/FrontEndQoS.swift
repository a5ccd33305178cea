import CloudCore

extension QoSSpecs {
    /// What can be promised for each GiB of a volume.
    private static let measures = [
        "read_iops_sec", "read_bytes_sec", "write_iops_sec", "write_bytes_sec", "total_iops_sec", "total_bytes_sec",
    ]

    /// Whether whoever attaches a volume keeps the promise, alone or beside the back end.
    var isForFrontEnd: Bool { consumer != .backEnd }

    /// The promise as it is kept for a volume of a size, which is what a connection says of it: amounts for each GiB are made whole
    /// ones, not below `…_per_gb_min` and not above `…_max`, which is then used up (Cinder's `_parse_connection_options`).
    /// - Returns: nil when the back end alone keeps it.
    /// - Throws: 400 for an amount that is no number.
    func frontEnd(sizeGiB: Int) throws -> JSON? {
        guard isForFrontEnd else { return nil }
        var (rest, whole) = (specs, JSONObject())
        for measure in Self.measures {
            guard let each = try take("\(measure)_per_gb", from: &rest) else { continue }
            let minimum = try take("\(measure)_per_gb_min", from: &rest) ?? 0
            let (product, isTooMuch) = each.multipliedReportingOverflow(by: sizeGiB)
            let amount = max(minimum, isTooMuch ? Int.max : product)
            rest[measure] = nil
            whole[measure] = .int(min(amount, try take("\(measure)_max", from: &rest) ?? amount))
        }
        var all = JSON(rest).object ?? [:]
        for member in whole { all[member.name] = member.value }
        return .object(all)
    }

    private func take(_ name: String, from specs: inout [String: String]) throws -> Int? {
        guard let text = specs.removeValue(forKey: name) else { return nil }
        guard let number = Int(text) else {
            throw BlockStorageError.badRequest("The QoS specs \(id) of the volume's type are of no use: \(name)=\(text) is no number.")
        }
        return number
    }
}
