import ComputeMessages

/// What changes a server where it is by changing its guest's power, with the states it is allowed in (nova.compute.api's
/// check_instance_state) and the state it leads to.
enum PowerAction: String, Sendable, Codable, CaseIterable {
    case start, stop, softReboot, hardReboot, pause, unpause, suspend, resume, rescue, unrescue, softDelete, restore

    /// Tasks that a hard reboot puts an end to (task_states.ALLOW_REBOOT).
    static let rebootable: Set<Server.Task> = [.rebooting, .rebootingHard, .resuming, .unpausing, .pausing, .suspending]

    /// The states that allow it; nil for all.
    var states: Set<Server.State>? {
        switch self {
        case .start: [.stopped]
        case .stop: [.active, .error]
        case .rescue: [.active, .stopped, .error]
        case .softReboot, .pause, .suspend: [.active]
        case .hardReboot: [.active, .stopped, .paused, .suspended, .error]
        case .unpause: [.paused]
        case .resume: [.suspended]
        case .unrescue: [.rescued]
        case .restore: [.softDeleted]
        case .softDelete: nil
        }
    }

    /// The task that runs while it is carried out.
    var task: Server.Task {
        switch self {
        case .start: .poweringOn
        case .stop: .poweringOff
        case .softReboot: .rebooting
        case .hardReboot: .rebootingHard
        case .pause: .pausing
        case .unpause: .unpausing
        case .suspend: .suspending
        case .resume: .resuming
        case .rescue: .rescuing
        case .unrescue: .unrescuing
        case .softDelete: .softDeleting
        case .restore: .restoring
        }
    }

    /// What the log knows it as.
    var action: ServerAction {
        switch self {
        case .start: .start
        case .stop: .stop
        case .softReboot, .hardReboot: .reboot
        case .pause: .pause
        case .unpause: .unpause
        case .suspend: .suspend
        case .resume: .resume
        case .rescue: .rescue
        case .unrescue: .unrescue
        case .softDelete: .delete
        case .restore: .restore
        }
    }

    /// The state that a server is in afterwards.
    var goal: Server.State {
        switch self {
        case .start, .softReboot, .hardReboot, .unpause, .resume, .unrescue, .restore: .active
        case .stop: .stopped
        case .pause: .paused
        case .suspend: .suspended
        case .rescue: .rescued
        case .softDelete: .softDeleted
        }
    }

    /// What the host is asked to do. A rescue begins and ends with a hard reboot: the guest's definition says whether it is
    /// rescued.
    /// - Parameter grace: how long a guest may take to go down by itself, in seconds.
    func request(grace: Int) -> PowerGuest.Action {
        switch self {
        case .start, .restore: .start
        case .stop: .stop(graceSeconds: grace)
        case .softDelete: .stop(graceSeconds: 0)
        case .softReboot: .softReboot(graceSeconds: grace)
        case .hardReboot, .rescue, .unrescue: .hardReboot
        case .pause: .pause
        case .unpause: .unpause
        case .suspend: .suspend
        case .resume: .resume
        }
    }

    /// When it may begin.
    var conditions: ActionConditions {
        ActionConditions(action, states: states, besides: self == .hardReboot ? Self.rebootable : [], task: task)
    }
}

extension ServerImage {
    /// What a rescue's disk is plugged into, where the image says so (stable device rescue).
    var rescueProperties: [String: String] {
        properties.filter { $0.key == "hw_rescue_bus" || $0.key == "hw_rescue_device" }
    }
}
