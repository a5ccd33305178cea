import CloudBus
import CloudCore
import Logging
import VolumeMessages

extension VolumeAgent {
    /// The handlers of every message that an agent understands.
    func service() -> BusService {
        var service = BusService()
        addVolumes(to: &service)
        addSnapshots(to: &service)
        addConnections(to: &service)
        addTransfers(to: &service)
        addNames(to: &service)
        return service
    }

    private func addVolumes(to service: inout BusService) {
        service.on(CreateVolume.self) { [self] request, _ in
            try await answering("create", request.volume.name) { try await create(request) }
        }
        service.on(DeleteVolume.self) { [self] request, _ in
            try await answering("delete", request.volume.name) {
                let backend = try backend(request.backend)
                try await alone([turn(request.backend, request.volume.name)]) { try await backend.delete(request.volume) }
            }
        }
        service.on(ExtendVolume.self) { [self] request, _ in
            try await answering("extend", request.volume.name) {
                let backend = try backend(request.backend)
                return try await alone([turn(request.backend, request.volume.name)]) {
                    let needsHypervisor = request.isHeld
                        ? try await backend.extendHeld(request.volume)
                        : try await backend.extend(request.volume, isAttached: request.isAttached)
                    return ExtendVolume.Reply(needsHypervisor: needsHypervisor)
                }
            }
        }
        service.on(RevertVolume.self) { [self] request, _ in
            try await answering("revert", request.snapshot.volume.name) {
                let backend = try backend(request.backend)
                try await alone([turn(request.backend, request.snapshot.volume.name)]) {
                    try await backend.revert(to: request.snapshot)
                }
            }
        }
    }

    private func addSnapshots(to service: inout BusService) {
        service.on(CreateSnapshot.self) { [self] request, _ in
            try await answering("create-snapshot", request.snapshot.name) {
                let backend = try backend(request.backend)
                return try await alone([turn(request.backend, request.snapshot.volume.name)]) {
                    CreateSnapshot.Reply(
                        target: try await backend.createSnapshot(
                            request.snapshot, isAttached: request.isAttached, isCopied: request.isCopied))
                }
            }
        }
        service.on(DeleteSnapshot.self) { [self] request, _ in
            try await answering("delete-snapshot", request.snapshot.name) {
                let backend = try backend(request.backend)
                try await alone([turn(request.backend, request.snapshot.volume.name)]) {
                    try await backend.deleteSnapshot(request.snapshot)
                }
            }
        }
    }

    private func addConnections(to service: inout BusService) {
        service.on(ConnectVolume.self) { [self] request, _ in
            try await answering("connect", request.volume.name) {
                let backend = try backend(request.backend)
                return try await alone([turn(request.backend, request.volume.name)]) {
                    try await backend.connect(
                        request.volume, attachmentID: request.attachmentID, connector: request.connector)
                }
            }
        }
        service.on(DisconnectVolume.self) { [self] request, _ in
            try await answering("disconnect", request.volume.name) {
                let backend = try backend(request.backend)
                try await alone([turn(request.backend, request.volume.name)]) {
                    try await backend.disconnect(request.volume, attachmentID: request.attachmentID)
                }
            }
        }
        service.on(ListConnections.self) { [self] _, _ in
            try await answering("connections", nil) {
                var connections: [ListConnections.Connected] = []
                for name in backends.keys.sorted() { connections += try await backend(name).connections() }
                return connections
            }
        }
    }

    private func addTransfers(to service: inout BusService) {
        service.on(CopyVolume.self) { [self] request, _ in
            try await answering("copy", request.volume.name) { try await copy(request) }
        }
        service.on(OverwriteVolume.self) { [self] request, _ in
            try await answering("overwrite", request.volume.name) { try await overwrite(request) }
        }
        service.on(UploadVolume.self) { [self] request, _ in
            try await answering("upload", request.volume.name) { try await upload(request) }
        }
        service.on(CreateBackup.self) { [self] request, _ in
            try await answering("backup", request.backup.id) { try await backUp(request) }
        }
        service.on(RestoreBackup.self) { [self] request, _ in
            try await answering("restore", request.backup.id) { try await restore(request) }
        }
        service.on(DeleteBackup.self) { [self] request, _ in
            try await answering("delete-backup", request.backup.id) {
                let store = try store(of: request.backup)
                try await alone([.backup(request.backup.id)]) { try await store.remove(request.backup) }
            }
        }
    }

    private func addNames(to service: inout BusService) {
        service.on(ListBackendVolumes.self) { [self] request, _ in
            try await answering("list", nil) {
                let backend = try backend(request.backend)
                return request.snapshots
                    ? try await backend.snapshots(in: request.pool) : try await backend.volumes(in: request.pool)
            }
        }
        service.on(RenameBackendVolume.self) { [self] request, _ in
            try await answering("rename", request.name) {
                let backend = try backend(request.backend)
                let names = request.volumeName.map { [$0] } ?? [request.name, request.newName]
                return try await alone(names.map { turn(request.backend, $0) }) {
                    try await backend.rename(
                        request.name, to: request.newName, of: request.volumeName, in: request.pool)
                }
            }
        }
    }

    /// The turn of a volume's operations.
    func turn(_ backend: String, _ name: String) -> Turn { .volume(backend: backend, name: name) }

    /// Runs an operation that answers nothing.
    private func answering(_ operation: String, _ name: String?, _ body: () async throws -> Void) async throws -> BusNothing {
        try await answering(operation, name) { () async throws -> BusNothing in
            try await body()
            return BusNothing()
        }
    }

    /// Runs an operation and puts its failure into the bus's words; whoever reads the log gets the cause as well.
    private func answering<Reply>(
        _ operation: String, _ name: String?, _ body: () async throws -> Reply
    ) async throws -> Reply {
        do {
            return try await body()
        } catch is CancellationError {
            throw VolumeFailure(.backendError, "The operation was ended by its deadline.").onBus
        } catch {
            let failure = failure(error)
            var metadata: Logger.Metadata = ["operation": "\(operation)", "code": "\(failure.code.rawValue)"]
            if let name { metadata["volume"] = "\(name)" }
            if let cause = failure.cause { metadata["cause"] = "\(cause)" }
            logger.notice("\(failure.message)", metadata: metadata)
            throw failure.onBus
        }
    }

    private func failure(_ error: any Error) -> VolumeFailure {
        switch error {
        case let failure as VolumeFailure: failure
        case let error as FileError where error.isFull: VolumeFailure(.full, "There is no room for it.", cause: error)
        default: VolumeFailure(.backendError, "The storage host failed; its log says more.", cause: error)
        }
    }
}
