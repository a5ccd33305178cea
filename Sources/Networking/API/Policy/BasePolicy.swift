import CloudPolicy

extension NeutronPolicy {
    /// The default rules of general use, as upstream's `neutron/conf/policies` of 2026.2 has them.
    static let baseRules = [
        PolicyRule("context_is_admin", "role:admin", "Who administers the cloud"),
        PolicyRule("context_with_global_access", "!", "Who may see every resource without administering"),
        PolicyRule("context_can_set_project_id", "!", "Who may make things for other projects without administering"),
        PolicyRule("service_api", "role:service", "Other services of the cloud"),
        PolicyRule("owner", "project_id:%(project_id)s", "The resource's own project"),
        PolicyRule(
            "admin_or_owner", "rule:context_is_admin or rule:owner", "Administrators and the resource's own project"),
        PolicyRule("context_is_advsvc", "role:advsvc", "Services that act for others"),
        PolicyRule(
            "admin_or_network_owner", "rule:context_is_admin or project_id:%(network:project_id)s",
            "Administrators and the network's project"),
        PolicyRule(
            "admin_owner_or_network_owner", "rule:owner or rule:admin_or_network_owner",
            "Administrators, the resource's and the network's project"),
        PolicyRule("regular_user", "", "Anyone"),
        PolicyRule("default", "rule:admin_or_owner", "What has no rule of its own"),
        PolicyRule(
            "rule_default_sg", "field:security_group_rules:belongs_to_default_sg=True",
            "Rules of default security groups"),
        PolicyRule("network_owner", "project_id:%(network:project_id)s", "The project of the resource's network"),
        PolicyRule("admin_only", "rule:context_is_admin", "Administrators"),
        PolicyRule("ext_parent_owner", "project_id:%(ext_parent:project_id)s", "The project of what the resource is part of"),
        PolicyRule("shared", "field:networks:shared=True", "Resources of shared networks"),
        PolicyRule("sg_owner", "project_id:%(security_group:project_id)s", "The project of the rule's security group"),
        PolicyRule("external", "field:networks:router:external=True", "External networks"),
        PolicyRule("network_device", "field:port:device_owner=~^network:", "Ports of the network's own devices"),
        PolicyRule("compute_device", "field:port:device_owner=~^compute:", "Ports of servers"),
        PolicyRule("baremetal_device", "field:port:device_owner=~^baremetal:", "Ports of bare metal nodes"),
        PolicyRule("manila_device", "field:port:device_owner=~^manila:", "Ports of file shares"),
        PolicyRule("shared_security_group", "field:security_groups:shared=True", "Shared security groups"),
        PolicyRule("external_network", "field:subnets:router:external=True", "Subnets of external networks"),
    ]
}
