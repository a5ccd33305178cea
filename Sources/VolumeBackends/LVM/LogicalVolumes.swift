import Foundation
import HostCommands
import VolumeMessages

/// Runs programs for a back end: the host's own, or in tests those of a recording.
protocol CommandRunner: Sendable {
    /// Runs a program to its end and returns what it printed.
    /// - Throws: `CommandError`.
    func run(_ program: String, _ arguments: [String]) async throws -> String
}

/// The host's programs.
struct HostCommandRunner: CommandRunner {
    func run(_ program: String, _ arguments: [String]) async throws -> String {
        try await Command(program: program, arguments: arguments, deadline: .seconds(120)).runSuccessfully().output
    }
}

/// A logical volume as `lvs` reports it.
struct LogicalVolume: Sendable, Hashable {
    var name: String
    var bytes: Int64
    /// The thin pool that it takes its room from; empty for the pool itself.
    var pool: String
    var tags: Set<String>
    /// How much of a pool's room is taken, in percent.
    var dataPercent: Double

    /// On one that isn't complete.
    static let partTag = "altostack.part"
    private static let snapshotTag = "altostack.of="
    private static let replacementTag = "altostack.replaces="

    /// The tag of a volume's snapshot.
    static func tag(snapshotOf volume: String) -> String { snapshotTag + volume }
    /// The tag of what is about to take a volume's place.
    static func tag(replacing volume: String) -> String { replacementTag + volume }

    var isPart: Bool { tags.contains(Self.partTag) }
    /// The volume that it is a snapshot of.
    var snapshotOf: String? { value(Self.snapshotTag) }
    /// The volume whose place it is about to take.
    var replaces: String? { value(Self.replacementTag) }

    private func value(_ prefix: String) -> String? {
        tags.first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }
}

/// A volume group's commands.
struct LogicalVolumes: Sendable {
    let group: String
    let pool: String
    let runner: any CommandRunner

    /// LVM keeps names that begin with "snapshot" for itself.
    /// - Throws: `VolumeFailure` for a name that LVM can't take.
    static func escaped(_ name: String) throws -> String {
        let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+_.-".contains($0)) }
        guard isPlain, (1...100).contains(name.utf8.count), !name.hasPrefix("-"), !name.hasPrefix("."), !name.hasPrefix("_") else {
            throw VolumeFailure(.notFound, "\(name) can't be the name of a logical volume.")
        }
        return name.hasPrefix("snapshot") || name.hasPrefix("pvmove") ? "_" + name : name
    }

    static func plain(_ name: String) -> String { name.hasPrefix("_") ? String(name.dropFirst()) : name }

    private struct Report: Decodable {
        struct Part: Decodable { var lv: [Row] }
        struct Row: Decodable {
            var lv_name: String
            var lv_size: String
            var pool_lv: String
            var lv_tags: String
            var data_percent: String
        }
        var report: [Part]
    }

    /// All of the pool, and the pool itself.
    func all() async throws -> [LogicalVolume] {
        let columns = "lv_name,lv_size,pool_lv,lv_tags,data_percent"
        let text = try await run("lvs", ["--reportformat", "json", "--units", "b", "--nosuffix", "-o", columns, group])
        let report: Report
        do { report = try JSONDecoder().decode(Report.self, from: Data(text.utf8)) } catch {
            throw VolumeFailure(.backendError, "LVM's report could not be read.", cause: error)
        }
        return report.report.flatMap(\.lv).compactMap { row in
            guard row.pool_lv == pool || row.lv_name == pool else { return nil }
            return LogicalVolume(
                name: Self.plain(row.lv_name), bytes: Int64(row.lv_size) ?? 0, pool: row.pool_lv,
                tags: Set(row.lv_tags.split(separator: ",").map(String.init)), dataPercent: Double(row.data_percent) ?? 0)
        }
    }

    private func path(_ name: String) throws -> String { group + "/" + (try Self.escaped(name)) }
    private func tagged(_ tags: [String]) -> [String] { tags.flatMap { ["--addtag", $0] } }

    func create(_ name: String, bytes: Int64, tags: [String]) async throws {
        let kind = ["-q", "-y", "-W", "n", "-V", "\(bytes)b", "--thin"]
        try await run("lvcreate", kind + ["-n", try Self.escaped(name)] + tagged(tags) + [group + "/" + pool])
    }

    /// A thin snapshot: complete at once, as the disk is at that moment, and independent of what it was made of.
    func snapshot(_ name: String, of source: String, tags: [String]) async throws {
        try await run("lvcreate", ["-q", "-y", "-s", "-k", "n", "-n", try Self.escaped(name)] + tagged(tags) + [try path(source)])
    }

    func remove(_ name: String) async throws { try await run("lvremove", ["-q", "-f", try path(name)]) }
    func extend(_ name: String, to bytes: Int64) async throws { try await run("lvextend", ["-q", "-L", "\(bytes)b", try path(name)]) }
    func rename(_ name: String, to newName: String) async throws {
        try await run("lvrename", ["-q", group, try Self.escaped(name), try Self.escaped(newName)])
    }
    func tag(_ name: String, adding added: [String] = [], removing removed: [String] = []) async throws {
        try await run("lvchange", ["-q"] + tagged(added) + removed.flatMap { ["--deltag", $0] } + [try path(name)])
    }

    @discardableResult
    private func run(_ program: String, _ arguments: [String]) async throws -> String {
        do {
            return try await runner.run(program, arguments)
        } catch let error as CommandError {
            if case .failed(_, _, let text) = error {
                if text.contains("insufficient free space") { throw VolumeFailure(.full, "The volume group is full.", cause: error) }
                if text.contains("in use") { throw VolumeFailure(.busy, "The logical volume is in use.", cause: error) }
            }
            throw VolumeFailure(.backendError, "LVM could not do its part: \(program)", cause: error)
        }
    }
}
