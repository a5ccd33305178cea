import CloudCore
import CloudWorkflow

/// The live view of a workflow: which steps are done, which one is under way, and how long each took.
struct WorkflowView {
    private var began: ContinuousClock.Instant
    /// When each step was first seen to be done.
    private var done: [String: ContinuousClock.Instant] = [:]
    private(set) var detail: WorkflowDetail?

    init(began: ContinuousClock.Instant) { self.began = began }

    /// Takes in what was seen.
    /// - Returns: the steps that were done since, in order.
    mutating func see(_ detail: WorkflowDetail, at now: ContinuousClock.Instant) -> [String] {
        self.detail = detail
        let isOver = detail.record.status == .done
        let fresh = detail.steps.filter { ($0.standing == .done || isOver) && done[$0.name] == nil }.map(\.name)
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
        let current = detail.steps.first { $0.standing == .current && done[$0.name] == nil }?.name ?? detail.record.status.rawValue
        return "  \(Bar((count, detail.steps.count), width: 20).text)  \(current)  \(Elapsed.text(now - began))"
    }
}

extension String {
    /// The text with spaces behind it, so that columns are even.
    func padding(to width: Int) -> String { count >= width ? self : self + String(repeating: " ", count: width - count) }
}
