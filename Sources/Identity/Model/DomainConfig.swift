import CloudCore

/// The options of its own that a domain can have: groups of options, by name. They are stored and shown; that they
/// name a directory server has no effect, since users come from the database alone.
struct DomainConfig: Sendable, Hashable {
    /// One option.
    struct Option: Sendable, Hashable {
        var group: String
        var name: String
        var value: JSON

        /// Whether it is stored encrypted and never shown.
        var isSensitive: Bool { DomainConfigOptions.sensitive[group]?.contains(name) ?? false }
    }

    /// What part of a configuration a request is about.
    enum Part: Sendable, Hashable {
        case everything
        case group(String)
        case option(String, inGroup: String)

        var group: String? {
            switch self {
            case .everything: nil
            case .group(let group), .option(_, let group): group
            }
        }

        var option: String? { if case .option(let name, _) = self { name } else { nil } }

        /// The part in words, for messages.
        var words: String {
            switch self {
            case .everything: "any options"
            case .group(let group): "group \(group)"
            case .option(let name, let group): "option \(name) in group \(group)"
            }
        }
    }

    /// The largest value of an option, in bytes of JSON.
    static let largestValue = 8192

    var options: [Option]

    init(_ options: [Option]) { self.options = options }

    /// Reads groups of options.
    /// - Throws: `IdentityError` for what a domain can't have.
    init(_ groups: JSONObject) throws {
        guard !groups.isEmpty else { throw Self.invalid("No options specified") }
        options = []
        for group in groups {
            guard let members = group.value.object, !members.isEmpty else {
                throw Self.invalid("The value of group \(group.name) specified in the config should be a dictionary of options")
            }
            for member in members {
                try Self.check(.option(member.name, inGroup: group.name))
                guard member.value.bytes.count <= Self.largestValue else {
                    throw IdentityError.invalid("The value of option \(member.name) is larger than \(Self.largestValue) bytes.")
                }
                options.append(Option(group: group.name, name: member.name, value: member.value))
            }
        }
    }

    /// Reads the new values of a part. They must be of that part, and nothing else.
    init(_ body: JSONObject, for part: Part) throws {
        guard let group = part.group else {
            try self.init(body)
            return
        }
        try self.init(part.option == nil ? body : [group: .object(body)])
        try Self.check(part)
        let names = Set(options.map(\.group))
        guard names.count == 1, part.option == nil || options.count == 1 else {
            throw Self.invalid("Trying to update \(part.words), so that, and only that, must be specified in the config")
        }
        guard let first = options.first, names == [group], part.option == nil || part.option == first.name else {
            throw Self.invalid("Trying to update \(part.words), but the config provided contains something else instead")
        }
    }

    /// As the API shows it: groups of options, or a single option.
    func json(_ part: Part) -> JSON {
        if let name = part.option, let option = options.first(where: { $0.name == name }) { return .object([name: option.value]) }
        var groups = JSONObject()
        for option in options {
            var members = groups[option.group]?.members ?? [:]
            members[option.name] = option.value
            groups[option.group] = .object(members)
        }
        return .object(groups)
    }

    /// The options of a part.
    func part(_ part: Part) -> DomainConfig {
        DomainConfig(options.filter { part.group == nil || $0.group == part.group }.filter { part.option == nil || $0.name == part.option })
    }

    /// Checks that domains can have a group or option.
    static func check(_ part: Part) throws {
        guard let group = part.group else { return }
        guard let known = DomainConfigOptions.shown[group] else {
            throw invalid("Group \(group) is not supported for domain specific configurations")
        }
        guard let option = part.option else { return }
        guard known.contains(where: { $0.name == option }) || DomainConfigOptions.sensitive[group]?.contains(option) == true else {
            throw invalid("Option \(option) in group \(group) is not supported for domain specific configurations")
        }
    }

    /// The values that hold where a domain has none of its own.
    static func initial(_ part: Part) throws -> DomainConfig {
        try check(part)
        let all = DomainConfigOptions.shown.sorted { $0.key < $1.key }.flatMap { group, options in
            options.map { Option(group: group, name: $0.name, value: $0.initial) }
        }
        let found = DomainConfig(all).part(part)
        guard !found.options.isEmpty else { throw invalid("Reading the default for \(part.words) is not supported") }
        return found
    }

    static func invalid(_ reason: String) -> IdentityError { .refused("Invalid domain specific configuration: \(reason).") }

    static func missing(_ part: Part, _ domainID: String) -> IdentityError {
        .missing("Could not find \(part.words) in domain configuration for domain \(domainID).")
    }
}

/// The options a domain can have, with the values of Keystone's own configuration (keystone/resource/core.py and
/// keystone/conf/ldap.py of 2026.2).
enum DomainConfigOptions {
    static let sensitive: [String: Set<String>] = ["ldap": ["password"]]

    static let shown: [String: [(name: String, initial: JSON)]] = [
        "identity": [("driver", "sql"), ("list_limit", nil)],
        "ldap": connection + users + groups + security + pools,
    ]

    private static let connection: [(name: String, initial: JSON)] = [
        ("url", "ldap://localhost"), ("user", nil), ("suffix", "cn=example,cn=com"), ("query_scope", "one"), ("page_size", 0),
        ("alias_dereferencing", "default"), ("debug_level", nil), ("chase_referrals", nil),
    ]

    private static let users: [(name: String, initial: JSON)] = [
        ("user_tree_dn", nil), ("user_filter", nil), ("user_objectclass", "inetOrgPerson"), ("user_id_attribute", "cn"),
        ("user_name_attribute", "sn"), ("user_mail_attribute", "mail"), ("user_description_attribute", "description"),
        ("user_pass_attribute", "userPassword"), ("user_enabled_attribute", "enabled"), ("user_enabled_invert", false),
        ("user_enabled_mask", 0), ("user_enabled_default", "True"), ("user_attribute_ignore", ["default_project_id"]),
        ("user_default_project_id_attribute", nil), ("user_enabled_emulation", false), ("user_enabled_emulation_dn", nil),
        ("user_enabled_emulation_use_group_config", false), ("user_additional_attribute_mapping", []),
    ]

    private static let groups: [(name: String, initial: JSON)] = [
        ("group_tree_dn", nil), ("group_filter", nil), ("group_objectclass", "groupOfNames"), ("group_id_attribute", "cn"),
        ("group_name_attribute", "ou"), ("group_members_are_ids", false), ("group_member_attribute", "member"),
        ("group_desc_attribute", "description"), ("group_attribute_ignore", []), ("group_additional_attribute_mapping", []),
    ]

    private static let security: [(name: String, initial: JSON)] = [
        ("tls_cacertfile", nil), ("tls_cacertdir", nil), ("use_tls", false), ("tls_req_cert", "demand"),
    ]

    private static let pools: [(name: String, initial: JSON)] = [
        ("use_pool", true), ("pool_size", 10), ("pool_retry_max", 3), ("pool_retry_delay", 0.1), ("pool_connection_timeout", -1),
        ("pool_connection_lifetime", 600), ("use_auth_pool", true), ("auth_pool_size", 100), ("auth_pool_connection_lifetime", 60),
    ]
}
