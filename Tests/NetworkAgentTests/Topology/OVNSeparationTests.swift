import NetworkMessages
import Testing

@testable import NetworkAgent

/// The rows that keep ports of a private network apart.
@Suite(.timeLimit(.minutes(1))) struct OVNSeparationTests {
    let sample = SampleTopology()
    let projection = OVNProjection()

    private func rows(_ separation: PortSeparation) throws -> [String: OVNRow] {
        var network = sample.tenant
        network.separation = separation
        return Dictionary(uniqueKeysWithValues: try projection.rows(of: .network(network)).map { ($0.key.name, $0) })
    }

    @Test func eachGroupLosesWhatTheOthersSend() throws {
        let (alone, web, data) = ("fa:16:3e:00:00:01", "fa:16:3e:00:00:02", "fa:16:3e:00:00:03")
        let rows = try rows(PortSeparation(isolated: [alone], communities: ["web": [web], "data": [data]]))
        #expect(rows["isolated/senders"]?.columns["addresses"] == .strings([alone, web, data]))
        #expect(rows["community/web/senders"]?.columns["addresses"] == .strings([alone, data]))
        let drop = try #require(rows["community/web/drop"])
        #expect(drop.parent == OVNProjection.isolationGroup(.community("web"), in: sample.tenant.id))
        let name = "community_\(sample.tenant.id.replacing("-", with: "_"))_web"
        #expect(drop.columns["match"] == .string("outport == @\(name) && eth.src == $\(name)_senders"))
        #expect(rows["community/web"]?.columns["name"] == .string(name))
    }

    @Test func portsJoinTheirGroup() throws {
        var port = sample.first
        port.isolation = .isolated
        let group = OVNProjection.isolationGroup(.isolated, in: port.networkID)
        #expect(try projection.row(of: port).groups.contains(group))
        port.isolation = nil
        #expect(try !projection.row(of: port).groups.contains(group))
    }

    @Test func namesThatWouldEndAMatchAreRefused() throws {
        #expect(throws: TopologyError.self) { try rows(PortSeparation(isolated: [], communities: ["a || 1": []])) }
    }
}
