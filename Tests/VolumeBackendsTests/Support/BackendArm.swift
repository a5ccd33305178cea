import Foundation
import Testing
import VolumeMessages

@testable import VolumeBackends

/// A back end that passes or fails the suite, and what it needs around it.
protocol BackendArm: Sendable {
    /// A back end on the same store each time, as after a restart of the program.
    func open() async throws -> any VolumeBackend
    /// Writes a pattern where a compute host would.
    func write(_ seed: UInt8, to target: VolumeConnection) async throws
    /// Gives everything back.
    func close() async
}

extension BackendArm {
    func write(_ seed: UInt8, to target: VolumeConnection) async throws {
        guard case .file(let path, let format) = target else {
            Issue.record("\(target) is not a file")
            return
        }
        let bytes: any VolumeBytes = format == "raw"
            ? try FileBytes(path: path, writing: true)
            : try await QEMUBytes.open(path, format: format, writing: true, tool: ImageTool(scratch: NSTemporaryDirectory()))
        try await bytes.write(sample(seed)[...], at: 5 << 20)
        await bytes.close()
    }
    func close() async {}
}

enum ArmKind: String, Sendable, CaseIterable, CustomTestStringConvertible {
    case simulated, qcow2, raw, iscsi, lvm, rbd

    var testDescription: String { rawValue }

    static var available: [ArmKind] { allCases.filter(\.isPossible) }

    var isPossible: Bool {
        switch self {
        case .simulated: true
        case .qcow2, .raw, .lvm: isInstalled("qemu-img")
        case .iscsi: TargetArm.isPossible
        case .rbd: RBDArm.cluster != nil
        }
    }

    func make() throws -> any BackendArm {
        switch self {
        case .simulated: try SimulatedArm()
        case .qcow2: try FileArm(format: "qcow2")
        case .raw: try FileArm(format: "raw")
        case .iscsi: try TargetArm()
        case .rbd: try RBDArm()
        case .lvm: try LVMArm()
        }
    }
}

struct SimulatedArm: BackendArm {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    func open() async throws -> any VolumeBackend {
        var options = SimulatedBackend.Options()
        options.directory = folder.path
        let backend = SimulatedBackend(name: "simulated", options: options)
        try await backend.start()
        return backend
    }
}

struct FileArm: BackendArm {
    let folder: TemporaryFolder
    let format: String

    init(format: String) throws { (folder, self.format) = (try TemporaryFolder(), format) }

    func open() async throws -> any VolumeBackend {
        var options = FileBackend.Options(directory: folder.path)
        options.format = format
        let backend = FileBackend(name: format, options: options)
        try await backend.start()
        return backend
    }
}

/// A back end of files with a tgtd of its own, which the arm ends.
struct TargetArm: BackendArm {
    /// tgtd wants a superuser, and QEMU's initiator is in a package of its own.
    static let isPossible = geteuid() == 0 && isInstalled("tgtd") && isInstalled("qemu-img")
        && access("/usr/lib/x86_64-linux-gnu/qemu/block-iscsi.so", R_OK) == 0

    let folder: TemporaryFolder
    let portal: String

    init() throws { (folder, portal) = (try TemporaryFolder(), "127.0.0.1:\(try freePort())") }

    var daemon: TargetDaemon { TargetDaemon(directory: folder.path + "/tgt", portal: portal) }

    func open() async throws -> any VolumeBackend { try await openFiles() }

    func openFiles() async throws -> FileBackend {
        let backend = FileBackend(
            name: "iscsi", options: FileBackend.Options(directory: folder.path + "/volumes"), portal: portal, state: daemon.directory)
        try await backend.start()
        return backend
    }

    func close() async { _ = processID.map { kill($0, SIGKILL) } }

    /// Of the tgtd that runs.
    var processID: pid_t? {
        (try? Files.contents(of: daemon.directory + "/tgtd.pid")).flatMap { $0 }.flatMap { bytes in
            pid_t(String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }
}

/// A TCP port that nobody had a moment ago.
func freePort() throws -> Int {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(number) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            bind(number, generic, length) == 0 ? getsockname(number, generic, &length) : -1
        }
    }
    guard result == 0 else { throw FileError(operation: "bind a port", code: errno) }
    return Int(UInt16(bigEndian: address.sin_port))
}

/// A pool of a Ceph cluster that somebody runs for the test, as checks/ceph_cluster.py does; it has to be empty.
/// ALTOSTACK_TEST_CEPH names its configuration, beside which lies the keyring of the user altostack.
struct RBDArm: BackendArm {
    static var cluster: String? { ProcessInfo.processInfo.environment["ALTOSTACK_TEST_CEPH"] }

    let folder: TemporaryFolder
    let options: RBDBackend.Options

    init(pool: String = "volumes") throws {
        folder = try TemporaryFolder()
        let configuration = try #require(Self.cluster)
        var options = RBDBackend.Options(directory: folder.path, pool: pool)
        options.configuration = configuration
        options.keyring = Files.folder(of: configuration) + "/ceph.client.altostack.keyring"
        self.options = options
    }

    func open() async throws -> any VolumeBackend { try await openCeph() }

    func openCeph() async throws -> RBDBackend {
        let backend = RBDBackend(name: "rbd", options: options)
        try await backend.start()
        return backend
    }

    /// Empties the pool: the next test begins anew.
    func close() async {
        let client = RBDBackend(name: "rbd", options: options).client
        do {
            for entry in try await client.entries() where entry.snapshot != nil {
                try await client.rbd(["snap", "rm", "--no-progress", client.path(entry.image, entry.snapshot)])
            }
            // What lies on another goes before it.
            for _ in 1...8 {
                for entry in try await client.entries() {
                    try await client.rbd(["rm", "--no-progress", client.path(entry.image)], tolerating: [CephClient.Status.notEmpty])
                }
            }
            #expect(try await client.entries().isEmpty)
        } catch {
            Issue.record(error)
        }
    }
}
