import CloudBus
import Foundation
import Logging
import NetworkMessages
import Testing

@testable import NetworkAgent

/// A real cloud on one host: real daemons, real packets.
@Suite(.serialized, .enabled(if: RealNetwork.isAvailable), .timeLimit(.minutes(2)))
struct OVNHostTests {
    private func withHost(_ body: (inout TestHost) async throws -> Void) async throws {
        var host = try await TestHost.make()
        do {
            try await host.host.start()
            try await body(&host)
        } catch {
            Issue.record("\(error); the daemons' last words:\n\(host.lastWords())")
        }
        try await host.remove()
    }

    private func plug(_ port: LogicalPort, on host: TestHost) async throws -> PretendGuest {
        let request = PlugInterface(portID: port.id, networkID: port.networkID, mac: port.mac, mtu: 1442)
        let plugged = try await host.interfaces.plug(request, deadline: .now + .seconds(20))
        #expect(plugged == PluggedInterface(device: InterfaceName.tap(port.id), offload: false))
        let guest = try await host.makeGuest(of: port.id, tap: plugged.device)
        try await guest.configure(
            mac: port.mac, mtu: 1442, address: "\(port.fixedIPs[0].address)/24",
            routes: [("default", "10.0.0.1"), ("169.254.169.254", "10.0.0.2")])
        return guest
    }

    @Test func packetsFlowAsTheTopologySays() async throws {
        try await withHost { host in
            var sample = SampleTopology(prefix: host.prefix, host: "host1")
            try await host.apply(sample.entities, complete: true)
            let first = try await plug(sample.first, on: host)
            let second = try await plug(sample.second, on: host)

            try await checkDHCP(of: sample.first, first)
            #expect(try await eventually { try await GuestSockets.ping("10.0.0.12", in: first.namespace) })
            try await checkMetadata(sample, first)
            try await checkWayOut(host, second)
            try await checkFloatingIP(host, &sample, first)
            try await checkSpoofing(host, second)
            try await checkIsolation(host, sample.first, first)
            try await checkWipe(host, sample, first)

            try await first.stop()
            try await second.stop()
            try await host.host.tearDown()
            try await checkNothingIsLeft(host)
        }
    }

    private func checkDHCP(of port: LogicalPort, _ guest: PretendGuest) async throws {
        let lease = try #require(try await GuestSockets.dhcp(mac: port.mac, in: guest.namespace))
        #expect(lease.address == port.fixedIPs[0].address)
        #expect(lease.options[53] == [5])
        #expect(lease.options[12].map { String(decoding: $0, as: UTF8.self) } == port.hostName)
        #expect(lease.options[26] == [UInt8(1442 >> 8), UInt8(1442 & 0xFF)])
        #expect(lease.options[6] == [192, 0, 2, 53])
        #expect(lease.options[15].map { String(decoding: $0, as: UTF8.self) } == "openstacklocal")
        #expect(lease.options[121]?.prefix(9) == [32, 169, 254, 169, 254, 10, 0, 0, 2])
    }

    private func checkMetadata(_ sample: SampleTopology, _ guest: PretendGuest) async throws {
        let expected = "network=\(sample.tenant.id) address=10.0.0.11 path=/openstack/latest"
        #expect(try await eventually {
            try await GuestSockets.get("/openstack/latest?x=1", from: "169.254.169.254", in: guest.namespace)?.hasSuffix(expected) == true
        })
        let answer = try await GuestSockets.get("/unavailable", from: "169.254.169.254", in: guest.namespace)
        #expect(answer?.hasPrefix("HTTP/1.1 503 ") == true)
    }

    private func checkWayOut(_ host: TestHost, _ guest: PretendGuest) async throws {
        try await GuestServer.with(port: 8080, in: host.namespace) { () async throws in
            #expect(try await eventually {
                try await GuestSockets.get("/", from: "172.24.4.1", port: 8080, in: guest.namespace)?.hasSuffix("peer=172.24.4.100") == true
            })
        }
    }

    private func checkFloatingIP(_ host: TestHost, _ sample: inout SampleTopology, _ guest: PretendGuest) async throws {
        try await GuestServer.with(port: 80, in: guest.namespace) { () async throws in
            #expect(try await eventually { try await GuestSockets.ping("172.24.4.150", in: host.namespace) })
            #expect(try await GuestSockets.get("/", from: "172.24.4.150", in: host.namespace) == nil, "no rule admits it")
            sample.group.rules.append(
                SampleTopology.rule(SampleTopology.id(34, sample.prefix), .ingress, ipProtocol: "tcp", ports: (80, 80)))
            #expect(try await host.apply([.securityGroup(sample.group)]) == TopologyReport(inserted: 1, updated: 0, deleted: 0))
            #expect(try await eventually {
                try await GuestSockets.get("/", from: "172.24.4.150", in: host.namespace)?.hasSuffix("peer=172.24.4.1") == true
            })
        }
    }

    /// A guest may send from its own address only.
    private func checkSpoofing(_ host: TestHost, _ guest: PretendGuest) async throws {
        let links = try LinkCommands(namespace: guest.namespace)
        try await links.batch(["address add 10.0.0.66/24 dev eth0", "route add 10.0.0.11/32 dev eth0 src 10.0.0.66"])
        #expect(try await !GuestSockets.ping("10.0.0.11", in: guest.namespace))
        try await links.batch(["route delete 10.0.0.11/32 dev eth0", "address delete 10.0.0.66/24 dev eth0"])
    }

    /// A guest that sends to its tap's own MAC address does not reach the host beside the virtual network.
    private func checkIsolation(_ host: TestHost, _ port: LogicalPort, _ guest: PretendGuest) async throws {
        let device = InterfaceName.tap(port.id)
        let output = try await Command(executable: Command.find("ip"), arguments: ["-o", "link", "show", device]).run(in: host.namespace)
        let fields = output.split(separator: " ").map(String.init)
        let mac = try #require(fields.firstIndex(of: "link/ether").map { fields[$0 + 1] })
        let hostSide = try LinkCommands(namespace: host.namespace)
        try await hostSide.batch(["address add 198.51.100.1/32 dev lo", "route add 10.0.0.11/32 dev \(device)"])
        let inside = try LinkCommands(namespace: guest.namespace)
        try await inside.batch(["route add 198.51.100.1/32 dev eth0", "neighbour replace 198.51.100.1 lladdr \(mac) dev eth0"])
        #expect(try await !GuestSockets.ping("198.51.100.1", in: guest.namespace))
        try await hostSide.batch(["address delete 198.51.100.1/32 dev lo", "route delete 10.0.0.11/32 dev \(device)"])
    }

    /// Somebody wipes the northbound database: one complete topology brings everything back.
    private func checkWipe(_ host: TestHost, _ sample: SampleTopology, _ guest: PretendGuest) async throws {
        let client = OVSDBClient(
            path: OVNPaths(root: host.directory).northboundSocket, monitor: OVNTable.monitor, logger: Logger(label: "test"))
        let connection = Task { await client.run() }
        try await client.transact(
            OVNTable.allCases.filter { $0.parent == nil }.map { .delete(table: $0.rawValue, where: []) }, deadline: .now + .seconds(10))
        #expect(try await client.read(deadline: .now + .seconds(10)) { $0["Logical_Switch_Port"].isEmpty })
        await client.close()
        await connection.joined
        #expect(try await eventually { try await !GuestSockets.ping("10.0.0.12", in: guest.namespace) })
        let report = try await host.apply(sample.entities, complete: true)
        #expect(report.inserted > 20 && report.updated == 0 && report.deleted == 0)
        #expect(try await eventually { try await GuestSockets.ping("10.0.0.12", in: guest.namespace) })
        #expect(try await eventually { try await GuestSockets.ping("172.24.4.150", in: host.namespace) })
    }

    private func checkNothingIsLeft(_ host: TestHost) async throws {
        #expect(try host.processes.isEmpty)
        #expect(try await host.devices() == [])
        #expect(host.ownNamespaces() == [host.name])
        let rules = try await Command(executable: Command.find("nft"), arguments: ["list", "ruleset"]).run(in: host.namespace)
        #expect(rules.isEmpty)
    }

    @Test func daemonsOutliveUsAndAreBroughtBack() async throws {
        try await withHost { host in
            let sample = SampleTopology(prefix: host.prefix, host: "host1")
            try await host.apply(sample.entities, complete: true)
            let first = try await plug(sample.first, on: host)
            let second = try await plug(sample.second, on: host)
            #expect(try await eventually { try await GuestSockets.ping("10.0.0.12", in: first.namespace) })
            let metadata = { try await GuestSockets.get("/", from: "169.254.169.254", in: first.namespace)?.contains("address=10.0.0.11") == true }
            #expect(try await eventually(metadata))

            let before = try host.processes
            #expect(before.count == 6)
            await host.host.stop()
            #expect(try await GuestSockets.ping("10.0.0.12", in: first.namespace), "packets flow without us")
            try await host.restart()
            #expect(try host.processes == before, "what runs is adopted")
            #expect(try await host.apply(sample.entities, complete: true) == TopologyReport(inserted: 0, updated: 0, deleted: 0))
            #expect(try await eventually(metadata))
            #expect(try await host.interfaces.plugged(deadline: .now + .seconds(10)) == [sample.first.id, sample.second.id])

            for process in before.values { kill(process, SIGKILL) }
            #expect(try await eventually(within: .seconds(30)) {
                let now = try host.processes
                return now.count == before.count && Set(now.values).isDisjoint(with: before.values)
            })
            #expect(try await eventually(within: .seconds(30)) { try await GuestSockets.ping("10.0.0.12", in: first.namespace) })
            #expect(try await eventually(within: .seconds(30)) { try await GuestSockets.ping("172.24.4.150", in: host.namespace) })
            #expect(try await eventually(metadata))

            try await first.stop()
            try await second.stop()
            try await host.host.tearDown()
            try await checkNothingIsLeft(host)
        }
    }

    @Test func theRealDriversConform() async throws {
        try await withHost { host in
            let sample = SampleTopology(prefix: host.prefix, host: "host1")
            try await DataPlaneConformance(plane: host.dataPlane, sample: sample).run()
            let ports = [sample.first, sample.second].map {
                PlugInterface(portID: $0.id, networkID: $0.networkID, mac: $0.mac, mtu: 1442)
            }
            try await InterfaceDriverConformance(driver: host.interfaces, ports: ports).run()
            #expect(try await eventually { try await host.devices().isDisjoint(with: ports.map { InterfaceName.tap($0.portID) }) })
            #expect(try await eventually { host.ownNamespaces() == [host.name] })
        }
    }

    @Test func aPortThatTheDataPlaneDoesNotKnowIsNotReady() async throws {
        try await withHost { host in
            let request = PlugInterface(
                portID: SampleTopology.id(99, host.prefix), networkID: SampleTopology.id(1, host.prefix), mac: "fa:16:3e:00:99:99", mtu: 1442)
            do {
                _ = try await host.interfaces.plug(request, deadline: .now + .milliseconds(500))
                Issue.record("a port that does not exist came up")
            } catch let failure as BusFailure {
                #expect(failure.code == "port_not_ready")
            }
            let result = try await host.interfaces.reconcile(wanted: [], deadline: .now + .seconds(10))
            #expect(result.unplugged == [request.portID])
        }
    }
}
