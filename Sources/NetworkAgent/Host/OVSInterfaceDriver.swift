import CloudBus
import Logging
import NetworkMessages

/// Guests' interfaces as tap devices on Open vSwitch's integration bridge, where ovn-controller binds them by their
/// port's id. What is plugged stands in the host's database and nowhere else.
actor OVSInterfaceDriver: InterfaceDriver {
    private let options: NetworkAgentOptions
    private let userspace: Bool
    private let local: OVSDBClient
    private let links: LinkCommands
    private let logger: Logger
    /// Work on one port at a time.
    private var turns: [String: (turn: AsyncTurn, users: Int)] = [:]

    /// A driver over the host's database.
    init(options: NetworkAgentOptions, userspace: Bool, local: OVSDBClient, logger: Logger) throws {
        (self.options, self.userspace, self.local, self.logger) = (options, userspace, local, logger)
        links = try LinkCommands(namespace: options.namespace)
    }

    func plug(_ request: PlugInterface, deadline: ContinuousClock.Instant) async throws -> PluggedInterface {
        let device = InterfaceName.tap(request.portID)
        let record = InterfaceRecord(
            device: device, kind: .guest, portID: request.portID, networkID: request.networkID, mac: request.mac)
        let hasQueues = try await alone(with: request.portID, deadline: deadline) { [links, local, bridge = options.integrationBridge] in
            let hasQueues = try await links.makeTap(device, mtu: request.mtu, hasQueues: request.hasQueues)
            let operations = try await local.read(deadline: deadline) { try record.insertion(into: bridge, in: $0) }
            if !operations.isEmpty { try await local.transact(operations, deadline: deadline) }
            return hasQueues
        }
        do {
            try await local.wait(until: deadline) { InterfaceRecord.isInstalled(request.portID, in: $0) }
        } catch OVSDBError.deadlineExceeded {
            throw BusFailure(code: "port_not_ready", message: "Port \(request.portID) is plugged, but its packets do not flow yet")
        }
        return PluggedInterface(device: device, offload: !userspace, hasQueues: hasQueues)
    }

    func unplug(portID: String, deadline: ContinuousClock.Instant) async throws {
        try await alone(with: portID, deadline: deadline) { [links, local] in
            let device = InterfaceName.tap(portID)
            try await local.removeInterface(device, deadline: deadline)
            try await links.remove(device)
        }
    }

    func plugged(deadline: ContinuousClock.Instant) async throws -> [String] {
        try await local.read(deadline: deadline) { replica in
            InterfaceRecord.all(in: replica).filter { $0.kind == .guest }.map(\.portID).sorted()
        }
    }

    func reconcile(wanted: [PlugInterface], deadline: ContinuousClock.Instant) async throws -> InterfaceReconciliation {
        try await removeOrphans(except: Set(wanted.map { InterfaceName.tap($0.portID) }), deadline: deadline)
        return try await InterfaceReconciler.reconcile(self, wanted: wanted, deadline: deadline)
    }

    func statusChanges() async -> AsyncStream<InterfaceStatus> {
        let (stream, continuation) = AsyncStream.makeStream(of: InterfaceStatus.self, bufferingPolicy: .bufferingNewest(65_536))
        let watch = Task { [local] in
            var installed: Set<String> = []
            for await _ in await local.changes() {
                guard let now = try? await local.read(deadline: .now + .seconds(60), { InterfaceRecord.installed(in: $0) })
                else { continue }
                for portID in installed.subtracting(now).sorted() { continuation.yield(InterfaceStatus(portID: portID, isUp: false)) }
                for portID in now.subtracting(installed).sorted() { continuation.yield(InterfaceStatus(portID: portID, isUp: true)) }
                installed = now
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in watch.cancel() }
        return stream
    }

    /// Removes tap devices of ours that stand in no record: a crash came between the two.
    private func removeOrphans(except kept: Set<String>, deadline: ContinuousClock.Instant) async throws {
        let recorded = try await local.read(deadline: deadline) { Set(InterfaceRecord.all(in: $0).map(\.device)) }
        for device in try await links.ours() where device.hasPrefix("tap") && !recorded.contains(device) && !kept.contains(device) {
            logger.info("Removing a tap device without a port", metadata: ["device": "\(device)"])
            try await links.remove(device)
        }
    }

    /// Runs a body while no other works on the same port.
    private func alone<Value: Sendable>(
        with portID: String, deadline: ContinuousClock.Instant, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let turn = turns[portID]?.turn ?? AsyncTurn(limit: 16)
        turns[portID] = (turn, (turns[portID]?.users ?? 0) + 1)
        defer {
            let users = (turns[portID]?.users ?? 1) - 1
            turns[portID] = users == 0 ? nil : (turn, users)
        }
        do {
            return try await turn.take(deadline: deadline, body)
        } catch let error as HostError {
            throw error.failure
        } catch let error as OVSDBError {
            throw error.failure(engine: "The host's switch")
        }
    }
}
