import CloudPolicy

extension ComputePolicies {
    /// What servers are made with and what is attached to them.
    static let attachments: [PolicyRule] = []
}
