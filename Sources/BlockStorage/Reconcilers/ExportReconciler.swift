import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Logging
import VolumeMessages

/// Closes the difference between attachments and what storage hosts export: exports of attachments that are gone are taken away,
/// and detachments that were cut off are finished.
struct ExportReconciler: Reconciler {
    let storage: BlockStorage.Parts

    var name: String { "block-storage.exports" }
    var interval: Duration { .seconds(60) }

    func reconcile() async throws {
        try await finishDetachments()
        let hosts = try await storage.database.read { reader in
            Set(try StorageServiceRecords.pools(in: reader).map(\.name.host))
        }
        for host in hosts.sorted() {
            do {
                try await removeExports(of: host)
            } catch let error as BusError {
                storage.logger.debug("a storage host does not say what it exports", metadata: ["host": "\(host)", "error": "\(error)"])
            }
        }
    }

    private func finishDetachments() async throws {
        // A detachment takes no longer than the storage host is given time for.
        let limit = Timestamp.now + .seconds(-120)
        let stale = try await storage.database.read { reader in
            try AttachmentRecords.all(where: "status = \(Volume.AttachStatus.detaching) AND detached_at < \(limit)", in: reader)
        }
        let operations = AttachmentOperations(storage: storage)
        for attachment in stale {
            do {
                try await operations.remove(attachment.id)
            } catch {
                storage.logger.warning(
                    "a detachment can't be finished", metadata: ["attachment": "\(attachment.id)", "error": "\(error)"])
            }
        }
    }

    /// What is exported is asked first and the attachments are read then, so that one made meanwhile is not missed.
    private func removeExports(of host: String) async throws {
        let address = BusAddress(topic: VolumeTopic.agent, host: host)
        let exports = try await storage.bus.call(ListConnections(), to: address, deadline: .seconds(30))
        let known = try await storage.database.read { reader in
            Set(try AttachmentRecords.all(where: "connector IS NOT NULL", in: reader).map(\.id))
        }
        for export in exports where !known.contains(export.attachmentID) {
            storage.logger.notice(
                "taking away an export that no attachment needs",
                metadata: ["host": "\(host)", "volume": "\(export.volumeName)", "attachment": "\(export.attachmentID)"])
            let volume = VolumeSpecification(
                id: export.volumeName.replacing("volume-", with: "", maxReplacements: 1), name: export.volumeName, sizeGiB: 1)
            let request = DisconnectVolume(backend: export.backend, volume: volume, attachmentID: export.attachmentID)
            _ = try await storage.bus.call(request, to: address, deadline: .seconds(60))
        }
    }
}
