import CloudPolicy

extension Networking {
    /// The service's default policy.
    public static var rules: [PolicyRule] { NeutronPolicy.all }
}
