import ArgumentParser
import Cloud
import Foundation

/// Shows what the cloud does, on a guest of its own.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Boot a guest with everything it needs, show each step, and say how to get in.",
        discussion: "What is there of an earlier demonstration is used again. Everything it makes is named altostack-demo.")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var settings: SettingOptions

    @Option(name: .long, help: "A disk image; else the small test image, built when it is nowhere.")
    var image: String?

    @Flag(name: .long, help: "Take away all that the demonstration made.")
    var remove = false

    func run() async throws {
        let demo = try Demo(directory: directory.directory, settings: try settings.load(), isTerminal: isatty(STDOUT_FILENO) == 1) { line in
            print(line)
            fflush(nil)
        }
        if remove { try await demo.remove() } else { try await demo.run(image: image) }
    }
}
