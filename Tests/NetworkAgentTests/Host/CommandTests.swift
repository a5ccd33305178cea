import CloudCore
import Foundation
import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct CommandTests {
    @Test func argumentsAreNeverRead() async throws {
        let command = try Command(executable: Command.find("printf"), arguments: ["%s|", "a b", "$(id)", "; rm", "\"'"])
        #expect(try await command.run() == "a b|$(id)|; rm|\"'|")
    }

    @Test func inputGoesInAndTheEnvironmentIsOursAlone() async throws {
        #expect(try await Command(executable: Command.find("cat"), arguments: [], input: Array("text".utf8)).run() == "text")
        let environment = try await Command(executable: Command.find("env"), arguments: []).run()
        #expect(Set(environment.split(separator: "\n").map { $0.prefix { $0 != "=" } }) == ["PATH", "LC_ALL"])
    }

    @Test func failuresCarryStatusAndOutput() async throws {
        let cat = try Command.find("cat")
        let output = "\(cat): /nonexistent: No such file or directory"
        await #expect(throws: HostError.command("cat", status: 1, output: output)) {
            try await Command(executable: cat, arguments: ["/nonexistent"]).run()
        }
        await #expect(throws: HostError.self) { try await Command(executable: "/nonexistent", arguments: []).run() }
        #expect(throws: HostError.notInstalled("no-such-program")) { try Command.find("no-such-program") }
    }

    @Test func whatTakesTooLongIsKilled() async throws {
        let command = try Command(executable: Command.find("sleep"), arguments: ["60"])
        let start = ContinuousClock.now
        await #expect(throws: HostError.timeout("sleep")) { try await command.run(limit: .milliseconds(50)) }
        #expect(.now - start < .seconds(30))
    }

    /// What a program leaves behind in the background may hold its output open, or live on when the output is closed.
    @Test(arguments: ["sleep 60 & echo $!", "exec >&- 2>&-; exec sleep 60"])
    func whatAProgramLeavesBehindIsKilledWithIt(script: String) async throws {
        let command = try Command(executable: Command.find("sh"), arguments: ["-c", script])
        let start = ContinuousClock.now
        await #expect(throws: HostError.timeout("sh")) { try await command.run(limit: .milliseconds(300)) }
        #expect(.now - start < .seconds(30))
    }

    @Test func tooMuchInputIsRefused() async throws {
        let command = try Command(
            executable: Command.find("cat"), arguments: [], input: [UInt8](repeating: 0, count: Command.inputLimit + 1))
        await #expect(throws: HostError.self) { try await command.run() }
    }
}

@Suite(.timeLimit(.minutes(1))) struct InterfaceRecordTests {
    private let record = InterfaceRecord(
        device: "tap0001", kind: .guest, portID: "port-1", networkID: "network-1", mac: "fa:16:3e:00:00:01")

    private func replica(_ rows: String) throws -> OVSDBReplica {
        let single = OVSDBSchema.Column(isSingle: true, defaultValue: .none)
        let set = OVSDBSchema.Column(isSingle: false, defaultValue: .none)
        let map = OVSDBSchema.Column(isSingle: false, defaultValue: .map([:]))
        let schema = OVSDBSchema(tables: [
            "Open_vSwitch": ["bridges": set, "external_ids": map, "next_cfg": single, "cur_cfg": single],
            "Bridge": ["name": single, "ports": set, "datapath_type": single, "fail_mode": single, "external_ids": map],
            "Port": ["name": single, "interfaces": set, "external_ids": map],
            "Interface": ["name": single, "type": single, "external_ids": map, "error": single, "ofport": single],
        ])
        let monitor = LocalConfiguration.monitor
        var replica = try OVSDBReplica(
            schema: schema, wanted: monitor.tables.mapValues(\.columns), indexKey: monitor.indexKey)
        try replica.apply(.init(parsing: rows))
        return replica
    }

    private let bridge = #""Bridge":{"b":{"insert":{"name":"br-int","ports":["set",[["uuid","p"],["uuid","q"]]]}}}"#

    @Test func aNewRecordIsInsertedIntoItsBridge() throws {
        let replica = try replica("{\(bridge)}")
        #expect(try record.insertion(into: "br-int", in: replica) == [
            .insert(
                table: "Interface",
                row: [
                    "name": .string("tap0001"),
                    "external_ids": .strings([
                        "iface-id": "port-1", "attached-mac": "fa:16:3e:00:00:01", "altostack-kind": "guest",
                        "altostack-network": "network-1",
                    ]),
                ], name: "interface"),
            .insert(table: "Port", row: ["name": .string("tap0001"), "interfaces": .set([.namedUUID("interface")])], name: "port"),
            .mutate(table: "Bridge", where: [.uuid("b")], mutations: [.insert("ports", .set([.namedUUID("port")]))]),
        ])
        #expect(throws: HostError.notReady("bridge br-other")) { try record.insertion(into: "br-other", in: replica) }
    }

    @Test func aRecordThatIsThereIsLeftAloneOrMended() throws {
        let labels = #"["altostack-kind","guest"],["altostack-network","network-1"],["attached-mac","fa:16:3e:00:00:01"],["ovn-installed","true"]"#
        func rows(_ port: String) -> String {
            #"{\#(bridge),"Interface":{"i":{"insert":{"name":"tap0001","external_ids":["map",[["iface-id","\#(port)"],\#(labels)]]}}}}"#
        }
        let right = try replica(rows("port-1"))
        #expect(try record.insertion(into: "br-int", in: right) == [])
        #expect(InterfaceRecord.all(in: right) == [record])
        #expect(InterfaceRecord.installed(in: right) == ["port-1"])
        #expect(InterfaceRecord.isInstalled("port-1", in: right))
        #expect(!InterfaceRecord.isInstalled("port-2", in: right))
        let wrong = try record.insertion(into: "br-int", in: try replica(rows("port-2")))
        guard case .update("Interface", [.uuid("i")], let row)? = wrong.first else { throw OVSDBError.closed }
        #expect(row["external_ids"]?.stringMap["iface-id"] == "port-1")
        #expect(row["external_ids"]?.stringMap["ovn-installed"] == "true")
    }

    @Test func aRemovalTakesThePortOutOfItsBridge() throws {
        let rows = #"{\#(bridge),"Port":{"p":{"insert":{"name":"tap0001"}},"q":{"insert":{"name":"other"}}}}"#
        let replica = try replica(rows)
        #expect(InterfaceRecord.removal(of: "tap0001", in: replica)
            == [.mutate(table: "Bridge", where: [.uuid("b")], mutations: [.delete("ports", .uuid("p"))])])
        #expect(InterfaceRecord.removal(of: "tap0002", in: replica) == [])
    }

    @Test func theSwitchIsAskedToTellWhenItIsDone() throws {
        let busy = try replica(#"{"Open_vSwitch":{"r":{"insert":{"next_cfg":3,"cur_cfg":2}}}}"#)
        #expect(!LocalConfiguration.isSettled(busy))
        #expect(LocalConfiguration.signal(in: busy)
            == [.mutate(table: "Open_vSwitch", where: [.uuid("r")], mutations: [.increment("next_cfg")])])
        #expect(LocalConfiguration.isSettled(try replica(#"{"Open_vSwitch":{"r":{"insert":{"next_cfg":3,"cur_cfg":3}}}}"#)))
        #expect(LocalConfiguration.signal(in: try replica("{}")) == [])
    }

    @Test func theHostsDatabaseIsFilledAndThenRight() throws {
        var options = NetworkAgentOptions(
            stateDirectory: "/state", hostName: "host1", physicalNetworks: ["public": "br-ex", "office": "br-office"])
        options.tunnelAddress = "192.0.2.1"
        let configuration = LocalConfiguration(options: options, paths: OVNPaths(root: "/state"), userspace: true)
        let operations = configuration.operations(in: try replica("{}"))
        #expect(operations.count == 13)
        guard case .insert("Open_vSwitch", let root, nil)? = operations.last else { throw OVSDBError.closed }
        #expect(root["bridges"]?.atoms.count == 4)
        #expect(root["external_ids"]?.stringMap == [
            "system-id": "host1", "hostname": "host1", "ovn-remote": "unix:/state/run/sb.sock", "ovn-encap-type": "geneve",
            "ovn-encap-ip": "192.0.2.1", "ovn-bridge": "br-int", "ovn-bridge-datapath-type": "netdev", "ovn-monitor-all": "true",
            "ovn-bridge-mappings": "altostack-tunnels:br-tun,office:br-office,public:br-ex",
        ])
        (options.physicalNetworks, options.overlayBridge) = ([:], nil)
        let small = LocalConfiguration(options: options, paths: OVNPaths(root: "/state"), userspace: false)
        let present = #"{"Bridge":{"b":{"insert":{"name":"br-int","datapath_type":"netdev","fail_mode":"secure"}}},"Open_vSwitch":{"o":{"insert":{"external_ids":["map",[["foreign","1"]]]}}}}"#
        let changes = small.operations(in: try replica(present))
        #expect(changes.first == .update(table: "Bridge", where: [.uuid("b")], row: ["datapath_type": .string("system")]))
        guard case .update("Open_vSwitch", [.uuid("o")], let row)? = changes.last else { throw OVSDBError.closed }
        #expect(row["external_ids"]?.stringMap["foreign"] == "1")
        #expect(changes.count == 2)
    }
}
