import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What bringing a guest's disks in line with its server's volumes needs to remember.
struct VolumeRepair: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// Its host.
    var host: String
}

/// Brings a guest's disks in line with its server's volumes: what is missing is plugged in, what is too much is taken out. As a workflow
/// on the server it stands in nobody's way, and nobody in its.
struct RepairVolumesWorkflow: Sendable {
    static let name = "compute.repair-volumes"
    let compute: Compute.Parts

    var workflow: Workflow<VolumeRepair> {
        Workflow(
            Self.name, deadline: .seconds(600),
            steps: [.action("repair", attempts: 2, timeout: .seconds(240), perform: repair)], unwound: end)
    }

    @Sendable private func repair(_ state: inout VolumeRepair, _ context: StepContext) async throws {
        let (id, host) = (state.serverID, state.host)
        let known = try await compute.database.read { try ServerRecords.find(id, in: $0) }
        guard let known, known.host == host, known.task == nil else { return }
        // Whatever was changed since the difference was seen is looked at anew.
        let answer = try await compute.look(at: host, ListGuestVolumes(), context)
        guard let present = answer[id], let guest = try await compute.guest(id) else { return }
        let wanted = try await compute.disks(of: id).filter { $0.state == .attached }.map(\.volumeID)
        for volume in guest.volumes where wanted.contains(volume.id) && !present.contains(volume.id) {
            _ = try await compute.look(at: host, AttachVolume(guest: guest, volume: volume), context)
        }
        for volume in present where !wanted.contains(volume) {
            _ = try await compute.look(at: host, DetachVolume(guest: guest, volumeID: volume), context)
        }
        compute.logger.notice("a guest's disks were brought in line with its server's volumes", metadata: ["server": "\(id)"])
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: VolumeRepair, _ failure: WorkflowFailure) throws {
        compute.logger.warning(
            "a guest's disks differ from its server's volumes", metadata: ["server": "\(state.serverID)", "reason": "\(failure.message)"])
        guard let server = try ServerRecords.find(state.serverID, in: transaction), server.task == .deleting else { return }
        try compute.beginDelete(server, requestID: nil, in: transaction)
    }
}

/// Compares what idle servers' volumes are with the disks that their guests have.
struct VolumeComparison: Sendable {
    let compute: Compute.Parts

    /// Begins to mend what differs on a host.
    func run(_ host: String, _ servers: [Server]) async throws {
        let idle = servers.filter { $0.task == nil && [.active, .paused, .stopped].contains($0.state) }
        guard !idle.isEmpty else { return }
        let wanted = try await compute.database.read { try BlockDeviceRecords.all(servers: idle.map(\.id), in: $0) }
        let present = try await compute.bus.call(
            ListGuestVolumes(), to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: .seconds(30))
        for server in idle {
            guard let disks = present[server.id] else { continue }
            // What is on its way either way is its workflow's.
            let rows = wanted[server.id] ?? []
            let attached = Set(rows.filter { $0.state == .attached }.map(\.volumeID))
            guard Set(disks) != attached, rows.allSatisfy({ $0.state == .attached }) else { continue }
            try await begin(server, host)
        }
    }

    private func begin(_ server: Server, _ host: String) async throws {
        do {
            try await compute.database.write { [compute] transaction in
                try compute.workflows.start(
                    RepairVolumesWorkflow(compute: compute).workflow, VolumeRepair(serverID: server.id, host: host),
                    subject: server.subject, requestID: nil, in: transaction)
            }
        } catch is WorkflowBusy {
            compute.logger.debug("a server's volumes are being changed", metadata: ["server": "\(server.id)"])
        }
    }
}
