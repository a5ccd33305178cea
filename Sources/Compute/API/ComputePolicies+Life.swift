import CloudPolicy

extension ComputePolicies {
    /// What is done to a server where it is.
    static let life: [PolicyRule] = []
}
