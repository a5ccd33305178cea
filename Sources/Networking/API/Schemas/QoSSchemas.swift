import CloudAPI
import CloudCore

// QoS policies and rules.
extension NetworkingSchemas {
    private static let policyBoth: Members = described + [("shared", flag), ("is_default", flag)]
    static let qosPolicyCreation: Members = policyBoth + project + tags
    static let qosPolicyUpdate: Members = policyBoth
    /// A policy to be under; null for none.
    static let qosPolicyID: Members = [("qos_policy_id", .nullable(id))]

    /// What the rules of a type say.
    static func qosRule(_ type: QoSRuleType) -> Members {
        let number: Schema = .integer(0...Int(Int32.max), lenient: true)
        let value: Schema = type == .dscpMarking
            ? .oneOf(QoSRuleType.marks.map { .int($0) } + QoSRuleType.marks.map { .string(String($0)) }) : number
        var members: Members = [(type.valueName, value)]
        if let name = type.burstName { members.append((name, number)) }
        if !type.directions.isEmpty {
            members.append(("direction", .oneOf(type.directions.map { .string($0.rawValue) })))
        }
        return members
    }
}
