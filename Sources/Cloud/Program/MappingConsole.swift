import Foundation
import Identity

/// What `altostack identity test-mapping` does: it tries rules on an assertion, both from files.
public enum MappingConsole {
    /// What the rules make of the assertion, as JSON text.
    /// - Throws: `ProgramError` for a file that cannot be read, and for what is wrong with what is in them.
    public static func test(rules: String, input: String, prefix: String, schemaVersion: String?) throws -> String {
        do {
            let tester = try MappingTester(rules: try text(rules), schemaVersion: schemaVersion)
            return try tester.result(of: try text(input), prefix: prefix)
        } catch let failure as MappingTester.Failure {
            throw ProgramError(failure.description)
        }
    }

    private static func text(_ path: String) throws -> String {
        do { return try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw ProgramError("cannot read \(path): \(error.localizedDescription)")
        }
    }
}
