import CLinux
import ComputeMessages
import Foundation
import Glibc
import HostCommands
import Logging

/// A libvirtd of our own: its configuration, state, sockets and logs in our folder, whatever else runs on the machine.
/// It is no child of the program and outlives it, as the guests do; the next start finds it by its socket.
///
/// libvirtd's places are fixed when it is built. It gets a view of the mounts of its own in which our folders lie over
/// them.
struct LibvirtDaemon: Sendable {
    /// Our folder; an absolute path.
    let directory: String
    /// libvirtd's program.
    let program: String
    /// How long it may take to start.
    let deadline: Duration
    private let logger = Logger(label: "altostack.libvirtd")

    init(directory: String, program: String = "libvirtd", deadline: Duration = .seconds(60)) {
        (self.directory, self.program, self.deadline) = (directory, program, deadline)
    }

    /// Where it listens.
    var socket: String { directory + "/run/libvirt-sock" }
    /// How libvirt's clients name it.
    var uri: String {
        let allowed = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: "&=?#+"))
        let path = socket.addingPercentEncoding(withAllowedCharacters: allowed) ?? socket
        return "qemu+unix:///system?socket=\(path)"
    }

    /// The folders that lie over libvirtd's own.
    private var overlays: [(source: String, target: String)] {
        [("etc", "/etc/libvirt"), ("run", "/run/libvirt"), ("lib", "/var/lib/libvirt"), ("cache", "/var/cache/libvirt"), ("log", "/var/log/libvirt")]
            .map { (directory + "/" + $0.0, $0.1) }
    }

    /// Its process, if one runs.
    var processID: pid_t? {
        guard let text = try? String(contentsOfFile: directory + "/run/libvirtd.pid", encoding: .utf8),
            let id = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), id > 1,
            let command = FileManager.default.contents(atPath: "/proc/\(id)/cmdline")
        else { return nil }
        // Process ids are used again: only a libvirtd is one of ours.
        return String(decoding: command, as: UTF8.self).contains("libvirtd") ? id : nil
    }

    /// Starts it if it doesn't run. Returns when it takes connections.
    /// - Throws: `GuestFailure` that says what is missing.
    func ensureRunning() async throws {
        if processID != nil, FileSystem.exists(socket) { return }
        guard geteuid() == 0 else {
            throw GuestFailure(.hypervisorError, "Running guests takes root; without it, start with --simulate.")
        }
        // The limit of Unix socket addresses (unix(7)), less what libvirt adds.
        guard socket.utf8.count < 100 else {
            throw GuestFailure(.hypervisorError, "The path \(directory) is too long for a socket's address; choose a shorter data folder.")
        }
        do {
            try configure()
            try await start()
        } catch let error as CommandError {
            throw GuestFailure(.hypervisorError, explain(error), cause: error)
        } catch let error as FileError {
            throw GuestFailure(.hypervisorError, "libvirtd can't be set up: \(error)", cause: error)
        }
        logger.info("libvirtd started", metadata: ["pid": "\(processID ?? 0)"])
    }

    /// Ends it; guests run on.
    func stop() async {
        guard let id = processID else { return }
        kill(id, SIGTERM)
        for _ in 0..<100 where processID == id { try? await Task.sleep(for: .milliseconds(50)) }
        if processID == id { kill(id, SIGKILL) }
    }

    private func start() async throws {
        let command = Command(
            program: program,
            arguments: [
                "--daemon", "--config", "/etc/libvirt/libvirtd.conf", "--pid-file", "/run/libvirt/libvirtd.pid", "--timeout", "0",
            ], deadline: deadline)
        let overlays = try overlays + accountOverlays()
        let outcome = try await command.run(preparing: {
            for overlay in overlays where !FileSystem.exists(overlay.target) { try FileSystem.makeDirectory(overlay.target) }
            guard altostack_unshare_mounts() == 0 else { throw FileError(operation: "unshare mounts", code: errno) }
            for overlay in overlays {
                guard altostack_bind_mount(overlay.source, overlay.target) == 0 else {
                    throw FileError(operation: "mount \(overlay.source) on \(overlay.target)", code: errno)
                }
            }
        })
        guard outcome.status == 0 else {
            throw CommandError.failed(program: program, status: outcome.status, errors: outcome.errors)
        }
    }

    /// libvirtd does not start without the user and the group that it was built for, even when its configuration names
    /// others. Debian makes them in a package that pulls in a system-wide libvirtd; where they are missing, libvirtd
    /// sees the machine's accounts with them added.
    private func accountOverlays() throws -> [(source: String, target: String)] {
        let missingUser = getpwnam("libvirt-qemu") == nil ? "libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin\n" : ""
        let missingGroups = [("libvirt-qemu", 64055), ("kvm", 64056)].filter { getgrnam($0.0) == nil }.map { "\($0.0):x:\($0.1):\n" }
        let additions = [("passwd", missingUser), ("group", missingGroups.joined())]
        return try additions.filter { !$0.1.isEmpty }.map { name, lines in
            let accounts = String(decoding: try FileSystem.prefix(of: "/etc/" + name, count: 1 << 20), as: UTF8.self)
            let separator = accounts.hasSuffix("\n") ? "" : "\n"
            try FileSystem.write(accounts + separator + lines, to: directory + "/" + name, mode: 0o644)
            return (directory + "/" + name, "/etc/" + name)
        }
    }

    /// What libvirtd complained of last, for messages; nil when it has not.
    var lastComplaint: String? {
        guard let bytes = try? FileSystem.suffix(of: directory + "/log/libvirtd.log", count: 4096) else { return nil }
        let errors = String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { $0.contains(" error : ") }
        return errors.last?.split(separator: " : ").last.map(String.init)
    }

    private func explain(_ error: CommandError) -> String {
        if case .notStarted = error {
            return "libvirtd is not installed. On Debian: apt-get install libvirt-daemon libvirt-daemon-driver-qemu qemu-system-x86 qemu-utils"
        }
        return "libvirtd did not start: \(error.summary); its log is \(directory)/log/libvirtd.log"
    }

    // MARK: Configuration

    private func configure() throws {
        for overlay in overlays { try FileSystem.makeDirectory(overlay.source) }
        let uuid = try hostUUID()
        try FileSystem.write(Self.daemonConfiguration(hostUUID: uuid), to: directory + "/etc/libvirtd.conf")
        try FileSystem.write(Self.driverConfiguration(limitsProcessors: ProcessorControl.here.isUsable), to: driverConfigurationPath)
    }

    /// Migrations tell hosts apart by it, and machines made from one image may have none of their own.
    private func hostUUID() throws -> String {
        let path = directory + "/host-uuid"
        if let text = try? String(contentsOfFile: path, encoding: .utf8), UUID(uuidString: text) != nil { return text }
        let uuid = UUID().uuidString.lowercased()
        try FileSystem.write(uuid, to: path)
        return uuid
    }

    /// Reachable through its socket only, and through that for root only.
    static func daemonConfiguration(hostUUID: String) -> String {
        """
        host_uuid = "\(hostUUID)"
        listen_tls = 0
        listen_tcp = 0
        unix_sock_dir = "/run/libvirt"
        unix_sock_ro_perms = "0700"
        unix_sock_rw_perms = "0700"
        unix_sock_admin_perms = "0700"
        auth_unix_ro = "none"
        auth_unix_rw = "none"
        log_level = 3
        log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
        max_clients = 100
        max_workers = 32

        """
    }

    private var driverConfigurationPath: String { directory + "/etc/qemu.conf" }
    private static let limitingLine = "cgroup_controllers = [\"cpu\"]"

    /// Whether it was started so that it can limit what guests take of the processors: what it runs by is what is written.
    var limitsProcessors: Bool {
        ((try? String(contentsOfFile: driverConfigurationPath, encoding: .utf8)) ?? "").contains(Self.limitingLine)
    }

    /// Guests' files are made by us with the owners they need; virtlogd isn't there to take consoles. Control groups are
    /// for limiting processors only, where that can be had: libvirt starts no guest without the controllers that are named.
    static func driverConfiguration(limitsProcessors: Bool) -> String {
        """
        security_driver = "none"
        user = "root"
        group = "root"
        dynamic_ownership = 0
        remember_owner = 0
        stdio_handler = "file"
        namespaces = []
        \(limitsProcessors ? limitingLine : "cgroup_controllers = []")
        vnc_listen = "127.0.0.1"
        relaxed_acs_check = 0
        auto_dump_path = "/var/lib/libvirt/qemu/dump"

        """
    }
}
