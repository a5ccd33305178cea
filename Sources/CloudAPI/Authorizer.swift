import CloudPolicy
import CloudCore
import Synchronization

/// Decides and remembers, for one request, what its token may do.
final class Authorizer: Sendable {
    private let engine: PolicyEngine
    private let token: TokenContext?
    private let declaredRule: String?
    private let decided = Mutex(false)

    init(engine: PolicyEngine, token: TokenContext?, declaredRule: String?) {
        (self.engine, self.token, self.declaredRule) = (engine, token, declaredRule)
    }

    /// Whether the declared rule was put to the question.
    var hasDecided: Bool { decided.withLock { $0 } }

    func allows(_ rule: String, _ target: PolicyTarget) -> Bool {
        guard let token else { return false }
        return engine.allows(rule, token.credentials, target)
    }

    func allowsDeclared(_ target: PolicyTarget) -> Bool {
        decided.withLock { $0 = true }
        return declaredRule.map { allows($0, target) } ?? false
    }
}

extension APIRequest {
    /// Puts the endpoint's declared rule to this resource.
    /// - Throws: a fault with status 403, or the given one where upstream hides what the caller may not see.
    public func authorize(_ target: PolicyTarget, orThrow denial: Fault? = nil) throws {
        guard !authorizer.allowsDeclared(target) else { return }
        throw denial ?? Fault(.forbidden, "Policy does not allow this request.", code: "PolicyNotAuthorized")
    }

    /// Whether a further rule admits the caller, such as an attribute's (`create_network:shared`).
    public func allows(_ rule: String, _ target: PolicyTarget) -> Bool { authorizer.allows(rule, target) }

    /// Requires a further rule.
    /// - Throws: a fault with status 403 naming the rule.
    public func require(_ rule: String, _ target: PolicyTarget) throws {
        guard !allows(rule, target) else { return }
        throw Fault(.forbidden, "Policy doesn't allow \(rule) to be performed.", code: "PolicyNotAuthorized")
    }

    /// The caller's own project and user as a target.
    public var callerTarget: PolicyTarget {
        var target: PolicyTarget = [:]
        target["project_id"] = token?.projectID.map { .string($0) }
        target["user_id"] = token.map { .string($0.userID) }
        return target
    }
}
