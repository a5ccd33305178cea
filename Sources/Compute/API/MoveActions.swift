import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow
import ComputeMessages

/// Resize and cold migration, and what comes of them.
enum MoveActions {
    static let all = [
        ServerActionEndpoint("resize", rule: "servers:resize", MoveSchemas.resize, handler: resize),
        ServerActionEndpoint("confirmResize", rule: "servers:confirm_resize", handler: confirm),
        ServerActionEndpoint("revertResize", rule: "servers:revert_resize", handler: revert),
        ServerActionEndpoint("migrate", rule: "os-migrate-server:migrate", versions: MoveSchemas.migrate, handler: migrate),
    ]

    /// These and the others that move a server.
    static let everyAction =
        all
        + LiveMigrationActions.all
        + EvacuationActions.all
        + ShelveActions.all

    /// The states in which a server can be resized or migrated.
    private static let states: Set<Server.State> = [.active, .stopped]

    // MARK: Resize and migrate

    @Sendable private static func resize(_ call: ActionCall) async throws -> APIResponse {
        let reference = call.value["flavorRef"]
        let id = reference?.string ?? reference?.int.map(String.init) ?? ""
        let diskConfig = call.value["OS-DCF:diskConfig"]?.string
        let allowance = try await call.compute.limits(project: call.server.projectID, user: call.server.userID)
        try await begin(call, .resize) { server, transaction in
            let flavor = try ResizeRules(server: server, compute: call.compute, allowance: allowance)
                .flavor(id, for: call.request.token, in: transaction)
            server.details.diskConfig = diskConfig
            // Where there is one host, there is no other to go to.
            let staysPossible = try call.compute.options.allowsResizeToSameHost || HostRecords.all(in: transaction).count == 1
            return MoveWish(flavor: flavor, excludedHosts: staysPossible ? [] : [server.host].compactMap(\.self))
        }
        return .empty()
    }

    @Sendable private static func migrate(_ call: ActionCall) async throws -> APIResponse {
        let host = call.isFrom(56) ? call.value["host"]?.string : nil
        if host != nil { try call.request.require("os_compute_api:os-migrate-server:migrate:host", call.target) }
        try await begin(call, .migrate) { server, transaction in
            if let host {
                guard host != server.host else {
                    throw ComputeError.badRequest("Cannot migrate to the host where the server exists.")
                }
                guard try HostRecords.find(name: host, in: transaction) != nil else { throw ComputeError.hostNotFound(host) }
            }
            return MoveWish(host: host, excludedHosts: [server.host].compactMap(\.self))
        }
        return .empty()
    }

    private static func begin(
        _ call: ActionCall, _ action: ServerAction, _ wish: @escaping @Sendable (inout Server, any Transaction) throws -> MoveWish
    ) async throws {
        let (compute, requestID) = (call.compute, call.request.requestID)
        try await call.begin(
            MoveWorkflow(compute: compute).workflow, if: ActionConditions(action, states: states, task: .resizePreparing)
        ) { server, transaction in
            guard let source = server.host, try compute.isUp(source, in: transaction) == true else {
                throw ComputeError.conflict("Service is unavailable at this time.")
            }
            let wish = try wish(&server, transaction)
            let migration = try MigrationRecords.insert(
                ServerMigration(
                    action == .resize ? .resize : .migration, of: server, flavor: wish.flavor, status: .preMigrating,
                    userID: call.request.token?.userID ?? server.userID), in: transaction)
            return MoveState(
                serverID: server.id, requestID: requestID, migrationID: migration.uuid, source: source, before: server.state,
                wish: wish)
        }
    }

    // MARK: Confirm and revert

    @Sendable private static func confirm(_ call: ActionCall) async throws -> APIResponse {
        let compute = call.compute
        try await call.begin(
            ConfirmWorkflow(compute: compute).workflow,
            if: ActionConditions(.confirmResize, states: [.resized], task: .resizeConfirming)
        ) { server, transaction in
            let state = try compute.confirmation(of: server, requestID: call.request.requestID, in: transaction)
            guard try compute.isUp(state.source, in: transaction) == true else {
                throw ComputeError.conflict("Service is unavailable at this time.")
            }
            return state
        }
        return .empty(status: .noContent)
    }

    @Sendable private static func revert(_ call: ActionCall) async throws -> APIResponse {
        let compute = call.compute
        let allowance = try await compute.limits(project: call.server.projectID, user: call.server.userID)
        try await call.begin(
            RevertWorkflow(compute: compute).workflow,
            if: ActionConditions(.revertResize, states: [.resized], task: .resizeReverting)
        ) { server, transaction in
            guard let migration = try MigrationRecords.latest(server: server.id, status: .finished, in: transaction) else {
                throw ComputeError.badRequest("Instance has not been resized.")
            }
            let flavor = server.details.oldFlavor
            if let flavor {
                try ResizeRules(server: server, compute: compute, allowance: allowance).checkQuota(to: flavor, in: transaction)
            }
            try MigrationRecords.set(.reverting, migration.uuid, in: transaction)
            var state = MoveState(
                serverID: server.id, requestID: call.request.requestID, migrationID: migration.uuid, source: migration.sourceHost,
                before: server.details.previousState ?? .active, wish: MoveWish(flavor: flavor))
            state.target = server.host
            return state
        }
        return .empty()
    }
}

extension ActionCall {
    /// What rules about the server are put to.
    var target: PolicyTarget { ["project_id": .string(server.projectID), "user_id": .string(server.userID)] }
}

extension Compute.Parts {
    /// The first state of the workflow that confirms a server's move; the migration is marked.
    /// - Throws: 400 when there is nothing to confirm.
    func confirmation(of server: Server, requestID: String?, in transaction: any Transaction) throws -> ConfirmState {
        guard let migration = try MigrationRecords.latest(server: server.id, status: .finished, in: transaction) else {
            throw ComputeError.badRequest("Instance has not been resized.")
        }
        try MigrationRecords.set(.confirming, migration.uuid, in: transaction)
        return ConfirmState(
            serverID: server.id, requestID: requestID, migrationID: migration.uuid, source: migration.sourceHost)
    }
}

extension ComputeError {
    static func hostNotFound(_ name: String) -> ComputeError { .badRequest("Compute host \(name) could not be found.") }
}

/// Which flavor a server may get.
struct ResizeRules: Sendable {
    let server: Server
    let compute: Compute.Parts
    let allowance: ComputeAllowance

    /// The flavor with an id, if the caller may use it and the server may have it.
    /// - Throws: 400 when not, 403 when the quota does not admit it.
    func flavor(_ id: String, for token: TokenContext?, in transaction: any Transaction) throws -> Flavor {
        guard let flavor = try FlavorRecords.usable(id, by: token, in: transaction) else {
            throw ComputeError.badRequest("Flavor \(id) could not be found.")
        }
        guard flavor.extraSpecs["accel:device_profile"] == nil else {
            throw ComputeError.forbidden("Feature not supported with instances that have accelerators.")
        }
        if !server.isVolumeBacked, flavor.diskGiB == 0, server.flavor.diskGiB != 0 {
            throw ComputeError.badRequest("Server disk was unable to be resized because: Resize to zero disk flavor is not allowed.")
        }
        guard flavor.id != server.flavor.id else {
            throw ComputeError.badRequest("When resizing, instances must change flavor!")
        }
        guard !flavor.isDisabled else { throw ComputeError.badRequest("Flavor \(id) could not be found.") }
        try checkQuota(to: flavor, in: transaction)
        try checkImage(flavor)
        return flavor
    }

    private func checkImage(_ flavor: Flavor) throws {
        try ImageRules.checkQueues(flavor, server.imageProperties)
        guard let image = server.image else { return }
        guard flavor.memoryMiB >= image.minMemoryMiB else {
            throw ComputeError.badRequest("Flavor's memory is too small for requested image.")
        }
        // The flavor's disk is not made where the root disk is a volume, so that its size means nothing.
        if !server.isVolumeBacked { try checkDisk(flavor, image) }
    }

    private func checkDisk(_ flavor: Flavor, _ image: ServerImage) throws {
        guard flavor.diskGiB == 0 || flavor.diskGiB >= image.minDiskGiB else {
            throw ComputeError.badRequest(
                "The created instance's disk would be too small: the image asks for \(image.minDiskGiB) GiB, "
                    + "the flavor has \(flavor.diskGiB).")
        }
        // A disk is never made smaller: what is on it would be lost. Upstream finds this out on the host.
        guard flavor.diskGiB == 0 || flavor.diskGiB >= server.flavor.diskGiB else {
            throw ComputeError.badRequest(
                "Server disk was unable to be resized because: Resize of the disk from \(server.flavor.diskGiB) GiB down to "
                    + "\(flavor.diskGiB) GiB is not allowed.")
        }
    }

    /// - Throws: 403 when the difference is more than the quota leaves.
    func checkQuota(to flavor: Flavor, in transaction: any Transaction) throws {
        try allowance.checkGrowth(from: server.flavor, to: flavor, in: transaction)
    }
}
