import CloudCore
import CloudStore
import CloudWorkflow

/// The steps of a build that bring a server's volumes.
struct BuildVolumes: Sendable {
    let compute: Compute.Parts

    /// Does nothing but give back, when a build has failed for good or was cancelled, what later steps and the request made. It stands
    /// before the choice of a host, so that volumes stay while hosts are tried.
    var hold: Step<BuildState> {
        .action("volumes-kept", attempts: 5, timeout: .seconds(300), perform: { _, _ in }, undo: giveBack)
    }

    /// Makes the volumes that are made for the server, and reserves them.
    var make: Step<BuildState> { .action("volumes", attempts: 3, timeout: compute.options.buildDeadline, perform: makeVolumes) }

    /// Lets the chosen host reach them.
    var connect: Step<BuildState> {
        .action("connect", attempts: 3, timeout: .seconds(300), perform: connectVolumes, undo: disconnectVolumes)
    }

    @Sendable private func giveBack(_ state: inout BuildState, _ context: StepContext) async throws {
        try await compute.releaseVolumes(of: state.serverID, context)
    }

    @Sendable private func makeVolumes(_ state: inout BuildState, _ context: StepContext) async throws {
        let id = state.serverID
        let known = try await compute.database.write { transaction -> (Server, [BlockDeviceMapping])? in
            let server = try ServerRecords.change(id, in: transaction) { if $0.task != .deleting { $0.task = .blockDeviceMapping } }
            return try server.map { ($0, try BlockDeviceRecords.all(server: id, in: transaction)) }
        }
        guard let (server, disks) = known else { throw WorkflowStop("The server is gone.") }
        let planned = disks.filter { $0.state == .planned }
        for disk in planned {
            let volume = disk.newVolume(of: server)
            try await compute.stopping { try await compute.volumes.create(volume) }
        }
        try await compute.waitForVolumes(planned.map(\.volumeID), context)
        try await reserve(planned, of: server)
    }

    private func reserve(_ planned: [BlockDeviceMapping], of server: Server) async throws {
        try await compute.stopping {
            try await compute.database.write { [volumes = compute.volumes] transaction in
                let made = try volumes.volumes(planned.map(\.volumeID), in: transaction)
                for disk in planned {
                    var reserved = disk
                    (reserved.attachmentID, reserved.state) = (Identifier.uuid(), .reserved)
                    if let reservation = reserved.reservation(projectID: server.projectID) { try volumes.reserve(reservation, in: transaction) }
                    let size = made[disk.volumeID]?.sizeGiB
                    try BlockDeviceRecords.change(disk.id, in: transaction) { row in
                        (row.attachmentID, row.state, row.sizeGiB) = (reserved.attachmentID, .reserved, size ?? row.sizeGiB)
                    }
                }
                try ServerRecords.change(server.id, in: transaction) { if $0.task == .blockDeviceMapping { $0.task = .spawning } }
            }
        }
    }

    @Sendable private func connectVolumes(_ state: inout BuildState, _ context: StepContext) async throws {
        guard let host = state.host else { throw WorkflowStop("The build lost its host.") }
        try await compute.connectVolumes(of: state.serverID, to: host)
    }

    @Sendable private func disconnectVolumes(_ state: inout BuildState, _ context: StepContext) async throws {
        try await compute.disconnectVolumes(of: state.serverID, context)
    }
}

extension BlockDeviceMapping {
    /// The volume to be made for a server.
    fileprivate func newVolume(of server: Server) -> NewServerVolume {
        let content: NewServerVolume.Source
        switch (source, sourceID) {
        case (.image, let id?): content = .image(id)
        case (.snapshot, let id?): content = .snapshot(id)
        default: content = .blank
        }
        return NewServerVolume(
            id: volumeID, projectID: server.projectID, userID: server.userID, name: content == .blank ? server.id + "-blank-vol" : "",
            sizeGiB: sizeGiB, source: content, volumeType: volumeType)
    }
}

extension Compute.Parts {
    /// Waits until a volume is no longer being made, however that ends.
    func waitUntilSettled(_ id: String, _ context: StepContext) async throws {
        var pause = Duration.milliseconds(5)
        while Timestamp.now < context.deadline {
            let known = try await database.read { [volumes] in try volumes.volumes([id], in: $0)[id] }
            guard let known, Self.becoming.contains(known.status) else { return }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(500))
        }
    }

    /// The states in which a volume is on its way to be used.
    private static let becoming: Set = ["creating", "downloading", "restoring-backup"]

    /// Waits until volumes that are being made can be used.
    /// - Throws: `WorkflowStop` when one can't be made, or is gone.
    func waitForVolumes(_ ids: [String], _ context: StepContext) async throws {
        var (pause, missing) = (Duration.milliseconds(5), ids)
        while !missing.isEmpty {
            let known = try await database.read { [volumes, missing] in try volumes.volumes(missing, in: $0) }
            missing = try missing.filter { id in
                guard let volume = known[id] else { throw WorkflowStop("Volume \(id) could not be found.") }
                if Self.becoming.contains(volume.status) { return true }
                guard !volume.status.hasPrefix("error") else {
                    throw WorkflowStop("Volume \(id) could not be made; its status is \(volume.status).")
                }
                return false
            }
            guard !missing.isEmpty else { return }
            guard Timestamp.now < context.deadline else {
                throw WorkflowStop("Volume \(missing[0]) was not made in time.")
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(500))
        }
    }
}
