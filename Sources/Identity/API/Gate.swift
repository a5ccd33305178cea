import CloudAPI
import CloudCore
import CloudPolicy

/// An endpoint's rule, waiting for the resource it is about. A handler opens it before it shows or changes anything.
struct Gate {
    let request: APIRequest
    let action: String

    /// Lets the caller through, or throws Keystone's 403. The path's parameters are part of every target.
    func open(_ target: PolicyTarget = [:]) throws {
        var target = target
        for (name, value) in request.parameters where target[name] == nil { target[name] = .string(value) }
        try request.authorize(target, orThrow: IdentityError.forbidden(action: action).fault)
    }

    /// Lets the caller through by another rule than the declared one, where the resource decides which counts.
    func open(_ action: String, _ target: PolicyTarget = [:]) throws {
        // The declared rule must have been asked; its answer does not count here.
        try? request.authorize(target)
        guard request.allows(action, target) else { throw IdentityError.forbidden(action: action).fault }
    }
}

extension Endpoint {
    /// An endpoint of Keystone's guarded by one rule, whose handler opens the gate.
    static func guarded(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String, rule: String, body: RequestBody = .none,
        success: HTTPResponse.Status = .ok, handler: @escaping @Sendable (APIRequest, Gate) async throws -> APIResponse
    ) -> Endpoint {
        Endpoint(method, "/v3" + path, summary, access: .ruleOnResource(rule), body: body, success: success) { request in
            try await handler(request, Gate(request: request, action: rule))
        }
    }
}

/// What policy rules can say about Identity's resources.
extension Project {
    /// As `target.project.…` or, for the API of domains, `target.domain.…`.
    func target(as kind: String) -> PolicyTarget {
        [
            "target.\(kind).id": .string(id), "target.\(kind).name": .string(name),
            "target.\(kind).domain_id": domainID.map { .string($0) } ?? .null,
            "target.\(kind).parent_id": parentID.map { .string($0) } ?? .null,
            "target.\(kind).is_domain": .bool(isDomain),
        ]
    }
}

extension User {
    var target: PolicyTarget {
        ["target.user.id": .string(id), "target.user.name": .string(name), "target.user.domain_id": .string(domainID)]
    }
}

extension Group {
    var target: PolicyTarget {
        ["target.group.id": .string(id), "target.group.name": .string(name), "target.group.domain_id": .string(domainID)]
    }
}

extension Role {
    var target: PolicyTarget { target(as: "role") }

    /// As `target.role.…` or, for rules of implication, `target.prior_role.…` and `target.implied_role.…`.
    func target(as kind: String) -> PolicyTarget {
        [
            "target.\(kind).id": .string(id), "target.\(kind).name": .string(name),
            "target.\(kind).domain_id": domainID.map { .string($0) } ?? .null,
        ]
    }
}

extension PolicyTarget {
    /// Both targets' attributes.
    static func + (left: PolicyTarget, right: PolicyTarget) -> PolicyTarget { left.merging(right) { $1 } }
}

extension APIRequest {
    /// The attributes of an object in the body as a target: a creation is judged by what is to be created.
    func target(ofBody member: String) -> PolicyTarget {
        var target: PolicyTarget = [:]
        for field in body[member]?.object ?? [:] {
            switch field.value {
            case .string, .bool, .null: target["target.\(member).\(field.name)"] = field.value
            default: break
            }
        }
        return target
    }

    /// The domain of the caller's token as `target.…`, for lists, which then show that domain only.
    func domainTarget(_ name: String) -> PolicyTarget {
        token?.domainID.map { [name: .string($0)] } ?? [:]
    }
}
