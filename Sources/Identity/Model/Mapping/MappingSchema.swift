import CloudAPI
import CloudCore

/// The versions of the rules' schema (keystone/federation/utils.py of 2026.2).
enum MappingSchemaVersion: String, Sendable, CaseIterable {
    /// The first form.
    case v1 = "1.0"
    /// Projects may name a domain, and a local part's domain counts for its user and projects.
    case v2 = "2.0"
    /// Projects may come as JSON in the assertion, and each login takes away the roles that are no longer named.
    case v3 = "3.0"

    /// The version of rules that name none.
    static let standard = MappingSchemaVersion.v1

    /// Whether a local part's domain is the default of its user and projects.
    var honoursDomain: Bool { self != .v1 }
    /// Whether a login also takes roles away.
    var removesAssignments: Bool { self == .v3 }

    /// The version a mapping names.
    /// - Throws: `IdentityError.invalid` for one there is not.
    static func named(in mapping: JSON) throws -> MappingSchemaVersion {
        guard let named = mapping["schema_version"], !named.isNull, named != "" else { return .standard }
        guard let version = named.string.flatMap(MappingSchemaVersion.init) else {
            throw IdentityError.invalid(
                "The mapping's schema_version must be one of \(allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return version
    }
}

/// What mappings may look like.
enum MappingSchema {
    private static let domain: Schema = .object([("id", .string()), ("name", .string())])
    private static let roles: Schema = .array(.object([("name", .string())], required: ["name"]))
    private static let user: Schema = .object([
        ("id", .string()), ("name", .string()), ("email", .string()), ("domain", domain),
        ("type", .oneOf(["ephemeral", "local"])),
    ])
    private static let group: Schema = .anyOf([
        .object([("id", .string())], required: ["id"]),
        .object([("name", .string()), ("domain", domain)], required: ["name", "domain"]),
    ])

    private static let remote: Schema = .anyOf(
        [.object([("type", .string())], required: ["type"])]
            + ["any_one_of", "not_any_of", "blacklist", "whitelist"].map { condition in
                .object([("type", .string()), (condition, .array(.any)), ("regex", .boolean())], required: ["type", condition])
            })

    /// Projects as rules, and from version 3 assertions, list them.
    static func projects(_ version: MappingSchemaVersion) -> Schema {
        let domain: [(name: String, schema: Schema)] = version.honoursDomain ? [("domain", domain)] : []
        return .array(.object([("name", .string()), ("roles", roles)] + domain, required: ["name", "roles"]))
    }

    private static func local(_ version: MappingSchemaVersion) -> Schema {
        let more: [(name: String, schema: Schema)] = version == .v3 ? [("projects_json", .string())] : []
        return .object(
            [
                ("user", user), ("projects", projects(version)), ("group", group), ("groups", .string()),
                ("group_ids", .string()), ("domain", domain),
            ] + more)
    }

    /// A mapping as a request sets it.
    static func mapping(_ version: MappingSchemaVersion) -> Schema {
        let rule: Schema = .object(
            [("local", .array(local(version))), ("remote", .array(remote, count: 1...Int.max))], required: ["local", "remote"])
        return .object(
            [("rules", .array(rule, count: 1...Int.max)), ("schema_version", .nullable(.string()))], required: ["rules"],
            additional: .any)
    }
}
