import HostCommands

/// What a simulated host can be asked to do.
public enum SimulatedHostOperation: String, Sendable, Hashable, CaseIterable {
    case prepareDisks, spawn, shutdown, powerOff, destroy, console, status, list, inventory
    case pause, unpause, suspend, resume, interrupt
    case attachInterface, detachInterface, attachVolume, detachVolume, extendVolume, swapVolume, copyVolume, copyDisk
    case snapshotVolume, mergeVolume
    case diagnostics, openConsole, setPassword, quiesce
    case capture, pack, rebuild, release, receive, restore
    case prepareArrival, migrate, finishArrival, cacheImage
}

/// Faults to order for a simulated host.
public typealias SimulatedHostFaults = OrderedFaults<SimulatedHostOperation, GuestFailure.Code>
