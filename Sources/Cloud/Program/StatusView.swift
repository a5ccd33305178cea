import CloudCore
import CloudWorkflow
import Foundation

/// How a status is shown.
extension StatusReport {
    /// For people.
    public var text: String {
        guard let state else { return "no cloud is running on \(directory.path)" }
        var parts = [
            """
            altostack is running at \(state.url)
            process    \(state.pid)\(memoryKiB.map { ", \($0 / 1024) MiB resident" } ?? "")
            ready since \(state.readyAt.iso8601)
            hosts      \(state.simulated ? "simulated" : "real")
            data       \(directory.path)
            client     export OS_CLIENT_CONFIG_FILE=\(directory.cloudsYAML) OS_CLOUD=altostack
            """
        ]
        if !services.isEmpty {
            parts.append(TextTable(["SERVICE", "HOST", "STATE"], services.map { [$0.name, $0.host, $0.standing] }).text)
        }
        if !hosts.isEmpty { parts.append(hostTable) }
        if !resources.isEmpty { parts.append(resources.map { "\($0.name) \($0.count)" }.joined(separator: " · ")) }
        parts.append(workflowTable)
        if !faults.isEmpty { parts.append("recent faults\n" + faults.map { "  \($0.at)  \($0.what): \($0.text)" }.joined(separator: "\n")) }
        if !gaps.isEmpty { parts.append(gaps.map { "not seen: \($0)" }.joined(separator: "\n")) }
        return parts.joined(separator: "\n\n")
    }

    private var hostTable: String {
        TextTable(["HOST", "STATE", "PROCESSORS", "MEMORY MiB", "DISK GiB", "SERVERS"], hosts.map { host in
            [
                host.name, host.isUp ? "up" : "DOWN", Bar(host.processors).text, Bar(host.memoryMiB).text, Bar(host.diskGiB).text,
                String(host.servers),
            ]
        }).text
    }

    private var workflowTable: String {
        guard !workflows.isEmpty else { return "no workflows in flight" }
        return TextTable(["WORKFLOW", "SUBJECT", "STATUS", "STEP", "SINCE"], workflows.map {
            [$0.name, $0.subject, $0.status.rawValue, $0.step, Self.age(of: $0)]
        }).text
    }

    private static func age(of record: WorkflowRecord) -> String { Elapsed.text(Timestamp.now - record.createdAt) }

    /// For programs.
    public var json: JSON {
        guard let state else { return ["running": false, "data_dir": .string(directory.path)] }
        return [
            "running": true, "url": .string(state.url), "pid": .int(Int(state.pid)), "simulated": .bool(state.simulated),
            "ready_at": .string(state.readyAt.iso8601), "data_dir": .string(directory.path),
            "resident_kib": memoryKiB.map { .int($0) } ?? .null,
            "services": .array(services.map {
                ["name": .string($0.name), "host": .string($0.host), "enabled": .bool($0.isEnabled), "up": .bool($0.isUp)]
            }),
            "hosts": .array(hosts.map(Self.json)),
            "resources": .object(resources.reduce(into: JSONObject()) { counts, kind in
                counts[kind.name.replacing(" ", with: "_").lowercased()] = .int(kind.count)
            }),
            "workflows": .array(workflows.map(Self.json)),
            "faults": .array(faults.map { ["at": .string($0.at), "what": .string($0.what), "text": .string($0.text)] }),
            "not_seen": .array(gaps.map { .string($0) }),
        ]
    }

    private static func json(_ host: StatusHost) -> JSON {
        [
            "name": .string(host.name), "up": .bool(host.isUp), "servers": .int(host.servers),
            "vcpus_used": .int(host.processors.used), "vcpus": .int(host.processors.all),
            "memory_mb_used": .int(host.memoryMiB.used), "memory_mb": .int(host.memoryMiB.all),
            "local_gb_used": .int(host.diskGiB.used), "local_gb": .int(host.diskGiB.all),
        ]
    }

    private static func json(_ record: WorkflowRecord) -> JSON {
        [
            "id": .string(record.id), "name": .string(record.name), "subject": .string(record.subject),
            "status": .string(record.status.rawValue), "step": .string(record.step), "attempts": .int(record.attempts),
            "request_id": record.requestID.map { .string($0) } ?? .null, "began_at": .string(record.createdAt.iso8601),
        ]
    }
}

extension StatusService {
    var standing: String { isUp ? (isEnabled ? "up" : "up, disabled") : (isEnabled ? "DOWN" : "down, disabled") }
}

/// A share of something as a bar: `███░░░░░ 12/32`.
struct Bar {
    let text: String

    init(_ share: (used: Int, all: Int), width: Int = 8) {
        let part = share.all > 0 ? min(1, max(0, Double(share.used) / Double(share.all))) : 0
        let full = Int((part * Double(width)).rounded())
        text = String(repeating: "█", count: full) + String(repeating: "░", count: width - full) + " \(share.used)/\(share.all)"
    }
}

/// A duration for people.
enum Elapsed {
    /// `340 ms`, `2.4 s`, `3 min 20 s`, `5 h 2 min`, `3 d 4 h`.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = max(0, Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
        switch milliseconds {
        case ..<1000: return "\(milliseconds) ms"
        case ..<60_000: return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
        case ..<3_600_000: return "\(milliseconds / 60_000) min \(milliseconds % 60_000 / 1000) s"
        case ..<86_400_000: return "\(milliseconds / 3_600_000) h \(milliseconds % 3_600_000 / 60_000) min"
        default: return "\(milliseconds / 86_400_000) d \(milliseconds % 86_400_000 / 3_600_000) h"
        }
    }
}
