import CloudStore

extension BlockStorage.Parts {
    /// Holds what is about to be added against a project's limits, counted from rows in the same transaction.
    /// - Parameters:
    ///   - type: the id of the volumes' type, which has limits of its own.
    ///   - gigabytes: the GiB to be added.
    ///   - whole: the size of a volume that is made or grows, for the limit on one volume; nil where there is none.
    /// - Throws: 413.
    func checkQuota(
        project: String, type: String, volumes: Int = 0, snapshots: Int = 0, gigabytes: Int = 0, whole: Int? = nil,
        in reader: any Reader
    ) throws {
        let limits = try VolumeQuotaRecords.effective(project: project, configured: options.quota, in: reader)
        if let whole, let limit = limits["per_volume_gigabytes"], limit >= 0, whole > limit {
            throw BlockStorageError.overLimit("Requested volume size \(whole)G is larger than maximum allowed limit \(limit)G.")
        }
        let usage = try VolumeQuotaRecords.usage(project: project, countsSnapshots: options.countsSnapshotGigabytes, in: reader)
        let typeName = try VolumeTypeRecords.find(type, in: reader)?.name
        let amounts = [("gigabytes", gigabytes), ("volumes", volumes), ("snapshots", snapshots)].filter { $0.1 > 0 }
        for (resource, amount) in amounts {
            for name in [typeName.map { "\(resource)_\($0)" }, resource].compactMap(\.self) {
                let used = usage[name] ?? 0
                guard let limit = limits[name], limit >= 0, used + amount > limit else { continue }
                throw Self.excess(resource, name: name, amount: amount, used: used, limit: limit)
            }
        }
    }

    private static func excess(_ resource: String, name: String, amount: Int, used: Int, limit: Int) -> BlockStorageError {
        switch resource {
        case "gigabytes":
            .overLimit(
                "Requested volume or snapshot exceeds allowed \(name) quota. Requested \(amount)G, quota is \(limit)G and "
                    + "\(used)G has been consumed.")
        case "volumes": .overLimit("Maximum number of volumes allowed (\(limit)) exceeded for quota '\(name)'.")
        default: .overLimit("Maximum number of snapshots allowed (\(limit)) exceeded")
        }
    }
}
