import ArgumentParser
import Cloud

/// What an operator does about images from outside.
struct ImageCatalogue: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "images", abstract: "Load, remove and write out metadata definitions.",
        subcommands: [LoadDefinitions.self, UnloadDefinitions.self, ExportDefinitions.self])

    /// Loads definitions.
    struct LoadDefinitions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "load-metadefs",
            abstract: "Load metadata definitions into a cloud; namespaces that it has stay as they are.")

        @OptionGroup var directory: DirectoryOptions
        @OptionGroup var settings: SettingOptions
        @Option(name: .long, help: "A file, or a folder of .json files, as Glance's are; the program's own without it.")
        var path: String?
        @Flag(name: .long, help: "Add to namespaces that the cloud has what they lack.")
        var merge = false
        @Flag(name: .long, help: "With --merge: also change what they have to what the files say.")
        var preferNew = false
        @Flag(name: [.long, .customLong("replace")], help: "Delete namespaces that the cloud has, and make them anew.")
        var overwrite = false

        func validate() throws {
            guard !(preferNew && overwrite) else { throw ValidationError("--prefer-new and --overwrite exclude each other") }
            guard merge || !preferNew else { throw ValidationError("--prefer-new needs --merge") }
        }

        func run() async throws {
            let console = MetadataConsole(directory: directory.directory, settings: try settings.load())
            print(try await console.load(path, merges: merge, prefersNew: preferNew, overwrites: overwrite))
        }
    }

    /// Removes all definitions.
    struct UnloadDefinitions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "unload-metadefs", abstract: "Remove all metadata definitions, those that users made too.")

        @OptionGroup var directory: DirectoryOptions
        @OptionGroup var settings: SettingOptions

        func run() async throws {
            print(try await MetadataConsole(directory: directory.directory, settings: try settings.load()).unload())
        }
    }

    /// Writes all definitions out.
    struct ExportDefinitions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export-metadefs", abstract: "Write all metadata definitions into a folder, one file a namespace.")

        @OptionGroup var directory: DirectoryOptions
        @OptionGroup var settings: SettingOptions
        @Option(name: .long, help: "The folder.") var path: String

        func run() async throws {
            print(try await MetadataConsole(directory: directory.directory, settings: try settings.load()).export(path))
        }
    }
}
