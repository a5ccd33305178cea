// Tests of CloudWorkflow.
