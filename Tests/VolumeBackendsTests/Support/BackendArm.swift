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
    case simulated, qcow2, raw

    var testDescription: String { rawValue }

    static var available: [ArmKind] { allCases.filter(\.isPossible) }

    var isPossible: Bool {
        switch self {
        case .simulated: true
        case .qcow2, .raw: isInstalled("qemu-img")
        }
    }

    func make() throws -> any BackendArm {
        switch self {
        case .simulated: try SimulatedArm()
        case .qcow2: try FileArm(format: "qcow2")
        case .raw: try FileArm(format: "raw")
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
