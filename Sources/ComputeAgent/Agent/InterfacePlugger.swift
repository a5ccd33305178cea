import CloudBus
import ComputeMessages
import NetworkMessages

/// What makes and removes a guest's interfaces on this host.
public protocol InterfacePlugger: Sendable {
    /// Makes the interface. Repeating it is harmless.
    /// - Parameter hasQueues: whether it shall take several queues; nil for as it is.
    func plug(_ interface: GuestInterface, hasQueues: Bool?) async throws -> PluggedInterface
    /// Takes the interface away. Repeating it is harmless.
    func unplug(_ portID: String) async throws
    /// The ports that are plugged.
    func plugged() async throws -> [String]
}

/// Interfaces made by the network agent of this host.
struct NetworkAgentInterfaces: InterfacePlugger {
    let bus: any Bus
    let address: BusAddress
    let deadline: Duration

    init(bus: any Bus, host: String, deadline: Duration) {
        (self.bus, self.deadline) = (bus, deadline)
        address = BusAddress(topic: NetworkTopic.agent, host: host)
    }

    func plug(_ interface: GuestInterface, hasQueues: Bool?) async throws -> PluggedInterface {
        let request = PlugInterface(
            portID: interface.portID, networkID: interface.networkID, mac: interface.mac, mtu: interface.mtu, hasQueues: hasQueues)
        return try await mapping("plug", interface.portID) { try await bus.call(request, to: address, deadline: deadline) }
    }

    func unplug(_ portID: String) async throws {
        _ = try await mapping("unplug", portID) {
            try await bus.call(UnplugInterface(portID: portID), to: address, deadline: deadline)
        }
    }

    func plugged() async throws -> [String] {
        try await mapping("look at", "*") { try await bus.call(ListInterfaces(), to: address, deadline: deadline) }
    }

    private func mapping<Reply>(_ verb: String, _ portID: String, _ call: () async throws -> Reply) async throws -> Reply {
        do {
            return try await call()
        } catch let error as BusError {
            let reason =
                switch error {
                case .remote(_, let message): message
                case .unroutable: "no network agent runs on this host"
                case .deadlineExceeded: "the network agent took too long"
                default: "the network agent could not be asked"
                }
            throw GuestFailure(.networkFailed, "Could not \(verb) port \(portID): \(reason)", cause: error)
        }
    }
}
