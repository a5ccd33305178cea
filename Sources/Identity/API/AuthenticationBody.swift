import CloudAPI
import CloudCore

/// Reading `{"auth": {"identity": …, "scope": …}}`.
extension AuthenticationRequest {
    private static let project: Schema = .object(
        [("id", .string()), ("name", .string()), ("domain", DomainReference.schema)], additional: .any)
    private static let identity: Schema = .object(
        [("methods", .array(.string()))] + LoginMethods.all.map { ($0.method.rawValue, $0.schema) }, required: ["methods"],
        additional: .any)
    private static let scope: Schema = .anyOf([
        .string(),
        .object(
            [
                ("project", project), ("domain", DomainReference.schema),
                ("system", .object([("all", .boolean(lenient: true))], additional: .any)),
                ("OS-TRUST:trust", .object([("id", .string())], additional: .any)),
            ], additional: .any),
    ])

    /// What Keystone's schema admits.
    static let schema: Schema = .object(
        [("auth", .object([("identity", identity), ("scope", scope)], required: ["identity"], additional: .any))],
        required: ["auth"], additional: .any)

    /// Reads a body that the schema admits.
    /// - Throws: `IdentityError` for what is missing, contradictory or not supported.
    init(_ body: JSON, _ options: IdentityOptions) throws {
        let auth = body["auth"] ?? .null
        let identity = auth["identity"] ?? .null
        var names: [String] = []
        for name in identity["methods"]?.array?.compactMap(\.string) ?? [] where !names.contains(name) { names.append(name) }
        for name in names where identity[name] == nil { throw IdentityError.lacking(name, in: "identity") }
        let methods = try names.map { name in
            guard let method = LoginMethods.named(name), options.offeredMethods.contains(method.method) else {
                throw IdentityError.unsupportedMethod
            }
            return method
        }
        scope = try Self.scope(auth["scope"])
        proofs = try methods.map { try $0.read(identity[$0.method.rawValue] ?? .null) }
    }

    private static let scopes = ["project", "domain", "system", "unscoped", "OS-TRUST:trust"]

    private static func scope(_ scope: JSON?) throws -> RequestedScope {
        guard let scope, !scope.isNull else { return .automatic }
        if scope.string == "unscoped" { return .unscoped }
        let named = scopes.filter { scope[$0] != nil }
        guard let name = named.first, named.count == 1, let value = scope[name] else {
            throw IdentityError.lacking("system, project, domain, OS-TRUST:trust or unscoped", in: "scope")
        }
        switch name {
        case "unscoped": return .unscoped
        case "system":
            guard value["all"]?.truth == true else { throw IdentityError.lacking("all", in: "system") }
            return .system
        case "domain": return .domain(try DomainReference(value))
        case "project": return .project(try projectReference(value))
        default:
            guard let id = value["id"]?.string, !id.isEmpty else { throw IdentityError.lacking("trust_id", in: "trust") }
            return .trust(id)
        }
    }

    private static func projectReference(_ project: JSON) throws -> Reference {
        if let name = project["name"]?.string, !name.isEmpty {
            guard let domain = project["domain"] else { throw IdentityError.lacking("domain", in: "project") }
            return .name(name, domain: try DomainReference(domain))
        }
        guard let id = project["id"]?.string, !id.isEmpty else { throw IdentityError.lacking("id or name", in: "project") }
        return .id(id)
    }
}
