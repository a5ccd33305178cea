import ArgumentParser
import Cloud

/// What an operator does about the key manager from outside.
struct KeyManagerKeys: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key-manager", abstract: "Rotate the keys that secrets are encrypted under.", subcommands: [RotateKeys.self])

    /// Rotates keys.
    struct RotateKeys: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate-keys", abstract: "Make a new key and encrypt every secret anew under it, while the cloud runs or not.")

        @OptionGroup var directory: DirectoryOptions
        @OptionGroup var settings: SettingOptions

        func run() async throws {
            let console = KeyManagerConsole(directory: directory.directory, settings: try settings.load())
            print("encrypted \(try await console.rotateKeys()) secrets anew")
        }
    }
}
