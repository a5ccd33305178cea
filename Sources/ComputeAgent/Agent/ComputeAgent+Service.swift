import CloudBus
import CloudCore
import ComputeMessages
import Logging

extension ComputeAgent {
    /// The handlers of every message that an agent understands.
    func service() -> BusService {
        var service = BusService()
        service.on(SpawnGuest.self) { [self] request, _ in
            try await answering("spawn", request.guest.id) { try await spawn(request.guest) }
        }
        service.on(DestroyGuest.self) { [self] request, _ in
            try await answering("destroy", request.id) {
                try await destroy(request.id, portIDs: request.portIDs)
                return BusNothing()
            }
        }
        service.on(PowerGuest.self) { [self] request, _ in
            try await answering("power", request.guest.id) { try await power(request.guest, request.action) }
        }
        service.on(ReadConsole.self) { [self] request, _ in
            try await answering("console", request.id) { try await console(request.id, lines: request.lines) }
        }
        service.on(ListGuests.self) { [self] _, _ in
            try await answering("list", nil) { try await driver.guests() }
        }
        addChanges(to: &service)
        addInspection(to: &service)
        addMoves(to: &service)
        addMigration(to: &service)
        return service
    }

    private func addChanges(to service: inout BusService) {
        service.on(RebuildGuest.self) { [self] request, _ in
            try await answering("rebuild", request.guest.id) { try await rebuild(request) }
        }
        service.on(SnapshotGuest.self) { [self] request, _ in
            try await answering("snapshot", request.id) { try await snapshot(request) }
        }
        service.on(AttachInterface.self) { [self] request, _ in
            try await answering("attach-interface", request.guest.id) { try await attach(request) }
        }
        service.on(DetachInterface.self) { [self] request, _ in
            try await answering("detach-interface", request.guest.id) { try await detach(request) }
        }
        service.on(AttachVolume.self) { [self] request, _ in
            try await answering("attach-volume", request.guest.id) { try await attach(request) }
        }
        service.on(DetachVolume.self) { [self] request, _ in
            try await answering("detach-volume", request.guest.id) { try await detach(request) }
        }
        service.on(SwapVolume.self) { [self] request, _ in
            try await answering("swap-volume", request.guest.id) { try await swap(request) }
        }
        service.on(ExtendVolume.self) { [self] request, _ in
            try await answering("extend-volume", request.id) {
                _ = try await existing(request.id)
                try await driver.extendVolume(request.volumeID, of: request.id, bytes: request.sizeBytes)
            }
        }
        service.on(CopyGuestVolume.self) { [self] request, _ in
            try await answering("copy-volume", request.id) { try await copy(request) }
        }
        service.on(SnapshotGuestVolume.self) { [self] request, _ in
            try await answering("snapshot-volume", request.id) {
                try await onVolumes(of: request.id) { [driver] in try await driver.snapshotVolume(request.volumeID, of: request.id, into: request.newFile) }
            }
        }
        service.on(MergeGuestVolume.self) { [self] request, _ in
            try await answering("merge-volume", request.id) {
                try await onVolumes(of: request.id) { [driver] in
                    try await driver.mergeVolume(request.volumeID, of: request.id, file: request.file, into: request.target)
                }
            }
        }
        service.on(ListGuestVolumes.self) { [self] _, _ in
            try await answering("list-volumes", nil) { try await driver.volumes() }
        }
        service.on(CacheImages.self) { [self] request, _ in
            try await answering("cache-images", nil) { try await cache(request.images) }
        }
    }

    private func addInspection(to service: inout BusService) {
        service.on(DiagnoseGuest.self) { [self] request, _ in
            try await answering("diagnose", request.id) {
                _ = try await existing(request.id)
                return try await driver.diagnostics(request.id)
            }
        }
        service.on(LocateGuest.self) { [self] request, _ in
            try await answering("locate", request.id) {
                _ = try await existing(request.id)
                return try await driver.placement(request.id)
            }
        }
        service.on(OpenGuestConsole.self) { [self] request, _ in
            try await answering("open-console", request.id) {
                _ = try await existing(request.id)
                return try await driver.consoleAddress(request.id, request.kind)
            }
        }
        service.on(SetGuestPassword.self) { [self] request, _ in
            try await answering("set-password", request.id) {
                try await onRunning(request.id) {
                    try await driver.setPassword(request.id, user: request.user, password: request.password)
                }
            }
        }
        service.on(QuiesceGuest.self) { [self] request, _ in
            try await answering("quiesce", request.id) {
                try await onRunning(request.id) { try await driver.quiesce(request.id, freeze: request.freeze) }
            }
        }
    }

    private func addMoves(to service: inout BusService) {
        service.on(ReleaseGuest.self) { [self] request, _ in
            try await answering("release", request.id) { try await release(request) }
        }
        service.on(ReceiveGuest.self) { [self] request, _ in
            try await answering("receive", request.guest.id) { try await receive(request) }
        }
        service.on(ListReleasedGuests.self) { [self] _, _ in
            try await answering("list-released", nil) { try await disks.releasedIDs() }
        }
        service.on(ConfirmMove.self) { [self] request, _ in
            try await answering("confirm-move", request.id) { try await confirmMove(request.id) }
        }
        service.on(RevertMove.self) { [self] request, _ in
            try await answering("revert-move", request.guest.id) {
                try await revertMove(request.guest, start: request.start)
            }
        }
        service.on(ReadGuestFile.self) { [self] request, _ in
            try await answering("read-file", request.id) { try await readFile(request) }
        }
    }

    private func addMigration(to service: inout BusService) {
        service.on(PrepareArrival.self) { [self] request, _ in
            try await answering("prepare-arrival", request.guest.id) { try await prepareArrival(request) }
        }
        service.on(LiveMigrate.self) { [self] request, _ in
            try await answering("live-migrate", request.guest.id) { try await migrate(request) }
        }
        service.on(MigrationProgress.self) { [self] request, _ in
            try await answering("migration-progress", request.id) { try await migration(request) }
        }
        service.on(AbortMigration.self) { [self] request, _ in
            try await answering("abort-migration", request.id) {
                try await intervene(request.id) { try await driver.abortMigration($0) }
            }
        }
        service.on(ForceCompleteMigration.self) { [self] request, _ in
            try await answering("force-complete-migration", request.id) {
                try await intervene(request.id) { try await driver.forceCompleteMigration($0) }
            }
        }
        service.on(FinishArrival.self) { [self] request, _ in
            try await answering("finish-arrival", request.guest.id) { try await finishArrival(request.guest) }
        }
        service.on(FinishDeparture.self) { [self] request, _ in
            try await answering("finish-departure", request.id) {
                try await removeRemains(of: request.id, portIDs: request.portIDs)
            }
        }
        service.on(CancelArrival.self) { [self] request, _ in
            try await answering("cancel-arrival", request.id) {
                try await removeRemains(of: request.id, portIDs: request.portIDs)
            }
        }
    }

    /// Runs what takes a guest that answers.
    private func onRunning(_ id: String, _ body: () async throws -> Void) async throws {
        guard try await existing(id).power == .running else { throw GuestFailure(.wrongState, "The guest does not run.") }
        try await body()
    }

    private func cache(_ images: [RootDisk]) async throws -> [String: CacheImages.Outcome] {
        var outcomes: [String: CacheImages.Outcome] = [:]
        for image in images {
            do {
                outcomes[image.imageID] = try await disks.cache(image)
            } catch let failure as GuestFailure {
                logger.notice("an image could not be cached", metadata: ["image": "\(image.imageID)", "reason": "\(failure.message)"])
                outcomes[image.imageID] = .failed
            }
        }
        return outcomes
    }

    /// Runs an operation that answers nothing.
    private func answering(
        _ operation: String, _ id: String?, _ body: () async throws -> Void
    ) async throws -> BusNothing {
        try await answering(operation, id) { () async throws -> BusNothing in
            try await body()
            return BusNothing()
        }
    }

    /// Runs an operation and puts its failure into the bus's words; whoever reads the log gets the cause as well.
    private func answering<Reply>(
        _ operation: String, _ id: String?, _ body: () async throws -> Reply
    ) async throws -> Reply {
        var metadata: Logger.Metadata = ["operation": "\(operation)"]
        if let id { metadata["server"] = "\(id)" }
        do {
            return try await body()
        } catch let failure as GuestFailure {
            metadata["code"] = "\(failure.code.rawValue)"
            if let cause = failure.cause { metadata["cause"] = "\(cause)" }
            logger.notice("\(failure.message)", metadata: metadata)
            throw failure.onBus
        } catch is CancellationError {
            throw GuestFailure(.interrupted, "The operation was put to an end by a later one or by its deadline.").onBus
        } catch {
            metadata["cause"] = "\(error)"
            logger.error("an operation failed in an unexpected way", metadata: metadata)
            throw GuestFailure(.hypervisorError, "The host failed in an unexpected way; its log says more.").onBus
        }
    }
}
