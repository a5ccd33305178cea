import ArgumentParser
import Cloud
import CloudSettings
import Foundation

/// Which cloud a command is about.
struct DirectoryOptions: ParsableArguments {
    @Option(name: .long, help: "The folder that holds the cloud (default: /var/lib/altostack for root, else the user's data folder).")
    var dataDir: String?

    var directory: DataDirectory {
        dataDir.map(DataDirectory.init)
            ?? .standard(environment: ProcessInfo.processInfo.environment, isRoot: geteuid() == 0)
    }
}

/// Where settings come from.
struct SettingOptions: ParsableArguments {
    @Option(name: .long, help: "A YAML file with settings.")
    var config: String?

    @Option(name: .customLong("set"), help: ArgumentHelp("A setting; may be given several times.", valueName: "KEY=VALUE"))
    var sets: [String] = []

    /// The settings in force: file, environment, `--set`.
    func load() throws -> Settings {
        try Settings.load(
            CloudSettingKeys.registry, file: try config.map { try SettingsFile(path: $0) },
            environment: ProcessInfo.processInfo.environment, sets: sets)
    }
}

/// Where the program listens: `HOST:PORT`, with brackets around an IPv6 address.
struct ListenAddress: ExpressibleByArgument {
    let host: String
    let port: Int

    init(host: String, port: Int) { (self.host, self.port) = (host, port) }

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"), let port = Int(argument[argument.index(after: colon)...]),
            (0...65535).contains(port)
        else { return nil }
        let host = argument[..<colon].trimmingPrefix("[")
        self.init(host: String(host.hasSuffix("]") ? host.dropLast() : host), port: port)
        guard !self.host.isEmpty else { return nil }
    }

    var defaultValueDescription: String { "\(host):\(port)" }
}
