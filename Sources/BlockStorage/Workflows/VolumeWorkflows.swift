import CloudWorkflow

extension BlockStorage.Parts {
    /// The workflows of volumes, snapshots and attachments.
    var volumeWorkflows: [WorkflowDefinition] { [] }
}
