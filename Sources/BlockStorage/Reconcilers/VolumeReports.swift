import CloudBus
import CloudCore
import CloudStore
import VolumeMessages

/// What block storage hears from storage hosts.
struct VolumeReports: Sendable {
    let storage: BlockStorage.Parts

    /// The handlers to serve at the controllers' topic.
    var service: BusService {
        var service = BusService()
        service.on(VolumeHostReport.self) { report, _ in
            try await record(report)
            return BusNothing()
        }
        return service
    }

    /// A storage host is alive: its back ends, their pools, and whether it keeps backups.
    func record(_ report: VolumeHostReport) async throws {
        let zone = storage.options.availabilityZone
        let backends = Dictionary(grouping: report.pools, by: \.backend)
        try await storage.database.write { transaction in
            for (backend, pools) in backends {
                let service = try StorageServiceRecords.report(
                    .volume, host: "\(report.host)@\(backend)", zone: zone, failure: report.failures[backend], in: transaction)
                try StorageServiceRecords.replacePools(pools, of: service, in: transaction)
            }
            for (backend, failure) in report.failures where backends[backend] == nil {
                try StorageServiceRecords.report(
                    .volume, host: "\(report.host)@\(backend)", zone: zone, failure: failure, in: transaction)
            }
            try BackupRecords.setDrivers(report.backupDrivers, of: report.host, in: transaction)
            if !report.backupDrivers.isEmpty {
                try StorageServiceRecords.report(.backup, host: report.host, zone: zone, in: transaction)
            }
        }
        storage.picks.forget(host: report.host)
    }
}
