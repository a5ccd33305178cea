import CloudAPI
import CloudCore
import NetworkMessages

/// Reads ports from bodies.
enum PortBody {
    static func draft(_ attributes: Attributes, _ request: APIRequest) throws(NetworkingError) -> PortDraft {
        var draft = PortDraft(projectID: try attributes.project(of: request))
        draft.name = attributes.text("name") ?? ""
        draft.description = attributes.text("description") ?? ""
        draft.isAdminUp = attributes.flag("admin_state_up") ?? true
        draft.mac = attributes.text("mac_address")
        draft.fixedIPs = try attributes.addresses("fixed_ips")
        draft.deviceID = attributes.text("device_id") ?? ""
        draft.deviceOwner = attributes.text("device_owner") ?? ""
        draft.securityGroupIDs = attributes.texts("security_groups")
        draft.hasPortSecurity = attributes.flag("port_security_enabled")
        draft.allowedPairs = pairs(attributes) ?? []
        draft.binding.host = attributes.text("binding:host_id") ?? ""
        draft.binding.profile = attributes.object("binding:profile") ?? .object([:])
        draft.binding.vnicType = attributes.text("binding:vnic_type") ?? "normal"
        draft.dnsName = attributes.text("dns_name") ?? ""
        draft.tags = attributes.texts("tags") ?? []
        draft.extras = try extras(attributes).applied(to: PortExtras())
        draft.extras.deviceProfile = attributes.text("device_profile")
        draft.privateRole = privateRole(attributes)
        return draft
    }

    static func change(_ attributes: Attributes) throws(NetworkingError) -> PortChange {
        var change = PortChange()
        change.name = attributes.text("name")
        change.description = attributes.text("description")
        change.isAdminUp = attributes.flag("admin_state_up")
        // A null MAC address asks for a new one.
        change.mac = attributes.json["mac_address"].map { $0.string ?? MACAddress.generated().description }
        change.fixedIPs = attributes.has("fixed_ips") ? try attributes.addresses("fixed_ips") ?? [] : nil
        change.deviceID = attributes.text("device_id")
        change.deviceOwner = attributes.text("device_owner")
        change.securityGroupIDs = attributes.texts("security_groups")
        change.hasPortSecurity = attributes.flag("port_security_enabled")
        change.allowedPairs = pairs(attributes)
        change.host = attributes.json["binding:host_id"].map { $0.string ?? "" }
        if attributes.has("binding:profile") { change.profile = attributes.object("binding:profile") ?? .object([:]) }
        change.vnicType = attributes.text("binding:vnic_type")
        change.dnsName = attributes.text("dns_name")
        change.extras = try extras(attributes)
        change.privateRole = privateRole(attributes)
        return change
    }

    private static func privateRole(_ attributes: Attributes) -> PrivateRoleRequest {
        let type: String?? = attributes.has("pvlan_type") ? .some(attributes.text("pvlan_type")) : nil
        return PrivateRoleRequest(type: type, community: attributes.text("pvlan_community"))
    }

    private static func extras(_ attributes: Attributes) throws(NetworkingError) -> PortExtrasChange {
        var change = PortExtrasChange()
        change.dhcpOptions = try options(attributes)
        if attributes.has("hints") { change.hints = .some(attributes.object("hints")) }
        if attributes.has("numa_affinity_policy") { change.numaAffinityPolicy = .some(attributes.text("numa_affinity_policy")) }
        change.propagatesUplinkStatus = attributes.flag("propagate_uplink_status")
        change.isTrusted = attributes.flag("trusted")
        change.dnsDomain = try attributes.text("dns_domain").map { domain throws(NetworkingError) in try DNSRules.domain(domain) }
        if attributes.has("qos_policy_id") { change.qosPolicyID = .some(attributes.text("qos_policy_id")) }
        return change
    }

    /// DHCP options; nil when absent. A value may be empty for few of them only.
    private static func options(_ attributes: Attributes) throws(NetworkingError) -> [DHCPOption]? {
        guard let value = attributes.json["extra_dhcp_opts"] else { return nil }
        var options: [DHCPOption] = []
        for item in value.array ?? [] {
            let name = item["opt_name"]?.string ?? ""
            let option = DHCPOption(
                name: name, value: item["opt_value"]?.string, ipVersion: item["ip_version"]?.lenientInt ?? 4)
            let isBlank = [name, option.value ?? "-"].map { $0.allSatisfy(\.isWhitespace) }
            guard !isBlank[0], !isBlank[1] || DHCPOption.mayBeBlank.contains(name) else {
                throw .badBody("Invalid input for extra_dhcp_opts. Reason: '\(name)' needs a name and a value")
            }
            guard ![name, option.value ?? ""].contains(where: { $0.contains(where: \.isNewline) }) else {
                throw .badBody("Invalid input for extra_dhcp_opts. Reason: multi-line texts are not allowed")
            }
            options.append(option)
        }
        return options
    }

    private static func pairs(_ attributes: Attributes) -> [AddressPair]? {
        attributes.json["allowed_address_pairs"].map { value in
            (value.array ?? []).map {
                AddressPair(mac: $0["mac_address"]?.string ?? "", address: $0["ip_address"]?.string ?? "")
            }
        }
    }

    /// The attributes with rules of their own that are set: in a creation those that differ from their defaults. Parts
    /// of addresses and pairs have rules too.
    static func guarded(_ attributes: Attributes, isCreation: Bool) -> [String] {
        let plain = [
            "mac_address", "fixed_ips", "device_id", "device_owner", "binding:host_id", "binding:profile", "binding:vnic_type",
            "allowed_address_pairs", "port_security_enabled", "hints", "trusted", "pvlan_type", "pvlan_community",
        ].filter { name in
            guard let value = attributes.json[name] else { return false }
            guard isCreation else { return true }
            let isDefault = value.isNull || value == "" || value == [] || value == [:]
                || name == "binding:vnic_type" && value == "normal" || name == "port_security_enabled" && value.lenientBool == true
            // An empty list of addresses is a wish; the default is to say nothing.
            return !isDefault || name == "fixed_ips" && !value.isNull
        }
        let nested = ["fixed_ips", "allowed_address_pairs"].flatMap { name -> [String] in
            let parts = (attributes.json[name]?.array ?? []).compactMap(\.object).flatMap(\.names)
            return Set(parts).sorted().map { "\(name):\($0)" }
        }
        return plain + nested + (isCreation ? attributes.present(["tags"]) : [])
    }
}
