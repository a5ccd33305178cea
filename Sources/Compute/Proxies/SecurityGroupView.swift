import CloudAPI
import CloudCore

/// A security group of Neutron's as nova showed it before 2.36: its rules for what comes in, each open to a range or to
/// a group.
struct SecurityGroupView: JSONWritable {
    let group: JSON
    /// The groups that rules are open to, by id.
    let sources: [String: JSON]

    /// The ids of groups that a group's rules are open to.
    static func sources(of group: JSON) -> [String] { rules(of: group).compactMap { $0["remote_group_id"]?.string } }

    /// The rules that nova knows of.
    static func rules(of group: JSON) -> [JSON] {
        (group["security_group_rules"]?.array ?? []).filter { $0["direction"]?.string == "ingress" }
    }

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("id", group["id"]?.string)
            $0.member("name", group["name"]?.string)
            $0.member("description", group["description"]?.string)
            $0.member("tenant_id", group["tenant_id"]?.string ?? group["project_id"]?.string)
            $0.member("rules") { json in
                json.array { json in
                    for rule in Self.rules(of: group) {
                        let source = rule["remote_group_id"]?.string
                        // A group that went away meanwhile took its rule along.
                        if let source, sources[source] == nil { continue }
                        json.write(SecurityGroupRuleView(rule: rule, source: source.flatMap { sources[$0] }))
                    }
                }
            }
        }
    }
}

/// A rule in nova's form.
struct SecurityGroupRuleView: JSONWritable {
    let rule: JSON
    /// The group it is open to; nil for a range.
    let source: JSON?

    /// The ports, or the type and code of ICMP. A rule for a whole protocol has all of them.
    private var ports: (from: Int?, to: Int?) {
        let (from, to) = (rule["port_range_min"]?.int, rule["port_range_max"]?.int)
        guard let kind = rule["protocol"]?.string, from == nil, to == nil else { return (from, to) }
        return ["TCP", "UDP"].contains(kind.uppercased()) ? (1, 65535) : (-1, -1)
    }

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("id", rule["id"]?.string)
            $0.member("parent_group_id", rule["security_group_id"]?.string)
            $0.member("ip_protocol", rule["protocol"]?.string)
            $0.member("from_port", ports.from)
            $0.member("to_port", ports.to)
            $0.member("group") {
                $0.object {
                    guard let source else { return }
                    $0.member("name", source["name"]?.string)
                    $0.member("tenant_id", source["tenant_id"]?.string ?? source["project_id"]?.string)
                }
            }
            $0.member("ip_range") {
                $0.object { if source == nil { $0.member("cidr", rule["remote_ip_prefix"]?.string ?? "0.0.0.0/0") } }
            }
        }
    }
}
