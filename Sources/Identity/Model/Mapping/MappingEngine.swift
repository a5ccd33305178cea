import CloudAPI
import CloudCore

/// What an identity provider says about somebody: attributes with one or more values.
struct MappingAssertion: Sendable, Hashable {
    var attributes: [String: [String]]

    init(_ attributes: [String: [String]]) { self.attributes = attributes }

    /// Attributes as web servers hand them over: several values in one text, with `;` between them.
    init(joined attributes: [String: String]) {
        self.attributes = attributes.mapValues { $0.split(separator: ";", omittingEmptySubsequences: false).map(String.init) }
    }

    /// An attribute as one text.
    subscript(name: String) -> String? { attributes[name]?.joined(separator: ";") }
}

extension MappingRules {
    /// Applies the rules to an assertion. Every rule that applies adds to the result; the first user counts.
    /// - Throws: `MappingError`; `IdentityError.invalid` for a pattern that does not compile.
    func map(_ assertion: MappingAssertion) throws -> MappedProperties {
        var values: [JSONObject] = []
        for rule in rules {
            guard let matches = try rule.matches(assertion) else { continue }
            for local in rule.local { values.append(try expand(local, matches)) }
        }
        guard !values.isEmpty else { throw MappingError.noMatch }
        var result = MappedProperties()
        var hasUser = false
        for value in values {
            if !hasUser, let user = value["user"] {
                result.user = Self.user(user)
                hasUser = true
            }
            try collectGroups(value, &result)
            if value["projects"] != nil || value["projects_json"] != nil { result.projects = projects(value) }
        }
        // Upstream takes the last local part's domain, wherever the user came from.
        if version.honoursDomain, result.user.domain == nil { result.user.domain = values.last?["domain"].flatMap(Self.domain) }
        return result
    }

    private func collectGroups(_ value: JSONObject, _ result: inout MappedProperties) throws {
        func add(_ name: MappedProperties.GroupName) {
            if !result.groupNames.contains(name) { result.groupNames.append(name) }
        }
        func add(id: String) {
            if !result.groupIDs.contains(id) { result.groupIDs.append(id) }
        }
        if let id = value["group"]?["id"]?.string {
            add(id: id)
        } else if let group = value["group"], let name = group["name"]?.string {
            guard let domain = group["domain"].flatMap(Self.domain) else { throw Self.lacksDomain(name) }
            add(MappedProperties.GroupName(name: name, domain: domain))
        }
        if let text = value["groups"]?.string { for group in try Self.groups(text, value["domain"]) { add(group) } }
        if let text = value["group_ids"]?.string { for id in MappingTemplate.elements(text) { add(id: id) } }
    }

    /// The groups a text lists: names in the local part's domain, or `JSON:` with an object that names both.
    private static func groups(_ text: String, _ domain: JSON?) throws -> [MappedProperties.GroupName] {
        try MappingTemplate.elements(text).map { element in
            guard element.hasPrefix("JSON:") else {
                guard let domain = domain.flatMap(Self.domain) else { throw lacksDomain(element) }
                return MappedProperties.GroupName(name: element, domain: domain)
            }
            guard let object = try? JSON(parsing: String(element.dropFirst(5))), let name = object["name"]?.string,
                let domain = object["domain"].flatMap(Self.domain)
            else { throw lacksDomain(element) }
            return MappedProperties.GroupName(name: name, domain: domain)
        }
    }

    private static func lacksDomain(_ group: String) -> MappingError {
        .invalid("The group \"\(group)\" has no domain: 'groups' and 'domain' must both be given.")
    }

    private func projects(_ value: JSONObject) -> [MappedProperties.Project] {
        let listed = (value["projects"]?.array ?? []) + (value["projects_json"]?.array ?? [])
        let standard = version.honoursDomain ? value["domain"].flatMap(Self.domain) : nil
        return listed.map { project in
            MappedProperties.Project(
                name: project["name"]?.string ?? "", domain: project["domain"].flatMap(Self.domain) ?? standard,
                roleNames: (project["roles"]?.array ?? []).compactMap { $0["name"]?.string })
        }
    }

    private static func user(_ user: JSON) -> MappedProperties.User {
        MappedProperties.User(
            id: user["id"]?.string, name: user["name"]?.string, email: user["email"]?.string,
            domain: user["domain"].flatMap(domain),
            kind: user["type"]?.string.flatMap(MappedProperties.UserKind.init) ?? .ephemeral)
    }

    private static func domain(_ domain: JSON) -> DomainReference? {
        domain["id"]?.string.map(DomainReference.id) ?? domain["name"]?.string.map(DomainReference.name)
    }
}

extension MappingRules {
    private func expand(_ local: JSONObject, _ matches: [[String]]) throws -> JSONObject {
        var result = JSONObject()
        for member in local {
            result[member.name] = member.name == "projects_json" && version == .v3
                ? try projectsInAssertion(member.value, matches) : try Self.expand(member.value, matches)
        }
        return result
    }

    private static func expand(_ value: JSON, _ matches: [[String]]) throws -> JSON {
        switch value {
        case .string(let template): return .string(try MappingTemplate.expand(template, matches))
        case .array(let elements): return .array(try elements.map { try expand($0, matches) })
        case .object(let object):
            var result = JSONObject()
            for member in object { result[member.name] = try expand(member.value, matches) }
            return .object(result)
        default: return value
        }
    }

    /// Projects that the assertion itself lists as JSON.
    private func projectsInAssertion(_ template: JSON, _ matches: [[String]]) throws -> JSON {
        let text = template.string ?? ""
        guard let position = Int(text.drop { $0 == "{" }.prefix(while: \.isNumber)) else {
            throw MappingError.invalid("projects_json must name a match, such as {0}, not \"\(text)\".")
        }
        guard matches.indices.contains(position) else { throw MappingError.missingMatch(text) }
        // A semicolon within the JSON was taken for one between values.
        guard let projects = try? JSON(parsing: matches[position].joined(separator: ";")) else {
            throw MappingError.invalid("projects_json is not JSON in this assertion.")
        }
        do { try MappingSchema.projects(version).validate(projects) } catch { throw MappingError.invalid(error.description) }
        return projects
    }
}

extension MappingRule {
    /// The values that `{0}`, `{1}` and so on stand for; nil when the rule does not apply.
    fileprivate func matches(_ assertion: MappingAssertion) throws -> [[String]]? {
        var matches: [[String]] = []
        for requirement in remote {
            guard let present = assertion.attributes[requirement.attribute], !present.isEmpty,
                let made = try requirement.evaluate(present)
            else { return nil }
            matches += made
        }
        return matches
    }
}
