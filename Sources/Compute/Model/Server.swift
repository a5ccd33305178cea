import CloudCore
import ComputeMessages

/// A server: what was asked for, and how far it has come.
struct Server: Sendable, Hashable {
    /// What a server durably is (nova.compute.vm_states).
    enum State: String, Sendable, Codable, CaseIterable {
        case building, active, stopped, error, paused, suspended, rescued, resized, shelved, deleted
        case shelvedOffloaded = "shelved_offloaded"
        case softDeleted = "soft-delete"
    }

    /// What is being done to it (nova.compute.task_states), each by a live workflow.
    enum Task: String, Sendable, Codable, CaseIterable {
        case scheduling, networking, spawning, deleting, rebooting, pausing, unpausing, suspending, resuming, rescuing, unrescuing
        case rebuilding, migrating, restoring, shelving, unshelving
        case blockDeviceMapping = "block_device_mapping"
        case softDeleting = "soft-deleting"
        case poweringOn = "powering-on"
        case poweringOff = "powering-off"
        case rebootingHard = "rebooting_hard"
        case updatingPassword = "updating_password"
        case imageSnapshot = "image_snapshot"
        case imageSnapshotPending = "image_snapshot_pending"
        case imagePendingUpload = "image_pending_upload"
        case imageUploading = "image_uploading"
        case imageBackup = "image_backup"
        case rebuildBlockDeviceMapping = "rebuild_block_device_mapping"
        case rebuildSpawning = "rebuild_spawning"
        case resizePreparing = "resize_prep"
        case resizeMigrating = "resize_migrating"
        case resizeMigrated = "resize_migrated"
        case resizeFinishing = "resize_finish"
        case resizeReverting = "resize_reverting"
        case resizeConfirming = "resize_confirming"
        case shelvingImagePendingUpload = "shelving_image_pending_upload"
        case shelvingImageUploading = "shelving_image_uploading"
        case shelvingOffloading = "shelving_offloading"
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
    /// The image it was made from; nil when it was made from a volume.
    var image: ServerImage?
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
    /// Whether a lock keeps its project's members from changing it.
    var isLocked = false
    /// What is read and written as a whole and never searched by.
    var details = ServerDetails()

    /// The domain's name on the hypervisor, in Nova's default template.
    var domainName: String {
        let digits = String(number, radix: 16)
        return "instance-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    /// The workflow subject that serialises all changes of this server.
    var subject: String { Server.subject(id) }

    /// The workflow subject of a server.
    static func subject(_ id: String) -> String { "server/\(id)" }

    /// Whether its root disk is a volume.
    var isVolumeBacked: Bool { details.isVolumeBacked ?? (image == nil) }

    /// The properties of the image that it boots from, or that its root volume was made of.
    var imageProperties: [String: String] { image?.properties ?? details.volumeProperties ?? [:] }

    /// What it takes on a host, by resource class.
    var resources: [String: Int] { flavor.resources }

    /// Its further disks on its host, in order.
    var ephemeralDisks: [EphemeralDisk] { EphemeralDisk.list(details.ephemerals, totalGiB: details.ephemeralGiB ?? flavor.ephemeralGiB) }

    /// The API's status for the state and the task.
    var status: String { ServerStatus.text(state, task) }

    /// The progress in percent that the API shows.
    var progress: Int { state == .active && task == nil ? 100 : 0 }
}

extension Server {
    /// The guest that this server is on its host.
    /// - Parameters:
    ///   - zone: its host's availability zone, which its config drive tells.
    ///   - vendorData: what the operator tells the guest there.
    ///   - isRescued: whether a server that is being rescued runs its rescue.
    ///   - disks: its volumes, of which the config drive tells those with tags; how they are reached is added later.
    func guest(
        ports: [ServerPort], zone: String = "nova", vendorData: VendorData = VendorData(), isRescued: Bool = true,
        disks: [BlockDeviceMapping] = []
    ) -> GuestSpecification {
        let rescue = isRescued ? details.rescueImage : nil
        return GuestSpecification(
            id: id, name: name, domainName: domainName, projectID: projectID, vcpus: flavor.vcpus, memoryMiB: flavor.memoryMiB,
            root: (isVolumeBacked ? nil : image).map {
                RootDisk(imageID: $0.id, format: $0.diskFormat, checksum: $0.checksum, sizeGiB: flavor.diskGiB)
            },
            ephemeralGiB: details.ephemeralGiB ?? flavor.ephemeralGiB, swapMiB: details.swapMiB ?? flavor.swapMiB,
            interfaces: ports.map {
                GuestInterface(
                    portID: $0.id, networkID: $0.networkID, mac: $0.mac, mtu: $0.mtu, tag: details.portTags?[$0.id])
            },
            properties: imageProperties.merging(flavor.extraSpecs) { _, flavor in flavor }
                .merging(rescue?.rescueProperties ?? [:]) { $1 },
            hostName: hostName, configDrive: drive(ports, disks, zone: zone, vendorData: vendorData),
            rescue: rescue.map {
                RootDisk(imageID: $0.id, format: $0.diskFormat, checksum: $0.checksum, sizeGiB: 0)
            }, ephemerals: details.ephemerals)
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

/// What is done to a server, under the name that the instance action log has for it (nova.compute.instance_actions).
enum ServerAction: String, Sendable {
    case create, delete, start, stop, reboot, pause, unpause, suspend, resume, rescue, unrescue, rebuild, resize, confirmResize
    case revertResize, migrate, evacuate, shelve, shelveOffload, unshelve, createImage, createBackup, changePassword, restore
    case forceDelete, lock, unlock, resetState
    case liveMigration = "live-migration"
    case liveMigrationCancel = "live_migration_cancel"
    case liveMigrationForceComplete = "live_migration_force_complete"
    case triggerCrashDump = "trigger_crash_dump"
    case attachInterface = "attach_interface"
    case detachInterface = "detach_interface"
    case attachVolume = "attach_volume"
    case detachVolume = "detach_volume"
    case swapVolume = "swap_volume"
    case extendVolume = "extend_volume"

    /// The name in the log.
    var logName: String { rawValue }
}
