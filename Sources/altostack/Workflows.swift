import ArgumentParser
import Cloud
import CloudWorkflow

/// What the cloud is in the middle of.
struct Workflows: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, explain, retry and unwind workflows.",
        subcommands: [List.self, Show.self, Retry.self, Unwind.self])

    /// Lists workflows.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List workflows, the live ones unless --all is given.")

        @OptionGroup var directory: DirectoryOptions
        @OptionGroup var settings: SettingOptions
        @Flag(name: .long, help: "Also those that have ended.")
        var all = false

        func run() async throws {
            let text = try await WorkflowConsole(directory: directory.directory, settings: try settings.load()).list(all: all)
            print(text)
        }
    }

    /// Explains one workflow.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a workflow with its steps.")

        @OptionGroup var directory: DirectoryOptions
        @OptionGroup var settings: SettingOptions
        @Argument(help: "The workflow's id.") var id: String

        func run() async throws {
            print(try await WorkflowConsole(directory: directory.directory, settings: try settings.load()).show(id))
        }
    }

    /// Tries a waiting or stuck workflow again at once.
    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Try a waiting or stuck workflow again at once.")

        @OptionGroup var directory: DirectoryOptions
        @OptionGroup var settings: SettingOptions
        @Argument(help: "The workflow's id.") var id: String

        func run() async throws {
            print(try await WorkflowConsole(directory: directory.directory, settings: try settings.load()).retry(id))
        }
    }

    /// Takes back what a workflow did.
    struct Unwind: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Cancel a workflow and undo what it did.")

        @OptionGroup var directory: DirectoryOptions
        @OptionGroup var settings: SettingOptions
        @Argument(help: "The workflow's id.") var id: String

        func run() async throws {
            print(try await WorkflowConsole(directory: directory.directory, settings: try settings.load()).unwind(id))
        }
    }
}
