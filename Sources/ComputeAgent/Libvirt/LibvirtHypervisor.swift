import ComputeMessages
import Foundation
import Glibc
import Logging
import Synchronization

/// Guests on QEMU by libvirt. With a URI it uses that libvirtd; without one it runs its own, see `LibvirtDaemon`.
public final class LibvirtHypervisor: HypervisorDriver {
    /// Where and how guests run.
    public struct Options: Sendable {
        /// Whether guests run on the processor or on its emulation.
        public enum Acceleration: Sendable { case automatic, kvm, emulation }

        /// The folder for libvirtd's state and for what the driver remembers; an absolute path.
        public var directory: String
        /// An existing libvirtd; nil to run one.
        public var uri: String?
        /// Whether guests run on the processor or on its emulation.
        public var acceleration: Acceleration = .automatic
        /// Whether guests have SPICE screens beside their VNC ones.
        public var hasSPICE = false
        /// Which of the host's processors are for one guest alone, and which are shared.
        public var processors = ProcessorSets()
        /// Which of the host's devices guests may have to themselves.
        public var pci = PCIDevices()
        /// How long a call of libvirt may take.
        public var callDeadline: Duration = .seconds(30)
        /// How long starting or ending a guest may take.
        public var changeDeadline: Duration = .seconds(60)
        /// How long writing a guest's memory to the disk, or copying a volume, may take.
        public var saveDeadline: Duration = .seconds(600)
        /// How long copying a root disk beside its guest's life may take.
        public var copyDeadline: Duration = .seconds(3600)
        /// How long a guest may take to let go of a device.
        public var detachDeadline: Duration = .seconds(60)

        /// The usual way, in a folder.
        public init(directory: String) { self.directory = directory }
    }

    private struct State {
        var connection: LibvirtConnection?
        var hasKVM = false
        var isStopped = false
    }

    let options: Options
    let daemon: LibvirtDaemon?
    private let threads = BlockingThreads(name: "libvirt", threads: 4)
    private let bell = GuestBell()
    private let state = Mutex(State())
    /// One task at a time makes connections.
    private let connecting = Gate(limit: 1)
    private let pinning = Gate(limit: 1)
    let logger = Logger(label: "altostack.libvirt")

    /// A driver.
    public init(options: Options) {
        self.options = options
        daemon = options.uri == nil ? LibvirtDaemon(directory: options.directory) : nil
    }

    /// The ids of guests whose power changes from now on, by libvirt's lifecycle events.
    public func events() -> AsyncStream<String> { bell.stream() }

    /// Finds out what the host can do, starts libvirtd if none runs, and connects.
    /// - Throws: `GuestFailure` that says what is missing.
    public func start() async throws {
        guard options.directory.hasPrefix("/") else {
            throw GuestFailure(.hypervisorError, "libvirt's folder must be an absolute path: \(options.directory)")
        }
        do { try FileSystem.makeDirectory(options.directory) } catch {
            throw GuestFailure(.hypervisorError, "libvirt's folder can't be made: \(error)", cause: error)
        }
        state.withLock { $0.isStopped = false }
        async let hasKVM = decideAcceleration()
        _ = try await connection()
        let found = await hasKVM
        state.withLock { $0.hasKVM = found }
    }

    /// Closes the connection; libvirtd and the guests run on.
    public func stop() async {
        state.withLock { $0 = State(connection: nil, hasKVM: $0.hasKVM, isStopped: true) }
    }

    /// Ends the libvirtd that the driver runs, if it runs one. Guests run on until the host is rebooted.
    public func stopDaemon() async {
        await stop()
        await daemon?.stop()
    }

    /// What libvirt says of the hypervisor and the host.
    public func inventory() async throws -> HypervisorInventory {
        let hasSecureBoot = Firmware.find(checksSignatures: true) != nil
        var inventory = try await call { try $0.inventory() }
        let flags = ProcessorDescription.fields(of: (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")["flags"] ?? ""
        inventory.traits = DriverTraits.libvirt(
            flags: Set(flags.split(separator: " ").map(String.init)), hasSecureBoot: hasSecureBoot, hasTPM: Self.hasTPM)
        inventory.uptime = HostFacts.uptime()
        inventory.usedMemoryMiB = HostFacts.usedMemoryMiB() ?? 0
        inventory.bootID = HostFacts.bootID()
        try await addResources(to: &inventory)
        return inventory
    }

    /// The domains that carry our metadata.
    public func guests() async throws -> [GuestStatus] {
        try await call { try $0.guests() }
    }

    /// The domain of this UUID, if it carries our metadata.
    public func guest(_ id: String) async throws -> GuestStatus? {
        try await call { connection in
            try connection.domain(id).map { GuestStatus(id: id, power: try $0.power) }
        }
    }

    /// Defines the domain and starts it, unless it runs.
    /// - Throws: `GuestFailure` with libvirt's words.
    public func spawn(_ definition: GuestDefinition) async throws -> GuestStatus { try await define(definition, start: true) }

    /// Defines the domain, unless it runs.
    /// - Throws: `GuestFailure` with libvirt's words.
    public func define(_ definition: GuestDefinition) async throws -> GuestStatus { try await define(definition, start: false) }

    private func define(_ definition: GuestDefinition, start: Bool) async throws -> GuestStatus {
        try await prepareVolumes(of: definition.guest)
        guard try takesResources(definition.guest) else { return try await redefine(definition, start: start) }
        // One at a time, for what is free is what no domain has.
        return try await pinning.admit { try await self.redefine(definition, start: start) }
    }

    private func redefine(_ definition: GuestDefinition, start: Bool) async throws -> GuestStatus {
        let id = definition.guest.id
        let xml = try DomainXML(definition, host: try await host(for: definition)).text
        return try await call(deadline: options.changeDeadline) { connection in
            if let domain = try connection.domain(id) {
                let power = try domain.power
                if power.isOn { return GuestStatus(id: id, power: power) }
                // A start of a domain with memory on the disk would go on from there, with the old definition.
                try domain.forgetSaved()
            }
            let domain = try connection.define(xml)
            if start { try domain.start() }
            return GuestStatus(id: id, power: try domain.power)
        }
    }

    var hasKVM: Bool { state.withLock { $0.hasKVM } }

    static var hasTPM: Bool { ["/usr/bin/swtpm", "/usr/local/bin/swtpm"].contains(where: FileSystem.exists) }

    /// Presses the ACPI power button.
    public func requestShutdown(_ id: String) async throws {
        try await call { try Self.existing(id, on: $0).pressPowerButton() }
    }

    /// Ends the emulator's process; the domain stays defined.
    public func powerOff(_ id: String) async throws {
        try await call(deadline: options.changeDeadline) { connection in
            let domain = try Self.existing(id, on: connection)
            try domain.turnOff()
            try domain.forgetSaved()
        }
    }

    /// Ends the emulator's process and undefines the domain.
    public func destroy(_ id: String) async throws {
        try await call(deadline: options.changeDeadline) { connection in
            try connection.forgetSecrets(prefix: VolumeSecret.prefix(guest: id))
            guard let domain = try connection.domain(id) else { return }
            try domain.turnOff()
            try domain.undefine()
        }
    }

    /// The end of the file to which the emulator writes what the serial port prints.
    public func console(_ id: String, maximumBytes: Int) async throws -> String? {
        try await call { connection in
            guard let domain = try connection.domain(id), let path = try domain.consolePath else { return nil }
            guard FileSystem.exists(path) else { return "" }
            return ConsoleText.decode(try FileSystem.suffix(of: path, count: maximumBytes))
        }
    }

    static func existing(_ id: String, on connection: LibvirtConnection) throws -> LibvirtDomain {
        guard let domain = try connection.domain(id) else { throw GuestFailure.notFound(id) }
        return domain
    }

    // MARK: The connection

    func call<Value: Sendable>(
        deadline: Duration? = nil, _ body: @escaping @Sendable (LibvirtConnection) throws -> Value
    ) async throws -> Value {
        let connection = try await connection()
        do {
            return try await threads.run(deadline: deadline ?? options.callDeadline) { try body(connection) }
        } catch let error as LibvirtError {
            if error.isConnectionLost, !connection.isAlive { forget(connection) }
            throw error.failure
        } catch let error as BlockingError {
            throw GuestFailure(.hypervisorError, "The hypervisor did not answer in time.", cause: error)
        } catch let error as FileError {
            throw GuestFailure(.hypervisorError, "The guest's console could not be read.", cause: error)
        }
    }

    /// The connection that stands, or a new one; libvirtd is started if need be.
    private func connection() async throws -> LibvirtConnection {
        if let connection = state.withLock({ $0.connection }) { return connection }
        return try await connecting.admit { [self] in
            if let connection = state.withLock({ $0.connection }) { return connection }
            try await daemon?.ensureRunning()
            let connection = try await connect()
            let isStopped = state.withLock { state in
                if !state.isStopped { state.connection = connection }
                return state.isStopped
            }
            if isStopped { throw GuestFailure(.hypervisorError, "The hypervisor's driver is stopped.") }
            return connection
        }
    }

    private func connect() async throws -> LibvirtConnection {
        let uri = daemon?.uri ?? options.uri ?? ""
        let onEvent: @Sendable (String) -> Void = { [bell] id in bell.ring(id) }
        let onClose: @Sendable () -> Void = { [weak self] in self?.connectionClosed() }
        do {
            return try await threads.run(deadline: options.callDeadline) {
                try LibvirtConnection(uri: uri, onEvent: onEvent, onClose: onClose)
            }
        } catch let error as LibvirtError {
            let complaint = daemon?.lastComplaint.map { " (its log ends with: \($0))" } ?? ""
            throw GuestFailure(.hypervisorError, "libvirtd at \(uri) can't be reached: \(error.message)\(complaint)", cause: error)
        } catch let error as BlockingError {
            throw GuestFailure(.hypervisorError, "libvirtd at \(uri) does not answer.", cause: error)
        }
    }

    private func forget(_ connection: LibvirtConnection) {
        state.withLock { state in if state.connection === connection { state.connection = nil } }
    }

    /// libvirtd is gone, which guests don't notice. Events must come again before anyone asks for something.
    private func connectionClosed() {
        let isStopped = state.withLock { state in
            state.connection = nil
            return state.isStopped
        }
        guard !isStopped else { return }
        logger.warning("the connection to libvirtd is lost")
        Task { await reconnect() }
    }

    private func reconnect() async {
        var pause = Duration.milliseconds(100)
        while !state.withLock({ $0.isStopped }) {
            do {
                _ = try await connection()
                logger.info("connected to libvirtd again")
                // Whatever happened meanwhile is found by looking.
                for guest in try await guests() { bell.ring(guest.id) }
                return
            } catch {
                logger.notice("libvirtd can't be reached yet", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(10))
            }
        }
    }

    // MARK: The host

    private func decideAcceleration() async -> Bool {
        switch options.acceleration {
        case .kvm: true
        case .emulation: false
        case .automatic: await KVMProbe(directory: options.directory).run()
        }
    }

    /// Not every file system takes O_DIRECT (tmpfs doesn't).
    static func hasDirectIO(for path: String) -> Bool {
        let directIO: Int32 = 0x4000
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | directIO)
        guard descriptor >= 0 else { return false }
        Glibc.close(descriptor)
        return true
    }
}
