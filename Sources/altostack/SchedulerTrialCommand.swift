import ArgumentParser
import Cloud

/// Tries the scheduler with its settings on hosts that do not exist.
struct SchedulerTrialCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scheduler-trial", abstract: "Place servers of nobody on hosts that do not exist, and time it.")

    @Option(name: .long, help: "A folder for the trial's database, which must not exist yet.")
    var dataDir: String

    @OptionGroup var settings: SettingOptions

    @Option(name: .long, help: "How many hosts there are.")
    var hosts = 10_000

    @Option(name: .long, help: "How many servers are placed.")
    var servers = 5_000

    @Option(name: .long, help: "How many servers are placed at the same time.")
    var clients = 16

    func run() async throws {
        print(
            try await SchedulerConsole.trial(
                directory: DataDirectory(dataDir), settings: try settings.load(), hosts: hosts, servers: servers, clients: clients))
    }
}
