import CloudSettings
import Foundation

/// What volumes' back ends need of a machine.
extension Doctor {
    /// The programs that a back end starts, with the packages that bring them.
    static func programs(of driver: VolumeBackendSetting.Driver) -> (package: String, programs: [String]) {
        let images = ["qemu-img", "qemu-nbd"]
        return switch driver {
        case .simulated: ("", [])
        case .file, .nfs: ("qemu-utils", images)
        case .iscsi: ("qemu-utils tgt", images + ["tgtd", "tgtadm"])
        case .lvm: ("qemu-utils tgt lvm2", images + ["tgtd", "tgtadm", "lvs", "lvcreate"])
        case .rbd: ("qemu-utils ceph-common qemu-block-extra", images + ["rbd", "ceph"])
        }
    }

    /// One finding a back end: its programs, then the folder or files that it was given.
    static func volumes(
        _ backends: [VolumeBackendSetting], isInstalled: (String) -> Bool, isThere: (String) -> Bool, isMounted: (String) -> Bool
    ) -> [DoctorFinding] {
        backends.map { backend in
            let (package, programs) = programs(of: backend.driver), options = VolumeBackendOptions(backend)
            let check = "volumes \(backend.name)"
            let missing = programs.filter { !isInstalled($0) }
            guard missing.isEmpty else {
                return .problem(
                    check, "\(backend.driver.rawValue) misses \(missing.joined(separator: ", "))",
                    remedy: "apt-get install --no-install-recommends \(package)")
            }
            let path = options.value("path") ?? ""
            switch backend.driver {
            case .nfs where !isMounted(path):
                return .problem(
                    check, "nothing is mounted at \(path)",
                    remedy: "apt-get install nfs-common && mount -t nfs \(options.value("export") ?? "") \(path)")
            case .rbd:
                let user = options.value("user") ?? "altostack"
                let files = [
                    options.value("configuration") ?? "/etc/ceph/ceph.conf", options.value("keyring") ?? "/etc/ceph/ceph.client.\(user).keyring",
                ]
                if let absent = files.first(where: { !isThere($0) }) {
                    return .problem(check, "there is no \(absent)", remedy: "see \"Keep volumes in Ceph\" in docs/OPERATIONS.md")
                }
            default: break
            }
            return .good(check, ([backend.driver.rawValue] + programs.suffix(from: min(2, programs.count))).joined(separator: ", "))
        }
    }

    /// Whether another file system begins at a folder.
    static func isMounted(_ path: String) -> Bool {
        let table = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        return table.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            return fields.count > 1 && fields[1].replacing("\\040", with: " ") == path
        }
    }

    /// Backups of a PostgreSQL cloud are its own tools' work.
    static func postgresTools(isWanted: Bool, isInstalled: (String) -> Bool) -> [DoctorFinding] {
        guard isWanted else { return [] }
        let missing = ["pg_dump", "pg_restore"].filter { !isInstalled($0) }
        return missing.isEmpty ? [.good("postgresql", "pg_dump, pg_restore")]
            : [.warning(
                "postgresql", "missing: \(missing.joined(separator: ", ")); `altostack backup` and `restore` need them",
                remedy: "apt-get install --no-install-recommends postgresql-client")]
    }
}
