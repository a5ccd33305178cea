import VolumeBackends

/// A back end's options with their meaning and bounds.
struct VolumeBackendOptions {
    private let setting: VolumeBackendSetting

    init(_ setting: VolumeBackendSetting) { self.setting = setting }

    /// The options of every driver, and those of one.
    static func names(of driver: VolumeBackendSetting.Driver) -> Set<String> {
        let common: Set = ["backend_name", "oversubscription", "reserved_percent"]
        return switch driver {
        case .simulated: common.union(["size_gib", "pools", "needs_hypervisor"])
        case .file: common.union(["path", "format", "wipe"])
        case .nfs: common.union(["path", "format", "wipe", "export"])
        case .iscsi: common.union(["path", "wipe", "portal"])
        case .rbd: common.union(["pool", "user", "configuration", "keyring"])
        case .lvm: common.union(["group", "pool", "portal"])
        }
    }

    /// What is wrong; nil when the options can be used.
    var problem: String? {
        for name in ["oversubscription", "size_gib"] where value(name) != nil && (number(name) ?? 0) <= 0 {
            return "\(name) must be a number above zero"
        }
        if let text = value("reserved_percent"), !(0...100).contains(Int(text) ?? -1) { return "reserved_percent must be 0 to 100" }
        if let text = value("format"), !["qcow2", "raw"].contains(text) { return "format must be qcow2 or raw" }
        if let text = value("wipe"), !["zero", "none"].contains(text) { return "wipe must be zero or none" }
        for name in ["path", "configuration", "keyring"] where value(name)?.hasPrefix("/") == false {
            return "\(name) must begin with a slash"
        }
        if setting.driver == .nfs, value("path") == nil || value("export") == nil {
            return "an NFS back end needs export (HOST:/PATH) and path, where it is mounted"
        }
        if setting.driver == .lvm, !["group", "pool"].allSatisfy({ value($0).map(Self.isVolumeName) ?? false }) {
            return "an LVM back end needs group, a volume group, and pool, a thin pool in it"
        }
        if setting.driver == .rbd { return cephProblem }
        return value("portal").flatMap(Self.portalProblem)
    }

    private static func isVolumeName(_ text: String) -> Bool {
        !text.isEmpty && !text.hasPrefix("-") && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+_.-".contains($0)) }
    }

    /// An initiator has to reach the portal: no address that stands for all.
    private static func portalProblem(_ text: String) -> String? {
        guard let colon = text.lastIndex(of: ":"), (1...65_535).contains(Int(text[text.index(after: colon)...]) ?? 0) else {
            return "portal must be an address with a port, such as 192.0.2.1:3260"
        }
        let host = text[..<colon]
        guard !host.isEmpty, !["0.0.0.0", "[::]"].contains(host), !host.contains(","), host.hasPrefix("[") || !host.contains(":") else {
            return "portal must name one address of this host, such as 192.0.2.1:3260 or [2001:db8::1]:3260"
        }
        return nil
    }

    private var cephProblem: String? {
        guard let pool = value("pool") else { return "a Ceph back end needs pool" }
        for (name, text) in [("pool", pool), ("user", value("user") ?? "altostack")]
        where text.isEmpty || text.hasPrefix("-") || text.contains(where: { "/@ ".contains($0) || $0.isNewline }) {
            return "\(name) must be a name of Ceph's, without slashes"
        }
        return nil
    }

    /// Where initiators reach an iSCSI back end; by default guests of this host alone.
    var portal: String { value("portal") ?? "127.0.0.1:3260" }

    func value(_ name: String) -> String? { setting.options[name] }
    func number(_ name: String) -> Double? { value(name).flatMap(Double.init) }
    func integer(_ name: String) -> Int? { value(name).flatMap(Int.init) }

    /// A simulated back end's options.
    func simulated(directory: String) -> SimulatedBackend.Options {
        var options = SimulatedBackend.Options()
        options.directory = directory
        options.backendName = value("backend_name")
        if let total = number("size_gib") { options.totalGiB = total }
        if let ratio = number("oversubscription") { options.oversubscription = ratio }
        if let pools = value("pools") { options.pools = pools.split(separator: "+").map(String.init) }
        options.needsHypervisor = value("needs_hypervisor") == "true"
        return options
    }

    /// The options of a back end of files.
    func files(directory: String) -> FileBackend.Options {
        var options = FileBackend.Options(directory: value("path") ?? directory)
        options.format = value("format") ?? options.format
        options.wipes = value("wipe") == "zero"
        options.backendName = value("backend_name")
        if let ratio = number("oversubscription") { options.oversubscription = ratio }
        if let percent = integer("reserved_percent") { options.reservedPercent = percent }
        return options
    }

    /// The options of a back end in Ceph.
    func ceph(directory: String) -> RBDBackend.Options {
        var options = RBDBackend.Options(directory: directory, pool: value("pool") ?? "")
        options.configuration = value("configuration") ?? options.configuration
        options.user = value("user") ?? options.user
        options.keyring = value("keyring")
        options.backendName = value("backend_name")
        if let ratio = number("oversubscription") { options.oversubscription = ratio }
        if let percent = integer("reserved_percent") { options.reservedPercent = percent }
        return options
    }

    /// The options of a back end of LVM.
    func logicalVolumes(directory: String) -> LVMBackend.Options {
        var options = LVMBackend.Options(group: value("group") ?? "", pool: value("pool") ?? "", directory: directory)
        options.backendName = value("backend_name")
        if let ratio = number("oversubscription") { options.oversubscription = ratio }
        if let percent = integer("reserved_percent") { options.reservedPercent = percent }
        return options
    }
}
