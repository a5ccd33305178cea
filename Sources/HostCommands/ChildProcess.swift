import CLinux
import Foundation
import Glibc
import Synchronization

/// A process that was started for a command, with the pipes that it writes to.
final class ChildProcess: Sendable {
    private let program: String
    private let processID: pid_t
    private let output: Int32
    private let errors: Int32
    private let limit: Int
    /// Whether the process was waited for; from then on its id may name another process.
    private let isReaped = Mutex(false)

    /// Starts the process.
    /// - Throws: `CommandError.notStarted`.
    init(_ command: Command) throws {
        (program, limit) = (command.program, command.outputLimit)
        let output = try Pipe(command.program)
        let errors = try Pipe(command.program)
        defer {
            close(output.writeEnd)
            close(errors.writeEnd)
        }
        var process = pid_t()
        let failure = Self.spawn(command, output: output.writeEnd, errors: errors.writeEnd, into: &process)
        guard failure == 0 else {
            close(output.readEnd)
            close(errors.readEnd)
            throw CommandError.notStarted(program: command.program, reason: String(cString: strerror(failure)))
        }
        (processID, self.output, self.errors) = (process, output.readEnd, errors.readEnd)
    }

    deinit {
        close(output)
        close(errors)
    }

    private struct Pipe {
        let readEnd: Int32
        let writeEnd: Int32

        init(_ program: String) throws {
            var ends: [Int32] = [-1, -1]
            guard altostack_pipe(&ends) == 0 else {
                throw CommandError.notStarted(program: program, reason: String(cString: strerror(errno)))
            }
            (readEnd, writeEnd) = (ends[0], ends[1])
            _ = fcntl(readEnd, F_SETFL, O_NONBLOCK)
        }
    }

    /// The child gets a process group of its own (so that killing it kills what it started), no input, no open files
    /// but its two pipes, and the signals as they are by default.
    private static func spawn(_ command: Command, output: Int32, errors: Int32, into process: inout pid_t) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        altostack_spawn_close_from(&actions, 3)
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var arguments: [UnsafeMutablePointer<CChar>?] = ([command.program] + command.arguments).map { strdup($0) }
        arguments.append(nil)
        // Messages are read by programs too: in the C locale they are what the tools' sources say.
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup(path), strdup("LC_ALL=C"), nil]
        let niceness = altostack_niceness(0)
        defer {
            altostack_niceness(niceness)
            for text in arguments + environment { free(text) }
        }
        return posix_spawnp(&process, command.program, &actions, &attributes, &arguments, &environment)
    }

    /// Kills the process and those it started.
    func kill() {
        isReaped.withLock { isReaped in
            if !isReaped { _ = Glibc.kill(-processID, SIGKILL) }
        }
    }

    /// Waits for the end, reading what the process writes. Blocks the thread.
    func wait(_ deadline: Duration) throws -> Command.Outcome {
        let end = ContinuousClock.now + deadline
        var streams = [Stream(descriptor: output, limit: limit), Stream(descriptor: errors, limit: limit)]
        var status: Int32?
        while true {
            let isOpen = Self.read(&streams, milliseconds: 20)
            status = reap(blocking: false)
            if status != nil { break }
            // Both pipes are closed: the end is near, and polling them would return at once.
            if !isOpen { usleep(500) }
            if ContinuousClock.now > end {
                kill()
                _ = reap(blocking: true)
                throw CommandError.timedOut(program: program)
            }
        }
        _ = Self.read(&streams, milliseconds: 0)
        let code = status ?? 0
        let exited = code & 0x7f == 0
        return Command.Outcome(
            status: exited ? (code >> 8) & 0xff : nil, output: streams[0].text, errors: streams[1].text)
    }

    /// The raw wait status, once there is one. A killed process that the kernel can't end is left behind after 2 s.
    private func reap(blocking: Bool) -> Int32? {
        for _ in 0..<(blocking ? 1000 : 1) {
            var status: Int32 = 0
            let isOver = isReaped.withLock { isReaped in
                let result = waitpid(processID, &status, WNOHANG)
                if result == processID || (result < 0 && errno == ECHILD) { isReaped = true }
                return isReaped
            }
            if isOver { return status }
            if blocking { usleep(2000) }
        }
        return nil
    }

    private struct Stream {
        let descriptor: Int32
        let limit: Int
        var bytes: [UInt8] = []
        var isOpen = true
        var text: String { String(decoding: bytes, as: UTF8.self) }

        mutating func read() {
            var buffer = [UInt8](repeating: 0, count: 16384)
            while isOpen {
                let count = Glibc.read(descriptor, &buffer, buffer.count)
                if count > 0 {
                    bytes.append(contentsOf: buffer.prefix(min(count, limit - bytes.count)))
                } else {
                    if count == 0 { isOpen = false }
                    return
                }
            }
        }
    }

    /// Reads what is there; returns whether more may come.
    private static func read(_ streams: inout [Stream], milliseconds: Int32) -> Bool {
        var descriptors = streams.map { pollfd(fd: $0.isOpen ? $0.descriptor : -1, events: Int16(POLLIN), revents: 0) }
        poll(&descriptors, nfds_t(descriptors.count), streams.contains { $0.isOpen } ? milliseconds : 0)
        for index in streams.indices where descriptors[index].revents != 0 { streams[index].read() }
        return streams.contains { $0.isOpen }
    }
}
