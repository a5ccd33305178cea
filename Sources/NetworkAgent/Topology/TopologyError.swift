import CloudBus

/// Why a topology cannot be made true.
enum TopologyError: Error, Sendable, Equatable {
    /// A value that is no address, MAC or name.
    case invalid(what: String, value: String)
    /// A row refers to an entity that is neither in the change nor in the data plane.
    case missing(OVNRowKey, of: OVNRowKey)
}

extension TopologyError: CustomStringConvertible {
    var description: String {
        switch self {
        case .invalid(let what, let value): "\(what) cannot be '\(value)'"
        case .missing(let key, let holder): "\(holder.owner) needs \(key.owner), which was never applied"
        }
    }

    /// What the sender of the change is told.
    var failure: BusFailure {
        switch self {
        case .invalid: BusFailure(code: "topology_invalid", message: description)
        case .missing: BusFailure(code: "topology_missing", message: description)
        }
    }
}
