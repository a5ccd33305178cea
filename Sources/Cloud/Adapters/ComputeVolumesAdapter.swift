import BlockStorage
import CloudAPI
import CloudCore
import CloudStore
import Compute
import ComputeMessages

/// Block storage as compute asks for it.
struct ComputeVolumesAdapter: ComputeVolumes {
    let storage: BlockStorage

    // MARK: Looking

    func volume(_ id: String, for token: TokenContext) async throws -> ServerVolume? {
        try await storage.volume(id, for: token).map(ServerVolume.init)
    }

    func snapshot(_ id: String, for token: TokenContext) async throws -> VolumeSnapshot? {
        try await storage.snapshot(id, for: token).map(VolumeSnapshot.init)
    }

    func hasVolumeType(_ nameOrID: String, for token: TokenContext) async throws -> Bool {
        try await storage.hasType(nameOrID, for: token)
    }

    func volumes(_ ids: [String], in reader: any Reader) throws -> [String: ServerVolume] {
        try storage.volumes(ids, in: reader).mapValues(ServerVolume.init)
    }

    func snapshots(_ ids: [String], in reader: any Reader) throws -> [String: VolumeSnapshot] {
        try storage.snapshots(ids, in: reader).mapValues(VolumeSnapshot.init)
    }

    // MARK: Making and removing

    func create(_ volume: NewServerVolume) async throws {
        let source: ServerVolumeOrder.Source = switch volume.source {
        case .blank: .blank
        case .image(let id): .image(id)
        case .snapshot(let id): .snapshot(id)
        }
        let order = ServerVolumeOrder(
            id: volume.id, projectID: volume.projectID, userID: volume.userID, name: volume.name, size: volume.sizeGiB, source: source,
            type: volume.volumeType, zone: volume.availabilityZone)
        try await refusing { try await storage.create(order) }
    }

    func delete(volume id: String) async throws { try await refusing { try await storage.delete(volume: id) } }

    func reimage(volume id: String, image: String, projectID: String, token: String) async throws {
        try await refusing { try await storage.reimage(volume: id, image: image, projectID: projectID, token: token) }
    }

    func createSnapshot(_ snapshot: NewVolumeSnapshot) async throws {
        try await refusing {
            try await storage.createSnapshot(
                id: snapshot.id, volume: snapshot.volumeID, projectID: snapshot.projectID, userID: snapshot.userID,
                name: snapshot.name, description: snapshot.description)
        }
    }

    func delete(snapshot id: String) async throws { try await refusing { try await storage.delete(snapshot: id) } }

    // MARK: Attachments

    func reserve(_ attachment: NewVolumeAttachment, in transaction: any Transaction) throws {
        try refusing {
            try storage.reserve(
                attachment: attachment.id, volume: attachment.volumeID, server: attachment.serverID, projectID: attachment.projectID,
                isReadOnly: attachment.isReadOnly, isSecond: attachment.isSecond, in: transaction)
        }
    }

    func connect(attachment id: String, connector: ServerVolumeConnector) async throws -> ServerVolumeAccess {
        try await refusing {
            ServerVolumeAccess(
                try await storage.connect(
                    attachment: id, host: connector.host, address: connector.address, device: connector.device))
        }
    }

    func access(attachment id: String) async throws -> ServerVolumeAccess? {
        try await refusing { try await storage.access(attachment: id).map(ServerVolumeAccess.init) }
    }

    func complete(attachment id: String, device: String, in transaction: any Transaction) throws {
        try storage.complete(attachment: id, device: device, in: transaction)
    }

    func disconnect(attachment id: String) async throws { try await refusing { try await storage.disconnect(attachment: id) } }

    func release(attachment id: String, in transaction: any Transaction) throws {
        try storage.release(attachment: id, in: transaction)
    }

    func setDetaching(volume id: String, _ isDetaching: Bool, in transaction: any Transaction) throws {
        try refusing { try storage.setDetaching(volume: id, isDetaching, in: transaction) }
    }

    func completeMigration(from old: String, to new: String, hasFailed: Bool, in transaction: any Transaction) throws -> String {
        try refusing { try storage.completeMigration(from: old, to: new, hasFailed: hasFailed, in: transaction) }
    }

    // MARK: Refusals

    private func refusing<Answer>(_ body: () throws -> Answer) throws -> Answer {
        do { return try body() } catch let error as any FaultConvertible { throw VolumeRefusal(error.fault) }
    }

    private func refusing<Answer: Sendable>(_ body: () async throws -> Answer) async throws -> Answer {
        do { return try await body() } catch let error as any FaultConvertible { throw VolumeRefusal(error.fault) }
    }
}

extension VolumeRefusal {
    /// What block storage refuses, in compute's words.
    fileprivate init(_ fault: Fault) {
        let kind: Kind = switch fault.status.code {
        case 404: .notFound
        case 403: .forbidden
        case 413: .quota
        case 501: .unsupported
        case 500...: .unavailable
        default: .invalid
        }
        self.init(kind, fault.message)
    }
}

extension ServerVolume {
    fileprivate init(_ volume: VolumeFacts) {
        self.init(
            id: volume.id, status: volume.status, sizeGiB: volume.size, isBootable: volume.isBootable,
            isMultiattach: volume.isMultiattach, migrationStatus: volume.migrationStatus, imageProperties: volume.imageMetadata)
        (name, description, availabilityZone) = (volume.name, volume.description, volume.availabilityZone)
        (volumeTypeID, isEncrypted, isReadOnly, serverIDs) = (volume.typeID, volume.isEncrypted, volume.isReadOnly, volume.serverIDs)
    }
}

extension VolumeSnapshot {
    fileprivate init(_ snapshot: SnapshotFacts) {
        self.init(id: snapshot.id, status: snapshot.status, sizeGiB: snapshot.size, volumeID: snapshot.volumeID)
    }
}

extension ServerVolumeAccess {
    fileprivate init(_ access: VolumeAccess) {
        self.init(
            connection: GuestVolume.Connection(access.connection),
            encryption: access.passphrase.map { GuestVolume.Encryption(passphrase: $0.reveal()) }, isReadOnly: access.isReadOnly,
            qosSpecs: access.qosSpecs)
    }
}
