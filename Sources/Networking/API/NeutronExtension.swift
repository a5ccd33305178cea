import CloudCore

/// An extension of Neutron's API. Those listed are those whose behaviour is there.
struct NeutronExtension: Sendable, Hashable, JSONWritable {
    let alias: String
    let name: String
    let description: String
    /// When upstream last changed its definition.
    let updated: String

    private init(_ alias: String, _ name: String, _ description: String, _ updated: String) {
        (self.alias, self.name, self.description) = (alias, name, description)
        // Upstream's definitions name a day; most of them at ten o'clock.
        self.updated = updated.contains("T") ? updated : "\(updated)T10:00:00-00:00"
    }

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("alias", alias)
            $0.member("name", name)
            $0.member("description", description)
            $0.member("updated", updated)
            $0.member("links", [String]())
        }
    }

    static let all: [NeutronExtension] = resources + attributes + ports + qos + queries

    private static let resources = [
        NeutronExtension("address-scope", "Address scope", "Scopes within which ranges never overlap.", "2015-07-26"),
        NeutronExtension("address-group", "Address group", "Named sets of addresses.", "2020-07-15"),
        NeutronExtension("agent", "agent", "The hosts' network agents.", "2013-02-03"),
        NeutronExtension("auto-allocated-topology", "Auto Allocated Topology Services", "A network with a way out for each project that asks.", "2016-01-01T00:00:00-00:00"),
        NeutronExtension("availability_zone", "Availability Zone", "Availability zones of networks and routers.", "2015-01-01"),
        NeutronExtension("dhcp_agent_scheduler", "DHCP Agent Scheduler", "Networks of DHCP agents.", "2013-02-07"),
        NeutronExtension("external-net", "Neutron external network", "Networks that lead out of the cloud.", "2013-01-14"),
        NeutronExtension("flavors", "Neutron Service Flavors", "Flavors of network services.", "2015-09-17"),
        NeutronExtension("fwaas_v2", "Firewall service v2", "Firewalls of routers' interfaces and of guests' ports.", "2016-08-16T00:00:00-00:00"),
        NeutronExtension("floating-ip-port-forwarding", "Floating IP Port Forwarding", "Single ports of floating IPs, led to ports inside.", "2018-01-19"),
        NeutronExtension("floatingip-pools", "Floating IP Pools Extension", "The subnets that floating IPs come from.", "2018-03-21"),
        NeutronExtension("multi-provider", "Multi Provider Network", "Networks of several segments.", "2013-06-27"),
        NeutronExtension("network-segment-range", "Neutron Network Segment Range", "The numbers that networks get, for all or for certain projects.", "2018-11-29T00:00:00-00:00"),
        NeutronExtension("segment", "Segment", "The segments of networks.", "2016-02-24T17:00:00-00:00"),
        NeutronExtension("standard-attr-segment", "Standard Attribute Segment Extension", "The standard attributes of segments.", "2018-04-09"),
        NeutronExtension("l3-flavors", "Router Flavor Extension", "Flavors of routers.", "2016-05-17T00:00:00-00:00"),
        NeutronExtension("l3_agent_scheduler", "L3 Agent Scheduler", "The agents that may have routers' gateways.", "2013-02-07"),
        NeutronExtension("logging", "Logging API Extension", "Logs of packets that security groups admit or drop.", "2017-01-01"),
        NeutronExtension("network-ip-availability", "Network IP Availability", "How many addresses networks have used.", "2015-09-24T00:00:00-00:00"),
        NeutronExtension("provider", "Provider Network", "Networks mapped to physical ones.", "2012-09-07"),
        NeutronExtension("quota_details", "Quota details management support", "Limits with what is used of them.", "2017-02-10"),
        NeutronExtension("quotas", "Quota management support", "Limits of what projects may have.", "2012-07-29"),
        NeutronExtension("rbac-address-scope", "Add address_scope type to RBAC", "Opening address scopes to certain projects.", "2020-02-12T00:00:00-00:00"),
        NeutronExtension("rbac-subnetpool", "Add subnetpool type to RBAC", "Opening subnet pools to certain projects.", "2020-02-05T00:00:00-00:00"),
        NeutronExtension("subnet_allocation", "Subnet Allocation", "Subnets cut from subnet pools.", "2015-03-30"),
        NeutronExtension("default-subnetpools", "Default Subnetpools", "The subnet pool that is used by default.", "2016-02-18T18:00:00-00:00"),
        NeutronExtension("subnetpool-prefix-ops", "Subnet Pool Prefix Operations", "Adding and removing single prefixes of subnet pools.", "2019-02-08"),
        NeutronExtension("subnet_onboard", "Subnet Onboard", "Moving a network's subnets into a subnet pool.", "2018-12-18T09:00:00-00:00"),
        NeutronExtension("rbac-policies", "RBAC Policies", "Opening networks and other resources to certain projects.", "2015-06-17T12:15:12-00:00"),
        NeutronExtension("router", "Neutron L3 Router", "Routers between networks, and floating IPs.", "2012-07-20"),
        NeutronExtension("security-group", "security-group", "Groups of ports with rules about their traffic.", "2012-10-05"),
        NeutronExtension("service-type", "Neutron Service Type Management", "What carries out network services.", "2013-01-20T00:00:00-00:00"),
        NeutronExtension("security-groups-default-rules", "Default rules for security groups", "What new security groups let through.", "2022-12-19"),
        NeutronExtension("security-groups-default-statefulness", "Security Groups Default Statefulness", "Whether new security groups have state.", "2026-04-13T00:00:00-00:00"),
    ]

    private static let attributes = [
        NeutronExtension("allowed-address-pairs", "Allowed Address Pairs", "Further addresses that ports may send from.", "2013-07-23"),
        NeutronExtension("binding", "Port Binding", "Where ports are plugged.", "2014-02-03"),
        NeutronExtension("dns-integration", "DNS Integration", "Names of ports and floating IPs.", "2015-08-15T18:00:00-00:00"),
        NeutronExtension("enable-default-route-bfd", "Enable Default Route BFD", "Watching routers' next hops.", "2023-02-27T00:00:00-00:00"),
        NeutronExtension("enable-default-route-ecmp", "Enable Default Route ECMP", "Spreading routers' traffic over next hops.", "2023-02-27T00:00:00-00:00"),
        NeutronExtension("expose-port-forwarding-in-fip", "Expose Floating IP port forwardings", "Floating IPs show their port forwardings.", "2018-06-28T16:00:00-00:00"),
        NeutronExtension("ext-gw-mode", "Neutron L3 Configurable external gateway mode", "Source NAT of routers, on or off.", "2013-03-28"),
        NeutronExtension("external-gateway-multihoming", "Neutron L3 External Gateway Multihoming", "Several gateways of a router.", "2023-01-18T00:00:00-00:00"),
        NeutronExtension("extraroute", "Neutron Extra Route", "Static routes of routers.", "2013-02-01"),
        NeutronExtension("extraroute-atomic", "Atomically add/remove extra routes", "Adding and removing single routes.", "2019-07-10T00:00:00+00:00"),
        NeutronExtension("fip-port-details", "Floating IP Port Details Extension", "The port behind a floating IP.", "2018-04-09"),
        NeutronExtension("floating-ip-port-forwarding-description", "Floating IP Port Forwarding new attribute description", "Descriptions of port forwardings.", "2019-11-01"),
        NeutronExtension("floating-ip-port-forwarding-detail", "Floating IP port forwarding detail", "Floating IPs name their port forwardings.", "2022-05-06"),
        NeutronExtension("floating-ip-port-forwarding-port-ranges", "Floating IP Port Forwarding support port ranges", "Forwarding ranges of ports.", "2020-07-01"),
        NeutronExtension("floating-ip-router-writable", "Floating IP Router (writable)", "Choosing a floating IP's router.", "2026-08-05T00:00:00-00:00"),
        NeutronExtension("l3-agent-scheduler-ha-chassis-priority", "L3 Agent Scheduler HA Chassis Priority", "The order of a gateway's agents.", "2026-03-31T00:00:00-00:00"),
        NeutronExtension("l3-ha", "HA Router extension", "Routers that survive a host.", "2014-04-26T00:00:00-00:00"),
        NeutronExtension("net-mtu", "Network MTU", "The largest packet of a network.", "2015-03-25"),
        NeutronExtension("net-mtu-writable", "Network MTU (writable)", "Choosing a network's MTU.", "2017-07-12T00:00:00-00:00"),
        NeutronExtension("vlan-transparent", "Vlantransparent", "Networks that carry guests' own VLAN tags.", "2015-03-23T09:00:00-00:00"),
        NeutronExtension("pvlan", "Private VLAN", "Networks whose ports have roles that keep them apart.", "2026-02-03T10:00:00-00:00"),
        NeutronExtension("qinq", "QinQ networks", "VLAN networks with guests' own tags inside (802.1ad).", "2024-12-02"),
        NeutronExtension("network_availability_zone", "Network Availability Zone", "Zones of networks.", "2015-01-01"),
        NeutronExtension("port-mac-address-regenerate", "Neutron Port MAC address regenerate", "A null MAC address asks for a new one.", "2018-05-03"),
        NeutronExtension("port-security", "Port Security", "Anti-spoofing of ports, on or off.", "2012-07-23"),
        NeutronExtension("project-id", "project_id field enabled", "Projects are named project_id.", "2016-09-09T09:09:09-09:09"),
        NeutronExtension("router-enable-snat", "Exposes the router \"enable_snat\" read-only configuration flag", "Routers show whether they hide tenants.", "2025-09-18T18:00:00-00:00"),
        NeutronExtension("router_availability_zone", "Router Availability Zone", "Zones of routers.", "2015-01-01"),
        NeutronExtension("rbac-address-group", "Add address_group type to RBAC", "Address groups for certain projects.", "2021-01-20T00:00:00-00:00"),
        NeutronExtension("rbac-security-groups", "Add security_group type to network RBAC", "Security groups for certain projects.", "2019-02-14T00:00:00-00:00"),
        NeutronExtension("security-groups-normalized-cidr", "Normalized CIDR field for security group rules", "Rules' ranges without host bits.", "2020-07-28"),
        NeutronExtension("security-groups-remote-address-group", "Remote address group id field for security group rules", "Rules about address groups.", "2020-08-25"),
        NeutronExtension("security-groups-rules-belongs-to-default-sg", "Security group rule belongs to the project's default security group", "Whether rules are of default groups.", "2023-05-23"),
        NeutronExtension("standard-attr-description", "standard-attr-description", "Descriptions of every resource.", "2016-02-10"),
        NeutronExtension("standard-attr-revisions", "Resource revision numbers", "Counts of every resource's changes.", "2016-04-11"),
        NeutronExtension("standard-attr-tag", "Tag support for resources with standard attribute: network, subnet, port, router, floatingip, security_group", "Tags of resources.", "2017-01-01T00:00:00-00:00"),
        NeutronExtension("standard-attr-timestamp", "Resource timestamps", "When resources were made and changed.", "2016-09-12"),
        NeutronExtension("stateful-security-group", "Stateful security group", "Security groups with and without state.", "2019-11-26T09:00:00-00:00"),
        NeutronExtension("subnet-external-network", "Subnet belongs to an external network", "Whether a subnet's network is external.", "2024-02-05T18:00:00-00:00"),
        NeutronExtension("subnet-service-types", "Subnet service types", "Subnets for certain device owners.", "2016-03-15T18:00:00-00:00"),
        NeutronExtension("tag-creation", "Tag creation extension", "Adding several tags at once.", "2024-07-23"),
        NeutronExtension("tag-ports-during-bulk-creation", "Tag Ports During Bulk Creation", "Tags of ports as they are created.", "2019-12-29T19:00:00-00:00"),
    ]

    private static let ports = [
        NeutronExtension("binding-extended", "Port Bindings Extended", "Bindings of a port to several hosts.", "2017-07-17"),
        NeutronExtension("dns-domain-ports", "dns_domain for ports", "Ports with a DNS domain of their own.", "2017-04-24"),
        NeutronExtension("dns-integration-domain-keywords", "DNS domain names with keywords allowed", "Who asks as a part of DNS domains.", "2020-06-15T18:00:00-00:00"),
        NeutronExtension("extra_dhcp_opt", "Neutron Extra DHCP options", "What DHCP tells a port beyond its subnets' options.", "2013-03-17T12:00:00-00:00"),
        NeutronExtension("port-device-profile", "Port device profile", "The accelerator profile of a port.", "2020-12-17"),
        NeutronExtension("port-hints", "Port hints", "Advice of ports for the engine.", "2023-01-01T00:00:00-00:00"),
        NeutronExtension("port-hint-ovs-tx-steering", "Port hint: Open vSwitch Tx steering", "How Open vSwitch spreads a port's packets.", "2023-01-01T00:00:00-00:00"),
        NeutronExtension("port-numa-affinity-policy", "Port NUMA affinity policy", "How close a port's device must be to the guest's memory.", "2020-07-08"),
        NeutronExtension("port-numa-affinity-policy-socket", "Port NUMA affinity policy \"socket\"", "The affinity policy of one socket.", "2024-02-09"),
        NeutronExtension("port-trusted-vif", "Port trusted vif", "Virtual functions that may change themselves.", "2024-07-10"),
        NeutronExtension("subnet-dns-publish-fixed-ip", "Subnet DNS publish fixed IP", "Subnets whose addresses DNS shall know.", "2019-05-24"),
        NeutronExtension("trunk", "Trunk Extension", "Ports that carry the packets of others.", "2016-01-01"),
        NeutronExtension("trunk-details", "Trunk port details", "What a trunk's parent carries.", "2016-01-01"),
        NeutronExtension("uplink-status-propagation", "Uplink status propagation extension", "Virtual functions whose link follows the physical one.", "2018-05-31T18:00:00-00:00"),
        NeutronExtension("uplink-status-propagation-updatable", "Uplink status propagation updatable extension", "Changing the propagation of a link's state.", "2024-09-03T18:00:00-00:00"),
    ]

    private static let qos = [
        NeutronExtension("port-resource-request", "Port Resource Request", "What ports need from placement.", "2018-05-08"),
        NeutronExtension("port-resource-request-groups", "Port Resource Request Groups", "Several groups of resources for a port.", "2021-08-02"),
        NeutronExtension("qos", "Quality of Service", "Policies about the traffic of ports and networks.", "2015-06-08"),
        NeutronExtension("qos-bw-limit-direction", "Direction for QoS bandwidth limit rule", "Bandwidth limits of either direction.", "2017-04-10"),
        NeutronExtension("qos-bw-minimum-ingress", "Ingress direction for QoS minimum bandwidth rule", "Minimum bandwidths of either direction.", "2018-07-09"),
        NeutronExtension("qos-default", "QoS default policy", "The policy of a project's new networks.", "2017-041-06"),
        NeutronExtension("qos-fip", "Floating IP QoS", "Policies of floating IPs.", "2017-07-20T00:00:00-00:00"),
        NeutronExtension("qos-fip-network-policy", "QoS floating IP network policy ID", "The policy of a floating IP's network.", "2021-11-15"),
        NeutronExtension("qos-gateway-ip", "Router gateway IP QoS", "Policies of routers' gateways.", "2018-02-24T00:00:00-00:00"),
        NeutronExtension("qos-port-network-policy", "QoS port network policy ID", "The policy of a port's network.", "2019-11-01"),
        NeutronExtension("qos-pps", "QoS Rule Type Packet per Second Extension", "Limits of packets a second.", "2021-05-12"),
        NeutronExtension("qos-pps-minimum", "QoS minimum packet rate rule", "Packets a second that placement keeps for ports.", "2021-07-14"),
        NeutronExtension("qos-pps-minimum-rule-alias", "QoS minimum packet rate rule alias", "Minimum packet rates without their policy.", "2021-10-22"),
        NeutronExtension("qos-rule-type-details", "Details of QoS rule types", "What the engine makes of the types of rules.", "2017-06-22"),
        NeutronExtension("qos-rule-type-filter", "Allow to filter the list of QoS rule types", "All types of rules, or those supported.", "2022-02-02"),
        NeutronExtension("qos-rules-alias", "Quality of Service rules alias API", "Rules without their policy.", "2018-10-07"),
    ]

    private static let queries = [
        NeutronExtension("agent_sort_key", "Agents Sort Key", "Agents in an order.", "2013-02-03"),
        NeutronExtension("availability_zone_filter", "Availability Zone Filter Extension", "Availability zones of one name, kind or state.", "2018-06-22"),
        NeutronExtension("empty-string-filtering", "Empty String Filtering Extension", "Filters for empty values.", "2018-05-01"),
        NeutronExtension("filter-validation", "Filter parameters validation", "Unknown filters are refused.", "2018-07-04"),
        NeutronExtension("ip-substring-filtering", "IP address substring filtering", "Ports by a part of an address.", "2017-11-28T09:00:00-00:00"),
        NeutronExtension("pagination", "Pagination support", "Lists in pages.", "2016-06-12T00:00:00-00:00"),
        NeutronExtension("port-security-groups-filtering", "Port filtering on security groups", "Ports by their security groups.", "2018-01-09T09:00:00-00:00"),
        NeutronExtension("quota-check-limit", "Quota engine limit check", "Limits below what is used need force.", "2021-09-08T16:00:00-00:00"),
        NeutronExtension("quota-check-limit-default", "Quota engine limit check by default", "Limits are checked without being asked to.", "2024-08-21T16:00:00-00:00"),
        NeutronExtension("revision-if-match", "If-Match constraints based on revision_number", "Changing only what was seen.", "2016-12-11T00:00:00-00:00"),
        NeutronExtension("security-groups-shared-filtering", "Security group filtering on the shared field", "Security groups by whether they are shared.", "2021-10-05T09:00:00-00:00"),
        NeutronExtension("sort-key-validation", "Sort keys validation", "Unknown sort keys are refused.", "2018-07-04"),
        NeutronExtension("sorting", "Sorting support", "Lists in an order.", "2016-06-12T00:00:00-00:00"),
    ]
}
