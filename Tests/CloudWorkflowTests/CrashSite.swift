import CloudCore
import CloudStore
import Foundation
import Logging
import Synchronization

@testable import CloudWorkflow

/// Counts the moments at which a process could die, and dies at one of them.
final class Fate: Sendable {
    private let count = Mutex(0)
    private let last: Int?

    /// Dies at the moment of that number, counted from one; nil: never.
    init(diesAt last: Int?) { self.last = last }

    var moments: Int { count.withLock { $0 } }

    func moment() {
        let number = count.withLock { count in
            count += 1
            return count
        }
        if number == last { kill(getpid(), SIGKILL) }
    }
}

/// A database with a moment before, within and after each transaction.
private struct FatefulDatabase: Database {
    let base: any Database
    let fate: Fate

    func read<Result: Sendable>(_ body: @escaping @Sendable (any Reader) throws -> Result) async throws -> Result {
        try await base.read(body)
    }

    func write<Result: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Result) async throws -> Result {
        fate.moment()
        let result = try await base.write { [fate] transaction in
            let result = try body(transaction)
            fate.moment()
            return result
        }
        fate.moment()
        return result
    }

    func migrate(_ set: MigrationSet) async throws { try await base.migrate(set) }
    func close() async { await base.close() }
}

/// One life of a program that carries out a sample workflow, over files that survive it: the database, and a
/// directory that stands for a host.
struct CrashSite {
    /// What the workflow meets.
    enum Story: String, CaseIterable, Codable, Sendable {
        /// All goes well.
        case success
        /// The last step fails for good.
        case failure
        /// The first host fails, the second works.
        case rewind
        /// Somebody cancels during the third action of a run of actions.
        case cancellation
        /// After a crash, the first step of a run refuses although a later one had acted.
        case fickleness
    }

    struct State: Codable, Sendable {
        var hasRewound = false
    }

    let story: Story
    let directory: URL
    let fate: Fate
    private let base: any Database
    private let database: any Database

    static let subject = "server/1"

    init(_ story: Story, at path: String, diesAt last: Int?) async throws {
        (self.story, directory, fate) = (story, URL(filePath: path), Fate(diesAt: last))
        try FileManager.default.createDirectory(at: directory.appending(path: "host"), withIntermediateDirectories: true)
        base = try SQLiteDatabase(path: directory.appending(path: "cloud.db").path)
        database = FatefulDatabase(base: base, fate: fate)
        try await base.migrate(WorkflowSchema.migrations)
        try await base.migrate(MigrationSet(module: "things", [
            Migration(1, "things", ["CREATE TABLE things (name TEXT PRIMARY KEY)", "CREATE TABLE faults (text TEXT)"])
        ]))
    }

    // MARK: The host

    private func file(_ name: String) -> String { directory.appending(path: "host").appending(path: name).path }

    var hostFiles: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: directory.appending(path: "host").path).sorted() }
    }

    private func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name)) }

    private func make(_ name: String) throws {
        fate.moment()
        // In two halves, each with a crash between.
        for half in [name + ".part", name] {
            guard FileManager.default.createFile(atPath: file(half), contents: nil) else { throw CocoaError(.fileWriteUnknown) }
            fate.moment()
        }
    }

    private func remove(_ name: String) throws {
        fate.moment()
        for half in [name, name + ".part"] {
            if exists(half) { try FileManager.default.removeItem(atPath: file(half)) }
            fate.moment()
        }
    }

    // MARK: The workflow

    private func record(_ name: String) -> Step<State> {
        .transaction(name) { [fate] transaction, _, _ in
            fate.moment()
            try transaction.execute("INSERT INTO things (name) VALUES (\(name))")
        } undo: { [fate] transaction, _, _ in
            fate.moment()
            try transaction.execute("DELETE FROM things WHERE name = \(name)")
        }
    }

    private func build(_ name: String, _ then: (@Sendable (inout State) async throws -> Void)? = nil) -> Step<State> {
        .action(name, attempts: 1) { state, _ in
            try make(name)
            try await then?(&state)
        } undo: { _, _ in
            try remove(name)
        }
    }

    private func workflow(_ runner: WorkflowRunner) -> Workflow<State> {
        let disk: Step<State> = .action("disk", attempts: 1) { _, _ in
            if story == .fickleness, exists("guest") { throw WorkflowStop("It was here before.") }
            try make("disk")
        } undo: { _, _ in
            try remove("disk")
        }
        let guest = build("guest") { state in
            guard story == .rewind, !state.hasRewound else { return }
            state.hasRewound = true
            throw WorkflowRewind(to: "claim", "The host is full.")
        }
        let port = build("port") { [database] _ in
            guard story == .cancellation else { return }
            _ = try await database.write { try runner.cancel(subject: Self.subject, in: $0) }
            try await Task.sleep(for: .seconds(30))
        }
        let last = build("notice") { _ in if story == .failure { throw WorkflowStop("No room.") } }
        let steps = [record("quota"), record("claim"), disk, guest, port, record("active"), last, record("settled")]
        return Workflow("crash", deadline: .seconds(600), steps: steps) { [fate] transaction, _, failure in
            fate.moment()
            try transaction.execute("INSERT INTO faults (text) VALUES (\(failure.message))")
        }
    }

    /// Carries the workflow to its end, beginning it if no earlier life has.
    func live() async throws {
        let departures = Departures()
        var options = Station.quick
        options.didLeave = { departures.note($0, $1) }
        let runner = WorkflowRunner(
            database: database, owner: "program", options: options, logger: .init(label: "crash") { _ in SilentHandler() })
        let workflow = workflow(runner)
        runner.register(workflow)
        let running = Task { await runner.run() }
        while !runner.isRunning { try await Task.sleep(for: .milliseconds(1)) }
        let isBegun = try await !WorkflowInspector(database: base).list().isEmpty
        if !isBegun {
            _ = try await database.write { transaction in
                try runner.start(workflow, State(), subject: Self.subject, requestID: nil, in: transaction)
            }
        }
        let isEnded = try await WorkflowInspector(database: base).list(statuses: [.done, .unwound]).count == 1
        if !isEnded { _ = try await departures.next() }
        running.cancel()
        await running.value
    }

    /// What is left: the workflow's status, the host's files, the store's things, and the faults.
    func remains() async throws -> Remains {
        let status = try await WorkflowInspector(database: base).list().map(\.status)
        let names: @Sendable (String) async throws -> [String] = { [base] table in
            try await base.read { try $0.all(SQL(stringLiteral: "SELECT * FROM \(table) ORDER BY 1")) { try $0[0] } }
        }
        return Remains(status: status, host: try hostFiles, things: try await names("things"), faults: try await names("faults"))
    }

    func close() async { await base.close() }
}

struct Remains: Equatable {
    let status: [WorkflowRecord.Status]
    let host: [String]
    let things: [String]
    let faults: [String]

    static let complete = Remains(
        status: [.done],
        host: ["disk", "disk.part", "guest", "guest.part", "notice", "notice.part", "port", "port.part"],
        things: ["active", "claim", "quota", "settled"], faults: [])

    static func cleanSlate(_ fault: String) -> Remains { Remains(status: [.unwound], host: [], things: [], faults: [fault]) }
}
