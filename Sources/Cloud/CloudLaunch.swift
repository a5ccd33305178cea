import CLinux
import CloudAPI
import CloudBus
import CloudCore
import CloudCrypto
import CloudSettings
import CloudStore
import CloudTelemetry
import CloudWorkflow
import Compute
import ComputeMessages
import ConsoleProxy
import Dispatch
import Foundation
import Identity
import Logging

/// One run of the program: takes the data folder, brings up every role, serves until told to stop, and leaves
/// everything on disk.
public struct CloudLaunch: Sendable {
    let directory: DataDirectory
    let host: String
    let port: Int
    let simulate: Bool
    let settings: Settings
    let adminPassword: Secret<String>?
    /// Whether log lines go to standard error too, not only into the data folder.
    let logsToTerminal: Bool

    /// A run to come.
    /// - Parameters:
    ///   - adminPassword: the administrator's password if this is the first start; nil for a generated one.
    ///   - logsToTerminal: whether log lines go to standard error too, not only into the data folder.
    public init(
        directory: DataDirectory, host: String, port: Int, simulate: Bool, settings: Settings, adminPassword: String?,
        logsToTerminal: Bool = true
    ) {
        self.logsToTerminal = logsToTerminal
        (self.directory, self.host, self.port) = (directory, host, port)
        (self.simulate, self.settings, self.adminPassword) = (simulate, settings, adminPassword.map(Secret.init))
    }

    /// Runs until SIGTERM or SIGINT.
    /// - Parameter announce: prints a line for the person who started it; the last one of the start is `ready`.
    public func run(announce: @escaping @Sendable (String) -> Void) async throws {
        try directory.create()
        let lock = try directory.lock()
        guard port == 0 || !["127.0.0.1", "localhost", "0.0.0.0"].contains(host) || Doctor.isFree(port) else {
            throw ProgramError("another program listens at port \(port): stop it (`ss -ltnp` names it), or choose another with --listen")
        }
        let metrics = PrometheusRegistry()
        let output = try logOutput()
        Telemetry.bootstrap(
            level: Logger.Level(rawValue: settings[CloudSettingKeys.logLevel].rawValue) ?? .info,
            format: settings[CloudSettingKeys.logFormat], output: output, metrics: metrics)
        let seed = try SimulationSeed(settings: settings, directory: directory, simulate: simulate)
        seed?.begin()
        // Beside the database's tables, which a first start makes.
        async let policies = PolicyBook(directory: directory)
        let database = try StoreOpening.open(directory, settings)
        let bus = InProcessBus()
        let consoles = ConsoleProxy(options: .init(
            host: host, port: settings[ConsoleSettingKeys.port], pages: settings[ConsoleSettingKeys.pages],
            spicePages: settings[ConsoleSettingKeys.spicePages]))
        let consolePort = try await consoles.listen()
        let services = try await CloudServices(
            database: database, bus: bus, directory: directory, settings: settings, simulate: simulate,
            consoleURL: settings[ConsoleSettingKeys.publicURL] ?? "http://\(publicHost):\(consolePort)")
        let options = serverOptions(metrics: metrics, database: database, output: output)
        async let isBootstrapped: Void = bootstrap(services.identity)
        let server = try CloudServer(
            services: services.apis, policies: try await policies.engines, authenticator: services.identity, options: options)
        services.relay.connect(server)
        try await isBootstrapped
        let hosts = try await makeHosts(services, bus)
        _ = try await services.listen()
        try await hosts.start()
        seed?.goOn()
        try await serve(server, services, hosts, consoles, announce)
        await bus.close(deadline: .seconds(1))
        await database.close()
        try FileManager.default.removeItem(atPath: directory.state)
        withExtendedLifetime(lock) {}
    }

    private func makeHosts(_ services: CloudServices, _ bus: any Bus) async throws -> CloudHosts {
        let name = hostName
        if let faults = services.faults {
            return .simulated(
                bus: bus, directory: directory, settings: settings, hostName: name, images: services.images, faults: faults)
        }
        return try await .real(bus: bus, directory: directory, settings: settings, hostName: name, images: services.images)
    }

    private var hostName: String { ServiceOptions(settings: settings, directory: directory, simulate: simulate).hostName }

    // MARK: The first start

    /// Where clients find the cloud.
    private var url: String { settings[CloudSettingKeys.publicURL] ?? "http://\(publicHost):\(port)" }
    private var publicHost: String { PublicAddress.ofListener(host) }

    private func bootstrap(_ identity: Identity) async throws {
        let password = adminPassword ?? Secret(Base64URL.encode(RandomBytes.make(18)))
        let region = settings[CloudSettingKeys.region]
        let isFirst = try await identity.bootstrap(adminPassword: password, region: region, services: catalog)
        if isFirst { return try ClientFiles(url: url, password: password, region: region).write(directory) }
        // It may listen elsewhere than before.
        guard port != 0, let former = try ClientFiles.move(directory, to: url) else { return }
        try await identity.moveEndpoints(from: former, to: url)
    }

    private var catalog: [Identity.BootstrapService] {
        [
            Identity.BootstrapService(type: "identity", name: "keystone", publicURL: "\(url)/identity"),
            Identity.BootstrapService(type: "image", name: "glance", publicURL: "\(url)/image"),
            Identity.BootstrapService(type: "placement", name: "placement", publicURL: "\(url)/placement"),
            Identity.BootstrapService(type: "network", name: "neutron", publicURL: "\(url)/network"),
            Identity.BootstrapService(type: "compute", name: "nova", publicURL: "\(url)/compute/v2.1"),
            Identity.BootstrapService(type: "volumev3", name: "cinderv3", publicURL: "\(url)/volume/v3/%(project_id)s"),
            Identity.BootstrapService(type: "block-storage", name: "cinder", publicURL: "\(url)/volume/v3/%(project_id)s"),
            Identity.BootstrapService(type: "key-manager", name: "barbican", publicURL: "\(url)/key-manager"),
        ]
    }

    // MARK: Serving

    /// Where log lines go: the data folder, standard error, or both.
    private func logOutput() throws -> LineWriter {
        let files = settings[LogSettingKeys.files]
        guard files > 0 else { return .standardError }
        let log = try RotatingLog(folder: directory.logs, files: files, fileSize: settings[LogSettingKeys.fileSize] << 20)
        guard logsToTerminal else { return LineWriter { log.append($0) } }
        return LineWriter { line in
            log.append(line)
            LineWriter.standardError(line)
        }
    }

    private func serverOptions(metrics: PrometheusRegistry, database: any Database, output: LineWriter) -> ServerOptions {
        var options = ServerOptions()
        (options.host, options.port, options.metrics) = (host, port, metrics)
        options.publicURL = settings[CloudSettingKeys.publicURL]
        options.bodyLimit = settings[CloudSettingKeys.bodyLimit]
        if settings[CloudSettingKeys.accessLog] { options.accessLog = AccessLog(format: settings[CloudSettingKeys.logFormat], output: output) }
        options.healthChecks = [HealthCheck("store") { _ = try await database.read { try $0.scalar("SELECT 1", as: Int.self) } }]
        options.mapError = { error in
            switch error {
            case StoreError.overloaded: Fault(.serviceUnavailable, "The cloud is overloaded; try again.", headers: [.retryAfter: "1"])
            case StoreError.unavailable: Fault(.serviceUnavailable, "The database is not available; try again.", headers: [.retryAfter: "5"])
            case CryptoError.overloaded: Fault(.serviceUnavailable, "Too many logins at once; try again.", headers: [.retryAfter: "1"])
            default: nil
            }
        }
        return options
    }

    /// Runs everything that runs until the first of it ends, which a signal makes the server do; then stops the rest. What goes on
    /// by itself comes to rest while requests in flight end, so that the two waits don't add up.
    private func serve(
        _ server: CloudServer, _ services: CloudServices, _ hosts: CloudHosts, _ consoles: ConsoleProxy,
        _ announce: @escaping @Sendable (String) -> Void
    ) async throws {
        let background = Task {
            await withTaskGroup { group in
                group.addTask { await services.runner.run() }
                group.addTask {
                    async let released: Void = releaseStartMemory(after: .seconds(3))
                    await services.reconcilers.run()
                    await released
                }
            }
        }
        let signals = TerminationSignals {
            server.stop()
            background.cancel()
        }
        defer { signals.end() }
        do {
            try await serveRequests(server, services, hosts, consoles, announce)
        } catch {
            background.cancel()
            await background.value
            throw error
        }
        background.cancel()
        await background.value
    }

    private func serveRequests(
        _ server: CloudServer, _ services: CloudServices, _ hosts: CloudHosts, _ consoles: ConsoleProxy,
        _ announce: @escaping @Sendable (String) -> Void
    ) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await hosts.run() }
            group.addTask {
                try await consoles.run { try await services.compute.console(token: $0).map(ConsoleTarget.init) }
            }
            group.addTask {
                try await server.run { address in
                    announce("Altostack serves OpenStack's APIs at http://\(address.host):\(address.port)")
                    announce("export OS_CLIENT_CONFIG_FILE=\(directory.cloudsYAML) OS_CLOUD=altostack")
                    do {
                        let url = "http://\(address.host):\(address.port)"
                        try RunState(pid: getpid(), url: url, simulated: simulate, readyAt: .now, hostName: hostName).write(directory)
                    } catch {
                        announce("cannot write \(directory.state): \(error)")
                    }
                    announce("ready")
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

/// Gives back the memory that only a start needs. A start runs through much of the program once; its pages would stay mapped although
/// nothing needs them any more, and a small host would count them as ours. Waits for the start's last work first.
private func releaseStartMemory(after delay: Duration) async {
    guard (try? await Task.sleep(for: delay)) != nil else { return }
    altostack_release_memory()
}

extension ConsoleTarget {
    fileprivate init(_ address: GuestConsoleAddress) {
        switch address {
        case .tcp(let host, let port, _): self = .tcp(host: host, port: port)
        case .unix(let path): self = .unix(path: path)
        }
    }
}

/// Calls a closure on SIGTERM and SIGINT.
final class TerminationSignals {
    private let sources: [any DispatchSourceSignal]

    init(_ handler: @escaping @Sendable () -> Void) {
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler(handler: handler)
            source.resume()
            return source
        }
    }

    func end() { for source in sources { source.cancel() } }
}
