import CloudAPI
import CloudCore
import CloudPolicy

/// The rules of security groups as nova made them before 2.36.
struct SecurityGroupRuleProxyEndpoints: Sendable {
    let compute: Compute.Parts

    private static let rule: Schema = .object(
        [
            (
                "security_group_rule",
                .object(
                    [("group_id", .nullable(.uuid)), ("parent_group_id", .uuid)], required: ["parent_group_id"],
                    additional: .any)
            )
        ], required: ["security_group_rule"], additional: .any)

    var table: [Endpoint] {
        [
            Endpoint(
                .post, "/v2.1/os-security-group-rules", "Add a rule to a security group", microversions: .proxied,
                access: .rule("os_compute_api:os-security-groups:rule:create"), body: .json(Self.rule), handler: create),
            Endpoint(
                .delete, "/v2.1/os-security-group-rules/{rule_id}", "Remove a rule of a security group", microversions: .proxied,
                access: .rule("os_compute_api:os-security-groups:rule:delete"), success: .accepted, handler: delete),
        ]
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let client = ServiceClient(compute, for: request)
        let wanted = try WantedRule(request.body["security_group_rule"] ?? .null)
        let parent = try await group(wanted.parentID, client)
        var source: JSON?
        if let id = wanted.groupID { source = try await group(id, client) }
        guard !wanted.isAmong(SecurityGroupView.rules(of: parent)) else {
            throw ComputeError.badRequest("This rule already exists in group \(wanted.parentID)")
        }
        do {
            let made = try await client.send(
                .network, .post, "/v2.0/security-group-rules", body: ["security_group_rule": wanted.body])
            let view = SecurityGroupRuleView(rule: made["security_group_rule"] ?? .null, source: source)
            return .json("security_group_rule", view)
        } catch let refusal as ServiceRefusal where refusal.status == 409 {
            guard refusal.type == "OverQuota" else { throw ComputeError.badRequest(refusal.message) }
            throw ComputeError.forbidden(refusal.message)
        }
    }

    private func group(_ id: String, _ client: ServiceClient) async throws -> JSON {
        try await client.send(.network, .get, SecurityGroupProxyEndpoints.path(id))["security_group"] ?? .null
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let id = request["rule_id"]
        guard Identifier.isUUID(id) else { throw ComputeError.badRequest("Security group id should be uuid") }
        let path = "/v2.0/security-group-rules/\(PathSegment.escape(id))"
        try await ServiceClient(compute, for: request).send(.network, .delete, path)
        return .empty()
    }
}

/// A rule as a request to nova describes it, checked as nova checks it.
struct WantedRule {
    let parentID: String
    let groupID: String?
    /// The range it is open to; nil when it is open to a group.
    let range: String?
    let kind: String?
    let from: Int?
    let to: Int?

    /// - Throws: 400 for what makes no rule.
    init(_ json: JSON) throws {
        parentID = json["parent_group_id"]?.string ?? ""
        groupID = json["group_id"]?.string
        range = groupID == nil ? try Self.range(json["cidr"]?.string) : nil
        let kind = json["ip_protocol"]?.string
        let isOpenToGroup = groupID != nil
        var (from, to) = (json["from_port"] ?? .null, json["to_port"] ?? .null)
        if isOpenToGroup, from.isNull, to.isNull {
            switch kind?.uppercased() {
            case "ICMP": (from, to) = (.int(-1), .int(-1))
            case "TCP", "UDP": (from, to) = (.int(1), .int(65535))
            default: break
            }
        }
        guard let kind, !kind.isEmpty, !from.isNull, !to.isNull else {
            guard isOpenToGroup else { throw ComputeError.badRequest("Not enough parameters to build a valid rule.") }
            (self.kind, self.from, self.to) = (nil, nil, nil)
            return
        }
        let ports = try Self.ports(kind, from, to)
        (self.kind, self.from, self.to) = (kind.lowercased(), ports.0, ports.1)
    }

    private static func ports(_ kind: String, _ from: JSON, _ to: JSON) throws -> (Int, Int) {
        let kind = kind.uppercased()
        guard let from = from.lenientInt, let to = to.lenientInt else {
            throw ComputeError.badRequest(
                kind == "ICMP" ? "Type and Code must be integers for ICMP protocol type" : "To and From ports must be integers")
        }
        switch kind {
        case "TCP", "UDP":
            guard from <= to else {
                throw ComputeError.badRequest("Invalid port range \(from):\(to). The first can't be greater than the last.")
            }
            guard from >= 1, to <= 65535 else {
                throw ComputeError.badRequest("Invalid port range \(from):\(to). Valid \(kind) ports are between 1 and 65535.")
            }
        case "ICMP":
            guard (-1...255).contains(from), (-1...255).contains(to) else {
                throw ComputeError.badRequest("Invalid port range \(from):\(to). For ICMP, type and code must be valid.")
            }
        default: throw ComputeError.badRequest("Invalid IP protocol \(kind).")
        }
        return (from, to)
    }

    /// - Throws: 400 for a range that is none, or one of all addresses that does not begin at zero.
    private static func range(_ text: String?) throws -> String {
        guard let text, !text.isEmpty else { return "0.0.0.0/0" }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let whole = parts.count == 1 ? "\(text)/\(text.contains(":") ? 128 : 32)" : text
        guard (try? Schema.string(format: .cidr).validate(.string(whole))) != nil else {
            throw ComputeError.badRequest("Invalid cidr \(text).")
        }
        guard !whole.hasSuffix("/0") || ["0.0.0.0", "::"].contains(String(parts[0])) else {
            throw ComputeError.badRequest("Bad prefix for network in cidr \(text)")
        }
        return whole
    }

    /// Neutron's numbers: none for every type of ICMP.
    private var ports: (Int?, Int?) { (from == -1 ? nil : from, to == -1 ? nil : to) }

    /// The body of the request to Neutron.
    var body: JSON {
        var body = JSONObject()
        body["direction"] = "ingress"
        body["ethertype"] = .string(range?.contains(":") == true ? "IPv6" : "IPv4")
        body["security_group_id"] = .string(parentID)
        if let kind { body["protocol"] = .string(kind) }
        if let port = ports.0 { body["port_range_min"] = .int(port) }
        if let port = ports.1 { body["port_range_max"] = .int(port) }
        if let range { body["remote_ip_prefix"] = .string(range) }
        if let groupID { body["remote_group_id"] = .string(groupID) }
        return .object(body)
    }

    /// Whether one of a group's rules is the same.
    func isAmong(_ rules: [JSON]) -> Bool {
        rules.contains { rule in
            rule["protocol"]?.string == kind && rule["port_range_min"]?.int == ports.0
                && rule["port_range_max"]?.int == ports.1 && rule["remote_group_id"]?.string == groupID
                && (groupID != nil || rule["remote_ip_prefix"]?.string ?? "0.0.0.0/0" == range)
        }
    }
}
