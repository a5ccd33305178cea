import Foundation
import HostCommands

/// Whether guests can run on this machine's processor itself, found out by starting a tiny one.
public struct VirtualisationProbe: Sendable {
    /// What was found.
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        /// A guest ran.
        case works
        /// There is no /dev/kvm.
        case absent
        /// /dev/kvm may not be opened by this user.
        case forbidden
        /// /dev/kvm opens, and a guest gets nowhere on it.
        case broken
        /// QEMU is not installed.
        case noEmulator
    }

    /// Probes now, without looking at what was found before.
    /// - Parameter scratch: a folder for the guest's firmware, which is removed again.
    public static func run(scratch: String) async -> Outcome {
        guard access("/dev/kvm", F_OK) == 0 else { return .absent }
        guard access("/dev/kvm", R_OK | W_OK) == 0 else { return .forbidden }
        do {
            return try await KVMProbe(directory: scratch).guestAnswers(accelerator: "kvm") ? .works : .broken
        } catch CommandError.notStarted {
            return .noEmulator
        } catch {
            return .broken
        }
    }
}
