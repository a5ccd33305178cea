import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import ComputeMessages
import Logging

/// Snapshots of volumes that a guest's host makes on behalf of a block storage that keeps volumes as files: it puts a qcow2 file before
/// the one that the guest writes. This cloud's own block storage has volumes copied instead, so that their files keep their names.
struct AssistedSnapshotEndpoints: Sendable {
    let compute: Compute.Parts

    private static let deleteQuery = QueryRules([("delete_info", .string())], strictFrom: 75)

    var table: [Endpoint] {
        let path = "/v2.1/os-assisted-volume-snapshots"
        return [
            Endpoint(
                .post, path, "Snapshot a volume on its server's host",
                access: .rule("os_compute_api:os-assisted-volume-snapshots:create"), body: .json(HostSchemas.createAssistedSnapshot),
                handler: create),
            Endpoint(
                .delete, path + "/{snapshot_id}", "Delete a snapshot of a volume on its server's host",
                access: .rule("os_compute_api:os-assisted-volume-snapshots:delete"), success: .noContent, handler: delete),
        ]
    }

    /// Whoever asked learns from the volume's files how it went, as upstream's hosts answer nobody either.
    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let (snapshot, information) = (request.body["snapshot"] ?? .null, request.body["snapshot"]?["create_info"] ?? .null)
        let volume = snapshot["volume_id"]?.string ?? ""
        let (server, host) = try await place(of: volume)
        try await compute.bus.cast(
            SnapshotGuestVolume(id: server.id, volumeID: volume, newFile: information["new_file"]?.string ?? ""),
            to: BusAddress(topic: ComputeTopic.agent, host: host))
        return .json {
            $0.object {
                $0.member("snapshot") {
                    $0.object {
                        $0.member("id", information["id"]?.string)
                        $0.member("volumeId", volume)
                    }
                }
            }
        }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        try Self.deleteQuery.check(request)
        guard let information = try? JSON(parsing: request.query["delete_info"] ?? ""), let volume = information["volume_id"]?.string else {
            throw ComputeError.badRequest("'volume_id' is missing in delete_info")
        }
        let (server, host) = try await place(of: volume)
        let target = information["merge_target_file"]?.string
        guard target == nil || server.state == .active else {
            throw ComputeError.badRequest(
                "Instance \(server.id) in vm_state \(server.state.rawValue). Cannot volume_snapshot_delete while the instance is in this state.")
        }
        guard information["type"]?.string == "qcow2" else {
            // Accepted and come to nothing, as upstream, whose hosts find that out for themselves.
            compute.logger.notice("an assisted snapshot of another type than qcow2 was to be deleted", metadata: ["volume": "\(volume)"])
            return .empty()
        }
        try await compute.bus.cast(
            MergeGuestVolume(id: server.id, volumeID: volume, file: information["file_to_merge"]?.string, target: target),
            to: BusAddress(topic: ComputeTopic.agent, host: host))
        return .empty()
    }

    /// The one server that has a volume, and its host.
    /// - Throws: 400 when none or several have it, when its server has no host, or when something is being done to it.
    private func place(of volume: String) async throws -> (Server, host: String) {
        let (disks, found) = try await compute.database.read { reader in
            let disks = try BlockDeviceRecords.all(volume: volume, in: reader)
            return (disks, try disks.first.flatMap { try ServerRecords.find($0.serverID, in: reader) })
        }
        guard let server = found else { throw ComputeError.badRequest("No volume Block Device Mapping with id \(volume).") }
        guard disks.count == 1 else {
            throw ComputeError.badRequest("Block Device Mapping \(volume) is a multi-attach volume and is not valid for this operation.")
        }
        guard let host = server.host else { throw ComputeError.badRequest("Instance \(server.id) is not ready") }
        guard server.task == nil else {
            throw ComputeError.badRequest("Instance \(server.id) in task_state \(server.task?.rawValue ?? ""): another action is under way.")
        }
        return (server, host)
    }
}
