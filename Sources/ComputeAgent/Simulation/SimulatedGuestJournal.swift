import ComputeMessages
import Foundation
import Synchronization

/// The guests of a simulated host as they outlive the program: a file in which each change of a guest is a line at the end.
/// The file is written anew once most of it is of the past. No disk is waited for, since a host that loses power loses its
/// simulated guests.
final class SimulatedGuestJournal: Sendable {
    /// A line: what a guest is now, or that it is no more.
    struct Line: Codable {
        /// The name under which the host knows it.
        let id: String
        /// What it is; nil when it was removed.
        let guest: SimulatedGuest?
    }

    private struct State {
        var file: FileHandle?
        var lines = 0
    }

    private let directory: String
    private var path: String { directory + "/guests.jsonl" }
    private let state = Mutex(State())
    /// Below so many lines the file is left as it is.
    private static let fewLines = 2_000

    /// The journal of a folder.
    init(directory: String) { self.directory = directory }

    /// Reads the guests, and begins the file anew with them.
    func load() throws -> [String: SimulatedGuest] {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var guests: [String: SimulatedGuest] = [:]
        if FileManager.default.fileExists(atPath: path) {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            // What follows the last line's end is a line that the end of the program cut off.
            _ = lines.popLast()
            for line in lines {
                let line = try JSONDecoder().decode(Line.self, from: line)
                guests[line.id] = line.guest
            }
        }
        try state.withLock { try rewrite(guests, &$0) }
        return guests
    }

    /// Writes down what became of a guest, one of those that the host has now.
    func note(_ id: String, of guests: [String: SimulatedGuest]) throws {
        try state.withLock { state in
            guard let file = state.file, state.lines < max(Self.fewLines, guests.count * 4) else {
                return try rewrite(guests, &state)
            }
            try file.write(contentsOf: Self.encode(id, guests[id]))
            state.lines += 1
        }
    }

    private func rewrite(_ guests: [String: SimulatedGuest], _ state: inout State) throws {
        let bytes = try guests.reduce(into: Data()) { try $0.append(Self.encode($1.key, $1.value)) }
        try FileSystem.write([UInt8](bytes), to: path)
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try state.file?.close()
        (state.file, state.lines) = (file, guests.count)
    }

    private static func encode(_ id: String, _ guest: SimulatedGuest?) throws -> Data {
        let kept = guest.map { guest in
            var guest = guest
            guest.specification = guest.specification.withoutSecrets
            return guest
        }
        return try JSONEncoder().encode(Line(id: id, guest: kept)) + Data("\n".utf8)
    }
}
