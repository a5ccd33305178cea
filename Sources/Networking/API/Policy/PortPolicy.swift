import CloudPolicy

extension NeutronPolicy {
    /// The default rules of ports, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let portRules = [
        rule("create_port", adminServiceNetworkMemberOrShared, "Create a port"),
        rule("create_port:device_id", adminMemberOrService, "Set `device_id` as a port is created"),
        rule(
            "create_port:device_owner",
            "not rule:network_device or (rule:admin_only) or (rule:service_api) or role:member and rule:network_owner",
            "Set `device_owner` as a port is created"),
        rule("create_port:mac_address", adminServiceOrNetworkMember, "Set `mac_address` as a port is created"),
        rule("create_port:fixed_ips", adminServiceNetworkMemberOrShared, "Set `fixed_ips` as a port is created"),
        rule(
            "create_port:fixed_ips:ip_address",
            adminServiceOrNetworkMember,
            "Set `fixed_ips:ip_address` as a port is created"),
        rule(
            "create_port:fixed_ips:subnet_id",
            adminServiceNetworkMemberOrShared,
            "Set `fixed_ips:subnet_id` as a port is created"),
        rule(
            "create_port:port_security_enabled",
            adminServiceOrNetworkMember,
            "Set `port_security_enabled` as a port is created"),
        rule("create_port:binding:host_id", adminOrService, "Set `binding:host_id` as a port is created"),
        rule("create_port:binding:profile", "rule:service_api", "Set `binding:profile` as a port is created"),
        rule("create_port:binding:vnic_type", adminMemberOrService, "Set `binding:vnic_type` as a port is created"),
        rule(
            "create_port:allowed_address_pairs",
            adminNetworkMemberOrService,
            "Set `allowed_address_pairs` as a port is created"),
        rule(
            "create_port:allowed_address_pairs:mac_address",
            adminNetworkMemberOrService,
            "Set `allowed_address_pairs:mac_address` as a port is created"),
        rule(
            "create_port:allowed_address_pairs:ip_address",
            adminNetworkMemberOrService,
            "Set `allowed_address_pairs:ip_address` as a port is created"),
        rule("create_port:hints", admin, "Set `hints` as a port is created"),
        rule("create_port:trusted", admin, "Set `trusted` as a port is created"),
        rule("create_port:pvlan_type", adminOrMember, "Set `pvlan_type` as a port is created"),
        rule("create_port:pvlan_community", adminOrMember, "Set `pvlan_community` as a port is created"),
        rule(
            "create_port:tags",
            "(rule:admin_only) or (role:member and project_id:%(project_id)s) or rule:context_is_advsvc",
            "Tag a port as it is created"),
        rule(
            "get_port",
            "(rule:admin_only) or (rule:service_api) or role:reader and rule:network_owner or role:reader and "
                + "project_id:%(project_id)s",
            "See a port"),
        rule("get_port:binding:vif_type", adminOrService, "See `binding:vif_type` of a port"),
        rule("get_port:binding:vif_details", adminOrService, "See `binding:vif_details` of a port"),
        rule("get_port:binding:host_id", adminOrService, "See `binding:host_id` of a port"),
        rule("get_port:binding:profile", adminOrService, "See `binding:profile` of a port"),
        rule("get_port:resource_request", admin, "See `resource_request` of a port"),
        rule("get_port:hints", admin, "See `hints` of a port"),
        rule("get_port:trusted", admin, "See `trusted` of a port"),
        rule("get_port:pvlan_type", adminOrReader, "See `pvlan_type` of a port"),
        rule("get_port:pvlan_community", adminOrReader, "See `pvlan_community` of a port"),
        rule(
            "get_port:tags",
            "rule:context_is_advsvc or (rule:admin_only) or (role:reader and rule:network_owner) or role:reader "
                + "and project_id:%(project_id)s",
            "See the tags of a port"),
        rule(
            "update_port",
            "(rule:admin_only) or (rule:service_api) or role:member and project_id:%(project_id)s",
            "Change a port"),
        rule("update_port:device_id", adminMemberOrService, "Change `device_id` of a port"),
        rule(
            "update_port:device_owner",
            "not rule:network_device or (rule:admin_only) or (rule:service_api) or role:member and rule:network_owner",
            "Change `device_owner` of a port"),
        rule(
            "update_port:mac_address",
            "(rule:admin_only) or (rule:service_api) or role:manager and rule:network_owner",
            "Change `mac_address` of a port"),
        rule("update_port:fixed_ips", adminServiceOrNetworkMember, "Change `fixed_ips` of a port"),
        rule(
            "update_port:fixed_ips:ip_address",
            adminServiceOrNetworkMember,
            "Change `fixed_ips:ip_address` of a port"),
        rule(
            "update_port:fixed_ips:subnet_id",
            adminServiceNetworkMemberOrShared,
            "Change `fixed_ips:subnet_id` of a port"),
        rule(
            "update_port:port_security_enabled",
            adminServiceOrNetworkMember,
            "Change `port_security_enabled` of a port"),
        rule("update_port:binding:host_id", adminOrService, "Change `binding:host_id` of a port"),
        rule("update_port:binding:profile", "rule:service_api", "Change `binding:profile` of a port"),
        rule(
            "update_port:binding:vnic_type",
            "(rule:admin_only) or (rule:service_api) or role:member and project_id:%(project_id)s",
            "Change `binding:vnic_type` of a port"),
        rule(
            "update_port:allowed_address_pairs",
            adminNetworkMemberOrService,
            "Change `allowed_address_pairs` of a port"),
        rule(
            "update_port:allowed_address_pairs:mac_address",
            adminNetworkMemberOrService,
            "Change `allowed_address_pairs:mac_address` of a port"),
        rule(
            "update_port:allowed_address_pairs:ip_address",
            adminNetworkMemberOrService,
            "Change `allowed_address_pairs:ip_address` of a port"),
        rule("update_port:hints", admin, "Change `hints` of a port"),
        rule("update_port:trusted", admin, "Change `trusted` of a port"),
        rule("update_port:pvlan_type", adminOrMember, "Change `pvlan_type` of a port"),
        rule("update_port:pvlan_community", adminOrMember, "Change `pvlan_community` of a port"),
        rule(
            "update_port:tags",
            "(rule:admin_only) or (role:member and project_id:%(project_id)s) or rule:context_is_advsvc",
            "Tag a port"),
        rule(
            "delete_port",
            "(rule:admin_only) or (rule:service_api) or (service_roles:service and (role:member and "
                + "rule:network_owner or role:member and project_id:%(project_id)s)) or (not rule:compute_device and "
                + "not rule:baremetal_device and not rule:manila_device and (role:member and rule:network_owner or "
                + "role:member and project_id:%(project_id)s))",
            "Delete a port"),
        rule(
            "delete_port:tags",
            "rule:context_is_advsvc or role:member and project_id:%(project_id)s or (rule:admin_only) or "
                + "(role:member and rule:network_owner)",
            "Untag a port"),
    ]
}
