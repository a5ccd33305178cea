import ArgumentParser
import Cloud
import CloudCore
import CloudPolicy

/// The cloud's policy.
struct Policy: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the policy rules, or ask one.", subcommands: [List.self, Check.self])

    /// Lists the rules in force.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the rules in force, by service.")

        @OptionGroup var directory: DirectoryOptions
        @Option(name: .long, help: "Only this service's rules, by its catalog type.")
        var service: String?

        func run() throws {
            let book = try PolicyBook(directory: directory.directory)
            for (type, engine) in book.engines.sorted(by: { $0.key < $1.key }) where service == nil || service == type {
                print("# \(type)")
                print(engine.policyFile)
            }
        }
    }

    /// Asks a rule.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say whether a rule lets somebody do something, and why.")

        @OptionGroup var directory: DirectoryOptions
        @Argument(help: "The rule, such as os_compute_api:servers:create.")
        var rule: String
        @Option(name: .long, help: "The service's catalog type; needed when several services have the rule.")
        var service: String?
        @Option(name: .long, help: "A role of the caller; may be given several times.")
        var role: [String] = []
        @Option(name: .long, help: ArgumentHelp("An attribute of the caller.", valueName: "NAME=VALUE"))
        var credential: [String] = []
        @Option(name: .long, help: ArgumentHelp("An attribute of what is acted on.", valueName: "NAME=VALUE"))
        var target: [String] = []
        @Option(name: .long, help: "The token's scope: system, domain or project.")
        var scope: String = "project"

        func run() throws {
            let book = try PolicyBook(directory: directory.directory)
            let credentials = PolicyCredentials(
                attributes: try pairs(credential), roles: Set(role), scope: PolicyScope(rawValue: scope))
            let engine = try book.engine(of: rule, service: service)
            print(engine.explain(rule, credentials, try pairs(target)))
            if !engine.allows(rule, credentials, try pairs(target)) { throw ExitCode(1) }
        }

        private func pairs(_ texts: [String]) throws -> [String: JSON] {
            try Dictionary(uniqueKeysWithValues: texts.map { text in
                let parts = text.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { throw ValidationError("NAME=VALUE expected, not \(text)") }
                return (String(parts[0]), .string(String(parts[1])))
            })
        }
    }
}
