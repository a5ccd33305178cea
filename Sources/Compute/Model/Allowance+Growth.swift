import CloudStore

extension ComputeAllowance {
    /// Holds what a server gets more with another flavor against the quota; a smaller flavor always fits.
    /// - Throws: 403 when the difference is more than is left.
    func checkGrowth(from old: Flavor, to new: Flavor, in reader: any Reader) throws {
        let growth: [(QuotaResource, Int)] = [(.cores, new.vcpus - old.vcpus), (.ram, new.memoryMiB - old.memoryMiB)].filter { $0.1 > 0 }
        guard !growth.isEmpty else { return }
        let project = try QuotaRecords.usage(projectID: projectID, in: reader)
        try check(growth, within: quota(in: reader), used: project)
        guard let userID else { return }
        let user = try QuotaRecords.usage(projectID: projectID, userID: userID, in: reader)
        try check(growth, within: effective(in: reader), used: user)
    }

    private func check(_ growth: [(QuotaResource, Int)], within quota: ComputeQuota, used: QuotaUsage) throws {
        for (resource, amount) in growth where quota[resource] >= 0 && used[resource] + amount > quota[resource] {
            throw ComputeError.quotaExceeded(
                resource: resource.rawValue, requested: amount, used: used[resource], allowed: quota[resource])
        }
    }
}
