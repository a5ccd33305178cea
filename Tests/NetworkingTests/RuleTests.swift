import CloudCore
import NetworkMessages
import Testing

@testable import Networking

@Suite struct RuleTests {
    private func draft(_ change: (inout SecurityRuleDraft) -> Void) -> SecurityRuleDraft {
        var draft = SecurityRuleDraft(groupID: "group", .ingress, .ipv4)
        change(&draft)
        return draft
    }

    private func type(_ change: (inout SecurityRuleDraft) -> Void) -> String? {
        do {
            _ = try draft(change).validated()
            return nil
        } catch {
            return error.type
        }
    }

    @Test func rulesThatMeanNothingAreRefused() {
        #expect(type { $0.portMin = 80 } == "SecurityGroupProtocolRequiredWithPorts")
        #expect(type { ($0.ipProtocol, $0.portMin, $0.portMax) = ("tcp", 90, 80) } == "SecurityGroupInvalidPortRange")
        #expect(type { ($0.ipProtocol, $0.portMin) = ("tcp", 80) } == "SecurityGroupInvalidPortRange")
        #expect(type { ($0.ipProtocol, $0.portMin, $0.portMax) = ("udp", 0, 80) } == "SecurityGroupInvalidPortValue")
        #expect(type { ($0.ipProtocol, $0.portMin, $0.portMax) = ("vrrp", 1, 80) } == "SecurityGroupInvalidProtocolForPort")
        #expect(type { ($0.ipProtocol, $0.portMin) = ("icmp", 256) } == "SecurityGroupInvalidIcmpValue")
        #expect(type { ($0.ipProtocol, $0.portMax) = ("icmp", 1) } == "SecurityGroupMissingIcmpType")
        #expect(type { $0.ipProtocol = "256" } == "SecurityGroupRuleInvalidProtocol")
        #expect(type { $0.ipProtocol = "quic" } == "SecurityGroupRuleInvalidProtocol")
        #expect(type { $0.ipProtocol = "ipv6-icmp" } == "SecurityGroupEthertypeConflictWithProtocol")
        #expect(type { $0.remoteCIDR = "2001:db8::/64" } == "SecurityGroupRuleParameterConflict")
        #expect(type { $0.remoteCIDR = "nowhere" } == "InvalidCIDR")
        #expect(type { ($0.remoteCIDR, $0.remoteGroupID) = ("10.0.0.0/8", "g") } == "SecurityGroupMultipleRemoteEntites")
    }

    @Test func rulesBecomeCanonical() throws {
        let whole = try draft { ($0.ipProtocol, $0.portMin, $0.portMax) = ("TCP", 1, 65535) }.validated()
        #expect(whole.ipProtocol == "tcp" && whole.portMin == nil && whole.portMax == nil)
        let any = try draft { $0.ipProtocol = "any" }.validated()
        #expect(any.ipProtocol == nil)
        let icmp = try draft { ($0.etherType, $0.ipProtocol) = (.ipv6, "icmp") }.validated()
        #expect(icmp.ipProtocol == "ipv6-icmp")
        let address = try draft { $0.remoteCIDR = "192.0.2.7" }.validated()
        #expect(address.remoteCIDR == "192.0.2.7/32")
    }

    private func rule(_ change: (inout SecurityRuleDraft) -> Void) throws -> SecurityGroupRule {
        let draft = try draft(change).validated()
        return SecurityGroupRule(
            id: "rule", groupID: draft.groupID, projectID: "p", direction: draft.direction, etherType: draft.etherType,
            ipProtocol: draft.ipProtocol, portMin: draft.portMin, portMax: draft.portMax, remoteCIDR: draft.remoteCIDR,
            remoteGroupID: draft.remoteGroupID, remoteAddressGroupID: draft.remoteAddressGroupID,
            standard: StandardAttributes(createdAt: .now))
    }

    @Test func rulesThatAdmitTheSameHaveTheSameFingerprint() throws {
        #expect(try rule { $0.ipProtocol = "tcp" }.fingerprint == rule { $0.ipProtocol = "6" }.fingerprint)
        #expect(try rule { $0.remoteCIDR = "0.0.0.0/0" }.fingerprint == rule { _ in }.fingerprint)
        #expect(try rule { $0.ipProtocol = "udp" }.fingerprint != rule { $0.ipProtocol = "tcp" }.fingerprint)
    }

    private func subnetError(_ cidr: String, _ change: (inout SubnetDraft) -> Void = { _ in }) throws -> String? {
        var draft = SubnetDraft(networkID: "n", cidr: try #require(CIDR(cidr)))
        change(&draft)
        do {
            try SubnetRules.check(draft)
            return nil
        } catch {
            return error.type
        }
    }

    @Test func subnetsThatCannotWorkAreRefused() throws {
        #expect(try subnetError("10.0.0.0/24") == nil)
        #expect(try subnetError("10.0.0.0/31") == "InvalidInput")
        #expect(try subnetError("10.0.0.0/31") { $0.isDHCPEnabled = false } == nil)
        #expect(try subnetError("224.0.0.0/24") == "InvalidInput")
        #expect(try subnetError("127.0.0.0/24") == "InvalidInput")
        #expect(try subnetError("0.0.0.0/8") == "InvalidInput")
        #expect(try subnetError("::/64") == "InvalidInput")
        #expect(try subnetError("10.0.0.0/24") { $0.gateway = .address(IPAddress(version: .v4, value: 0x0A0000FF)) } == "InvalidInput")
        #expect(try subnetError("10.0.0.0/24") { $0.nameservers = Array(repeating: "1.1.1.1", count: 6) } == "DNSNameServersExhausted")
        #expect(try subnetError("10.0.0.0/24") { $0.nameservers = ["2001:db8::1"] } == "InvalidInput")
        #expect(try subnetError("10.0.0.0/24") { $0.hostRoutes = [Route(destination: "x", nexthop: "y")] } == "InvalidInput")
        #expect(try subnetError("10.0.0.0/24") { $0.raMode = .slaac } == "InvalidInput")
        #expect(try subnetError("2001:db8::/80") { $0.addressMode = .slaac } == "InvalidInput")
        #expect(try subnetError("2001:db8::/64") { ($0.raMode, $0.addressMode) = (.slaac, .stateful) } == "InvalidInput")
        #expect(try subnetError("2001:db8::/64") { ($0.raMode, $0.addressMode) = (.slaac, .slaac) } == nil)
    }

    @Test func tunnelsLeaveRoomForTheirHeaders() {
        #expect(MTU.largest(.geneve, physical: 1500, path: 0) == 1442)
        #expect(MTU.largest(.vxlan, physical: 1500, path: 0) == 1450)
        #expect(MTU.largest(.vlan, physical: 9000, path: 1500) == 9000)
        #expect(MTU.largest(.geneve, physical: 9000, path: 1500) == 1442)
    }
}
