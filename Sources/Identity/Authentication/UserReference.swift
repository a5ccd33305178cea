import CloudAPI
import CloudCore
import CloudStore

/// Who a request for a token says its user is.
enum UserReference: Sendable, Hashable {
    case id(String)
    case name(String, domain: DomainReference)
}

extension UserReference {
    /// `user` in the body of a method, with fields of the method's own beside its name.
    static func schema(_ fields: [(name: String, schema: Schema)]) -> Schema {
        .object(
            [("id", .string()), ("name", .string()), ("domain", DomainReference.schema)] + fields, additional: .any)
    }

    /// Reads `user`.
    /// - Throws: `IdentityError` when it names nobody.
    init(_ user: JSON) throws {
        if let name = user["name"]?.string, !name.isEmpty {
            guard let domain = user["domain"] else { throw IdentityError.lacking("domain", in: "user") }
            self = .name(name, domain: try DomainReference(domain))
        } else {
            guard let id = user["id"]?.string, !id.isEmpty else { throw IdentityError.lacking("id or name", in: "user") }
            self = .id(id)
        }
    }

    /// The user, if there is one and both user and domain are enabled.
    func user(_ reader: any Reader) throws -> User? {
        switch self {
        case .id(let id):
            guard let user = try UserRecords.find(id, reader), user.isEnabled,
                try ProjectRecords.domain(.id(user.domainID), reader)?.isEnabled == true
            else { return nil }
            return user
        case .name(let name, let domain):
            guard let domain = try ProjectRecords.domain(domain, reader), domain.isEnabled,
                let user = try UserRecords.find(name: name, domainID: domain.id, reader), user.isEnabled
            else { return nil }
            return user
        }
    }
}

extension DomainReference {
    static let schema: Schema = .object([("id", .string()), ("name", .string())], additional: .any)

    /// Reads `domain`.
    /// - Throws: `IdentityError` when it names none.
    init(_ domain: JSON) throws {
        if let name = domain["name"]?.string, !name.isEmpty {
            self = .name(name)
        } else {
            guard let id = domain["id"]?.string, !id.isEmpty else { throw IdentityError.lacking("id or name", in: "domain") }
            self = .id(id)
        }
    }
}
