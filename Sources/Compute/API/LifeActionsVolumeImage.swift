import CloudAPI
import CloudCore
import CloudStore
import ComputeMessages

/// Images of servers whose root disk is a volume (nova's snapshot_volume_backed).
struct VolumeImage: Sendable {
    let call: ActionCall
    let snapshot: ServerSnapshot

    /// How long a request waits for the snapshots, which upstream makes within the request.
    private static let patience = Duration.seconds(120)
    private static let states: Set<Server.State> = [.active, .stopped, .paused, .suspended]

    /// Makes the image.
    /// - Returns: its id.
    func make() async throws -> String {
        guard let token = call.request.token else { throw ComputeError.forbidden("A token is needed.") }
        let compute = call.compute
        let conditions = ActionConditions(.createImage, states: Self.states, heedsLock: false)
        try conditions.check(call.server, isAdmin: call.isAdmin)
        let (disks, volumes) = try await compute.database.read { [server = call.server] reader in
            let disks = try BlockDeviceRecords.all(server: server.id, in: reader)
            return (disks, try compute.volumes.volumes(disks.map(\.volumeID), in: reader))
        }
        var image = snapshot.image(for: token)
        let snapshots = disks.map { disk in
            NewVolumeSnapshot(
                id: Identifier.uuid(), volumeID: disk.volumeID, projectID: token.projectID ?? call.server.projectID, userID: token.userID,
                name: "snapshot for \(image.name)", description: volumes[disk.volumeID]?.description)
        }
        image.diskFormat = "raw"
        for name in ["block_device_mapping", "bdm_v2", "root_device_name"] { image.properties[name] = nil }
        image.properties["root_device_name"] = call.server.details.rootDeviceName ?? DiskNames.full(BlockDevices.rootDeviceName)
        image.properties["block_device_mapping"] = mapping(disks, snapshots, volumes)
        image.properties["bdm_v2"] = "True"
        let (described, insert) = (image, try await compute.images.snapshotMaker(for: token))
        try await call.begin(VolumeSnapshotWorkflow(compute: compute).workflow, if: conditions) { server, transaction in
            try insert(described, transaction)
            return VolumeSnapshotState(
                serverID: server.id, requestID: call.request.requestID, host: server.host, imageID: described.id, snapshots: snapshots,
                isRunning: server.state == .active, mustQuiesce: snapshot.mustQuiesce)
        }
        try await compute.wait(for: call.request.requestID, of: call.server.id, within: Self.patience) { message in
            Fault(.forbidden, message)
        }
        return described.id
    }

    private func mapping(
        _ disks: [BlockDeviceMapping], _ snapshots: [NewVolumeSnapshot], _ volumes: [String: ServerVolume]
    ) -> String {
        let devices = zip(disks, snapshots).map { disk, snapshot in
            disk.imageMapping(snapshot: snapshot.id, sizeGiB: volumes[disk.volumeID]?.sizeGiB ?? disk.sizeGiB)
        }
        return String(decoding: JSON.array(devices + local).bytes, as: UTF8.self)
    }

    /// The disks that are files on the host, which servers made of the image get anew.
    private var local: [JSON] {
        let server = call.server
        let swap = server.details.swapMiB ?? server.flavor.swapMiB
        let disks = server.ephemeralDisks.map { ($0.format, $0.sizeGiB) } + (swap > 0 ? [("swap", swap)] : [])
        return disks.map { format, size in
            [
                "source_type": "blank", "destination_type": "local", "boot_index": -1, "delete_on_termination": true,
                "guest_format": format.map { .string($0) } ?? .null, "volume_size": .int(size), "device_type": "disk", "no_device": .null,
            ]
        }
    }
}
