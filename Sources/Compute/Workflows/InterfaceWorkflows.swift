import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Logging

/// What a change of a server's interfaces needs to remember.
struct InterfaceChange: Codable, Sendable, Hashable {
    /// The server.
    var serverID: String
    /// The API request that asked for it, under which the action log knows it.
    var requestID: String?
    /// The server's host.
    var host: String
    /// The port that comes or goes.
    var port: ServerPort
    /// The tag under which the guest's metadata lists it.
    var tag: String?
}

/// Plugs an interface, whose port exists already, into a guest. When that fails the port goes again.
struct AttachInterfaceWorkflow: Sendable {
    static let name = "compute.attach-interface"
    let compute: Compute.Parts

    var workflow: Workflow<InterfaceChange> {
        Workflow(
            Self.name, deadline: .seconds(600),
            steps: [
                .action("network", timeout: .seconds(60), perform: settle),
                .action("plug", timeout: .seconds(120), perform: plug, undo: unplug),
                .transaction("record", perform: record),
            ],
            unwound: end)
    }

    @Sendable private func settle(_ state: inout InterfaceChange, _ context: StepContext) async throws {
        try await compute.networking.settle(ports: [state.port.id], deadline: context.deadline)
    }

    @Sendable private func plug(_ state: inout InterfaceChange, _ context: StepContext) async throws {
        let (id, port) = (state.serverID, state.port.id)
        guard let guest = try await compute.guest(id), let interface = guest.interfaces.first(where: { $0.portID == port }) else {
            throw WorkflowStop("The server or its port is gone.")
        }
        do {
            _ = try await compute.bus.call(
                AttachInterface(guest: guest, interface: interface), to: BusAddress(topic: ComputeTopic.agent, host: state.host),
                deadline: context.deadline - Timestamp.now, key: context.key)
        } catch BusError.remote(let code, let message) where Self.hopeless.contains(code) {
            throw WorkflowStop(message)
        }
    }

    /// Failures that a second try would meet again.
    private static let hopeless: Set = [GuestFailureCode.guestNotFound.rawValue, GuestFailureCode.unsupported.rawValue]

    @Sendable private func unplug(_ state: inout InterfaceChange, _ context: StepContext) async throws {
        try await compute.unplug(state, context, isBestEffort: true)
    }

    @Sendable private func record(_ transaction: any Transaction, _ state: inout InterfaceChange, _ context: StepContext) throws {
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: InterfaceChange, _ failure: WorkflowFailure) throws {
        try compute.networking.detach(port: state.port.id, server: state.serverID, in: transaction)
        try compute.endInterfaceChange(state, failure, losesTag: true, in: transaction)
    }
}

/// Takes an interface out of a guest, then its port away. When the guest does not let go of it, both stay.
struct DetachInterfaceWorkflow: Sendable {
    static let name = "compute.detach-interface"
    let compute: Compute.Parts

    var workflow: Workflow<InterfaceChange> {
        Workflow(
            Self.name, deadline: .seconds(600),
            steps: [
                .action("unplug", timeout: .seconds(120), perform: unplug),
                .transaction("release", perform: release),
            ],
            unwound: end)
    }

    @Sendable private func unplug(_ state: inout InterfaceChange, _ context: StepContext) async throws {
        try await compute.unplug(state, context, isBestEffort: false)
    }

    @Sendable private func release(_ transaction: any Transaction, _ state: inout InterfaceChange, _ context: StepContext) throws {
        let port = state.port.id
        try compute.networking.detach(port: port, server: state.serverID, in: transaction)
        try ServerRecords.change(state.serverID, in: transaction) { $0.details.portTags?[port] = nil }
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: nil, in: transaction)
    }

    @Sendable private func end(_ transaction: any Transaction, _ state: InterfaceChange, _ failure: WorkflowFailure) throws {
        try compute.endInterfaceChange(state, failure, losesTag: false, in: transaction)
    }
}

extension Compute.Parts {
    /// Has a host take an interface out of a guest. A guest that is not there has no interface either.
    fileprivate func unplug(_ state: InterfaceChange, _ context: StepContext, isBestEffort: Bool) async throws {
        guard var guest = try await guest(state.serverID) else { return }
        guest.interfaces.removeAll { $0.portID == state.port.id }
        do {
            _ = try await bus.call(
                DetachInterface(guest: guest, portID: state.port.id, mac: state.port.mac),
                to: BusAddress(topic: ComputeTopic.agent, host: state.host), deadline: context.deadline - Timestamp.now,
                key: context.key)
        } catch BusError.remote(let code, _) where code == GuestFailureCode.guestNotFound.rawValue {
            return
        } catch where isBestEffort {
            // The guest's next start is without it, whatever is left there now.
            logger.warning(
                "an interface may be left in a guest",
                metadata: ["server": "\(state.serverID)", "port": "\(state.port.id)", "error": "\(error)"])
        }
    }

    /// The end of a change of interfaces that did not come off.
    fileprivate func endInterfaceChange(
        _ state: InterfaceChange, _ failure: WorkflowFailure, losesTag: Bool, in transaction: any Transaction
    ) throws {
        try ActionRecords.finish(server: state.serverID, request: state.requestID, message: failure.message, in: transaction)
        try conclude(state.serverID, after: failure, in: transaction) { server in
            if losesTag { server.details.portTags?[state.port.id] = nil }
        }
    }
}
