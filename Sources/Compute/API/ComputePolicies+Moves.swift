import CloudPolicy

extension ComputePolicies {
    /// What moves a server.
    static let moves: [PolicyRule] = []
}
