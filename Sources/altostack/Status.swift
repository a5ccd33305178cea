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

    @OptionGroup var settings: SettingOptions

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @Flag(name: .long, help: "Show it anew every second, until interrupted.")
    var watch = false

    func run() async throws {
        let session = StatusSession()
        repeat {
            let report = try await StatusReport.gather(directory.directory, settings: try settings.load(), session: session)
            // Clears the terminal only once there is something to show, so that nothing flickers.
            let clear = watch && isatty(STDOUT_FILENO) == 1 ? "\u{1b}[H\u{1b}[2J" : ""
            print(clear + (json ? report.json.text : report.text))
            fflush(nil)
            if !watch && !report.isRunning { throw ExitCode(3) }
            if watch { try await Task.sleep(for: .seconds(1)) }
        } while watch
    }
}

/// Gathers what is known of a request.
struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gather one request's log lines, from the API to the hosts, and the workflows that it began.",
        discussion: "Each answer of the cloud's names its request in x-openstack-request-id; the openstack client shows it with --debug.")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var settings: SettingOptions
    @Argument(help: "The request's id, such as req-0123….") var requestID: String
    @Flag(name: .long, help: "Print JSON.") var json = false

    func run() async throws {
        let trail = try await RequestTrail.gather(requestID, directory: directory.directory, settings: try settings.load())
        print(json ? trail.json.text : trail.text)
    }
}

/// Shows the settings in force.
struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the effective settings and where each comes from.")

    @OptionGroup var settings: SettingOptions

    @Flag(name: .long, help: "Print every setting with its default instead, as docs/CONFIGURATION.md has them.")
    var markdown = false

    func run() throws {
        if markdown { return print(try SettingsDocument.markdown(), terminator: "") }
        for setting in try settings.load().effective {
            print("# \(setting.description)")
            print("\(setting.key): \(setting.value)   [\(setting.source)]")
        }
    }
}
