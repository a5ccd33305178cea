import Foundation
import HostCommands
import VolumeMessages

/// A tgtd of our own, which outlives this program as guests do: whoever finds its control socket answering goes on with it.
struct TargetDaemon: Sendable {
    /// The folder of its socket and pid file.
    let directory: String
    /// Where initiators reach it: HOST:PORT.
    let portal: String

    /// tgtd adds its control port to the name that it is told.
    private var socketName: String { directory + "/t" }
    var control: TargetControl { TargetControl(path: socketName + ".0") }
    private var pidFile: String { directory + "/tgtd.pid" }

    /// Sees to it that it runs and listens at the portal.
    /// - Returns: whether it was started, so that it has no targets yet.
    /// - Throws: `VolumeFailure`.
    func ensure() async throws -> Bool {
        if try await answers() {
            try await listen()
            return false
        }
        guard control.path.utf8.count < 108 else {
            throw VolumeFailure(.backendError, "The path \(control.path) is too long for a socket: 107 bytes are the most.")
        }
        try await Blocking.run { [directory] in
            try Files.makeDirectory(directory)
            guard chmod(directory, 0o700) == 0 else { throw FileError(operation: "chmod \(directory)", code: errno) }
        }
        let arguments = ["--control-port", "0", "--pid-file", pidFile, "--iscsi", "portal=" + portal]
        do {
            let program = ["TGT_IPC_SOCKET=" + socketName, "tgtd"]
            try await Command(program: "env", arguments: program + arguments, deadline: .seconds(20)).runSuccessfully()
        } catch let error as CommandError {
            throw VolumeFailure(.backendError, "The iSCSI target tgtd (package tgt) could not be started.", cause: error)
        }
        for _ in 0..<200 {
            if try await answers() {
                try await listen()
                return true
            }
            try await Task.sleep(for: .milliseconds(25))
        }
        throw VolumeFailure(.backendError, "The iSCSI target tgtd ended, or doesn't answer; is \(portal) taken?")
    }

    private func answers() async throws -> Bool {
        let control = control
        return try await Blocking.run {
            do {
                try control.send(TargetRequest(mode: .system, operation: .show))
                return true
            } catch is FileError {
                return false
            }
        }
    }

    /// One that was started with another portal listens at this one too: sessions at the other go on.
    private func listen() async throws {
        let (control, portal) = (control, portal)
        try await Blocking.run {
            let text = try control.send(TargetRequest(mode: .portal, operation: .show))
            if text.contains("Portal: \(portal),") { return }
            do {
                try control.send(TargetRequest(mode: .portal, operation: .new, parameters: "portal=" + portal))
            } catch let error as TargetError {
                throw VolumeFailure(.backendError, "The iSCSI target can't listen at \(portal).", cause: error)
            }
        }
    }

    /// Ends it, provided that it has no targets.
    func stop() async throws {
        let control = control
        try await Blocking.run {
            do {
                try control.send(TargetRequest(mode: .system, operation: .delete))
            } catch is FileError {}
        }
    }
}
