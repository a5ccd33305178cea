import CloudAPI
import CloudCore

/// The rights a token was found to have.
struct TokenRights: Sendable {
    var roles: [TokenRole]
    /// The delegation that narrows them; nil without one.
    var delegation: (any DelegationView)?
}

/// A trust, application credential or access token as the tokens made with it show it.
protocol DelegationView: Sendable {
    /// The user the token speaks for, where that is another than who logged in.
    var impersonated: TokenUser? { get }
    /// The users beside the token's own on whose roles it depends.
    var lenders: Set<String> { get }
    /// What policy checks see of it among the caller's attributes, such as `trust_id`.
    var attributes: [String: JSON] { get }
    /// The only requests the token is good for; nil for no such limit.
    var accessRules: [AccessRule]? { get }
    /// Writes its members into `{"token": {…}}`.
    func writeMembers(to json: inout JSONWriter)
}

extension DelegationView {
    var impersonated: TokenUser? { nil }
    var lenders: Set<String> { [] }
    var attributes: [String: JSON] { [:] }
    var accessRules: [AccessRule]? { nil }
}
