import ArgumentParser
import Cloud

/// What an operator does about Identity from outside.
struct IdentityKeys: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "identity", abstract: "Rotate the keys of tokens; try federation's mappings.",
        subcommands: [RotateKeys.self, TestMapping.self])

    /// Rotates keys.
    struct RotateKeys: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate-keys",
            abstract: "Make a new key for tokens; tokens made so far hold until their key is dropped by later rotations.")

        @OptionGroup var directory: DirectoryOptions
        @OptionGroup var settings: SettingOptions
        @Flag(name: .long, help: "Rotate the keys that credentials are encrypted under instead, and encrypt them anew.")
        var credentials = false

        func run() async throws {
            let console = IdentityConsole(directory: directory.directory, settings: try settings.load())
            if credentials {
                try await console.rotateCredentialKeys()
                print("rotated the keys of credentials and encrypted them anew")
            } else {
                try await console.rotateTokenKeys()
                print("rotated the keys of tokens")
            }
        }
    }
}
