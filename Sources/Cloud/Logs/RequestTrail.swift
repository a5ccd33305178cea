import CloudCore
import CloudSettings
import CloudTelemetry
import CloudWorkflow
import Foundation

/// What `altostack logs` gathers of one request: its lines from the API to the hosts, and the workflows it began.
public struct RequestTrail: Sendable {
    /// The request's id.
    public let requestID: String
    /// Log lines that name it, the oldest first.
    public let lines: [String]
    let workflows: [WorkflowDetail]

    /// Searches a cloud's log and its workflows. The cloud need not run.
    /// - Throws: `ProgramError` for what is no request id, and where nothing is known of it.
    public static func gather(_ requestID: String, directory: DataDirectory, settings: Settings) async throws -> RequestTrail {
        guard RequestContext.isRequestID(requestID) else {
            throw ProgramError("\(requestID) is no request id; it looks like req-01234567-89ab-cdef-0123-456789abcdef")
        }
        let lines = LogFiles.lines(in: directory.logs, holding: requestID)
        let workflows = try await WorkflowConsole(directory: directory, settings: settings).details(request: requestID)
        guard !lines.isEmpty || !workflows.isEmpty else {
            throw ProgramError("nothing is known of \(requestID): is it of this cloud, and are its log lines still kept (log.files)?")
        }
        return RequestTrail(requestID: requestID, lines: lines.sorted { time($0) < time($1) }, workflows: workflows)
    }

    /// The time a line begins with, whatever its form; lines are ordered by it.
    static func time(_ line: String) -> String {
        guard line.hasPrefix("{") else { return String(line.prefix { $0 != " " }) }
        return (try? JSON(parsing: line))?["time"]?.string ?? ""
    }

    /// For people.
    public var text: String {
        let parts = workflows.map { detail in
            let record = detail.record
            let steps = detail.steps.map { "  \($0.standing == .done ? "✓" : $0.standing == .current ? "▸" : "·") \($0.name)" }
            let failure = detail.failure.map { ["  \($0.kind.rawValue) at \($0.step): \($0.message)"] } ?? []
            let head = "\(record.name) of \(record.subject): \(record.status.rawValue) after "
                + Elapsed.text(record.updatedAt - record.createdAt)
            return ([head] + steps + failure).joined(separator: "\n")
        }
        return (lines.map { $0.replacing(" request_id=\(requestID)", with: "") } + parts).joined(separator: "\n")
    }

    /// For programs.
    public var json: JSON {
        [
            "request_id": .string(requestID), "lines": .array(lines.map { .string($0) }),
            "workflows": .array(workflows.map { detail in
                [
                    "id": .string(detail.record.id), "name": .string(detail.record.name), "subject": .string(detail.record.subject),
                    "status": .string(detail.record.status.rawValue),
                    "steps": .array(detail.steps.map { ["name": .string($0.name), "standing": .string($0.standing.rawValue)] }),
                    "failure": detail.failure.map { .string($0.message) } ?? .null,
                ]
            }),
        ]
    }
}
