import Cloud
import Foundation

/// Starts the same program again in the background and waits until it is ready.
struct Detachment {
    let directory: DataDirectory
    let arguments: [String]

    /// How long the first start may take: it makes databases and may have to start the data plane's programs.
    private static let deadline = Duration.seconds(120)

    func start() async throws {
        guard RunState.read(directory) == nil else { throw ProgramError("a cloud is running on \(directory.path) already") }
        try directory.create()
        _ = FileManager.default.createFile(atPath: directory.log, contents: nil, attributes: [.posixPermissions: 0o600])
        guard let log = FileHandle(forWritingAtPath: directory.log) else { throw ProgramError("cannot write \(directory.log)") }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/setsid")
        let handedOn = arguments.dropFirst().filter { !["--detach", "--quiet"].contains($0) }
        process.arguments = [Bundle.main.executablePath ?? arguments[0]] + handedOn + ["--quiet"]
        (process.standardInput, process.standardOutput, process.standardError) = (FileHandle.nullDevice, log, log)
        try process.run()
        let limit = ContinuousClock.now + Self.deadline
        while RunState.read(directory) == nil {
            guard process.isRunning, ContinuousClock.now < limit else {
                throw ProgramError("the cloud did not start; the end of \(directory.log):\n\(tail)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        print(tail)
    }

    private var tail: String {
        let text = (try? String(contentsOfFile: directory.log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(12).joined(separator: "\n")
    }
}
