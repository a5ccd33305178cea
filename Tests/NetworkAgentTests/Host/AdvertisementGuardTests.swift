import CloudCore
import Testing

@testable import NetworkAgent

@Suite(.timeLimit(.minutes(1))) struct AdvertisementGuardTests {
    private let column = OVSDBSchema.Column(isSingle: true, defaultValue: .none)
    private let set = OVSDBSchema.Column(isSingle: false, defaultValue: .none)

    private func replica(_ table: String, _ columns: [String: OVSDBSchema.Column], _ rows: String) throws -> OVSDBReplica {
        var replica = try OVSDBReplica(
            schema: OVSDBSchema(tables: [table: columns]), wanted: [table: Array(columns.keys)], indexKey: nil)
        try replica.apply(.init(parsing: #"{"\#(table)":{\#(rows)}}"#))
        return replica
    }

    @Test func onlyPortsWithPortSecurityAreGuarded() throws {
        let replica = try replica("Port_Group", ["name": column, "ports": set], """
            "a":{"insert":{"name":"1_altostack_drop","ports":["set",["one","two"]]}},
            "b":{"insert":{"name":"2_altostack_drop","ports":"three"}},"c":{"insert":{"name":"1_pg_open","ports":"four"}}
            """)
        #expect(AdvertisementGuard.secured(in: replica) == ["one", "two", "three"])
    }

    @Test func aPortOnThisHostIsKnownByItsNumberOnceItHasOne() throws {
        let map = OVSDBSchema.Column(isSingle: false, defaultValue: .map([:]))
        let replica = try replica("Interface", ["external_ids": map, "ofport": column], """
            "a":{"insert":{"external_ids":["map",[["iface-id","one"]]],"ofport":7}},
            "b":{"insert":{"external_ids":["map",[["iface-id","two"]]],"ofport":-1}},
            "c":{"insert":{"external_ids":["map",[["iface-id","open"]]],"ofport":3}},
            "d":{"insert":{"ofport":9}},"e":{"insert":{"external_ids":["map",[["iface-id","three"]]],"ofport":2}}
            """)
        #expect(AdvertisementGuard.numbers(of: ["one", "two", "three"], in: replica) == [2, 7])
    }

    @Test func eachPortHasAFlow() {
        #expect(AdvertisementGuard.flows([]) == [])
        #expect(AdvertisementGuard.flows([2, 7]) == [2, 7].map {
            "add cookie=0xa1705ac1,table=0,priority=200,icmp6,in_port=\($0),vlan_tci=0,icmp_type=134,actions=drop"
        })
    }
}
