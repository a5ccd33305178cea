import CloudCore
import ComputeMessages

/// A server: what was asked for, and how far it has come.
struct Server: Sendable, Hashable {
    /// What a server durably is (nova.compute.vm_states).
    enum State: String, Sendable, Codable {
        case building, active, stopped, error, paused, suspended, deleted
        case softDeleted = "soft-delete"
    }

    /// What is being done to it (nova.compute.task_states), each by a live workflow.
    enum Task: String, Sendable, Codable {
        case scheduling, networking, spawning, deleting
        case poweringOn = "powering-on"
        case poweringOff = "powering-off"
        case rebooting
        case rebootingHard = "rebooting_hard"
    }

    /// Why it is in error, or what last went wrong.
    struct Fault: Sendable, Hashable, Codable {
        var code: Int
        var message: String
        var details: String?
        var createdAt: Timestamp
    }

    let id: String
    /// A number that names the domain on the hypervisor.
    var number: Int
    var name: String
    var projectID: String
    var userID: String
    /// The flavor as it was when the server was made: later changes of the flavor do not reach it.
    var flavor: Flavor
    var image: ServerImage
    var keyName: String?
    /// The public key as it was when the server was made.
    var publicKey: String?
    var keyType: String?
    var hostName: String
    var description: String?
    var metadata: [String: String]
    /// Base64, as the client sent it.
    var userData: String?
    var configDrive: Bool
    var securityGroupIDs: [String]
    var availabilityZone: String?
    var reservationID: String
    var launchIndex: Int
    var state: State
    var task: Task?
    var power: PowerState
    var host: String?
    var fault: Fault?
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var launchedAt: Timestamp?
    var deletedAt: Timestamp?

    /// The domain's name on the hypervisor, in Nova's default template.
    var domainName: String {
        let digits = String(number, radix: 16)
        return "instance-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    /// The workflow subject that serialises all changes of this server.
    var subject: String { Server.subject(id) }

    /// The workflow subject of a server.
    static func subject(_ id: String) -> String { "server/\(id)" }

    /// What it takes on a host, by resource class.
    var resources: [String: Int] { flavor.resources }

    /// The API's status for the state and the task (nova.api.openstack.common's table).
    var status: String {
        switch (state, task) {
        case (_, .deleting) where state != .error: state == .building ? "BUILD" : base
        case (.active, .rebooting): "REBOOT"
        case (.active, .rebootingHard), (.stopped, .rebootingHard), (.error, .rebootingHard): "HARD_REBOOT"
        default: base
        }
    }

    private var base: String {
        switch state {
        case .building: "BUILD"
        case .active: "ACTIVE"
        case .stopped: "SHUTOFF"
        case .error: "ERROR"
        case .paused: "PAUSED"
        case .suspended: "SUSPENDED"
        case .deleted: "DELETED"
        case .softDeleted: "SOFT_DELETED"
        }
    }

    /// The progress in percent that the API shows.
    var progress: Int { state == .active && task == nil ? 100 : 0 }
}

extension Server {
    /// Takes over what the hypervisor says of the guest's power, when nothing is being done to the server.
    mutating func settle(power observed: PowerState) {
        power = observed
        switch observed {
        case .running: state = .active
        case .shutdown, .crashed: state = .stopped
        case .paused: state = .paused
        case .suspended: state = .suspended
        case .noState: break
        }
    }

    /// The guest that this server is on its host.
    func guest(ports: [ServerPort]) -> GuestSpecification {
        GuestSpecification(
            id: id, name: name, domainName: domainName, projectID: projectID, vcpus: flavor.vcpus, memoryMiB: flavor.memoryMiB,
            root: RootDisk(imageID: image.id, format: image.diskFormat, checksum: image.checksum, sizeGiB: flavor.diskGiB),
            ephemeralGiB: flavor.ephemeralGiB, swapMiB: flavor.swapMiB,
            interfaces: ports.map { GuestInterface(portID: $0.id, networkID: $0.networkID, mac: $0.mac, mtu: $0.mtu) },
            properties: image.properties.merging(flavor.extraSpecs) { _, flavor in flavor })
    }
}

/// What a server may be asked to do in which state; the answer of every refused action.
struct ActionRefused: Error, Hashable {
    let action: String
    let server: String
    /// The attribute that stands in the way, `vm_state` or `task_state`, and its value.
    let attribute: String
    let value: String
}

/// What is done to a server, under the name that the instance action log has for it.
enum ServerAction: String, Sendable {
    case create, delete, start, stop, reboot

    /// The name in the log.
    var logName: String { rawValue }
}

/// A change of a server's power, with the states it is allowed in (nova.compute.api's check_instance_state).
enum PowerAction: Sendable {
    case start, stop, softReboot, hardReboot

    private var states: Set<Server.State> {
        switch self {
        case .start: [.stopped]
        case .stop: [.active, .error]
        case .softReboot: [.active]
        case .hardReboot: [.active, .stopped, .paused, .suspended, .error]
        }
    }

    /// The task that runs while it is carried out.
    var task: Server.Task {
        switch self {
        case .start: .poweringOn
        case .stop: .poweringOff
        case .softReboot: .rebooting
        case .hardReboot: .rebootingHard
        }
    }

    /// What the log knows it as.
    var action: ServerAction {
        switch self {
        case .start: .start
        case .stop: .stop
        case .softReboot, .hardReboot: .reboot
        }
    }

    /// What the host is asked to do.
    /// - Parameter grace: how long a guest may take to go down by itself, in seconds.
    func request(grace: Int) -> PowerGuest.Action {
        switch self {
        case .start: .start
        case .stop: .stop(graceSeconds: grace)
        case .softReboot: .softReboot(graceSeconds: grace)
        case .hardReboot: .hardReboot
        }
    }

    /// - Throws: `ActionRefused` when the server is in a state that does not allow it.
    func check(_ server: Server) throws(ActionRefused) {
        if let task = server.task {
            throw ActionRefused(action: action.logName, server: server.id, attribute: "task_state", value: task.rawValue)
        }
        guard states.contains(server.state) else {
            throw ActionRefused(action: action.logName, server: server.id, attribute: "vm_state", value: server.state.rawValue)
        }
    }
}
