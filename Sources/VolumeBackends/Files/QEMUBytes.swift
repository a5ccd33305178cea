import CloudCore
import Foundation
import HostCommands
import Synchronization
import VolumeMessages

/// The bytes of a disk that QEMU reads: the inside of a qcow2 file, or an image of Ceph. A qemu-nbd of its own serves them on a
/// Unix socket as long as it is open.
final class QEMUBytes: VolumeBytes {
    var size: Int64 { client.size }
    private let disk: String
    private let format: String
    private let client: NBDClient
    private let server: Task<Void, Never>
    private let tool: ImageTool
    private let isTemporary: Bool

    private init(
        disk: String, format: String, client: NBDClient, server: Task<Void, Never>, tool: ImageTool, isTemporary: Bool
    ) {
        (self.disk, self.format, self.client) = (disk, format, client)
        (self.server, self.tool, self.isTemporary) = (server, tool, isTemporary)
    }

    deinit {
        client.close()
        server.cancel()
        if isTemporary { unlink(disk) }
    }

    /// Opens a disk.
    /// - Parameters:
    ///   - disk: a path, or what qemu-img takes for one.
    ///   - isTemporary: whether its file is deleted when nobody needs it any more.
    /// - Throws: `VolumeFailure` with `busy` when something else has it open for writing.
    static func open(
        _ disk: String, format: String, writing: Bool, tool: ImageTool, isTemporary: Bool = false
    ) async throws -> QEMUBytes {
        // The folder's name is short: a socket's path has 107 bytes at most.
        let folder = NSTemporaryDirectory() + "/vb-" + Identifier.hex().prefix(12)
        let socket = folder + "/s"
        try await Blocking.run { try Files.makeDirectory(folder) }
        let failure = FirstFailure()
        let server = Task {
            var arguments = ["--pdeathsig", "KILL", "--no-new-privs", "qemu-nbd", "-k", socket, "-f", format]
            // qemu-nbd takes the second only after the first.
            arguments += ["--discard=unmap", "--detect-zeroes=unmap", "-e", "1"]
            if !writing { arguments.append("-r") }
            let command = Command(program: "setpriv", arguments: arguments + [disk], deadline: tool.deadline)
            do {
                try await command.runSuccessfully()
                failure.set(CommandError.failed(program: "qemu-nbd", status: 0, errors: "it has ended"))
            } catch {
                failure.set(error)
            }
            // A folder that is left would only be one more empty folder.
            try? Files.removeDirectory(folder)
        }
        do {
            let client = try await connect(socket, failure)
            return QEMUBytes(disk: disk, format: format, client: client, server: server, tool: tool, isTemporary: isTemporary)
        } catch {
            server.cancel()
            throw error
        }
    }

    private static func connect(_ socket: String, _ failure: FirstFailure) async throws -> NBDClient {
        for _ in 0..<1000 {
            if let error = failure.value {
                if case CommandError.failed(_, _, let text) = error, text.contains("lock") {
                    throw VolumeFailure(.busy, "The volume's disk is in use.", cause: error)
                }
                throw VolumeFailure(.backendError, "The volume's disk could not be opened.", cause: error)
            }
            let client = try await Blocking.run { Files.exists(socket) ? try? NBDClient(path: socket) : nil }
            if let client { return client }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw VolumeFailure(.backendError, "The volume's disk could not be opened in time.")
    }

    /// What qemu-img knows to be other than zeros; everything where its answer is too long to be read.
    func dataRanges() async throws -> [Range<Int64>] {
        struct Extent: Decodable {
            var start: Int64
            var length: Int64
            var zero: Bool
        }
        let text = try await tool.run(["map", "-U", "--output=json", "-f", format, disk])
        guard let extents = try? JSONDecoder().decode([Extent].self, from: Data(text.utf8)) else { return [0..<size] }
        return extents.filter { !$0.zero && $0.start < size }.map { $0.start..<min($0.start + $0.length, size) }
    }

    func read(_ range: Range<Int64>) async throws -> [UInt8] {
        try await Blocking.run { [client] in try client.read(range) }
    }

    func write(_ bytes: ArraySlice<UInt8>, at offset: Int64) async throws {
        try await Blocking.run { [client] in try client.write(bytes, at: offset) }
    }

    func zero(_ range: Range<Int64>) async throws {
        try await Blocking.run { [client] in try client.zero(range) }
    }

    func flush() async throws { try await Blocking.run { [client] in try client.flush() } }

    /// Returns when the server is gone, so that whoever opens the disk next finds no lock.
    func close() async {
        client.close()
        await server.value
    }
}

/// Why something that runs beside us ended.
final class FirstFailure: Sendable {
    private let state = Mutex<(any Error)?>(nil)
    var value: (any Error)? { state.withLock { $0 } }
    func set(_ error: any Error) { state.withLock { if $0 == nil { $0 = error } } }
}
