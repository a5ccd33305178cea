// Tests of ComputeAgent.
