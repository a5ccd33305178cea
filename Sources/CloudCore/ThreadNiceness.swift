import Foundation

/// How much of a processor the current thread gets where others want it too (`nice(2)`, which on Linux is a thread's own).
public enum ThreadNiceness {
    /// Sets it: from -20, which goes first and takes a privilege, to 19, which stands back. Without the privilege nothing changes.
    public static func set(_ niceness: Int32) {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness)
    }
}
