import ArgumentParser
import Cloud

/// Tries a mapping's rules on an assertion.
struct TestMapping: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test-mapping", abstract: "Show what a federation mapping makes of an assertion.")

    @Option(name: .long, help: "A file with the rules as JSON, as the API takes them.")
    var rules: String

    @Option(name: .long, help: "A file with the assertion: lines of `attribute: value`, several values with `;` between them.")
    var input: String

    @Option(name: .long, help: "How the names of attributes that count begin.")
    var prefix = ""

    @Option(name: .long, help: "The version of the rules' schema, if they do not name one: 1.0, 2.0 or 3.0.")
    var mappingSchemaVersion: String?

    func run() throws {
        print(try MappingConsole.test(rules: rules, input: input, prefix: prefix, schemaVersion: mappingSchemaVersion))
    }
}
