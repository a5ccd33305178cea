import CloudBus
import CloudStore
import CloudWorkflow
import Logging
import NetworkMessages

/// Keeps the interfaces on the hosts as the ports are bound: after a reboot of a host, or of its agent, what is missing is
/// plugged and what nobody knows is unplugged. Hosts whose agents are silent are left for their own next start.
final class InterfaceReconciler: Reconciler {
    let name = "networking.interfaces"
    let interval = Duration.seconds(120)

    /// How long a host may take.
    static let deadline = Duration.seconds(60)

    private let database: any Database
    private let bus: any Bus
    private let logger = Logger(label: "altostack.networking")

    init(database: any Database, bus: any Bus) { (self.database, self.bus) = (database, bus) }

    func reconcile() async throws {
        let hosts = try await database.read { try AgentRecords.aliveHosts(in: $0) }
        await withTaskGroup(of: Void.self) { group in
            for (position, host) in hosts.enumerated() {
                // A handful at a time: a cloud of thousands of hosts must not flood the bus.
                if position >= 16 { await group.next() }
                group.addTask { await self.reconcile(host) }
            }
        }
    }

    private func reconcile(_ host: String) async {
        do {
            let wanted = try await database.read { reader in
                let ports = try PortRecords.bound(host: host, in: reader)
                let networks = try NetworkRecords.find(Set(ports.map(\.networkID)), in: reader)
                return ports.map {
                    PlugInterface(
                        portID: $0.id, networkID: $0.networkID, mac: $0.mac, mtu: networks[$0.networkID]?.mtu ?? 1500)
                }
            }
            let result = try await bus.call(
                ReconcileInterfaces(wanted: wanted), to: BusAddress(topic: NetworkTopic.agent, host: host),
                deadline: Self.deadline)
            guard !result.plugged.isEmpty || !result.unplugged.isEmpty || !result.failed.isEmpty else { return }
            logger.info(
                "interfaces compared",
                metadata: [
                    "host": "\(host)", "plugged": "\(result.plugged)", "unplugged": "\(result.unplugged)",
                    "failed": "\(result.failed)",
                ])
        } catch {
            logger.warning("interfaces not compared", metadata: ["host": "\(host)", "error": "\(error)"])
        }
    }
}
