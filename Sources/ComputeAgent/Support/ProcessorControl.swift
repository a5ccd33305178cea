import Foundation
import Glibc

/// Whether the kernel limits what groups of processes take of the processors (the cpu controller of control groups,
/// cgroups(7)).
struct ProcessorControl: Sendable {
    private struct Mount {
        var type: String
        var path: String
        var options: [Substring]
    }

    private let mounts: [Mount]

    /// What is mounted, as /proc/self/mounts has it.
    init(mounts text: String) {
        mounts = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 3 else { return nil }
            return Mount(type: String(fields[2]), path: String(fields[1]), options: fields[3].split(separator: ","))
        }
    }

    /// This machine's.
    static var here: ProcessorControl {
        ProcessorControl(mounts: (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? "")
    }

    private var first: [Mount] { mounts.filter { $0.type == "cgroup" } }
    private var second: Mount? { mounts.first { $0.type == "cgroup2" } }
    private var firstWithProcessors: Mount? { first.first { $0.options.contains("cpu") } }

    /// Whether there is a controller (nova.virt.libvirt.host's is_cpu_control_policy_capable).
    var isOffered: Bool { firstWithProcessors != nil || second.map { Self.words($0.path + "/cgroup.controllers").contains("cpu") } == true }

    /// Whether libvirt can be told to use it and nothing else. A controller may be there and closed, as it is in most
    /// containers; and where both versions are mounted libvirt starts no guest with one controller of the old kind alone.
    var isUsable: Bool {
        if let second {
            return first.isEmpty && Self.words(second.path + "/cgroup.subtree_control").contains("cpu")
                && Self.takesGroups(second.path, file: "cpu.max")
        }
        return firstWithProcessors.map { Self.takesGroups($0.path, file: "cpu.shares") } ?? false
    }

    /// Makes a group to see whether it has the controller's file, and removes it.
    private static func takesGroups(_ folder: String, file: String) -> Bool {
        let group = folder + "/altostack-probe-\(UUID().uuidString)"
        guard mkdir(group, 0o755) == 0 else { return false }
        defer { rmdir(group) }
        return FileSystem.exists(group + "/" + file)
    }

    private static func words(_ path: String) -> [Substring] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(whereSeparator: \.isWhitespace)
    }
}
