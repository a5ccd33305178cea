import Foundation

/// The programs of a cloud on one host, in the order in which they start.
struct OVNDaemons: Sendable {
    struct Database: Sendable, Hashable {
        var name: String
        var schema: String
    }

    /// The databases with their packaged schemas.
    let databases: [Database]
    /// The databases' servers.
    let servers: [Daemon]
    /// The switch, OVN's compiler and OVN's agent.
    let workers: [Daemon]
    let ovsdbTool: String

    /// The switch.
    static let switchName = "ovs-vswitchd"

    var all: [Daemon] { servers + workers }

    /// - Throws: `HostError.notInstalled`.
    init(paths: OVNPaths) throws(HostError) {
        databases = [
            Database(name: "conf", schema: try Self.schema("openvswitch/vswitch.ovsschema")),
            Database(name: "nb", schema: try Self.schema("ovn/ovn-nb.ovsschema")),
            Database(name: "sb", schema: try Self.schema("ovn/ovn-sb.ovsschema")),
        ]
        ovsdbTool = try Command.find("ovsdb-tool")
        let sockets = [paths.localSocket, paths.northboundSocket, paths.southboundSocket]
        var servers: [Daemon] = []
        for (database, socket) in zip(databases, sockets) {
            servers.append(try Self.daemon("ovsdb-server", as: "ovsdb-\(database.name)", in: paths, [
                paths.database(database.name), "--remote=punix:\(socket)",
            ]))
        }
        self.servers = servers
        var vswitchd = try Self.daemon(Self.switchName, in: paths, ["unix:\(paths.localSocket)"])
        vswitchd.environment["LD_PRELOAD"] = nil
        vswitchd.exitArguments = ["--cleanup"]
        var controller = try Self.daemon("ovn-controller", in: paths, ["unix:\(paths.localSocket)"], hasControlOption: false)
        controller.control = "\(paths.run)/ovn-controller.%.ctl"
        workers = [
            vswitchd,
            try Self.daemon("ovn-northd", in: paths, [
                "--ovnnb-db=unix:\(paths.northboundSocket)", "--ovnsb-db=unix:\(paths.southboundSocket)",
            ]),
            controller,
        ]
    }

    private static func daemon(
        _ program: String, as name: String? = nil, in paths: OVNPaths, _ arguments: [String], hasControlOption: Bool = true
    ) throws(HostError) -> Daemon {
        let name = name ?? program
        var environment = [
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "OVS_RUNDIR": paths.run, "OVN_RUNDIR": paths.run, "OVS_DBDIR": paths.root,
            "OVN_DBDIR": paths.root, "OVS_LOGDIR": paths.logs, "OVN_LOGDIR": paths.logs,
        ]
        environment["LD_PRELOAD"] = allocator
        let control = hasControlOption ? ["--unixctl=\(paths.control(name))"] : []
        return Daemon(
            name: name, executable: URL(fileURLWithPath: try Command.find(program)).resolvingSymlinksInPath().path,
            arguments: arguments + control + [
                "--pidfile=\(paths.pidFile(name))", "--log-file=\(paths.log(name))", "-vconsole:off",
            ],
            environment: environment,
            pidFile: paths.pidFile(name), log: paths.log(name), control: paths.control(name))
    }

    /// An allocator that is faster than the C library's, where the machine has one. OVN's compiler makes every flow anew for each
    /// change: with 500 ports half of its time goes into the C library's allocator, and a new port waits for it. The switch,
    /// which has no such habit, does without.
    private static let allocator: String? = {
        let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"]
        let candidates = ["libtcmalloc_minimal.so.4", "libjemalloc.so.2"].flatMap { name in folders.map { "\($0)/\(name)" } }
        return candidates.first { access($0, R_OK) == 0 }
    }()

    private static func schema(_ name: String) throws(HostError) -> String {
        for directory in ["/usr/share", "/usr/local/share"] where access("\(directory)/\(name)", R_OK) == 0 {
            return "\(directory)/\(name)"
        }
        throw .notInstalled("the database schema \(name)")
    }
}
