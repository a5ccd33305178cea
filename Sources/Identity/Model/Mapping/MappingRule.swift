import CloudAPI
import CloudCore
import Foundation

/// A checked set of rules, ready to be applied to assertions.
struct MappingRules: Sendable {
    let version: MappingSchemaVersion
    let rules: [MappingRule]

    /// Reads a mapping, `{"rules": […], "schema_version": "1.0"}`.
    /// - Throws: `IdentityError.invalid` for what its schema does not admit and for patterns that do not compile.
    init(_ mapping: JSON) throws {
        version = try MappingSchemaVersion.named(in: mapping)
        do { try MappingSchema.mapping(version).validate(mapping) } catch { throw IdentityError.invalid(error.description) }
        rules = try (mapping["rules"]?.array ?? []).map(MappingRule.init)
    }
}

/// "An assertion like this makes a user like that."
struct MappingRule: Sendable {
    let remote: [MappingRequirement]
    /// Templates of identity values, whose texts may hold `{0}` and its kin.
    let local: [JSONObject]

    fileprivate init(_ rule: JSON) throws {
        remote = try (rule["remote"]?.array ?? []).map(MappingRequirement.init)
        local = (rule["local"]?.array ?? []).compactMap(\.object)
    }
}

/// What a rule asks of one attribute of the assertion.
struct MappingRequirement: Sendable {
    /// How the attribute's values are judged.
    enum Condition: String, Sendable, CaseIterable {
        /// At least one value is listed.
        case anyOneOf = "any_one_of"
        /// No value is listed.
        case notAnyOf = "not_any_of"
        /// The listed values are left out of the match.
        case blacklist
        /// Only the listed values stay in the match.
        case whitelist
    }

    /// The attribute's name.
    let attribute: String
    /// Nil when the attribute need only be there.
    let condition: Condition?
    /// The listed values, or the patterns.
    let values: [String]
    let isRegularExpression: Bool

    fileprivate init(_ requirement: JSON) throws {
        attribute = requirement["type"]?.string ?? ""
        condition = Condition.allCases.first { requirement[$0.rawValue] != nil }
        values = condition.flatMap { requirement[$0.rawValue]?.array?.compactMap(\.string) } ?? []
        isRegularExpression = requirement["regex"]?.bool ?? false
        if isRegularExpression { for pattern in values { _ = try Self.compile(pattern) } }
    }

    private static func compile(_ pattern: String) throws -> NSRegularExpression {
        do { return try NSRegularExpression(pattern: pattern) } catch {
            throw IdentityError.invalid("The mapping's regular expression \"\(pattern)\" is not well-formed.")
        }
    }

    /// What an attribute's values match: nil when the rule does not apply, an empty outer list when the requirement
    /// makes no match to refer to.
    func evaluate(_ present: [String]) throws -> [[String]]? {
        guard let condition else { return [present] }
        let listed = try listed(present)
        switch condition {
        case .anyOneOf: return listed.isEmpty ? nil : []
        case .notAnyOf: return listed.isEmpty ? [] : nil
        case .blacklist: return [Self.unique(present.filter { !listed.contains($0) })]
        case .whitelist: return [Self.unique(present.filter(listed.contains))]
        }
    }

    private func listed(_ present: [String]) throws -> Set<String> {
        guard isRegularExpression else { return Set(values).intersection(present) }
        let patterns = try values.map(Self.compile)
        return Set(present.filter { value in
            let whole = NSRange(location: 0, length: value.utf16.count)
            return patterns.contains { $0.firstMatch(in: value, range: whole) != nil }
        })
    }

    private static func unique(_ values: [String]) -> [String] {
        var seen: Set<String> = []
        return values.filter { seen.insert($0).inserted }
    }
}
