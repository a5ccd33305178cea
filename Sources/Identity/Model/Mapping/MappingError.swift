/// Why a mapping yields nobody.
enum MappingError: Error, Hashable {
    /// No rule applies to the assertion.
    case noMatch
    /// The rules name something that is not there or not well-formed in this assertion.
    case invalid(String)
    /// A local part refers to a match that its remote part does not make, such as `{2}` after two matches.
    case missingMatch(String)
}

extension MappingError: CustomStringConvertible {
    /// The reason, for whoever wrote the rules.
    var description: String {
        switch self {
        case .noMatch: "Could not map any federated user properties to identity values: no rule applies to the assertion."
        case .invalid(let reason): reason
        case .missingMatch(let template):
            "The local part \"\(template)\" refers to a match that the rule's remote part does not make."
        }
    }
}
