import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Who may see a namespace and act on it. A namespace that a caller may not see does not exist for it, whatever the
/// rule says (glance/api/v2/policy.py: `MetadefAPIPolicy`).
extension MetadataDefinitions.Parts {
    /// The namespace a request names, once the endpoint's rule admits the caller to it.
    func namespace(for request: APIRequest) async throws -> MetadataNamespace {
        let name = request["namespace"]
        let found = try await database.read { try NamespaceRecords.find(name: name, in: $0) }
        guard let namespace = found, Self.sees(request, namespace) else { throw MetadataError.namespaceNotFound(name) }
        let target = Self.target(namespace)
        try request.authorize(target, orThrow: Self.hiding(namespace, request, target))
        return namespace
    }

    /// Requires a further rule for a namespace.
    func require(_ rule: String, _ namespace: MetadataNamespace, _ request: APIRequest) throws {
        let target = Self.target(namespace)
        guard !request.allows(rule, target) else { return }
        if let hiding = Self.hiding(namespace, request, target) { throw hiding }
        try request.require(rule, target)
    }

    /// Changes the namespace a request names, or what is in it, in one transaction.
    func change<Result: Sendable>(
        _ request: APIRequest, _ body: @escaping @Sendable (MetadataNamespace, any Transaction) throws -> Result
    ) async throws -> Result {
        try await change(try await namespace(for: request), body)
    }

    /// Changes a namespace that the caller was admitted to.
    func change<Result: Sendable>(
        _ found: MetadataNamespace, _ body: @escaping @Sendable (MetadataNamespace, any Transaction) throws -> Result
    ) async throws -> Result {
        try await database.write { transaction in
            guard let current = try NamespaceRecords.find(id: found.id, in: transaction) else {
                throw MetadataError.namespaceNotFound(found.name)
            }
            return try body(current, transaction)
        }
    }

    /// Whether a caller sees every project's namespaces.
    static func seesAll(_ request: APIRequest) -> Bool { request.allows("context_is_admin", request.callerTarget) }

    static func sees(_ request: APIRequest, _ namespace: MetadataNamespace) -> Bool {
        namespace.visibility == .public || namespace.owner == nil || namespace.owner == request.token?.projectID
            || seesAll(request)
    }

    /// A namespace as rules see it.
    static func target(_ namespace: MetadataNamespace) -> PolicyTarget {
        ["project_id": namespace.owner.map { .string($0) } ?? .null, "visibility": .string(namespace.visibility.rawValue)]
    }

    /// The answer that hides a namespace from callers whom no rule lets see it; nil for the others.
    private static func hiding(_ namespace: MetadataNamespace, _ request: APIRequest, _ target: PolicyTarget) -> Fault? {
        request.allows("get_metadef_namespace", target) ? nil : MetadataError.namespaceNotFound(namespace.name).fault
    }
}

extension MetadataNamespace {
    /// - Throws: `MetadataError.protectedNamespace` when nothing of it may be deleted.
    func checkUnprotected() throws(MetadataError) {
        guard !isProtected else { throw .protectedNamespace(name) }
    }
}

extension APIRequest {
    /// The filter of visibility that a list or a view names.
    /// - Throws: `MetadataError.badRequest` for a text that is no visibility.
    func visibility(alsoAdmitting others: Set<String> = []) throws(MetadataError) -> MetadataNamespace.Visibility? {
        guard let text = query["visibility"], !text.isEmpty, !others.contains(text) else { return nil }
        guard let visibility = MetadataNamespace.Visibility(rawValue: text) else {
            throw .badRequest("Invalid visibility value: \(text)")
        }
        return visibility
    }
}
