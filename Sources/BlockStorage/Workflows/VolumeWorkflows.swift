import CloudWorkflow

extension BlockStorage.Parts {
    /// The workflows of volumes, snapshots and attachments.
    var volumeWorkflows: [WorkflowDefinition] {
        [
            CreateVolumeWorkflow(storage: self).workflow.definition,
            DeleteVolumeWorkflow(storage: self).workflow.definition,
            ExtendVolumeWorkflow(storage: self).workflow.definition,
            RevertVolumeWorkflow(storage: self).workflow.definition,
            ReimageVolumeWorkflow(storage: self).workflow.definition,
            CreateSnapshotWorkflow(storage: self).workflow.definition,
            DeleteSnapshotWorkflow(storage: self).workflow.definition,
            PromisedDeletionWorkflow(storage: self).workflow.definition,
        ]
    }
}
