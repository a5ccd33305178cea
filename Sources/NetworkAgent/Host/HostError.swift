import CloudBus
import Foundation

/// Why work on the host failed.
enum HostError: Error, Sendable, Equatable {
    /// A system call failed.
    case system(call: String, errno: Int32)
    /// A program ended with a status other than 0.
    case command(String, status: Int32, output: String)
    /// A program did not end in time and was killed.
    case timeout(String)
    /// A program or file that is needed is not installed.
    case notInstalled(String)
    /// An option cannot be.
    case badOption(String)
    /// A daemon does not come up.
    case notReady(String)

    /// The last failure of a system call.
    static func last(_ call: String) -> HostError { .system(call: call, errno: errno) }
}

extension HostError: CustomStringConvertible {
    var description: String {
        switch self {
        case .system(let call, let number): "\(call): \(String(cString: strerror(number)))"
        case .command(let name, let status, let output): "\(name) ended with status \(status): \(output)"
        case .timeout(let name): "\(name) did not end in time"
        case .notInstalled(let name): "\(name) is not installed"
        case .badOption(let reason): reason
        case .notReady(let name): "\(name) does not come up"
        }
    }

    /// What the sender of a request is told.
    var failure: BusFailure { BusFailure(code: "interface_failed", message: description) }
}
