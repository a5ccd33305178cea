import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow
import Logging

/// Makes volumes: what is asked is checked, the row and its workflow written in one transaction.
struct VolumeMaking: Sendable {
    let storage: BlockStorage.Parts
    let order: VolumeOrder
    let requestID: String?
    /// Whom types are visible to: administrators see all.
    let isAdmin: Bool
    /// The caller, for keys of encrypted volumes; nil where a service makes the volume.
    let token: TokenContext?

    /// The volume that will be made.
    /// - Throws: 400, 404 for a type that is not there, 413 for a quota.
    func volume() async throws -> Volume {
        let (type, zones) = try await storage.database.read { reader in
            let type = try self.type(in: reader)
            return (type, Set(try StorageServiceRecords.all(in: reader).filter { $0.binary == .volume }.map(\.availabilityZone)))
        }
        let size = try size(type: type)
        var volume = Volume(
            id: order.id, projectID: order.projectID, userID: order.userID, name: order.name, description: order.description,
            size: size, status: .creating, typeID: type.id, availabilityZone: try zone(type: type, among: zones),
            metadata: order.metadata, createdAt: .now)
        (volume.groupID, volume.usesQuota, volume.migrationStatus) = (order.groupID, order.usesQuota, order.migrationStatus)
        volume.isMultiattach = type.isMultiattach
        if !order.hints.isEmpty { volume.details.hints = order.hints }
        try fill(&volume)
        if let encryption = type.encryption {
            guard !type.isMultiattach else {
                throw BlockStorageError.invalidVolume("Multiattach cannot be used with encrypted volumes.")
            }
            try encrypt(&volume, encryption)
        }
        return volume
    }

    /// Accepts a volume: its row, counted in quotas, and the workflow that makes it.
    /// - Throws: 400 for a source that has changed meanwhile, 413 for a quota.
    func accept(_ volume: Volume, in transaction: any Transaction) throws {
        try checkSource(in: transaction)
        if volume.usesQuota {
            try storage.checkQuota(
                project: volume.projectID, type: volume.typeID, volumes: 1, gigabytes: volume.size, whole: volume.size,
                in: transaction)
        }
        if let key = volume.encryptionKeyID { try makeKey(key, of: volume, in: transaction) }
        try VolumeRecords.insert(volume, in: transaction)
        var state = CreateVolumeState(volumeID: volume.id, finalStatus: order.finalStatus.rawValue)
        if case .image(let image) = order.source { state.image = image }
        state.requestID = requestID
        try storage.begin(
            CreateVolumeWorkflow(storage: storage).workflow, state, subject: volume.subject, requestID: requestID, in: transaction)
    }

    /// Makes the volume.
    func make() async throws -> Volume { try await make(try await volume()) }

    /// Makes a volume that was checked before.
    func make(_ volume: Volume) async throws -> Volume {
        try await storage.database.write { try accept(volume, in: $0) }
        return volume
    }

    // MARK: What is asked

    private func type(in reader: any Reader) throws -> VolumeType {
        if let name = order.typeName, !name.isEmpty {
            guard let type = try VolumeTypeRecords.find(named: name, usableBy: isAdmin ? nil : order.projectID, in: reader) else {
                throw BlockStorageError.typeNotFound(name)
            }
            try checkRetype(to: type, in: reader)
            return type
        }
        if let id = order.source.volume?.typeID, let type = try VolumeTypeRecords.find(id, in: reader) { return type }
        if case .image(let image) = order.source, let name = image.properties["cinder_img_volume_type"] {
            guard let type = try VolumeTypeRecords.find(named: name, usableBy: nil, in: reader) else {
                throw BlockStorageError.typeNotFound(name)
            }
            return type
        }
        let name = storage.options.defaultVolumeType
        guard let type = try VolumeTypeRecords.defaultType(projectID: order.projectID, name: name, in: reader) else {
            throw BlockStorageError.typeNotFound(name)
        }
        return type
    }

    /// A copy can be of another type only where both keep their bytes in the same way.
    private func checkRetype(to type: VolumeType, in reader: any Reader) throws {
        guard let id = order.source.volume?.typeID, id != type.id, let former = try VolumeTypeRecords.find(id, in: reader) else { return }
        let backends = [former, type].compactMap { $0.extraSpecs["volume_backend_name"] }
        guard (former.encryption == nil) == (type.encryption == nil), Set(backends).count <= 1 else {
            throw BlockStorageError.invalidInput(
                "Invalid volume_type provided: \(type.id) (requested type is not compatible; either match source volume, or omit "
                    + "type argument).")
        }
    }

    private func size(type: VolumeType) throws -> Int {
        guard let size = order.size ?? order.source.size else {
            throw BlockStorageError.invalidInput("Volume size 'None' must be an integer and greater than 0")
        }
        if case .snapshot(let snapshot, _) = order.source, size < snapshot.volumeSize {
            throw BlockStorageError.invalidInput(
                "Volume size '\(size)'GB cannot be smaller than the snapshot size \(snapshot.volumeSize)GB.")
        }
        if case .volume(let source) = order.source, size < source.size {
            throw BlockStorageError.invalidInput("Volume size '\(size)'GB cannot be smaller than original volume size \(source.size)GB.")
        }
        if case .image(let image) = order.source { try image.check(volumeSize: size) }
        try type.check(size: size)
        return size
    }

    private func zone(type: VolumeType, among known: Set<String>) throws -> String {
        let options = storage.options
        let allowed = known.union([options.availabilityZone])
        let ofType = type.availabilityZones.map { allowed.intersection($0) }
        if let ofType, ofType.isEmpty {
            throw BlockStorageError.badRequest("Volume type's availability zones are invalid \(type.availabilityZones ?? []).")
        }
        let source = order.source.volume?.availabilityZone
        let zone = order.zone ?? source ?? (ofType?.contains(options.availabilityZone) ?? true ? options.availabilityZone : ofType?.min())
        guard let zone, (ofType ?? allowed).contains(zone) else {
            throw BlockStorageError.badRequest("Availability zone '\(order.zone ?? "")' is invalid.")
        }
        if options.clonesInSameZone, let source, source != zone {
            throw BlockStorageError.invalidInput("Volume must be in the same availability zone as its source")
        }
        return zone
    }

    /// What its source says of it.
    private func fill(_ volume: inout Volume) throws {
        switch order.source {
        case .blank: break
        case .image(let image):
            volume.imageMetadata = image.volumeMetadata
            volume.isBootable = true
        case .snapshot(let snapshot, _):
            volume.snapshotID = snapshot.id
            (volume.imageMetadata, volume.isBootable) = (snapshot.details.imageMetadata, snapshot.details.isBootable)
        case .volume(let source):
            volume.sourceID = source.id
            (volume.imageMetadata, volume.isBootable) = (source.imageMetadata, source.isBootable)
        }
    }

    /// Names the key that an encrypted volume will have, which is made with its row.
    private func encrypt(_ volume: inout Volume, _ encryption: TypeEncryption) throws {
        let details = (encryption.cipher, encryption.keySize, encryption.provider, encryption.controlLocation)
        (volume.details.cipher, volume.details.keyBits) = (details.0, details.1)
        (volume.details.encryptionProvider, volume.details.controlLocation) = (details.2, details.3)
        guard sourceKey != nil || token != nil else { throw VolumeReencryption.needsSomebody }
        volume.encryptionKeyID = Identifier.uuid()
    }

    /// The key of what the volume is a copy of; nil where that is in clear.
    private var sourceKey: String? {
        switch order.source {
        case .blank: nil
        case .image(let image): image.properties["cinder_encryption_key_id"]
        case .snapshot(let snapshot, _): snapshot.details.encryptionKeyID
        case .volume(let source): source.encryptionKeyID
        }
    }

    /// Makes an encrypted volume's key: a copy of its source's, because a volume's key goes with it.
    private func makeKey(_ id: String, of volume: Volume, in transaction: any Transaction) throws {
        let keys = storage.neighbours.keys
        guard let source = sourceKey else {
            try VolumeReencryption.makeKey(
                id, cipher: volume.details.cipher, bits: volume.details.keyBits, of: token, from: keys, in: transaction)
            return
        }
        // Who writes an image's properties may write there what they like.
        var isImage = false
        if case .image = order.source { isImage = true }
        try keys.copyKey(source, to: id, of: isImage ? volume.projectID : nil, in: transaction)
    }

    private func checkSource(in reader: any Reader) throws {
        switch order.source {
        case .blank, .image: return
        case .snapshot(let snapshot, _):
            guard try SnapshotRecords.find(snapshot.id, in: reader)?.status == .available else {
                throw BlockStorageError.invalidSnapshot("Originating snapshot status must be one of 'available' values")
            }
        case .volume(let source):
            guard let volume = try VolumeRecords.find(source.id, in: reader), [.available, .inUse].contains(volume.status) else {
                throw BlockStorageError.invalidVolume("Originating source volume status must be one of 'available, in-use' values")
            }
            try volume.requireAtRest()
        }
    }
}

extension VolumeType {
    /// - Throws: 400 for a size that the type does not allow.
    func check(size: Int) throws {
        let bounds = sizes
        if let least = bounds.minimum, size < least {
            throw BlockStorageError.invalidInput(
                "Specified volume size of '\(size)' is less than the minimum required size of '\(least)' for volume type '\(name)'.")
        }
        if let most = bounds.maximum, size > most {
            throw BlockStorageError.invalidInput(
                "Specified volume size of '\(size)' is greater than the maximum allowable size of '\(most)' for volume type '\(name)'.")
        }
    }
}

extension VolumeImage {
    private static let gibibyte = 1 << 30

    /// - Throws: 400 unless the image is active and fits into a volume of this size in GiB.
    func check(volumeSize: Int) throws {
        guard status == "active" else { throw BlockStorageError.invalidInput("Image \(id) is not active.") }
        let size = (sizeBytes + Self.gibibyte - 1) / Self.gibibyte
        guard size <= volumeSize else {
            throw BlockStorageError.invalidInput("Size of specified image \(size)GB is larger than volume size \(volumeSize)GB.")
        }
        guard minDiskGiB <= volumeSize else {
            throw BlockStorageError.invalidInput(
                "Volume size \(volumeSize)GB cannot be smaller than the image minDisk size \(minDiskGiB)GB.")
        }
        let virtual = ((virtualSizeBytes ?? 0) + Self.gibibyte - 1) / Self.gibibyte
        guard virtual <= volumeSize else {
            throw BlockStorageError.badRequest(
                "Image \(id) is unacceptable: Image virtual size is \(virtual)GB and doesn't fit in a volume of size \(volumeSize)GB.")
        }
    }

    /// What a volume remembers of its image (volume_glance_metadata).
    var volumeMetadata: [String: String] {
        var metadata = properties
        metadata["image_id"] = id
        metadata["image_name"] = name
        metadata["checksum"] = checksum
        metadata["container_format"] = containerFormat
        metadata["disk_format"] = diskFormat
        metadata["min_disk"] = "\(minDiskGiB)"
        metadata["min_ram"] = "\(minMemoryMiB)"
        metadata["size"] = "\(sizeBytes)"
        return metadata
    }
}
