import ComputeMessages

/// What a guest's power means for an idle server (nova's _sync_instance_power_state).
enum PowerSync: Sendable, Hashable {
    /// The server's power is taken over, its state stays.
    case note
    /// The guest went down by itself: the server is stopped.
    case stopped
    /// The guest runs though the server is stopped: it is stopped again.
    case stopAgain

    /// - Parameters:
    ///   - state: what the server is.
    ///   - observed: what its host says of the guest.
    init(_ state: Server.State, _ observed: PowerState) {
        switch (state, observed) {
        case (.active, .shutdown), (.active, .crashed), (.active, .suspended), (.paused, .shutdown), (.paused, .crashed):
            self = .stopped
        case (.stopped, .running), (.stopped, .paused), (.stopped, .suspended):
            self = .stopAgain
        default:
            // A guest that is paused or not found may be so for a moment only; what is rescued, resized, suspended or
            // in error is its owner's to bring back.
            self = .note
        }
    }
}
