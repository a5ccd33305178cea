import CloudBus

/// Why a topology cannot be made true.
enum TopologyError: Error, Sendable, Equatable {
    /// A value that is no address, MAC or name.
    case invalid(what: String, value: String)
    /// A row refers to an entity that is neither in the change nor in the data plane.
    case missing(OVNRowKey, of: OVNRowKey)
}

extension TopologyError {
    /// What the sender of the change is told.
    var failure: BusFailure {
        switch self {
        case .invalid(let what, let value):
            BusFailure(code: "topology_invalid", message: "\(what) cannot be '\(value)'")
        case .missing(let key, let holder):
            BusFailure(code: "topology_missing", message: "\(holder.owner) needs \(key.owner), which was never applied")
        }
    }
}
