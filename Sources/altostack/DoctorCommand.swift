import ArgumentParser
import Cloud
import CloudCore

/// Looks whether a real cloud can run here.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look whether a real cloud can run on this machine, and say what to do about what is in the way.",
        discussion: "Changes nothing. Ends with 0 when a real cloud can run here, else with 1.")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var settings: SettingOptions

    @Option(name: .long, help: ArgumentHelp("Where the cloud listens or shall listen.", valueName: "HOST:PORT"))
    var listen = ListenAddress(host: "127.0.0.1", port: 9000)

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func run() async throws {
        let report = try await Doctor(
            directory: directory.directory, settings: try settings.load(), port: listen.port
        ).examine()
        print(json ? report.json.text : report.text)
        if report.exitCode != 0 { throw ExitCode(report.exitCode) }
    }
}
