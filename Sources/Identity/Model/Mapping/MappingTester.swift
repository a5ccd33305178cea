import CloudAPI
import CloudCore
import Foundation

/// Tries a mapping's rules on an assertion without a cloud: `altostack identity test-mapping`.
public struct MappingTester: Sendable {
    /// What is wrong with the rules or the assertion, for whoever wrote them.
    public struct Failure: Error, CustomStringConvertible {
        /// The reason.
        public let description: String
    }

    private let rules: MappingRules

    /// Reads rules.
    /// - Parameters:
    ///   - text: JSON: a mapping as the API takes it, or its list of rules alone.
    ///   - schemaVersion: the version of the rules' schema; nil for the one the rules name, or the first.
    /// - Throws: `Failure` for what the API would refuse.
    public init(rules text: String, schemaVersion: String? = nil) throws {
        do {
            let document = try JSON(parsing: text)
            var mapping = document["mapping"]?.object ?? document.object ?? ["rules": document]
            if let schemaVersion { mapping["schema_version"] = .string(schemaVersion) }
            rules = try MappingRules(.object(mapping))
        } catch let error as JSONError {
            throw Failure(description: "the rules are not JSON: \(error.description)")
        } catch let error as IdentityError {
            throw Failure(description: error.fault.message)
        }
    }

    /// What the rules make of an assertion, as JSON text on several lines.
    /// - Parameters:
    ///   - assertion: lines of `attribute: value`; several values stand with `;` between them.
    ///   - prefix: how the names of attributes that count begin.
    /// - Throws: `Failure` for a line without a colon and for rules that yield nobody.
    public func result(of assertion: String, prefix: String = "") throws -> String {
        var attributes: [String: String] = [:]
        for (position, line) in assertion.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.trimmed
            guard !line.isEmpty else { continue }
            guard let colon = line.firstIndex(of: ":") else {
                throw Failure(description: "line \(position + 1) of the assertion is not of the form \"attribute: value\": \(line)")
            }
            let name = line[..<colon].trimmed
            if name.hasPrefix(prefix) { attributes[name] = line[line.index(after: colon)...].trimmed }
        }
        do {
            var writer = JSONWriter()
            writer.write(try rules.map(MappingAssertion(joined: attributes)))
            let object = try JSONSerialization.jsonObject(with: Data(writer.bytes))
            let text = try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
            return String(decoding: text, as: UTF8.self)
        } catch let error as MappingError {
            throw Failure(description: error.description)
        }
    }
}
