import CloudPolicy
import CloudCore
import Synchronization

/// Decides and remembers, for one request, what its token may do.
final class Authorizer: Sendable {
    private let engine: PolicyEngine
    private let token: TokenContext?
    private let declaredRule: String?
    private let envelope: ErrorEnvelope
    private let decided = Mutex(false)

    init(engine: PolicyEngine, token: TokenContext?, declaredRule: String?, envelope: ErrorEnvelope) {
        (self.engine, self.token, self.declaredRule, self.envelope) = (engine, token, declaredRule, envelope)
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

    /// The service's own denial of a rule; without a rule's name, of the declared one.
    func denial(of rule: String? = nil) -> Fault { envelope.fault(for: .denied(rule: rule ?? declaredRule ?? "")) }
}

extension APIRequest {
    /// Puts the endpoint's declared rule to this resource.
    /// - Throws: a fault with status 403, or the given one where upstream hides what the caller may not see.
    public func authorize(_ target: PolicyTarget, orThrow denial: @autoclosure () -> Fault? = nil) throws {
        guard !authorizer.allowsDeclared(target) else { return }
        throw denial() ?? authorizer.denial()
    }

    /// Whether a further rule admits the caller, such as an attribute's (`create_network:shared`).
    public func allows(_ rule: String, _ target: PolicyTarget) -> Bool { authorizer.allows(rule, target) }

    /// Requires a further rule.
    /// - Throws: a fault with status 403 naming the rule.
    public func require(_ rule: String, _ target: PolicyTarget) throws {
        guard !allows(rule, target) else { return }
        throw authorizer.denial(of: rule)
    }

    /// The caller's own project and user as a target.
    public var callerTarget: PolicyTarget { Authorizer.callerTarget(of: token) }
}

extension Authorizer {
    /// A token's own project and user as a target.
    static func callerTarget(of token: TokenContext?) -> PolicyTarget {
        var target: PolicyTarget = [:]
        guard let token else { return target }
        target["user_id"] = .string(token.userID)
        target["project_id"] = token.projectID.map { .string($0) }
        return target
    }
}
