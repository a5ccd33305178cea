import CloudAPI
import CloudCore
import CloudStore

/// What a create request's disks are made of.
struct DiskSources: Sendable {
    let compute: Compute.Parts
    let token: TokenContext
    let request: APIRequest

    /// What was found.
    struct Found: Sendable {
        /// The volumes that the server is to have as they are.
        var volumes: [String: ServerVolume] = [:]
        /// The snapshots that volumes are made of.
        var snapshots: [String: VolumeSnapshot] = [:]
        /// The properties of the image that the root volume was, or will be, made of; nil for a root disk that is no volume.
        var rootProperties: [String: String]?
    }

    /// - Throws: 400 for sources that don't exist or don't do, 501 for volumes where there is no block storage.
    func find(_ disks: BlockDevices, _ flavor: Flavor) async throws -> Found {
        var found = Found()
        for device in disks.devices {
            if let type = device.volumeType, try await !compute.volumes.hasVolumeType(type, for: token) {
                throw ComputeError.badRequest("Volume type \(type) could not be found.")
            }
            try await find(device, imageID: disks.imageID, flavor, &found)
        }
        guard disks.devices.contains(where: { $0.destination == .volume }), compute.volumes is AbsentVolumes else { return found }
        throw Fault(.notImplemented, "There is no block storage: servers' disks are on their hosts.")
    }

    private func find(_ device: BlockDevice, imageID: String?, _ flavor: Flavor, _ found: inout Found) async throws {
        guard let id = device.sourceID else { return }
        switch device.source {
        case .image: try await findImage(id, device, imageID: imageID, flavor, &found)
        case .volume:
            guard let volume = try await compute.volumes.volume(id, for: token) else {
                throw BlockDevice.invalid("failed to get volume \(id).")
            }
            try compute.checkMultiattach(volume, request)
            found.volumes[id] = volume
            if device.isRoot { found.rootProperties = try properties(of: volume, flavor) }
        case .snapshot:
            guard let snapshot = try await compute.volumes.snapshot(id, for: token) else {
                throw BlockDevice.invalid("failed to get snapshot \(id).")
            }
            found.snapshots[id] = snapshot
            guard device.isRoot, let origin = snapshot.volumeID, let volume = try await compute.volumes.volume(origin, for: token) else {
                return
            }
            found.rootProperties = try properties(of: volume, flavor)
        case .blank: return
        }
    }

    private func findImage(
        _ id: String, _ device: BlockDevice, imageID: String?, _ flavor: Flavor, _ found: inout Found
    ) async throws {
        guard id != imageID || device.isRoot && device.destination == .volume else { return }
        guard let image = try await compute.images.image(id, for: token) else {
            throw BlockDevice.invalid("failed to get image \(id).")
        }
        guard device.isRoot, device.destination == .volume else { return }
        guard image.status == "active" else { throw ComputeError.badRequest("Image \(id) is not active.") }
        let size = (device.sizeGiB ?? 0) << 30
        guard image.sizeBytes <= size else {
            throw ComputeError.badRequest(
                "Volume is smaller than the minimum size specified in image metadata. Volume size is \(size) bytes, minimum size is "
                    + "\(image.sizeBytes) bytes.")
        }
        guard image.minDiskGiB << 30 <= size else {
            throw ComputeError.badRequest(
                "Volume is smaller than the minimum size specified in image metadata. Volume size is \(size) bytes, minimum size is "
                    + "\(image.minDiskGiB << 30) bytes.")
        }
        try checkMemory(image.minMemoryMiB, flavor)
        found.rootProperties = image.properties
    }

    /// The properties of the image that a root volume was made of.
    private func properties(of volume: ServerVolume, _ flavor: Flavor) throws -> [String: String] {
        guard volume.isBootable else { throw ComputeError.badRequest("Block Device \(volume.id) is not bootable.") }
        try checkMemory(volume.imageProperties["min_ram"].flatMap { Int($0) } ?? 0, flavor)
        return volume.imageProperties.filter { !Self.basics.contains($0.key) }
    }

    /// What describes the image itself and no guest made of it.
    private static let basics: Set = [
        "image_id", "image_name", "size", "checksum", "container_format", "disk_format", "min_disk", "min_ram",
    ]

    private func checkMemory(_ minimum: Int, _ flavor: Flavor) throws {
        guard flavor.memoryMiB >= minimum else { throw ComputeError.badRequest("Flavor's memory is too small for requested image.") }
    }
}

extension DiskSources.Found {
    /// The rows of a server's volumes, named; the server learns the name of its root device.
    func mappings(_ disks: BlockDevices, of server: inout Server) -> [BlockDeviceMapping] {
        let devices = disks.devices.filter { $0.destination == .volume }
        guard !devices.isEmpty else { return [] }
        let id = server.id
        var rows = devices.enumerated().map { number, device in
            var row = BlockDeviceMapping(
                device, number: number, server: id, isShared: device.sourceID.flatMap { volumes[$0]?.isMultiattach } ?? false)
            if let source = device.sourceID {
                row.sizeGiB = volumes[source]?.sizeGiB ?? row.sizeGiB ?? snapshots[source]?.sizeGiB
            }
            return row
        }
        DiskNames.name(&rows, wanted: devices.map(\.deviceName), of: server)
        if let root = rows.first(where: \.isRoot)?.deviceName, root != DiskNames.full(BlockDevices.rootDeviceName) {
            server.details.rootDeviceName = root
        }
        return rows
    }
}

extension Compute.Parts {
    /// Keeps the row of a volume that a new server is to have; one that is there is reserved.
    func take(_ disk: BlockDeviceMapping, of server: Server, in transaction: any Transaction) throws {
        if let reservation = disk.reservation(projectID: server.projectID) {
            let others = try BlockDeviceRecords.all(volume: disk.volumeID, in: transaction)
            guard disk.isShared || others.isEmpty else {
                let servers = others.map(\.serverID).joined(separator: " ")
                throw InvalidVolume("volume \(disk.volumeID) is already attached to instances: \(servers)").error
            }
            do {
                try volumes.reserve(reservation, in: transaction)
            } catch let refusal as VolumeRefusal {
                throw refusal.kind == .invalid ? InvalidVolume(refusal.message).error.fault : refusal.fault
            }
        }
        try BlockDeviceRecords.insert(disk, in: transaction)
    }
}
