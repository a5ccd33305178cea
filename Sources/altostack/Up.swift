import ArgumentParser
import Cloud
import CloudSettings
import Foundation

/// Starts the cloud.
struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start the cloud: all roles in one process, in the foreground.")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var settings: SettingOptions

    @Option(name: .long, help: ArgumentHelp("Where to listen.", valueName: "HOST:PORT"))
    var listen = ListenAddress(host: "127.0.0.1", port: 9000)

    @Flag(name: .long, help: "Simulate hosts: needs no root and no packages, and boots no real guests.")
    var simulate = false

    @Flag(name: .long, help: "Go on in the background once the cloud is ready.")
    var detach = false

    @Flag(name: .long, help: "Write log lines into the data folder alone, not to standard error.")
    var quiet = false

    func run() async throws {
        let settings = try settings.load()
        guard simulate || geteuid() == 0 else {
            throw ProgramError("real guests and networks need root: run it with sudo, or try `altostack up --simulate`")
        }
        if detach {
            return try await Detachment(directory: directory.directory, arguments: CommandLine.arguments).start()
        }
        let launch = CloudLaunch(
            directory: directory.directory, host: listen.host, port: listen.port, simulate: simulate, settings: settings,
            adminPassword: ProcessInfo.processInfo.environment["ALTOSTACK_ADMIN_PASSWORD"], logsToTerminal: !quiet)
        try await launch.run { line in
            print(line)
            fflush(nil)
        }
    }
}

/// Stops a cloud that runs in the background.
struct Down: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stop the cloud; guests and their networks go on.")

    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var settings: SettingOptions

    @Flag(name: .long, help: "Take the networks down too: guests' interfaces, namespaces, bridges and OVN's daemons.")
    var networks = false

    func run() async throws {
        try await stop()
        guard networks else { return }
        try await NetworkRemoval.run(directory: directory.directory, settings: settings.load())
        print("networks removed")
    }

    private func stop() async throws {
        guard let state = RunState.read(directory.directory) else {
            return print("no cloud is running on \(directory.directory.path)")
        }
        guard kill(state.pid, SIGTERM) == 0 else {
            throw ProgramError("cannot stop process \(state.pid): \(String(cString: strerror(errno)))")
        }
        let limit = ContinuousClock.now + .seconds(15)
        while RunState.read(directory.directory) != nil {
            guard ContinuousClock.now < limit else { throw ProgramError("process \(state.pid) does not stop") }
            try await Task.sleep(for: .milliseconds(50))
        }
        print("stopped")
    }
}
