import CloudCore

/// A workflow without its state's type, as a runner keeps it.
public struct WorkflowDefinition: Sendable {
    /// The name under which rows find it.
    public let name: String
    /// The names of its steps in order.
    public let steps: [String]
    let run: @Sendable (WorkflowRow, WorkflowLease, WorkflowMeans) async throws -> WorkflowEnding
}

extension Workflow {
    /// The workflow as a runner keeps it.
    public var definition: WorkflowDefinition {
        WorkflowDefinition(name: name, steps: steps.map(\.name)) { row, lease, means in
            var execution = try WorkflowExecution(self, row: row, lease: lease, means: means)
            return await execution.run()
        }
    }
}
