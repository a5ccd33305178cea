import CloudBus
import CloudCore
import CloudStore
import Logging
import VolumeMessages

/// What happens to attachments, whoever asks: the attachments API, the older actions, or compute. A volume's status follows from
/// its attachments. Where an operation is cut off between the rows and the storage host, the reconciler of exports finishes it.
struct AttachmentOperations: Sendable {
    let storage: BlockStorage.Parts

    /// An attachment to be reserved.
    struct Reservation: Sendable {
        var id = Identifier.uuid()
        var volumeID: String
        var projectID: String
        var serverID: String?
        var mode = "null"
        var isHeldByCompute = false
        /// Whether the server has the volume already and needs it on a second host.
        var isSecond = false
    }

    // MARK: Within transactions

    /// Reserves a volume: an attachment's row. A repeat with its id finds it.
    /// - Throws: 404, 400 when the volume is neither available nor free to be shared.
    @discardableResult
    func reserve(_ wanted: Reservation, in transaction: any Transaction) throws -> Attachment {
        if let known = try AttachmentRecords.find(wanted.id, in: transaction), known.volumeID == wanted.volumeID { return known }
        guard var volume = try VolumeRecords.find(wanted.volumeID, in: transaction) else {
            throw BlockStorageError.volumeNotFound(wanted.volumeID)
        }
        let others = try AttachmentRecords.of(volume: volume.id, in: transaction)
        let free: [Volume.Status] = volume.isMultiattach ? [.available, .inUse, .downloading] : [.available, .downloading]
        let isSame = wanted.serverID != nil && others.contains { $0.serverID == wanted.serverID }
        guard free.contains(volume.status) || isSame || (wanted.isSecond && volume.status == .inUse) else {
            throw BlockStorageError.invalidVolume(
                "Volume \(volume.id) status must be \(free.map(\.rawValue).joined(separator: " or ")) to reserve, but the current "
                    + "status is \(volume.status.rawValue).")
        }
        if volume.status != .inUse, !isSame, try !isSuccessor(volume, of: wanted.serverID, in: transaction) { try volume.requireAtRest() }
        let mode = volume.isReadOnly ? "ro" : wanted.mode
        let attachment = Attachment(
            id: wanted.id, volumeID: volume.id, projectID: wanted.projectID, serverID: wanted.serverID, status: .reserved, mode: mode,
            createdAt: .now, isHeldByCompute: wanted.isHeldByCompute)
        try AttachmentRecords.insert(attachment, in: transaction)
        if volume.status == .available { volume.status = .reserved }
        if volume.isMultiattach, volume.status == .inUse { volume.status = .reserved }
        try VolumeRecords.update(volume, in: transaction)
        return attachment
    }

    /// Whether a server goes over to this volume from one that it has, which takes it while it migrates.
    private func isSuccessor(_ volume: Volume, of serverID: String?, in reader: any Reader) throws -> Bool {
        guard let mark = volume.migrationStatus, mark.hasPrefix("target:"), let serverID else { return false }
        return try AttachmentRecords.of(volume: String(mark.dropFirst("target:".count)), in: reader).contains { $0.serverID == serverID }
    }

    /// Says that a guest or a host has the volume.
    func complete(_ id: String, device: String? = nil, in transaction: any Transaction) throws {
        guard var attachment = try AttachmentRecords.find(id, in: transaction) else { return }
        attachment.status = .attached
        attachment.attachedAt = attachment.attachedAt ?? .now
        attachment.device = device ?? attachment.device
        if attachment.mode == "null" { attachment.mode = "rw" }
        try AttachmentRecords.update(attachment, in: transaction)
        try VolumeRecords.change(attachment.volumeID, in: transaction) { ($0.status, $0.attachStatus) = (.inUse, .attached) }
    }

    /// Ends an attachment: its row goes, and the volume is free when it was the last.
    func release(_ id: String, in transaction: any Transaction) throws {
        guard let attachment = try AttachmentRecords.find(id, in: transaction) else { return }
        try AttachmentRecords.delete(id, in: transaction)
        try settle(volume: attachment.volumeID, in: transaction)
    }

    /// States that follow from attachments; others, such as a migration's or an upload's, are not theirs to end.
    private static let ownStates: Set<Volume.Status> = [
        .inUse, .attaching, .detaching, .reserved, .errorAttaching, .errorDetaching,
    ]

    /// Sets a volume's state to what its attachments say.
    func settle(volume id: String, in transaction: any Transaction) throws {
        guard var volume = try VolumeRecords.find(id, in: transaction) else { return }
        let all = try AttachmentRecords.of(volume: id, in: transaction)
        let statuses = Set(all.map(\.status))
        let (status, attach): (Volume.Status, Volume.AttachStatus) =
            if statuses.contains(.attached) { (.inUse, .attached) }
            else if statuses.contains(.attaching) { (.attaching, .attaching) }
            else if all.isEmpty { (.available, .detached) }
            else { (.reserved, .reserved) }
        // An administrator may have said `error` of a volume that somebody had; that ends with the attachment.
        let wasFailed = volume.status == .error && volume.attachStatus == .attached
        volume.attachStatus = attach == .reserved ? .detached : attach
        if all.isEmpty { volume.details.adminMetadata["attached_mode"] = nil }
        // While its server goes over to another volume it is nobody else's to have; the migration's end says what it is.
        let isSwapped = volume.status == .inUse && volume.isMigrating
        if isSwapped {
            volume.previousStatus = status
        } else if Self.ownStates.contains(volume.status) || wasFailed {
            volume.status = status
        } else if let previous = volume.previousStatus, Self.ownStates.contains(previous) {
            volume.previousStatus = status
        }
        try VolumeRecords.update(volume, in: transaction)
    }

    // MARK: With the storage host

    /// Lets a host reach a reserved volume. A repeat, with the same connector or another, answers what holds for the last.
    /// - Throws: 404 when the attachment is gone, 400 for a connector that lacks what is needed and for QoS specs that cannot be counted
    ///   out, 503 when the storage host fails.
    func connect(_ id: String, connector: JSON) async throws -> (Attachment, VolumeConnection) {
        let (attachment, volume) = try await storage.database.write { transaction in
            try prepare(id, connector, in: transaction)
        }
        let connection = try await connection(of: attachment, to: volume)
        let saved = try await storage.database.write { transaction in
            try AttachmentRecords.change(id, in: transaction) { $0.connection = connection }
        }
        guard let saved else { throw BlockStorageError.attachmentNotFound(id) }
        return (saved, connection)
    }

    private func prepare(_ id: String, _ connector: JSON, in transaction: any Transaction) throws -> (Attachment, Volume) {
        guard var attachment = try AttachmentRecords.find(id, in: transaction),
            var volume = try VolumeRecords.find(attachment.volumeID, in: transaction)
        else { throw BlockStorageError.attachmentNotFound(id) }
        guard volume.place != nil else { throw BlockStorageError.invalidVolume("Volume \(volume.id) has no host.") }
        guard let host = connector["host"]?.string, !host.isEmpty else {
            throw BlockStorageError.invalidInput("Connector doesn't have required information: host")
        }
        attachment.connector = connector
        attachment.host = host
        attachment.device = connector["mountpoint"]?.string ?? attachment.device
        attachment.qosSpecs = try QoSSpecsRecords.find(typeID: volume.typeID, in: transaction)?.frontEnd(sizeGiB: volume.size)
        if let mode = connector["mode"]?.string, attachment.mode == "null", ["rw", "ro"].contains(mode) { attachment.mode = mode }
        if volume.isReadOnly { attachment.mode = "ro" }
        if attachment.mode == "null" { attachment.mode = "rw" }
        if attachment.status != .attached {
            attachment.status = .attaching
            attachment.attachedAt = .now
        }
        try AttachmentRecords.update(attachment, in: transaction)
        if volume.status == .reserved || volume.status == .available {
            (volume.status, volume.attachStatus) = (.attaching, .attaching)
            try VolumeRecords.update(volume, in: transaction)
        }
        return (attachment, volume)
    }

    /// What the storage host says, which makes the export where there is none.
    private func connection(of attachment: Attachment, to volume: Volume) async throws -> VolumeConnection {
        guard let place = volume.place else { throw BlockStorageError.invalidVolume("Volume \(volume.id) has no host.") }
        let connector = attachment.connector ?? .null
        let request = ConnectVolume(
            backend: place.backend, volume: try await storage.specification(volume), attachmentID: attachment.id,
            connector: VolumeConnector(
                host: attachment.host ?? "", ip: connector["ip"]?.string ?? "", initiator: connector["initiator"]?.string,
                isReadOnly: attachment.mode == "ro"))
        do {
            return try await storage.ask(place, request, within: 60)
        } catch let error as BusError {
            throw BlockStorageError.unavailable("The volume's storage host can't connect it: \(error.summary)")
        }
    }

    /// How a connected volume is reached, with what must not be kept; nil when it is not connected.
    func access(_ id: String) async throws -> (Attachment, Volume, VolumeConnection)? {
        let found = try await storage.database.read { reader -> (Attachment, Volume)? in
            guard let attachment = try AttachmentRecords.find(id, in: reader) else { return nil }
            return try VolumeRecords.find(attachment.volumeID, in: reader).map { (attachment, $0) }
        }
        guard let (attachment, volume) = found, let connection = attachment.connection else { return nil }
        guard connection.lacksSecrets else { return (attachment, volume, connection) }
        return (attachment, volume, try await self.connection(of: attachment, to: volume))
    }

    /// Takes a host's way to the volume away; the row stays. A repeat, or an unknown attachment, is success.
    func disconnect(_ id: String) async throws {
        let found = try await storage.database.read { reader -> (Attachment, Volume)? in
            guard let attachment = try AttachmentRecords.find(id, in: reader) else { return nil }
            return try VolumeRecords.find(attachment.volumeID, in: reader).map { (attachment, $0) }
        }
        guard let (attachment, volume) = found, let place = volume.place, attachment.connector != nil else { return }
        let request = DisconnectVolume(
            backend: place.backend, volume: try await storage.keylessSpecification(volume), attachmentID: attachment.id)
        do {
            _ = try await storage.ask(place, request, within: 60)
        } catch let error as BusError {
            throw BlockStorageError.unavailable("The volume's storage host can't disconnect it: \(error.summary)")
        }
        try await storage.database.write { transaction in
            try AttachmentRecords.change(id, in: transaction) { attachment in
                (attachment.connection, attachment.connector, attachment.qosSpecs) = (nil, nil, nil)
                if attachment.status != .detaching { attachment.status = .reserved }
            }
        }
    }

    /// Takes the way away and ends the attachment. Its row says `detaching` meanwhile, so that the reconciler can finish.
    func remove(_ id: String) async throws {
        try await storage.database.write { transaction in
            try AttachmentRecords.change(id, in: transaction) { ($0.status, $0.detachedAt) = (.detaching, .now) }
        }
        try await disconnect(id)
        try await storage.database.write { try release(id, in: $0) }
    }
}
