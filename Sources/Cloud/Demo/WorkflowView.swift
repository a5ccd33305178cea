import CloudCore
import CloudWorkflow
import Foundation

/// The ends of a request's steps as the running program logs them, read as the log grows.
struct StepLog {
    private let path: String
    private let requestID: String
    private var offset: UInt64
    /// Which file it was: a full one makes room for another.
    private var number: UInt64
    private(set) var steps: Set<String> = []

    /// Begins a little before the log's end.
    init(directory: DataDirectory, requestID: String) {
        (path, self.requestID) = (directory.logs + "/" + LogFiles.name, requestID)
        let size: UInt64
        (size, number) = Self.look(path)
        offset = size > 1 << 20 ? size - (1 << 20) : 0
    }

    /// A file's size and number.
    private static func look(_ path: String) -> (UInt64, UInt64) {
        guard let found = try? FileManager.default.attributesOfItem(atPath: path) else { return (0, 0) }
        return (found[.size] as? UInt64 ?? 0, found[.systemFileNumber] as? UInt64 ?? 0)
    }

    /// Reads on. Of a log that is turned over or written nowhere the rows alone tell how far it is.
    mutating func readOn() {
        let (size, number) = Self.look(path)
        if number != self.number { (self.number, offset) = (number, 0) }
        guard size > offset, let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }
        guard (try? file.seek(toOffset: offset)) != nil, let data = try? file.read(upToCount: 4 << 20),
            let last = data.lastIndex(of: UInt8(ascii: "\n"))
        else { return }
        offset += UInt64(last - data.startIndex + 1)
        for line in String(decoding: data[...last], as: UTF8.self).split(separator: "\n") { take(line) }
    }

    private mutating func take(_ line: Substring) {
        guard line.contains(requestID), line.contains("altostack.workflow"), let found = line.firstMatch(of: /steps"?[=:]"?([a-z0-9,-]+)/),
            !line.contains("undone")
        else { return }
        steps.formUnion(found.1.split(separator: ",").map(String.init))
    }
}

/// The live view of a workflow: which steps are done, which one is under way, and how long each took.
struct WorkflowView {
    private var began: ContinuousClock.Instant
    /// When each step was first seen to be done.
    private var done: [String: ContinuousClock.Instant] = [:]
    private(set) var detail: WorkflowDetail?

    init(began: ContinuousClock.Instant) { self.began = began }

    /// Takes in what was seen.
    /// - Parameter logged: steps that the log has the end of: a row names them as done when the next change is written.
    /// - Returns: the steps that were done since, in order.
    mutating func see(_ detail: WorkflowDetail, logged: Set<String> = [], at now: ContinuousClock.Instant) -> [String] {
        self.detail = detail
        let isOver = detail.record.status == .done
        let fresh = detail.steps
            .filter { ($0.standing == .done || isOver || logged.contains($0.name)) && done[$0.name] == nil }.map(\.name)
        for name in fresh { done[name] = now }
        return fresh
    }

    /// How long a step took, as far as could be seen: from the end of the one before it.
    func elapsed(_ name: String) -> Duration? {
        guard let end = done[name], let steps = detail?.steps.map(\.name), let place = steps.firstIndex(of: name) else { return nil }
        let before = steps[..<place].compactMap { done[$0] }.max() ?? began
        return max(.zero, end - before)
    }

    /// A line about a step that is done.
    func line(_ name: String) -> String { "  ✓ \(name.padding(to: 22)) \(elapsed(name).map(Elapsed.text) ?? "")" }

    /// The line that changes: how far it is, and what it is about now.
    func progress(at now: ContinuousClock.Instant) -> String {
        guard let detail else { return "  …" }
        let count = detail.steps.count { done[$0.name] != nil }
        let left = detail.record.status == .running ? detail.steps.first { done[$0.name] == nil }?.name : nil
        let current = left ?? detail.record.status.rawValue
        return "  \(Bar((count, detail.steps.count), width: 20).text)  \(current)  \(Elapsed.text(now - began))"
    }
}

extension String {
    /// The text with spaces behind it, so that columns are even.
    func padding(to width: Int) -> String { count >= width ? self : self + String(repeating: " ", count: width - count) }
}
