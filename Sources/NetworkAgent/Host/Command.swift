import CLinux
import Foundation

/// A program with its arguments; no shell is ever between.
struct Command: Sendable, Hashable {
    /// The program's absolute path.
    var executable: String
    /// Its arguments, without its own name.
    var arguments: [String]
    /// What it reads; at most `Command.inputLimit` bytes.
    var input: [UInt8] = []
    /// Its environment; nothing of ours is handed down.
    var environment: [String: String] = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]

    /// What a pipe holds without a reader, so that writing cannot block.
    static let inputLimit = 60 << 10
    /// How much of a program's output is kept.
    static let outputLimit = 256 << 10

    /// Where programs are looked for.
    static let directories = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]

    /// The absolute path of a program.
    /// - Throws: `HostError.notInstalled`.
    static func find(_ name: String) throws(HostError) -> String {
        for directory in directories where access("\(directory)/\(name)", X_OK) == 0 { return "\(directory)/\(name)" }
        throw .notInstalled(name)
    }

    /// What a finished program left.
    struct Outcome: Sendable, Hashable {
        var status: Int32
        /// What it wrote to its standard output and error.
        var output: String
    }

    /// The program's short name.
    var name: String { executable.split(separator: "/").last.map(String.init) ?? executable }

    /// Runs the program in a namespace and returns what it wrote.
    /// - Throws: `HostError`, also for a status other than 0; a program that takes longer than the limit is killed.
    @discardableResult
    func run(in namespace: NetworkNamespace = .current, limit: Duration = .seconds(30)) async throws -> String {
        let outcome = try await namespace.run { try self.outcome(limit: limit) }
        guard outcome.status == 0 else {
            let text = outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
            throw HostError.command(name, status: outcome.status, output: text)
        }
        return outcome.output
    }

    /// Starts the program as a daemon: in a session of its own, its output into a file, not ended with us.
    /// - Returns: its process id.
    func startDetached(in namespace: NetworkNamespace, output path: String) async throws -> pid_t {
        try await namespace.run {
            let null = try FileDescriptor.open("/dev/null", O_RDWR)
            defer { null.close() }
            let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC)
            defer { file.close() }
            return try spawn(input: null, output: file, newSession: true)
        }
    }

    private func outcome(limit: Duration) throws -> Outcome {
        guard input.count <= Self.inputLimit else { throw HostError.badOption("too much input for \(name)") }
        let standardInput = try FileDescriptor.pipe()
        defer { standardInput.read.close() }
        let standardOutput = try FileDescriptor.pipe()
        defer { standardOutput.read.close() }
        let child: pid_t
        do {
            defer {
                standardInput.write.close()
                standardOutput.write.close()
            }
            try standardInput.write.write(input)
            child = try spawn(input: standardInput.read, output: standardOutput.write, newSession: false)
        }
        let end = ContinuousClock.now + limit
        let output = standardOutput.read.readAll(until: end, limit: Self.outputLimit)
        if let output, let status = Self.reap(child, until: end) {
            return Outcome(status: status, output: String(decoding: output, as: UTF8.self))
        }
        // With what it started, which may hold its output open. What the kernel does not let die becomes its business.
        kill(-child, SIGKILL)
        _ = Self.reap(child, until: .now + .seconds(5))
        throw HostError.timeout(name)
    }

    private func spawn(input: FileDescriptor, output: FileDescriptor, newSession: Bool) throws -> pid_t {
        var child: pid_t = 0
        let result = withCStrings([executable] + arguments) { arguments in
            withCStrings(environment.map { "\($0.key)=\($0.value)" }.sorted()) { environment in
                altostack_spawn(
                    executable, arguments, environment, input.number, output.number, output.number, newSession ? 1 : 0, &child)
            }
        }
        guard result == 0 else { throw HostError.last("start \(executable)") }
        return child
    }

    /// Waits for a child that has closed its output or was killed; nil if it has not ended by then.
    private static func reap(_ child: pid_t, until end: ContinuousClock.Instant) -> Int32? {
        var status: Int32 = 0
        var pause: UInt32 = 50
        while true {
            let result = waitpid(child, &status, WNOHANG)
            if result == child { return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F) }
            guard result == 0 || errno == EINTR else { return -1 }
            guard .now < end else { return nil }
            usleep(pause)
            pause = min(pause * 2, 20_000)
        }
    }
}

/// Calls a body with a NULL-terminated array of C strings.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) throws -> Result
) rethrows -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    return try pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("an array with a last element has a base") }
        return try body(base)
    }
}

/// A file descriptor, for the few calls that programs are run with.
struct FileDescriptor: Sendable, Hashable {
    let number: Int32

    static func open(_ path: String, _ flags: Int32) throws(HostError) -> FileDescriptor {
        let number = Glibc.open(path, flags | O_CLOEXEC, 0o640)
        guard number >= 0 else { throw .last("open \(path)") }
        return FileDescriptor(number: number)
    }

    static func pipe() throws(HostError) -> (read: FileDescriptor, write: FileDescriptor) {
        var numbers: [Int32] = [0, 0]
        guard altostack_pipe(&numbers) == 0 else { throw .last("pipe") }
        return (FileDescriptor(number: numbers[0]), FileDescriptor(number: numbers[1]))
    }

    func close() { _ = Glibc.close(number) }

    func write(_ bytes: [UInt8]) throws(HostError) {
        guard bytes.isEmpty || Glibc.write(number, bytes, bytes.count) == bytes.count else { throw .last("write") }
    }

    /// Reads until the other side closes; nil if it has not by then. What exceeds the limit is dropped.
    func readAll(until end: ContinuousClock.Instant, limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let left = end - .now
            guard left > .zero else { return nil }
            var event = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            let milliseconds = Int32(clamping: left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000 + 1)
            guard poll(&event, 1, milliseconds) > 0 else { continue }
            let count = read(number, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count > 0 { bytes.append(contentsOf: buffer.prefix(min(count, max(0, limit - bytes.count)))) }
        }
    }
}
