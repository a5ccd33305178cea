// ComputeAgent
