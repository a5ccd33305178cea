import CloudCore
import ComputeMessages
import Glibc

/// What a server has beside what its row's columns hold. Every member is optional or has a default that `init(from:)` gives
/// where older rows lack it.
struct ServerDetails: Sendable, Hashable, Codable {
    /// Who locked a server, and why (microversion 2.73).
    struct Lock: Sendable, Hashable, Codable {
        var isByAdministrator: Bool
        var reason: String?
    }

    /// Addresses that its user says it has.
    var accessIPv4: String?
    var accessIPv6: String?
    /// AUTO or MANUAL; MANUAL when nil.
    var diskConfig: String?
    /// The scheduler hints of its creation, as JSON text.
    var schedulerHints: String?
    /// The certificates that its image's signature is checked with.
    var trustedCertificates: [String]?
    var lock: Lock?
    /// The state to return to when what is under way is taken back (nova's old_vm_state).
    var previousState: Server.State?
    /// The flavor before a resize that is neither confirmed nor reverted.
    var oldFlavor: Flavor?
    /// The host it came from in a move that is neither confirmed nor reverted.
    var sourceHost: String?
    /// Which resource providers served its ports there, by the ports' requests.
    var sourceAllocations: [String: String]?
    /// The image that it is rescued with.
    var rescueImage: ServerImage?
    /// Whether its deletion can be taken back for some time.
    var isDeletedSoftly: Bool?
    /// Since when it waits to be deleted for good.
    var softDeletedAt: Timestamp?
    /// The image that holds it while it is shelved.
    var shelvedImageID: String?
    var shelvedAt: Timestamp?
    /// The host, hypervisor and zone that its creation named.
    var requestedHost: String?
    /// The roles of who made it, with commas (nova's boot_roles), which the operator's services are told.
    var bootRoles: String?
    /// Root device's name; /dev/vda when nil.
    var rootDeviceName: String?
    /// Files to put into the guest, by path, in base64 (personality, until microversion 2.56).
    var personality: [String: String]?
    /// The size of its second disk and of its swap, where its creation asked for others than its flavor's.
    var ephemeralGiB: Int?
    var swapMiB: Int?
    /// Its further disks, where its creation named them one by one.
    var ephemerals: [EphemeralDisk]?
    /// The tag of its root disk.
    var rootTag: String?
    /// Whether its root disk is a volume though it has an image, which then only says what the volume was made of.
    var isVolumeBacked: Bool?
    /// The properties of the image that its root volume was made of.
    var volumeProperties: [String: String]?
    /// The tags of its interfaces by port.
    var portTags: [String: String]?
}

/// The API's status of a server (nova.api.openstack.common's table).
enum ServerStatus {
    /// The status for a state and a task.
    static func text(_ state: Server.State, _ task: Server.Task?) -> String {
        task.flatMap { special(state, $0) } ?? plain(state)
    }

    /// Every state and task that a status stands for; a task of nil stands for all that have no status of their own.
    static func meanings(of status: String) -> [(state: Server.State, task: Server.Task?)] {
        let wanted = status.uppercased()
        return Server.State.allCases.flatMap { state -> [(state: Server.State, task: Server.Task?)] in
            let tasks = Server.Task.allCases.filter { special(state, $0) == wanted }
            return (plain(state) == wanted ? [(state, nil)] : []) + tasks.map { (state, $0) }
        }
    }

    private static func special(_ state: Server.State, _ task: Server.Task) -> String? {
        switch (state, task) {
        case (.active, .rebooting): "REBOOT"
        case (.active, .rebootingHard), (.stopped, .rebootingHard), (.error, .rebootingHard): "HARD_REBOOT"
        case (.active, .updatingPassword): "PASSWORD"
        case (.active, .migrating), (.paused, .migrating): "MIGRATING"
        case (.active, .rebuilding), (.active, .rebuildBlockDeviceMapping), (.active, .rebuildSpawning),
            (.stopped, .rebuilding), (.stopped, .rebuildBlockDeviceMapping), (.stopped, .rebuildSpawning),
            (.error, .rebuilding), (.error, .rebuildBlockDeviceMapping), (.error, .rebuildSpawning):
            "REBUILD"
        case (.active, .resizePreparing), (.active, .resizeMigrating), (.active, .resizeMigrated), (.active, .resizeFinishing),
            (.stopped, .resizePreparing), (.stopped, .resizeMigrating), (.stopped, .resizeMigrated), (.stopped, .resizeFinishing):
            "RESIZE"
        case (.resized, .resizeReverting): "REVERT_RESIZE"
        default: nil
        }
    }

    private static func plain(_ state: Server.State) -> String {
        switch state {
        case .building: "BUILD"
        case .active: "ACTIVE"
        case .stopped: "SHUTOFF"
        case .error: "ERROR"
        case .paused: "PAUSED"
        case .suspended: "SUSPENDED"
        case .rescued: "RESCUE"
        case .resized: "VERIFY_RESIZE"
        case .shelved: "SHELVED"
        case .shelvedOffloaded: "SHELVED_OFFLOADED"
        case .deleted: "DELETED"
        case .softDeleted: "SOFT_DELETED"
        }
    }
}

/// The addresses that a server's user says it has.
enum AccessAddress {
    /// An IPv6 address in its shortest form (RFC 5952); other text as it is.
    static func canonical(_ text: String) -> String {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return text }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &address, &buffer, socklen_t(buffer.count)) != nil else { return text }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
