import CloudPolicy

extension NeutronPolicy {
    /// The rules that others refer to, as upstream's `neutron/conf/policies` of 2026.2 has them. Those of its base rules
    /// that no default refers to (`owner`, `default` …) are left out: other services give these names other meanings, and
    /// an operator's file may still define them.
    static let baseRules = [
        PolicyRule("context_is_admin", "role:admin", "Who administers the cloud"),
        PolicyRule("service_api", "role:service", "Other services of the cloud"),
        PolicyRule("context_is_advsvc", "role:advsvc", "Services that act for others"),
        PolicyRule("network_owner", "project_id:%(network:project_id)s", "The project of the resource's network"),
        PolicyRule("admin_only", "rule:context_is_admin", "Administrators"),
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
