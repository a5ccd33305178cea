import Foundation
import HostCommands
import Synchronization
import VolumeMessages

@testable import VolumeBackends

/// LVM's commands as far as the back end uses them, over files with holes: most kernels that tests run on have no device-mapper.
/// What it takes for granted is written down in `LVMTests`.
final class PretendedLVM: CommandRunner {
    private struct Row {
        var bytes: Int64
        var tags: [String]
    }

    private let rows = Mutex<[String: Row]>([:])
    private let lines = Mutex<[String]>([])
    /// Where its devices are.
    let devices: String

    init(devices: String) throws {
        self.devices = devices
        try Files.makeDirectory(devices)
    }

    /// The commands that change something, since the last call.
    func takeCommands() -> [String] { lines.withLock { lines in defer { lines = [] }; return lines } }

    func run(_ program: String, _ arguments: [String]) async throws -> String {
        if program == "lvs" { return report() }
        lines.withLock { $0.append(([program] + arguments).joined(separator: " ")) }
        let name = (arguments.last ?? "").replacingOccurrences(of: "vg/", with: "")
        let (added, removed) = (values("--addtag", arguments), values("--deltag", arguments))
        switch program {
        case "lvcreate":
            guard let new = values("-n", arguments).first, rows.withLock({ $0[new] }) == nil else {
                throw failure(program, "already exists")
            }
            if arguments.contains("-s") {
                guard let source = rows.withLock({ $0[name] }) else { throw failure(program, "Failed to find") }
                // cp leaves the holes out.
                let copy = ["--sparse=always", path(name), path(new)]
                try await Command(program: "cp", arguments: copy, deadline: .seconds(60)).runSuccessfully()
                rows.withLock { $0[new] = Row(bytes: source.bytes, tags: added) }
            } else {
                let bytes = Int64(values("-V", arguments).first?.dropLast() ?? "") ?? 0
                try Files.write([], to: path(new))
                guard truncate(path(new), off_t(bytes)) == 0 else { throw failure(program, "truncate") }
                rows.withLock { $0[new] = Row(bytes: bytes, tags: added) }
            }
        case "lvremove":
            guard rows.withLock({ $0.removeValue(forKey: name) }) != nil else { throw failure(program, "Failed to find") }
            try Files.remove(path(name))
        case "lvextend":
            let bytes = Int64(values("-L", arguments).first?.dropLast() ?? "") ?? 0
            guard rows.withLock({ $0[name] }) != nil, truncate(path(name), off_t(bytes)) == 0 else { throw failure(program, "Failed") }
            rows.withLock { $0[name]?.bytes = bytes }
        case "lvrename":
            let old = arguments[arguments.count - 2]
            guard let row = rows.withLock({ $0.removeValue(forKey: old) }) else { throw failure(program, "not found") }
            try Files.rename(path(old), to: path(name))
            rows.withLock { $0[name] = row }
        case "lvchange":
            rows.withLock { rows in
                rows[name]?.tags.removeAll { removed.contains($0) }
                rows[name]?.tags += added
            }
        default: throw failure(program, "unknown command")
        }
        return ""
    }

    private func path(_ name: String) -> String { devices + "/" + name }
    private func failure(_ program: String, _ text: String) -> CommandError { .failed(program: program, status: 5, errors: text) }

    private func values(_ option: String, _ arguments: [String]) -> [String] {
        arguments.indices.dropLast().filter { arguments[$0] == option }.map { arguments[$0 + 1] }
    }

    private func report() -> String {
        func row(_ name: String, _ bytes: Int64, _ pool: String, _ tags: [String], _ percent: String) -> String {
            #"{"lv_name":"\#(name)","lv_size":"\#(bytes)","pool_lv":"\#(pool)","lv_tags":"\#(tags.joined(separator: ","))","#
                + #""data_percent":"\#(percent)"}"#
        }
        let own = rows.withLock { $0 }.map { row($0.key, $0.value.bytes, "thin", $0.value.tags, "0.00") }
        let others = [row("thin", 100 << 30, "", [], "1.50"), row("root", 1 << 30, "", [], "")]
        return #"{"report":[{"lv":[\#((others + own).joined(separator: ","))]}]}"#
    }
}

struct LVMArm: BackendArm {
    let folder: TemporaryFolder
    let commands: PretendedLVM

    init() throws {
        folder = try TemporaryFolder()
        commands = try PretendedLVM(devices: folder.path + "/dev")
    }

    func open() async throws -> any VolumeBackend { try await openVolumes() }

    func openVolumes() async throws -> LVMBackend {
        let options = LVMBackend.Options(group: "vg", pool: "thin", directory: folder.path + "/state")
        let backend = LVMBackend(
            name: "lvm", options: options, runner: commands, devices: commands.devices, access: LocalAccess(directory: commands.devices))
        try await backend.start()
        return backend
    }
}
