import CLinux
import CloudSettings
import ComputeAgent
import Foundation

/// Looks whether a real cloud can run on this machine, without changing it.
public struct Doctor: Sendable {
    private let directory: DataDirectory
    private let settings: Settings
    private let port: Int

    /// An examination.
    /// - Parameters:
    ///   - directory: where the cloud is or will be.
    ///   - port: where its API listens or will listen.
    public init(directory: DataDirectory, settings: Settings, port: Int) {
        (self.directory, self.settings, self.port) = (directory, settings, port)
    }

    /// Looks at everything.
    public func examine() async throws -> DoctorReport {
        var findings = [Self.user(geteuid() == 0)]
        findings.append(try await processor())
        findings.append(Self.memory(mebibytes: Self.memoryMiB()))
        findings += Self.programs { Self.isInstalled($0) }
        findings += Self.volumes(
            settings[VolumeBackendSettingKeys.backends].backends, isInstalled: Self.isInstalled,
            isThere: { FileManager.default.fileExists(atPath: $0) }, isMounted: Self.isMounted)
        findings += Self.postgresTools(isWanted: settings[CloudSettingKeys.database] != nil, isInstalled: Self.isInstalled)
        findings.append(Self.kernel { Self.hasModule($0) })
        findings.append(Self.clock(isSynchronised: Self.isClockSynchronised()))
        findings.append(disk())
        let host = ServiceOptions(settings: settings, directory: directory, simulate: false).hostName
        findings.append(Self.name(of: host) { Self.resolves($0) })
        findings.append(Self.switches(Self.runningSwitches(), own: directory.path))
        let own = RunState.read(directory)
        for (number, use) in [(port, "the API"), (settings[ConsoleSettingKeys.port], "guests' consoles")] where number > 0 {
            findings.append(Self.port(number, use, isFree: own != nil || Self.isFree(number), isOurs: own != nil))
        }
        findings.append(Self.packets(wanted: settings[CloudSettingKeys.physicalMTU], interface: Self.outwardInterface()))
        return DoctorReport(findings)
    }

    // MARK: What follows from what was seen

    static func user(_ isRoot: Bool) -> DoctorFinding {
        isRoot ? .good("user", "root") : .problem("user", "not root: guests and networks can't be made", remedy: "run it with sudo")
    }

    static func processor(_ outcome: VirtualisationProbe.Outcome) -> DoctorFinding {
        let emulated = "guests are emulated: some ten times slower"
        switch outcome {
        case .works: return .good("processor", "a guest ran on KVM")
        case .absent:
            return .warning("processor", "there is no /dev/kvm; \(emulated)", remedy: "switch virtualisation on in the firmware "
                + "(VT-x, AMD-V), or nested virtualisation where this machine is a guest itself; then `modprobe kvm_intel` or `kvm_amd`")
        case .forbidden:
            return .warning("processor", "/dev/kvm is not for this user", remedy: "run it as root")
        case .broken:
            return .warning("processor", "/dev/kvm is there, but a tiny guest got nowhere on it; \(emulated)",
                remedy: "the machine is probably a guest on a host that does not pass virtualisation through: ask for it, or leave it so")
        case .noEmulator:
            return .problem("processor", "QEMU is not installed", remedy: "apt-get install qemu-system-x86 qemu-utils")
        }
    }

    static func memory(mebibytes: Int) -> DoctorFinding {
        mebibytes >= 2048 ? .good("memory", "\(mebibytes) MiB")
            : .warning("memory", "\(mebibytes) MiB: room for few guests", remedy: "give the machine 2 GiB or more")
    }

    /// The programs that a real cloud starts, with the packages that bring them.
    static let programs: [(check: String, package: String, programs: [String])] = [
        ("libvirt", "libvirt-daemon libvirt-daemon-driver-qemu", ["libvirtd"]),
        ("qemu", "qemu-system-x86 qemu-utils", ["qemu-system-x86_64", "qemu-img"]),
        ("open vswitch", "openvswitch-switch", ["ovs-vswitchd", "ovsdb-server", "ovsdb-tool"]),
        ("ovn", "ovn-central ovn-host", ["ovn-northd", "ovn-controller"]),
        ("tools", "iproute2 nftables ethtool", ["ip", "nft", "ethtool"]),
    ]

    static func programs(isInstalled: (String) -> Bool) -> [DoctorFinding] {
        programs.map { check, package, programs in
            let missing = programs.filter { !isInstalled($0) }
            return missing.isEmpty ? .good(check, programs.joined(separator: ", "))
                : .problem(check, "missing: \(missing.joined(separator: ", "))", remedy: "apt-get install --no-install-recommends \(package)")
        }
    }

    /// Without tap devices guests have no networks. Without its own datapath in the kernel, Open vSwitch moves packets in user
    /// space, and the cloud works all the same.
    static func kernel(has module: (String) -> Bool) -> DoctorFinding {
        let remedy = "boot Debian's own kernel (apt-get install linux-image-amd64); in a container, load them on its host"
        guard module("tun") else { return .problem("kernel", "has no tap devices (tun)", remedy: remedy) }
        let missing = ["openvswitch", "geneve"].filter { !module($0) }
        guard !missing.isEmpty else { return .good("kernel", "tun, openvswitch, geneve") }
        return .warning("kernel", "has no \(missing.joined(separator: ", ")): packets are moved in user space, which is slower", remedy: remedy)
    }

    static func clock(isSynchronised: Bool) -> DoctorFinding {
        isSynchronised ? .good("clock", "synchronised")
            : .warning("clock", "not synchronised: tokens and logs of several machines won't agree", remedy: "apt-get install chrony")
    }

    static func disk(_ path: String, freeBytes: Int) -> DoctorFinding {
        let text = "\(Bytes.text(freeBytes)) free at \(path)"
        switch freeBytes >> 30 {
        case ..<2: return .problem("disk", text, remedy: "make room for 2 GiB at least, or choose another place with --data-dir")
        case ..<20: return .warning("disk", text, remedy: "images and guests want room: 20 GiB or more are comfortable")
        default: return .good("disk", text)
        }
    }

    static func name(of host: String, resolves: (String) -> Bool) -> DoctorFinding {
        resolves(host) ? .good("names", "\(host) has an address")
            : .warning("names", "\(host), this host's name, has no address", remedy: "add `127.0.1.1 \(host)` to /etc/hosts")
    }

    static func port(_ number: Int, _ use: String, isFree: Bool, isOurs: Bool) -> DoctorFinding {
        if isOurs { return .good("port \(number)", "this cloud's, for \(use)") }
        if isFree { return .good("port \(number)", "free for \(use)") }
        guard use == "the API" else {
            return .warning(
                "port \(number)", "taken by another program",
                remedy: "nothing: a free port is taken instead; or choose one with --set consoles.port=PORT")
        }
        return .problem(
            "port \(number)", "taken by another program",
            remedy: "stop the program that listens there (`ss -ltnp sport = :\(number)`), or choose another with --listen")
    }

    static func packets(wanted: Int, interface: (name: String, mtu: Int)?) -> DoctorFinding {
        guard let interface else {
            return .warning(
                "packets", "there is no way out of this machine", remedy: "give it a default route, if guests shall reach the world")
        }
        let text = "\(interface.name) carries packets of \(interface.mtu) bytes"
        return interface.mtu >= wanted ? .good("packets", text)
            : .warning("packets", "\(text), the settings say \(wanted)", remedy: "start with --set network.physical_mtu=\(interface.mtu)")
    }

    // MARK: Looking

    private func processor() async throws -> DoctorFinding {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "altostack-doctor-\(getpid())").path
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        return Self.processor(await VirtualisationProbe.run(scratch: scratch))
    }

    private static func memoryMiB() -> Int { Int(ProcessInfo.processInfo.physicalMemory >> 20) }

    private static func isInstalled(_ program: String) -> Bool {
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
        return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
    }

    /// Whether a module is loaded, built in, or on the disk for this kernel.
    private static func hasModule(_ name: String) -> Bool {
        if FileManager.default.fileExists(atPath: "/sys/module/\(name)") { return true }
        if name == "openvswitch", altostack_generic_netlink_family("ovs_datapath") == 1 { return true }
        if name == "tun", access("/dev/net/tun", F_OK) == 0 { return true }
        guard let text = try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8) else { return false }
        let release = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return ["modules.dep", "modules.builtin"].contains { file in
            ((try? String(contentsOfFile: "/lib/modules/\(release)/\(file)", encoding: .utf8)) ?? "").contains("/\(name).ko")
        }
    }

    /// What the kernel has been told by whatever program keeps its clock.
    private static func isClockSynchronised() -> Bool {
        altostack_clock_is_synchronised() == 1
    }

    private func disk() -> DoctorFinding {
        var path = directory.path
        while !FileManager.default.fileExists(atPath: path), path != "/" {
            path = URL(filePath: path).deletingLastPathComponent().path
        }
        var facts = statvfs()
        guard statvfs(path, &facts) == 0 else {
            return .warning("disk", "cannot look at \(path)", remedy: "choose another place with --data-dir")
        }
        return Self.disk(path, freeBytes: Int(facts.f_bavail) * Int(facts.f_frsize))
    }

    private static func resolves(_ name: String) -> Bool {
        var found: UnsafeMutablePointer<addrinfo>?
        defer { if let found { freeaddrinfo(found) } }
        return getaddrinfo(name, nil, nil, &found) == 0
    }

    /// Whether nobody listens at a port of this machine.
    static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            } == 0
        }
    }

    /// The interface of the default route, and the largest packet it carries.
    private static func outwardInterface() -> (name: String, mtu: Int)? {
        let routes = (try? String(contentsOfFile: "/proc/net/route", encoding: .utf8)) ?? ""
        for line in routes.split(separator: "\n").dropFirst() {
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count > 7, fields[1] == "00000000", fields[7] == "00000000" else { continue }
            let mtu = try? String(contentsOfFile: "/sys/class/net/\(fields[0])/mtu", encoding: .utf8)
            return (String(fields[0]), mtu.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 1500)
        }
        return nil
    }
}
