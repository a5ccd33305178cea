import HostCommands

/// What a simulated back end can be asked to do.
public enum SimulatedStorageOperation: String, Sendable, Hashable, CaseIterable {
    case create, delete, extend, revert, createSnapshot, deleteSnapshot, connect, disconnect, connections
    case open, read, write, list, rename, pools
}

/// Faults to order for a simulated back end.
public typealias SimulatedStorageFaults = OrderedFaults<SimulatedStorageOperation, VolumeFailure.Code>
