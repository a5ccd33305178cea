import CloudCore
import ComputeAgent
import ComputeMessages
import HostCommands
import NetworkAgent
import Synchronization
import VolumeBackends
import VolumeMessages

/// Where a simulated cloud keeps the faults that were ordered, and where its hosts ask for them.
final class FaultBoard: Sendable {
    private let state = Mutex(FaultRules())
    private let hosts = Mutex<[String]>([])
    private let backends = Mutex<[String]>([])

    /// Names the hosts, in their order, and the back ends of volumes, and lets them ask.
    func connect(hosts names: [String], backends volumes: [String] = []) {
        hosts.withLock { $0 = names }
        backends.withLock { $0 = volumes }
    }

    /// Whether there is a simulated back end of a name.
    func hasBackend(_ name: String) -> Bool { backends.withLock { $0.contains(name) } }

    /// The name of a host given by its name or by its number, counted from one; nil when there is none.
    func host(_ text: String) -> String? {
        hosts.withLock { hosts in
            if hosts.contains(text) { return text }
            guard let number = Int(text), hosts.indices.contains(number - 1) else { return nil }
            return hosts[number - 1]
        }
    }

    var rules: [FaultRule] { state.withLock { $0.rules } }

    /// Orders a fault; false when there are too many.
    func add(_ rule: FaultRule) -> Bool {
        state.withLock { rules in
            guard rules.rules.count < FaultRules.limit else { return false }
            rules.add(rule)
            return true
        }
    }

    func remove(_ id: String) -> Bool { state.withLock { $0.remove(id) } }

    func removeAll() { state.withLock { $0.removeAll() } }

    /// How long what never ends takes: longer than any deadline.
    private static let forever = Duration.seconds(365 * 86_400)

    /// What goes wrong with a host's work on guests.
    func guests(of host: String) -> @Sendable (SimulatedHostOperation) -> SimulatedHostFaults.Effect? {
        { [self] operation in
            switch state.withLock({ $0.strike(.guest(operation), on: host) }) {
            case .fail(let message): .fail(.hypervisorError, message)
            case .delay(let duration): .delay(duration)
            case .hang: .hang
            case nil: nil
            }
        }
    }

    /// What goes wrong with a back end's work on volumes.
    func volumes(of backend: String, on host: String) -> @Sendable (SimulatedStorageOperation) -> SimulatedStorageFaults.Effect? {
        { [self] operation in
            switch state.withLock({ $0.strike(.volume(operation), on: host, backend: backend) }) {
            case .fail(let message): .fail(.backendError, message)
            case .delay(let duration): .delay(duration)
            case .hang: .hang
            case nil: nil
            }
        }
    }

    /// What goes wrong with a host's work on networks.
    func network(of host: String) -> @Sendable (SimulatedFaults.Work) -> SimulatedFaults.Effect? {
        { [self] work in
            switch state.withLock({ $0.strike(.network(work), on: host) }) {
            case .fail(let message): .fail(message)
            case .delay(let duration): .delay(duration)
            case .hang: .delay(Self.forever)
            case nil: nil
            }
        }
    }
}
