import CloudCore
import Testing

@testable import Networking

/// What placement is asked to change as a port's policy does.
@Suite struct ReallocationTests {
    private static let port = "00000000-0000-4000-8000-000000000001"

    private func rule(_ id: String, _ type: QoSRuleType, _ direction: QoSDirection, _ value: Int) -> QoSRule {
        QoSRule(id: id, policyID: "p", type: type, direction: direction, value: value, burst: 0)
    }

    private func allocation(_ rules: [[QoSRule]], _ provider: String = "nic") -> JSONObject {
        var object = JSONObject()
        for rules in rules { object[ResourceRequest.groupID(port: Self.port, rules)] = .string(provider) }
        return object
    }

    @Test func theDifferenceOfEachClassCounts() throws {
        let old = [rule("a", .minimumBandwidth, .egress, 1000), rule("b", .minimumBandwidth, .ingress, 500)]
        let new = [rule("c", .minimumBandwidth, .egress, 1500), rule("d", .minimumBandwidth, .ingress, 500)]
        let change = try #require(Reallocation(port: Self.port, allocation: allocation([old]), from: old, to: new))
        #expect(change.difference == ["nic": ["NET_BW_EGR_KILOBIT_PER_SEC": 500]])
        #expect(change.allocation == allocation([new]))
        #expect(change.described == "NET_BW_EGR_KILOBIT_PER_SEC +500 of provider nic")
    }

    @Test func whatEndsIsGivenBack() throws {
        let old = [rule("a", .minimumBandwidth, .egress, 1000)]
        let change = try #require(Reallocation(port: Self.port, allocation: allocation([old]), from: old, to: []))
        #expect(change.difference == ["nic": ["NET_BW_EGR_KILOBIT_PER_SEC": -1000]])
        #expect(change.allocation.members.isEmpty)
    }

    @Test func kindsThatThePortHadNoneOfAreLeftOut() throws {
        let old = [rule("a", .minimumBandwidth, .egress, 1000)]
        let new = [rule("c", .minimumBandwidth, .egress, 1000), rule("d", .minimumPacketRate, .any, 5)]
        let change = try #require(Reallocation(port: Self.port, allocation: allocation([old]), from: old, to: new))
        #expect(change.difference.isEmpty)
        #expect(change.allocation == allocation([[new[0]]]))
        #expect(Reallocation(port: Self.port, allocation: [:], from: [], to: new) == nil)
    }

    @Test func aRateOfBothDirectionsBecomesNoneOfOne() throws {
        let (old, new) = ([rule("a", .minimumPacketRate, .any, 5)], [rule("b", .minimumPacketRate, .egress, 5)])
        let change = try #require(Reallocation(port: Self.port, allocation: allocation([old]), from: old, to: new))
        #expect(change.mixesDirections)
    }
}
