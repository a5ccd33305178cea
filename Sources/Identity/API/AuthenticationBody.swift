import CloudAPI
import CloudCore

/// Reading `{"auth": {"identity": …, "scope": …}}`.
extension AuthenticationRequest {
    private static let domain: Schema = .object([("id", .string()), ("name", .string())], additional: .any)
    private static let project: Schema = .object([("id", .string()), ("name", .string()), ("domain", domain)], additional: .any)
    private static let user: Schema = .object(
        [("id", .string()), ("name", .string()), ("password", .string()), ("domain", domain)], additional: .any)
    private static let identity: Schema = .object(
        [
            ("methods", .array(.string())), ("password", .object([("user", user)], additional: .any)),
            ("token", .object([("id", .string())], required: ["id"], additional: .any)),
        ], required: ["methods"], additional: .any)
    private static let scope: Schema = .anyOf([
        .string(),
        .object(
            [("project", project), ("domain", domain), ("system", .object([("all", .boolean(lenient: true))], additional: .any))],
            additional: .any),
    ])

    /// What Keystone's schema admits.
    static let schema: Schema = .object(
        [("auth", .object([("identity", identity), ("scope", scope)], required: ["identity"], additional: .any))],
        required: ["auth"], additional: .any)

    /// Reads a body that the schema admits.
    /// - Throws: `IdentityError` for what is missing, contradictory or not supported.
    init(_ body: JSON) throws {
        let auth = body["auth"] ?? .null
        let identity = auth["identity"] ?? .null
        var names: [String] = []
        for name in identity["methods"]?.array?.compactMap(\.string) ?? [] where !names.contains(name) { names.append(name) }
        for name in names where identity[name] == nil { throw IdentityError.lacking(name, in: "identity") }
        let methods = try names.map { name in
            guard let method = AuthenticationMethod(rawValue: name), AuthenticationMethod.offered.contains(method) else { throw IdentityError.unsupportedMethod }
            return method
        }
        scope = try Self.scope(auth["scope"])
        proofs = try methods.map { try Self.proof($0, identity) }
    }

    private static func proof(_ method: AuthenticationMethod, _ identity: JSON) throws -> Proof {
        switch method {
        case .token:
            guard let id = identity["token"]?["id"]?.string else { throw IdentityError.lacking("id", in: "token") }
            return .token(Secret(id))
        case .password:
            guard let user = identity["password"]?["user"] else { throw IdentityError.lacking("user", in: "password") }
            return .password(try userReference(user), Secret(user["password"]?.string ?? ""))
        case .totp, .applicationCredential, .oauth1, .ec2Credential, .mapped, .openid, .saml2:
            throw IdentityError.unsupportedMethod
        }
    }

    private static func userReference(_ user: JSON) throws -> UserReference {
        if let name = user["name"]?.string, !name.isEmpty {
            guard let domain = user["domain"] else { throw IdentityError.lacking("domain", in: "user") }
            return .name(name, domain: try domainReference(domain))
        }
        guard let id = user["id"]?.string, !id.isEmpty else { throw IdentityError.lacking("id or name", in: "user") }
        return .id(id)
    }

    private static func domainReference(_ domain: JSON) throws -> DomainReference {
        if let name = domain["name"]?.string, !name.isEmpty { return .name(name) }
        guard let id = domain["id"]?.string, !id.isEmpty else { throw IdentityError.lacking("id or name", in: "domain") }
        return .id(id)
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
        case "domain": return .domain(try domainReference(value))
        case "project": return .project(try projectReference(value))
        default: throw IdentityError.invalid("Scoping to a trust is not offered by this cloud yet.")
        }
    }

    private static func projectReference(_ project: JSON) throws -> Reference {
        if let name = project["name"]?.string, !name.isEmpty {
            guard let domain = project["domain"] else { throw IdentityError.lacking("domain", in: "project") }
            return .name(name, domain: try domainReference(domain))
        }
        guard let id = project["id"]?.string, !id.isEmpty else { throw IdentityError.lacking("id or name", in: "project") }
        return .id(id)
    }
}
