import BlockStorage
import CloudAPI
import CloudPolicy
import Compute
import Foundation
import Identity
import Images
import KeyManager
import MetadataDefinitions
import Networking
import Placement

/// Every service's rules in force: upstream's defaults, and what the operator's files `policy/TYPE.yaml` in the data
/// folder say instead.
public struct PolicyBook: Sendable {
    /// The compiled rules by service type.
    public let engines: [String: PolicyEngine]

    /// Reads and compiles the rules.
    /// - Throws: `PolicyError` with file, line and rule for a rule that is wrong.
    public init(directory: DataDirectory) throws {
        let services: [(String, [PolicyRule], [PolicyCheckKind])] = [
            ("identity", Identity.rules, []), ("image", Images.rules + MetadataDefinitions.rules, []), ("placement", Placement.rules, []),
            ("network", Networking.rules, Networking.policyChecks), ("compute", Compute.rules, []),
            ("key-manager", KeyManager.rules, []),
            ("simulation", FaultAPI.rules, []),
            ("block-storage", BlockStorage.rules, []),
        ]
        var engines: [String: PolicyEngine] = [:]
        for (type, rules, kinds) in services {
            let file = directory.file("policy/\(type).yaml")
            if let data = FileManager.default.contents(atPath: file) {
                let overrides = try PolicyEngine.overrides(fromYAML: String(decoding: data, as: UTF8.self), file: file)
                engines[type] = try PolicyEngine(rules: rules, overrides: overrides, kinds: kinds)
            } else {
                engines[type] = try PolicyEngine(rules: rules, kinds: kinds)
            }
        }
        self.engines = engines
    }

    /// The one service's rules that have this rule.
    /// - Throws: `ProgramError` when no service has it, or several have.
    public func engine(of rule: String, service: String?) throws -> PolicyEngine {
        let matching = engines.filter { ($0.key == service || service == nil) && $0.value.rules[rule] != nil }
        guard let only = matching.first else { throw ProgramError("no service has a rule \(rule)") }
        guard matching.count == 1 else {
            throw ProgramError("several services have \(rule): name one with --service: \(matching.keys.sorted().joined(separator: ", "))")
        }
        return only.value
    }
}
