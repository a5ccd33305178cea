import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import Logging
import VolumeMessages

/// What a volume's move, or its change of type, needs to remember.
struct MoveVolumeState: Codable, Sendable, Hashable {
    var volumeID: String
    /// The type that it shall have.
    var typeID: String
    /// Whether its bytes may go to another back end for that.
    var mayMigrate = false
    var isRetype = false
    /// Where it shall go; nil for wherever the type fits.
    var wanted: VolumeHostName?
    /// Where it goes; nil when it stays.
    var target: VolumeHostName?
    /// What the back end there calls it, while both are there.
    var targetName: String?
    /// Where it was, and what it was called there, once it has moved.
    var former: VolumeHostName?
    var formerName: String?
    /// The server that has it, and the volume that is made at the target for the server to go over to.
    var serverID: String?
    var newVolumeID: String?
    /// Whether its bytes are written anew under another key or in clear, the key that they get then, and the one that they had.
    var isReencrypted: Bool?
    var newKeyID: String?
    var formerKeyID: String?

    init(volumeID: String, typeID: String) { (self.volumeID, self.typeID) = (volumeID, typeID) }
}

/// Moves a volume to another back end of its host, or gives it another type, for which it may have to move. Its bytes are copied; the
/// source goes only when the row names the copy, so a failure at any moment leaves the volume as it was. Those of a volume that a
/// server has are copied by the server's hypervisor (see `AttachedMove`).
struct MoveVolumeWorkflow: Sendable {
    static let name = "volume.move"
    let storage: BlockStorage.Parts

    var workflow: Workflow<MoveVolumeState> {
        let limit = Duration.seconds(BlockStorage.Parts.transferSeconds)
        return Workflow(
            Self.name, deadline: limit + .seconds(3600),
            steps: [
                .awaitCopies(ofVolume: \.volumeID, storage),
                .action("keep-key", perform: { _, _ in }, undo: VolumeReencryption(storage: storage).dropNewKey),
                .transaction("choose", perform: choose, undo: AttachedMove(storage: storage).removeTarget),
                .action("make-target", timeout: .seconds(600), perform: AttachedMove(storage: storage).makeTarget),
                .action(
                    "swap", timeout: limit, perform: AttachedMove(storage: storage).swap, undo: AttachedMove(storage: storage).awaitEnd),
                .action("copy", timeout: limit, perform: copy, undo: removeCopy),
                .transaction("switch", perform: switchOver),
                .action("remove-source", attempts: 5, timeout: .seconds(1800), perform: removeSource),
                .transaction("finish", perform: finish),
            ],
            unwound: fail)
    }

    // MARK: Where to

    @Sendable private func choose(_ transaction: any Transaction, _ state: inout MoveVolumeState, _ context: StepContext) throws {
        guard let volume = try VolumeRecords.find(state.volumeID, in: transaction), let place = volume.place else {
            throw WorkflowStop("the volume is gone, or nowhere yet")
        }
        guard let type = try VolumeTypeRecords.find(state.typeID, in: transaction) else { throw WorkflowStop("the type is gone") }
        let pools = try StorageServiceRecords.pools(in: transaction)
        let stays = state.wanted == nil && pools.contains { $0.name == place && CapabilityMatch.admits($0.report, type) }
        state.isReencrypted = state.isRetype && VolumeReencryption.isNeeded(volume, for: type)
        if stays, state.isReencrypted != true { return }
        guard state.mayMigrate else { throw WorkflowStop("Retype requires migration but is not allowed.") }
        let move = AttachedMove(storage: storage)
        state.serverID = try move.server(of: volume, in: transaction)
        guard state.serverID == nil || state.isReencrypted != true else {
            throw WorkflowStop("A volume that a server has is not encrypted anew: it has to be detached first.")
        }
        guard try SnapshotRecords.of(volume: volume.id, in: transaction).isEmpty else {
            throw WorkflowStop("Volume must not have snapshots.")
        }
        if stays {
            (state.target, state.targetName) = (place, "volume-\(Identifier.uuid())")
            try VolumeRecords.change(volume.id, in: transaction) { $0.migrationStatus = "migrating" }
            return
        }
        let demand = PoolDemand(size: volume.size, type: type, zones: nil, tried: [place.text])
        let scheduler = VolumeScheduler(options: storage.options, picks: storage.picks)
        let fitting = scheduler.choose(demand, among: pools, at: .now).filter { pool in
            // A host copies between its own back ends; no other reaches them.
            pool.name.host == place.host && pool.name.service != place.service && (state.wanted.map { $0.matches(pool.name) } ?? true)
        }
        guard let target = fitting.first?.name else {
            throw WorkflowStop("No valid backend was found. No other back end of the host \(place.host) takes the volume.")
        }
        state.target = target
        if state.serverID == nil {
            state.targetName = "volume-\(volume.id)"
        } else {
            state.newVolumeID = try move.insertTarget(for: volume, at: target, of: type, in: transaction)
        }
        try VolumeRecords.change(volume.id, in: transaction) { $0.migrationStatus = "migrating" }
    }

    // MARK: The bytes

    @Sendable private func copy(_ state: inout MoveVolumeState, _ context: StepContext) async throws {
        guard let target = state.target, state.targetName != nil else { return }
        let id = state.volumeID
        guard let volume = try await storage.database.read({ try VolumeRecords.find(id, in: $0) }), let place = volume.place else {
            throw WorkflowStop("the volume is gone")
        }
        let copy = try await VolumeReencryption(storage: storage).target(of: volume, state)
        let request = CopyVolume(
            backend: place.backend, volume: try await storage.specification(volume), targetBackend: target.backend,
            target: try await storage.specification(copy))
        do {
            _ = try await storage.ask(place, request, within: BlockStorage.Parts.transferSeconds - 60, key: context.key)
        } catch let error as BusError where error.volumeFailure.map({ $0 != .busy }) ?? false {
            throw WorkflowStop(error.summary, cause: error)
        }
    }

    @Sendable private func removeCopy(_ state: inout MoveVolumeState, _ context: StepContext) async throws {
        guard let target = state.target, state.targetName != nil, state.former == nil else { return }
        let id = state.volumeID
        guard let volume = try await storage.database.read({ try VolumeRecords.find(id, in: $0) }) else { return }
        let reencryption = VolumeReencryption(storage: storage)
        try await reencryption.removeBetween(volume, state, key: context.key)
        let copy = try await reencryption.target(of: volume, state)
        let request = DeleteVolume(backend: target.backend, volume: try await storage.keylessSpecification(copy))
        _ = try await storage.ask(target, request, within: 1700, key: context.key + "-copy")
    }

    @Sendable private func switchOver(_ transaction: any Transaction, _ state: inout MoveVolumeState, _ context: StepContext) throws {
        // The two have exchanged what they are already.
        guard state.newVolumeID == nil else { return }
        let (typeID, target, name) = (state.typeID, state.target, state.targetName)
        guard let type = try VolumeTypeRecords.find(typeID, in: transaction) else { throw WorkflowStop("the type is gone") }
        let (isReencrypted, key) = (state.isReencrypted == true, state.newKeyID)
        var former: (VolumeHostName?, String?)
        var formerKey: String?
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            if isReencrypted {
                formerKey = volume.encryptionKeyID
                VolumeReencryption.apply(type, key: key, to: &volume)
            }
            if let target, let name {
                former = (volume.place, volume.backendName)
                (volume.host, volume.details.backendName) = (target.text, name)
                volume.details.nameID = name == "volume-\(volume.id)" ? nil : String(name.dropFirst("volume-".count))
                volume.migrationStatus = "completing"
            }
            (volume.typeID, volume.isMultiattach) = (type.id, type.isMultiattach)
        }
        (state.former, state.formerName, state.formerKeyID) = (former.0, former.1, formerKey)
    }

    /// From here on the volume is the copy; what is left of the source is only in the way.
    @Sendable private func removeSource(_ state: inout MoveVolumeState, _ context: StepContext) async throws {
        guard let former = state.former, let name = state.formerName else { return }
        let id = state.volumeID
        guard var source = try await storage.database.read({ try VolumeRecords.find(id, in: $0) }) else { return }
        (source.host, source.details.backendName) = (former.text, name)
        do {
            let request = DeleteVolume(backend: former.backend, volume: try await storage.keylessSpecification(source))
            _ = try await storage.ask(former, request, within: 1700, key: context.key)
        } catch let error as BusError where context.attempt >= 5 {
            // The volume has moved and must not be undone: whoever looks for what nobody needs finds the rest.
            storage.logger.error(
                "a moved volume's bytes stay where they were",
                metadata: ["volume": "\(id)", "place": "\(former.text)", "name": "\(name)", "reason": "\(error.summary)"])
        }
        if let key = state.formerKeyID { await storage.dropKey(key) }
    }

    @Sendable private func finish(_ transaction: any Transaction, _ state: inout MoveVolumeState, _ context: StepContext) throws {
        let hasMoved = state.target != nil
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            if hasMoved { volume.migrationStatus = "success" }
            Self.settle(&volume)
        }
        try AttachmentOperations(storage: storage).settle(volume: state.volumeID, in: transaction)
    }

    private static func settle(_ volume: inout Volume) {
        guard volume.status == .retyping || volume.status == .maintenance else { return volume.previousStatus = nil }
        (volume.status, volume.previousStatus) = (volume.previousStatus ?? .available, nil)
    }

    @Sendable private func fail(_ transaction: any Transaction, _ state: MoveVolumeState, _ failure: WorkflowFailure) throws {
        let isMigration = !state.isRetype || state.target != nil
        try VolumeRecords.change(state.volumeID, in: transaction) { volume in
            let hasMoved = state.newVolumeID != nil && volume.details.nameID == state.newVolumeID
            if isMigration { volume.migrationStatus = hasMoved ? "success" : "error" }
            Self.settle(&volume)
            try storage.note(failure, of: state.isRetype ? "retype" : "migrate", volume: volume, in: transaction)
        }
        // Its server may have gone meanwhile, also before it was looked for.
        try AttachmentOperations(storage: storage).settle(volume: state.volumeID, in: transaction)
    }
}

extension VolumeHostName {
    /// Whether a pool is this one, or one of this back end's where this names none.
    func matches(_ pool: VolumeHostName) -> Bool { service == pool.service && (self.pool.isEmpty || self.pool == pool.pool) }
}
