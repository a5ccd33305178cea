import ArgumentParser
import Cloud

/// Writes the whole cloud's state into a file.
struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the whole cloud's state into a file, while it runs.",
        discussion: """
            The file holds rows, keys, policy, clients' files and images as they are at one moment; whoever has it has the \
            cloud's secrets. Guests' own disks and volumes are no part of it.
            """)

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var settings: SettingOptions
    @Argument(help: "The file; one that is there is replaced once the backup is whole.") var file: String

    func run() async throws {
        print(try await CloudBackup(directory: directory.directory, settings: try settings.load()).write(to: file))
    }
}

/// Makes a cloud from a backup.
struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Make a cloud from a backup, where there is none yet.")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var settings: SettingOptions
    @Argument(help: "The file that `altostack backup` wrote.") var file: String

    func run() async throws {
        print(try await CloudRestore(directory: directory.directory, settings: try settings.load()).read(from: file))
    }
}
