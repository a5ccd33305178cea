import CloudCore
import CloudStore

/// A QoS policy as the API shows it.
struct QoSPolicyView: View {
    static let names = ResourceNames("policy", "policies")

    let policy: QoSPolicy
    let tags: [String]

    /// The views of policies, in a constant number of queries.
    static func load(_ policies: [QoSPolicy], in reader: any Reader) throws -> [QoSPolicyView] {
        let tags = try TagRecords.all(policies.map(\.id), in: reader)
        return policies.map { QoSPolicyView(policy: $0, tags: tags[$0.id] ?? []) }
    }

    var id: String { policy.id }
    var subject: PolicySubject { PolicySubject(projectID: policy.projectID, sharing: policy.sharing) }

    func write(to json: inout MemberWriter) {
        json("id", policy.id)
        json("name", policy.name)
        json.project(policy.projectID)
        json.shared(policy.sharing)
        json("is_default", policy.isDefault)
        json("rules", value: { json in
            json.array { json in
                for rule in policy.rules {
                    json.object { json in
                        json.member("id", rule.id)
                        json.member("qos_policy_id", rule.policyID)
                        json.member("type", rule.type.rawValue)
                        rule.writeValues { json.member($0, $1) }
                    }
                }
            }
        })
        json.standard(policy.standard, tags: tags)
    }
}

/// A QoS rule as the API shows it, below its policy or under its alias.
struct QoSRuleView: View {
    let rule: QoSRule
    let subject: PolicySubject

    /// The names of a type's rules: `bandwidth_limit_rule`, governed as `policy_bandwidth_limit_rule`.
    static func names(_ type: QoSRuleType) -> ResourceNames {
        ResourceNames("\(type.rawValue)_rule", "\(type.rawValue)_rules", policy: "policy_\(type.rawValue)_rule")
    }

    /// The names under the alias.
    static func aliasNames(_ type: QoSRuleType) -> ResourceNames {
        ResourceNames("alias_\(type.rawValue)_rule", "alias_\(type.rawValue)_rules")
    }

    init(_ rule: QoSRule, of policy: QoSPolicy) {
        self.rule = rule
        subject = PolicySubject(partOf: policy.projectID)
    }

    var id: String { rule.id }

    func write(to json: inout MemberWriter) {
        json("id", rule.id)
        rule.writeValues { json($0, $1) }
    }
}

extension QoSRule {
    /// Writes what the type's rules say.
    fileprivate func writeValues(_ member: (String, JSON) -> Void) {
        member(type.valueName, .int(value))
        if let name = type.burstName { member(name, .int(burst)) }
        if let direction { member("direction", .string(direction.rawValue)) }
    }
}

/// A type of QoS rule that the cloud supports, as the API shows it.
struct QoSRuleTypeView: View {
    static let names = ResourceNames("rule_type", "rule_types")

    let type: QoSRuleType
    /// Whether to say what the engine makes of it.
    let hasDetails: Bool

    var id: String { type.rawValue }
    var subject: PolicySubject { PolicySubject(projectID: "") }

    func write(to json: inout MemberWriter) {
        json("type", type.rawValue)
        guard hasDetails else { return }
        json("drivers", value: { json in
            json.array { json in
                json.object { json in
                    json.member("name", type == .minimumPacketRate ? "placement" : "ovn")
                    json.member("supported_parameters", parameters)
                }
            }
        })
    }

    private func parameters(_ json: inout JSONWriter) {
        json.array { json in
            let values: JSON = type == .dscpMarking
                ? .array(QoSRuleType.marks.map { .int($0) }) : ["start": 0, "end": .int(Int(Int32.max))]
            parameter(type.valueName, values, &json)
            if let name = type.burstName { parameter(name, ["start": 0, "end": .int(Int(Int32.max))], &json) }
            if !type.directions.isEmpty {
                parameter("direction", .array(type.directions.map { .string($0.rawValue) }), &json)
            }
        }
    }

    private func parameter(_ name: String, _ values: JSON, _ json: inout JSONWriter) {
        json.object {
            $0.member("parameter_name", name)
            $0.member("parameter_type", values.array == nil ? "range" : "choices")
            $0.member("parameter_values", values)
        }
    }
}

extension ResourceRequest: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("request_groups") { json in
                json.array { json in
                    for group in groups {
                        json.object {
                            $0.member("id", group.id)
                            $0.member("required", group.required)
                            $0.member("resources", group.resources)
                        }
                    }
                }
            }
            json.member("same_subtree", groups.map(\.id))
        }
    }
}
