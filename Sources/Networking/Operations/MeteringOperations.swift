import CloudStore

// Metering.
extension Operations {
    func createMeteringRule(_ rule: MeteringRule, in transaction: any Transaction) throws -> MeteringRule {
        for (name, prefix) in [("remote", rule.remote), ("source", rule.source), ("destination", rule.destination)] {
            guard let prefix, CIDR(prefix) == nil, IPAddress(prefix) == nil else { continue }
            throw NetworkingError.badBody("Invalid input for \(name)_ip_prefix. Reason: '\(prefix)' is not a valid IP subnet.")
        }
        guard rule.remote == nil || (rule.source == nil && rule.destination == nil) else {
            throw NetworkingError.badBody("A rule has either remote_ip_prefix or source_ip_prefix and destination_ip_prefix.")
        }
        guard rule.remote != nil || rule.source != nil || rule.destination != nil else {
            throw NetworkingError.badBody(
                "A rule needs at least one of remote_ip_prefix, source_ip_prefix and destination_ip_prefix.")
        }
        _ = try MeteringLabelRecords.find(rule.labelID, in: transaction).orThrow(.meteringLabelNotFound(rule.labelID))
        for other in try MeteringRuleRecords.all(label: rule.labelID, in: transaction)
        where other.direction == rule.direction && other.isExcluded == rule.isExcluded {
            guard let mine = rule.remote, let range = CIDR(mine), let theirs = other.remote.flatMap({ CIDR($0) }),
                range.overlaps(theirs)
            else { continue }
            throw NetworkingError(
                .conflict, "MeteringLabelRuleOverlaps", "Metering label rule with remote_ip_prefix '\(mine)' overlaps another.")
        }
        try MeteringRuleRecords.insert(rule, in: transaction)
        return rule
    }
}
