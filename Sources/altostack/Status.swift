import ArgumentParser
import Cloud
import CloudCore
import CloudSettings
import CloudStore
import CloudWorkflow
import Foundation

/// Says whether the cloud runs, and what it is doing.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say whether the cloud runs and what it is doing.")

    @OptionGroup var directory: DirectoryOptions

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func run() async throws {
        let report = try await StatusReport.gather(directory.directory)
        print(json ? report.json.text : report.text)
        if !report.isRunning { throw ExitCode(3) }
    }
}

/// Shows the settings in force.
struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the effective settings and where each comes from.")

    @OptionGroup var settings: SettingOptions

    func run() throws {
        for setting in try settings.load().effective {
            print("# \(setting.description)")
            print("\(setting.key): \(setting.value)   [\(setting.source)]")
        }
    }
}
