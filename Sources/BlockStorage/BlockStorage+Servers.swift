import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import VolumeMessages

/// A volume as those see it who use it for servers.
public struct VolumeFacts: Sendable, Hashable {
    /// Its UUID.
    public let id: String
    /// Its status, in Cinder's words.
    public let status: String
    /// Its size in GiB.
    public let size: Int
    /// Whether a server can boot from it.
    public let isBootable: Bool
    /// Whether several servers can have it.
    public let isMultiattach: Bool
    /// What its migration is doing; nil when there is none.
    public let migrationStatus: String?
    /// What is known of the image it was made from.
    public let imageMetadata: [String: String]
    /// Its name.
    public let name: String?
    /// Its description.
    public let description: String?
    /// Its zone.
    public let availabilityZone: String
    /// Its type's UUID.
    public let typeID: String
    /// Whether its bytes are encrypted.
    public let isEncrypted: Bool
    /// Whether nobody may write to it.
    public let isReadOnly: Bool
    /// The servers that have it or are about to.
    public let serverIDs: [String]
}

/// A snapshot likewise.
public struct SnapshotFacts: Sendable, Hashable {
    /// Its UUID.
    public let id: String
    /// Its status, in Cinder's words.
    public let status: String
    /// Its volume's size when it was made, in GiB.
    public let size: Int
    /// Its volume.
    public let volumeID: String
}

/// How a volume is reached by a host that may have it.
public struct VolumeAccess: Sendable {
    /// Where it is.
    public let connection: VolumeConnection
    /// What unlocks it; nil for one in the clear.
    public let passphrase: Secret<String>?
    /// Whether it must not be written to.
    public let isReadOnly: Bool
    /// What the host keeps of the QoS specs of its type, in Cinder's words; nil for nothing.
    public let qosSpecs: [String: String]?
}

/// A volume that a server needs.
public struct ServerVolumeOrder: Sendable {
    /// What is in it.
    public enum Source: Sendable {
        /// Zeros.
        case blank
        /// An image's bytes, by its UUID.
        case image(String)
        /// A snapshot's, by its UUID.
        case snapshot(String)
    }
    /// Its UUID, which a repeat finds it by.
    public var id: String
    /// Its project.
    public var projectID: String
    /// Its user.
    public var userID: String
    /// Its name.
    public var name: String
    /// Its size in GiB; nil for its source's.
    public var size: Int?
    /// What is in it.
    public var source: Source
    /// Its type, by id or name; nil for the default.
    public var type: String?
    /// Its zone; nil for the default.
    public var zone: String?

    /// An order.
    public init(
        id: String, projectID: String, userID: String, name: String, size: Int?, source: Source, type: String?, zone: String?
    ) {
        (self.id, self.projectID, self.userID, self.name) = (id, projectID, userID, name)
        (self.size, self.source, self.type, self.zone) = (size, source, type, zone)
    }
}

/// What compute does with volumes. Errors that users shall see are `FaultConvertible`, with Cinder's statuses.
extension BlockStorage {
    private var operations: AttachmentOperations { AttachmentOperations(storage: parts) }

    // MARK: Looking

    /// A volume that a token's holder may see; nil when there is none.
    public func volume(_ id: String, for token: TokenContext) async throws -> VolumeFacts? {
        let facts = try await parts.database.read { reader -> VolumeFacts? in
            guard let volume = try VolumeRecords.find(id, in: reader), volume.projectID == token.projectID || token.isAdmin else {
                return nil
            }
            return VolumeFacts(volume, try AttachmentRecords.of(volume: id, in: reader))
        }
        return facts
    }

    /// A snapshot that a token's holder may see; nil when there is none.
    public func snapshot(_ id: String, for token: TokenContext) async throws -> SnapshotFacts? {
        try await parts.database.read { reader -> SnapshotFacts? in
            guard let snapshot = try SnapshotRecords.find(id, in: reader), snapshot.projectID == token.projectID || token.isAdmin else {
                return nil
            }
            return SnapshotFacts(snapshot)
        }
    }

    /// Whether there is a volume type of this name or id that a token's holder may use.
    public func hasType(_ nameOrID: String, for token: TokenContext) async throws -> Bool {
        let project = token.isAdmin ? nil : token.projectID
        return try await parts.database.read { try VolumeTypeRecords.find(named: nameOrID, usableBy: project, in: $0) != nil }
    }

    /// Volumes by their ids, whoever asks; those that are not there are absent.
    public func volumes(_ ids: [String], in reader: any Reader) throws -> [String: VolumeFacts] {
        let attachments = try AttachmentRecords.of(volumes: ids, in: reader)
        return try VolumeRecords.find(ids, in: reader).mapValues { VolumeFacts($0, attachments[$0.id] ?? []) }
    }

    /// Snapshots by their ids, likewise.
    public func snapshots(_ ids: [String], in reader: any Reader) throws -> [String: SnapshotFacts] {
        guard !ids.isEmpty else { return [:] }
        let all = try SnapshotRecords.all(where: "id IN \(in: ids)", in: reader)
        return Dictionary(uniqueKeysWithValues: all.map { ($0.id, SnapshotFacts($0)) })
    }

    // MARK: Making and removing

    /// Begins to make a volume; a repeat with the same id finds it.
    public func create(_ wanted: ServerVolumeOrder) async throws {
        guard try await parts.database.read({ try VolumeRecords.find(wanted.id, in: $0) }) == nil else { return }
        var order = VolumeOrder(projectID: wanted.projectID, userID: wanted.userID)
        (order.id, order.name, order.size) = (wanted.id, wanted.name, wanted.size)
        (order.typeName, order.zone) = (wanted.type, wanted.zone)
        let token = Self.owner(project: wanted.projectID, user: wanted.userID)
        switch wanted.source {
        case .blank: break
        case .image(let id): order.source = try await image(id, token)
        case .snapshot(let id): order.source = try await source(snapshot: id)
        }
        _ = try await VolumeMaking(storage: parts, order: order, requestID: nil, isAdmin: false, token: token).make()
    }

    /// An image, or the snapshot that an image of a server which boots from a volume stands for.
    private func image(_ id: String, _ token: TokenContext) async throws -> VolumeOrder.Source {
        let image = try await VolumeImageLookup(storage: parts, token: token).find(id)
        guard let snapshot = image.bootSnapshotID else { return .image(image) }
        // Whoever makes an image writes what is in it: it opens nothing that is not the caller's.
        return try await source(snapshot: snapshot, project: token.projectID)
    }

    /// - Parameter project: the only project whose snapshot it may be; nil where that was asked before.
    private func source(snapshot id: String, project: String? = nil) async throws -> VolumeOrder.Source {
        let found = try await parts.database.read { reader in
            let snapshot = try SnapshotRecords.find(id, in: reader)
            return (snapshot, try snapshot.flatMap { try VolumeRecords.find($0.volumeID, in: reader) })
        }
        guard let snapshot = found.0, let volume = found.1, project.map({ $0 == snapshot.projectID }) ?? true else {
            throw BlockStorageError.snapshotNotFound(id)
        }
        return .snapshot(snapshot, of: volume)
    }

    /// Somebody of a project, on whose behalf compute asks.
    private static func owner(project: String, user: String) -> TokenContext {
        TokenContext(
            userID: user, userName: "", userDomainID: "", projectID: project, roles: ["member", "reader"],
            expiresAt: .now + .seconds(3600))
    }

    /// Begins to delete a volume. One that is unknown, or on its way out, is success.
    public func delete(volume id: String) async throws {
        let removal = VolumeRemoval(storage: parts)
        try await parts.database.write { transaction in
            guard let volume = try VolumeRecords.find(id, in: transaction), volume.status != .deleting else { return }
            try removal.begin(id, in: transaction)
        }
    }

    /// Begins to write an image over a volume. A repeat under the same token begins nothing anew.
    public func reimage(volume id: String, image imageID: String, projectID: String, token key: String) async throws {
        let owner = Self.owner(project: projectID, user: "")
        let image = try await VolumeImageLookup(storage: parts, token: owner).find(imageID)
        try await parts.database.write { [parts] transaction in
            guard try VolumeRecords.find(id, in: transaction)?.details.reimageToken != key else { return }
            try VolumeRecords.change(id, in: transaction) { $0.details.reimageToken = key }
            try parts.beginReimage(id, image, reserved: true, requestID: nil, in: transaction)
        }
    }

    /// Begins to make a snapshot, of an attached volume too; a repeat with the same id finds it.
    public func createSnapshot(
        id: String, volume: String, projectID: String, userID: String, name: String, description: String?
    ) async throws {
        var order = SnapshotOrder(volumeID: volume, projectID: projectID, userID: userID, name: name, description: description)
        (order.id, order.allowsInUse) = (id, true)
        try await parts.database.write { [parts, order] transaction in
            guard try SnapshotRecords.find(id, in: transaction) == nil else { return }
            _ = try parts.beginSnapshot(order, requestID: nil, in: transaction)
        }
    }

    /// Begins to delete a snapshot. One that is unknown, or on its way out, is success.
    public func delete(snapshot id: String) async throws {
        let removal = SnapshotRemoval(storage: parts)
        try await parts.database.write { transaction in
            guard let snapshot = try SnapshotRecords.find(id, in: transaction), snapshot.status != .deleting else { return }
            try removal.begin(id, in: transaction)
        }
    }

    // MARK: Attachments

    /// Reserves a volume for a server. A repeat with the attachment's id is success.
    public func reserve(
        attachment id: String, volume: String, server: String, projectID: String, isReadOnly: Bool, isSecond: Bool,
        in transaction: any Transaction
    ) throws {
        let reservation = AttachmentOperations.Reservation(
            id: id, volumeID: volume, projectID: projectID, serverID: server, mode: isReadOnly ? "ro" : "null", isHeldByCompute: true,
            isSecond: isSecond)
        try operations.reserve(reservation, in: transaction)
    }

    /// Lets a host reach a reserved volume.
    /// - Parameter device: where the guest shall see it; nil while nobody knows.
    public func connect(attachment id: String, host: String, address: String, device: String?) async throws -> VolumeAccess {
        var connector: JSONObject = ["host": .string(host), "ip": .string(address)]
        connector["mountpoint"] = device.map { .string($0) }
        let (attachment, connection) = try await operations.connect(id, connector: .object(connector))
        let volume = try await parts.database.read { try VolumeRecords.find(attachment.volumeID, in: $0) }
        return try await access(attachment, volume, connection)
    }

    private func access(_ attachment: Attachment, _ volume: Volume?, _ connection: VolumeConnection) async throws -> VolumeAccess {
        var passphrase: Secret<String>?
        if let key = volume?.encryptionKeyID { passphrase = try await parts.neighbours.keys.passphrase(key) }
        return VolumeAccess(
            connection: connection, passphrase: passphrase, isReadOnly: attachment.mode == "ro", qosSpecs: attachment.qosTexts)
    }

    /// How a connected volume is reached; nil when it is not connected.
    public func access(attachment id: String) async throws -> VolumeAccess? {
        guard let (attachment, volume, connection) = try await operations.access(id) else { return nil }
        return try await access(attachment, volume, connection)
    }

    /// Says that the guest has the volume.
    public func complete(attachment id: String, device: String, in transaction: any Transaction) throws {
        try operations.complete(id, device: device, in: transaction)
    }

    /// Takes a host's way to the volume away. It waits reserved for its server, as that of one which is shelved; what is on its way out
    /// of a guest is so until its attachment ends.
    public func disconnect(attachment id: String) async throws {
        let operations = operations
        try await operations.disconnect(id)
        try await parts.database.write { transaction in
            guard let attachment = try AttachmentRecords.find(id, in: transaction), attachment.status == .reserved,
                let volume = try VolumeRecords.find(attachment.volumeID, in: transaction), volume.status != .detaching
            else { return }
            try operations.settle(volume: volume.id, in: transaction)
        }
    }

    /// Ends an attachment.
    public func release(attachment id: String, in transaction: any Transaction) throws { try operations.release(id, in: transaction) }

    /// Says that a volume is on its way out of a guest, or that it stays there after all.
    public func setDetaching(volume id: String, _ isDetaching: Bool, in transaction: any Transaction) throws {
        try VolumeRecords.change(id, in: transaction) { volume in
            if isDetaching {
                try volume.beginDetaching()
            } else if volume.status == .detaching {
                volume.status = .inUse
            }
        }
    }

    /// Says that a guest's disk is on the new volume, or could not be brought there.
    /// - Returns: the id of the volume that the server has from now on.
    public func completeMigration(from old: String, to new: String, hasFailed: Bool, in transaction: any Transaction) throws -> String {
        try MigrationCompletion(storage: parts).complete(old, new, hasFailed: hasFailed, in: transaction)
    }
}

extension VolumeFacts {
    init(_ volume: Volume, _ attachments: [Attachment]) {
        self.init(
            id: volume.id, status: volume.status.rawValue, size: volume.size, isBootable: volume.isBootable,
            isMultiattach: volume.isMultiattach, migrationStatus: volume.migrationStatus, imageMetadata: volume.imageMetadata,
            name: volume.name, description: volume.description, availabilityZone: volume.availabilityZone, typeID: volume.typeID,
            isEncrypted: volume.isEncrypted, isReadOnly: volume.isReadOnly,
            serverIDs: attachments.compactMap(\.serverID))
    }
}

extension SnapshotFacts {
    init(_ snapshot: Snapshot) {
        self.init(id: snapshot.id, status: snapshot.status.rawValue, size: snapshot.volumeSize, volumeID: snapshot.volumeID)
    }
}
