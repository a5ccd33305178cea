import CloudCore
import CloudSettings
import CloudStore
import CloudWorkflow
import Foundation

/// What `altostack workflows` shows and does, on the cloud's own database.
public struct WorkflowConsole: Sendable {
    private let directory: DataDirectory
    private let settings: Settings

    /// The console of a cloud.
    public init(directory: DataDirectory, settings: Settings) { (self.directory, self.settings) = (directory, settings) }

    private func inspect<Answer: Sendable>(_ body: (WorkflowInspector) async throws -> Answer) async throws -> Answer {
        guard settings[CloudSettingKeys.database] != nil || FileManager.default.fileExists(atPath: directory.database) else {
            throw ProgramError("there is no cloud in \(directory.path)")
        }
        let database = try StoreOpening.open(directory, settings)
        do {
            let answer = try await body(WorkflowInspector(database: database))
            await database.close()
            return answer
        } catch {
            await database.close()
            throw error
        }
    }

    private static let live: Set<WorkflowRecord.Status> = [.running, .waiting, .unwinding, .stuck]

    /// Workflows that stand so, the latest first.
    func records(_ statuses: Set<WorkflowRecord.Status>, limit: Int) async throws -> [WorkflowRecord] {
        try await inspect { try await $0.list(statuses: statuses, limit: limit) }
    }

    /// The workflows that a request began, the first one first.
    func details(request: String) async throws -> [WorkflowDetail] {
        try await inspect { inspector in
            var found: [WorkflowDetail] = []
            for record in try await inspector.list(request: request).reversed() {
                if let detail = try await inspector.show(record.id) { found.append(detail) }
            }
            return found
        }
    }

    /// The workflows as a table.
    public func list(all: Bool) async throws -> String {
        let records = try await inspect { try await $0.list(statuses: all ? [] : Self.live) }
        guard !records.isEmpty else { return all ? "no workflows" : "no live workflows" }
        let rows = records.map { [$0.id, $0.name, $0.subject, $0.status.rawValue, $0.step, String($0.attempts), $0.error ?? ""] }
        return TextTable(["ID", "WORKFLOW", "SUBJECT", "STATUS", "STEP", "TRY", "ERROR"], rows).text
    }

    /// One workflow with its steps.
    public func show(_ id: String) async throws -> String {
        guard let detail = try await inspect({ try await $0.show(id) }) else { throw ProgramError("there is no workflow \(id)") }
        let record = detail.record
        var lines = [
            "\(record.name) \(record.id) on \(record.subject): \(record.status.rawValue)",
            "began \(record.createdAt.iso8601), last moved \(record.updatedAt.iso8601), request \(record.requestID ?? "-")",
        ]
        lines += detail.steps.map { "  \($0.standing == .done ? "✓" : $0.standing == .current ? "▸" : "·") \($0.name) (\($0.standing.rawValue))" }
        if let error = record.error { lines.append("last error, try \(record.attempts): \(error)") }
        if let failure = detail.failure { lines.append("\(failure.kind.rawValue) at \(failure.step): \(failure.message)") }
        return lines.joined(separator: "\n")
    }

    /// Tries again at once.
    public func retry(_ id: String) async throws -> String {
        guard try await inspect({ try await $0.retry(id) }) else { throw ProgramError("there is no live workflow \(id)") }
        return "\(id) will be tried again"
    }

    /// Cancels and undoes.
    public func unwind(_ id: String) async throws -> String {
        guard try await inspect({ try await $0.unwind(id) }) else { throw ProgramError("there is no live workflow \(id)") }
        return "\(id) will be undone"
    }
}

/// Columns of text, each as wide as its widest cell.
struct TextTable {
    let text: String

    init(_ header: [String], _ rows: [[String]]) {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        text = all.map { row in
            zip(row, widths).map { cell, width in cell.padding(toLength: max(width, cell.count), withPad: " ", startingAt: 0) }
                .joined(separator: "  ").replacing(/\s+$/, with: "")
        }.joined(separator: "\n")
    }
}
