import CloudCore
import CloudSettings
import CloudStore
import CloudWorkflow
import Foundation

/// What `altostack status` says of a cloud.
public struct StatusReport: Sendable {
    /// Whether a program serves it now.
    public let isRunning: Bool
    private let directory: DataDirectory
    private let state: RunState?
    private let memoryKiB: Int?

    /// Looks at a cloud's folder and at the process that serves it.
    public static func gather(_ directory: DataDirectory) async throws -> StatusReport {
        let state = RunState.read(directory)
        return StatusReport(
            isRunning: state != nil, directory: directory, state: state, memoryKiB: state.flatMap { residentKiB($0.pid) })
    }

    private static func residentKiB(_ pid: Int32) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let match = text.firstMatch(of: /VmRSS:\s+(\d+) kB/)
        else { return nil }
        return Int(match.1)
    }

    /// For people.
    public var text: String {
        guard let state else { return "no cloud is running on \(directory.path)" }
        return """
            altostack is running at \(state.url)
            process    \(state.pid)\(memoryKiB.map { ", \($0 / 1024) MiB resident" } ?? "")
            ready since \(state.readyAt.iso8601)
            hosts      \(state.simulated ? "simulated" : "real")
            data       \(directory.path)
            client     export OS_CLIENT_CONFIG_FILE=\(directory.cloudsYAML) OS_CLOUD=altostack
            """
    }

    /// For programs.
    public var json: JSON {
        guard let state else { return ["running": false, "data_dir": .string(directory.path)] }
        return [
            "running": true, "url": .string(state.url), "pid": .int(Int(state.pid)), "simulated": .bool(state.simulated),
            "ready_at": .string(state.readyAt.iso8601), "data_dir": .string(directory.path),
            "resident_kib": memoryKiB.map { .int($0) } ?? .null,
        ]
    }
}
