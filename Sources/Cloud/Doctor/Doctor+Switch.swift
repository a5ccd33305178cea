import CLinux
import Foundation

/// Whether another cloud's switch, or the host's own, already moves packets where this cloud's will.
extension Doctor {
    /// A running `ovs-vswitchd`.
    struct RunningSwitch: Equatable {
        var process: Int
        /// Its words, the program first.
        var command: [String]
    }

    /// Two switches in one network namespace take each other's bridges away. A cloud that is stopped leaves its own running, so that its
    /// guests' packets flow on.
    static func switches(_ running: [RunningSwitch], own directory: String) -> DoctorFinding {
        let database = "/network/run/db.sock"
        let own = "unix:\(directory)\(database)"
        guard let other = running.first(where: { !$0.command.contains(own) }) else {
            return .good("switch", running.isEmpty ? "no Open vSwitch runs here yet" : "this cloud's own")
        }
        let told = "an ovs-vswitchd that is not this cloud's runs here (process \(other.process)): guests' packets may not flow"
        let place = other.command.first { $0.hasPrefix("unix:") && $0.hasSuffix(database) }
        guard let place else {
            return .warning("switch", told, remedy: "if it is the host's own: systemctl disable --now openvswitch-switch")
        }
        let home = place.dropFirst("unix:".count).dropLast(database.count)
        return .warning("switch", told, remedy: "it is another cloud's: altostack down --networks --data-dir \(home)")
    }

    /// Those in this program's network namespace.
    static func runningSwitches() -> [RunningSwitch] {
        let here = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return processes.compactMap { Int($0) }.sorted().compactMap { process in
            let place = "/proc/\(process)"
            guard let name = try? String(contentsOfFile: "\(place)/comm", encoding: .utf8), name.hasPrefix("ovs-vswitchd"),
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(place)/ns/net")) == here,
                let words = FileManager.default.contents(atPath: "\(place)/cmdline")
            else { return nil }
            let command = words.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            // One that has ended has no words any more.
            return command.isEmpty ? nil : RunningSwitch(process: process, command: command)
        }
    }
}
