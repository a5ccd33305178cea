import CLinux
import Foundation
import Logging

/// Keeps Open vSwitch's and OVN's daemons running for a cloud on one host, in a state directory of its own. They are
/// started in sessions of their own and outlive us: whoever starts again adopts those that run, so that no packet is lost.
actor OVNSupervisor {
    private let options: NetworkAgentOptions
    private let paths: OVNPaths
    private let daemons: OVNDaemons
    private let logger: Logger
    private let links: LinkCommands
    /// The connection to the host's own database, kept while we are started.
    nonisolated let local: OVSDBClient
    /// Whether packets are forwarded in userspace.
    nonisolated let userspace: Bool

    private var backoffs: [String: RestartBackoff] = [:]
    private var known: [String: pid_t] = [:]
    private var children: Set<pid_t> = []
    private var connection: Task<Void, Never>?
    private var isHostSideDue = true
    private var ticks = 0

    /// How often daemons are looked after.
    private static let interval = Duration.milliseconds(500)
    /// The host's side is set right again at least every so many rounds, logs are looked at as often.
    private static let slowRounds = 60
    private static let logLimit = 16 << 20

    /// - Throws: `HostError` if an option cannot be or a program is missing.
    init(options: NetworkAgentOptions, logger: Logger) throws {
        try options.validate()
        self.options = options
        self.logger = logger
        paths = OVNPaths(root: options.stateDirectory)
        daemons = try OVNDaemons(paths: paths)
        links = try LinkCommands(namespace: options.namespace)
        local = OVSDBClient(path: paths.localSocket, monitor: LocalConfiguration.monitor, logger: logger)
        let hasKernelDatapath = altostack_generic_netlink_family("ovs_datapath") == 1
        guard options.datapath != .kernel || hasKernelDatapath else {
            throw HostError.badOption("the kernel has no Open vSwitch datapath")
        }
        userspace = options.datapath == .userspace || !hasKernelDatapath
    }

    // MARK: - Life

    /// Brings everything up that does not run, and returns when the switch has its bridges.
    /// - Throws: `HostError` and `OVSDBError`.
    func start(deadline: ContinuousClock.Instant) async throws {
        for directory in [paths.root, paths.run, paths.logs] {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        for (database, server) in zip(daemons.databases, daemons.servers) where server.process == nil {
            try await prepare(database)
        }
        if connection == nil { connection = Task { [local] in await local.run() } }
        for server in daemons.servers { try await ensure(server) }
        try await configure(deadline: deadline)
        for worker in daemons.workers { try await ensure(worker) }
        do {
            try await local.wait(until: deadline, for: LocalConfiguration.isSettled)
        } catch OVSDBError.deadlineExceeded {
            let errors = try? await local.read(deadline: .now + .seconds(1)) { LocalConfiguration.errors(in: $0) }
            throw HostError.notReady("\(OVNDaemons.switchName) (\(errors?.joined(separator: "; ") ?? ""); see \(paths.logs))")
        }
        try await putHostSide()
    }

    /// Looks after the daemons until the task is cancelled.
    func supervise() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.interval) } catch { return }
            await lookAfter()
        }
    }

    /// Stops looking; the daemons go on.
    func detach() async {
        await local.close()
        connection?.cancel()
        await connection?.value
        connection = nil
    }

    /// Stops every daemon, and removes what they left in the kernel. Guests lose their networks.
    func stop() async {
        await detach()
        for daemon in daemons.all.reversed() { await end(daemon) }
        if userspace, let isolation = try? GuestIsolation(namespace: options.namespace) {
            do { try await isolation.remove() } catch { logger.warning("Rules remain", metadata: ["error": "\(error)"]) }
        }
    }

    // MARK: - Databases

    /// Makes a database, or brings it to the schema of the installed programs.
    private func prepare(_ database: OVNDaemons.Database) async throws {
        let path = paths.database(database.name)
        guard FileManager.default.fileExists(atPath: path) else {
            try await Command(executable: daemons.ovsdbTool, arguments: ["create", path, database.schema]).run()
            return
        }
        let answer = try await Command(
            executable: daemons.ovsdbTool, arguments: ["needs-conversion", path, database.schema]).run()
        guard answer.hasPrefix("yes") else { return }
        logger.info("Converting a database", metadata: ["database": "\(database.name)"])
        try await Command(executable: daemons.ovsdbTool, arguments: ["convert", path, database.schema])
            .run(limit: .seconds(300))
    }

    /// Lets other hosts in, also where the server was adopted or started again: adding a remote twice is harmless.
    private func openSouthbound() async throws {
        guard let remote = try? options.southboundRemote, let server = daemons.servers.last, let process = server.process else {
            return
        }
        try await UnixControl.call(server.controlPath(of: process), "ovsdb-server/add-remote", [remote])
    }

    private func configure(deadline: ContinuousClock.Instant) async throws {
        let configuration = LocalConfiguration(options: options, paths: paths, userspace: userspace)
        let operations = try await local.read(deadline: deadline) { configuration.operations(in: $0) }
        if !operations.isEmpty { try await local.transact(operations, deadline: deadline) }
    }

    // MARK: - Daemons

    /// The processes of the daemons that run, by name.
    var processes: [String: pid_t] {
        Dictionary(uniqueKeysWithValues: daemons.all.compactMap { daemon in daemon.process.map { (daemon.name, $0) } })
    }

    private func ensure(_ daemon: Daemon) async throws {
        if let process = daemon.process {
            if known[daemon.name] == nil { logger.info("Adopted", metadata: ["daemon": "\(daemon.name)", "pid": "\(process)"]) }
            known[daemon.name] = process
            return
        }
        let now = ContinuousClock.now
        guard backoffs[daemon.name, default: RestartBackoff()].isDue(at: now) else { return }
        if known[daemon.name] != nil { logger.warning("Died and is started again", metadata: ["daemon": "\(daemon.name)"]) }
        backoffs[daemon.name, default: RestartBackoff()].started(at: now)
        let command = Command(executable: daemon.executable, arguments: daemon.arguments, environment: daemon.environment)
        let child = try await command.startDetached(in: options.namespace, output: daemon.log + ".out")
        children.insert(child)
        known[daemon.name] = child
        if daemon.name == OVNDaemons.switchName || daemon == daemons.servers.last { isHostSideDue = true }
        try await awaitProcess(of: daemon, child)
    }

    /// Waits until a daemon that was just started has written its pid file, or has died.
    private func awaitProcess(of daemon: Daemon, _ child: pid_t) async throws {
        let end = ContinuousClock.now + .seconds(10)
        while daemon.process == nil {
            reapChildren()
            guard children.contains(child), .now < end else {
                throw HostError.notReady("\(daemon.name) (see \(daemon.log) and \(daemon.log).out)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private func reapChildren() {
        var status: Int32 = 0
        children = children.filter { waitpid($0, &status, WNOHANG) == 0 }
    }

    private func lookAfter() async {
        reapChildren()
        for daemon in daemons.all {
            do {
                try await ensure(daemon)
            } catch {
                logger.error("Does not start", metadata: ["daemon": "\(daemon.name)", "error": "\(error)"])
            }
        }
        ticks += 1
        let isSlowRound = ticks % Self.slowRounds == 0
        if isHostSideDue || isSlowRound {
            do {
                try await putHostSide()
            } catch {
                logger.warning("The host's side is not right yet", metadata: ["error": "\(error)"])
            }
        }
        if isSlowRound { for daemon in daemons.all { await rotate(daemon) } }
    }

    private func end(_ daemon: Daemon) async {
        guard let process = daemon.process else { return }
        do {
            try await UnixControl.call(daemon.controlPath(of: process), "exit", daemon.exitArguments)
        } catch {
            logger.debug("Takes no command", metadata: ["daemon": "\(daemon.name)", "error": "\(error)"])
        }
        for (signal, patience) in [(Int32(0), 5), (SIGTERM, 3), (SIGKILL, 3)] {
            if signal != 0 { kill(process, signal) }
            let end = ContinuousClock.now + .seconds(patience)
            while daemon.process == process, .now < end {
                reapChildren()
                do { try await Task.sleep(for: .milliseconds(10)) } catch { break }
            }
            if daemon.process != process { break }
        }
        reapChildren()
        known[daemon.name] = nil
    }

    /// Keeps a log from growing without end: one older piece is kept.
    private func rotate(_ daemon: Daemon) async {
        var status = stat()
        guard stat(daemon.log, &status) == 0, status.st_size > Self.logLimit, let process = daemon.process else { return }
        rename(daemon.log, daemon.log + ".1")
        do {
            try await UnixControl.call(daemon.controlPath(of: process), "vlog/reopen")
        } catch {
            logger.debug("A log was not reopened", metadata: ["daemon": "\(daemon.name)", "error": "\(error)"])
        }
    }

    // MARK: - The host's side

    /// Puts in place what the kernel forgets when the switch dies: the addresses of the bridges' own devices, the rules that
    /// keep guests away from the host, and the southbound database's door for other hosts.
    private func putHostSide() async throws {
        if userspace { try await GuestIsolation(namespace: options.namespace).enforce() }
        for (bridge, address) in options.bridgeAddresses.sorted(by: { $0.key < $1.key }) {
            try await links.addressBridge(bridge, address, userspace: userspace)
        }
        try await openSouthbound()
        isHostSideDue = false
    }
}
