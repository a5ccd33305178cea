#!/usr/bin/env python3
"""Builds and looks after networks with every networking command that the openstack client has, and at what each answers. A
command of the client that is neither driven here nor named in `ABSENT` fails the check."""

import json

from client_shell import Shell
from cloud import Client, expect, run_check, run_parts

# Commands of extensions that upstream's own gate does not offer either, by their beginning.
ABSENT = {
    "local ip": "local IPs belong to Open vSwitch agents, not to OVN",
    "network l3 conntrack helper": "conntrack helpers belong to the L3 agent, not to OVN",
    "router ndp proxy": "NDP proxies belong to the L3 agent, not to OVN",
}
# What quotas count, as much as an administrator of this check makes.
QUOTAS = ("--networks", "--subnets", "--ports", "--routers", "--floating-ips", "--secgroups", "--secgroup-rules")

# An address that a port may also send from. The client finds a pair again by all of its members only.
PAIR = "ip-address=10.1.0.77,mac-address=fa:16:3e:00:00:02"


class NetworkCommands:
    def __init__(self, shell, program, venv):
        self.shell = shell
        self.program = program
        self.run, self.json, self.names = shell.run, shell.json, shell.names
        self.client = Client(program, venv)

    def as_user(self, *arguments, name="vera", project="village"):
        """Options that make the client another user."""
        return (*arguments, "--os-cloud", "", "--os-auth-url", f"{self.program.url}/identity/v3", "--os-username", name,
                "--os-password", "vera-secret", "--os-user-domain-name", "Default", "--os-project-name", project,
                "--os-project-domain-name", "Default", "--os-identity-api-version", "3")

    def shows(self, kind, what, **members):
        """Looks at a resource's members."""
        shown = self.json(*kind.split(), "show", what)
        wrong = {name: shown.get(name) for name, value in members.items() if shown.get(name) != value}
        expect(not wrong, f"{kind} {what} shows {wrong} instead of {members}")
        return shown

    def made(self, *arguments):
        """Runs a command that makes something, and returns its id."""
        return self.json(*arguments)["id"]

    def gone(self, kind, what, column="Name"):
        """Deletes something and looks that it is not listed any more."""
        self.run(*kind.split(), "delete", what)
        expect(what not in self.names(*kind.split(), "list", column=column), f"{kind} {what} is listed after its end")

    def others(self):
        """Another project with a user of its own."""
        self.run("project", "create", "village")
        self.run("user", "create", "vera", "--password", "vera-secret")
        self.run("role", "add", "--project", "village", "--user", "vera", "member")

    # Networks and subnets.

    def networks(self):
        made = self.json("network", "create", "square", "--description", "Stalls", "--mtu", "1400", "--tag", "blue", "--tag", "old",
                         "--availability-zone-hint", "nova")
        expect(made["mtu"] == 1400 and sorted(made["tags"]) == ["blue", "old"], f"the network: {made}")
        self.run("network", "create", "outside", "--external", "--provider-network-type", "flat", "--provider-physical-network",
                 "public")
        self.run("network", "create", "vlan", "--provider-network-type", "vlan", "--provider-physical-network", "public",
                 "--provider-segment", "77")
        self.run("network", "create", "again", "--provider-network-type", "vlan", "--provider-physical-network", "public",
                 "--provider-segment", "77", fails="in use")
        shown = self.shows("network", "vlan", **{"provider:segmentation_id": 77})
        expect(shown["admin_state_up"] is True, f"network: {shown}")
        self.run("network", "set", "vlan", "--name", "street", "--disable", "--tag", "red", "--description", "Cars", "--share")
        self.shows("network", "street", admin_state_up=False, tags=["red"], description="Cars", shared=True)
        self.run("network", "unset", "street", "--tag", "red")
        self.run("network", "set", "street", "--no-share", "--enable")
        self.shows("network", "street", tags=[], shared=False)
        queries = {
            ("--external",): {"outside"}, ("--internal", "--name", "square"): {"square"}, ("--tags", "blue,old"): {"square"},
            ("--any-tags", "blue,red"): {"square"}, ("--not-tags", "blue,old", "--name", "street"): {"street"},
            ("--not-any-tags", "blue", "--name", "square"): set(), ("--provider-segment", "77"): {"street"},
            ("--provider-network-type", "flat"): {"outside"}, ("--long", "--status", "ACTIVE", "--name", "square"): {"square"},
            ("--disable",): set(), ("--project", "village"): set(),
        }
        for options, expected in queries.items():
            found = self.names("network", "list", *options)
            expect(found == expected, f"network list {' '.join(options)}: {found}")
        self.run(*self.as_user("network", "show", "square"), fails="")
        self.gone("network", "street")

    def subnets(self):
        self.run("subnet", "create", "stalls", "--network", "square", "--subnet-range", "10.1.0.0/24", "--dns-nameserver",
                 "198.51.100.53", "--allocation-pool", "start=10.1.0.10,end=10.1.0.99", "--host-route",
                 "destination=10.9.0.0/16,gateway=10.1.0.254", "--tag", "blue", "--description", "Fruit")
        self.shows("subnet", "stalls", cidr="10.1.0.0/24", gateway_ip="10.1.0.1", enable_dhcp=True, tags=["blue"],
                   dns_nameservers=["198.51.100.53"])
        self.run("subnet", "create", "sixth", "--network", "square", "--ip-version", "6", "--subnet-range", "2001:db8:1::/64",
                 "--ipv6-ra-mode", "slaac", "--ipv6-address-mode", "slaac")
        self.run("subnet", "create", "roads", "--network", "outside", "--subnet-range", "203.0.113.0/24", "--no-dhcp",
                 "--gateway", "203.0.113.1")
        self.run("subnet", "create", "twice", "--network", "square", "--subnet-range", "10.1.0.128/25", fails="verlap")
        self.run("subnet", "set", "stalls", "--name", "booths", "--dns-nameserver", "198.51.100.54", "--no-host-route",
                 "--host-route", "destination=10.8.0.0/16,gateway=10.1.0.253", "--tag", "red", "--no-dhcp")
        shown = self.shows("subnet", "booths", enable_dhcp=False)
        expect(sorted(shown["tags"]) == ["blue", "red"] and len(shown["dns_nameservers"]) == 2, f"subnet: {shown}")
        self.run("subnet", "unset", "booths", "--dns-nameserver", "198.51.100.54", "--host-route",
                 "destination=10.8.0.0/16,gateway=10.1.0.253", "--tag", "red")
        self.run("subnet", "set", "booths", "--dhcp")
        self.shows("subnet", "booths", host_routes=[], dns_nameservers=["198.51.100.53"], tags=["blue"])
        queries = {
            ("--network", "square"): {"booths", "sixth"}, ("--ip-version", "6"): {"sixth"}, ("--no-dhcp",): {"roads"},
            ("--subnet-range", "10.1.0.0/24"): {"booths"}, ("--gateway", "203.0.113.1"): {"roads"}, ("--tags", "blue"): {"booths"},
            ("--name", "sixth", "--long"): {"sixth"},
        }
        for options, expected in queries.items():
            found = self.names("subnet", "list", *options)
            expect(found == expected, f"subnet list {' '.join(options)}: {found}")
        self.gone("subnet", "sixth")

    def availability(self):
        rows = {row["Network Name"]: row for row in self.json("ip", "availability", "list")}
        expect(rows["square"]["Total IPs"] == 90, f"availability: {rows}")
        self.shows("ip availability", "square", total_ips=90)

    def pools(self):
        self.run("address", "scope", "create", "sky", "--ip-version", "4")
        self.run("address", "scope", "set", "sky", "--name", "heaven", "--share")
        self.shows("address scope", "heaven", shared=True, ip_version=4)
        expect(self.names("address", "scope", "list", "--ip-version", "4") == {"heaven"}, "address scopes")
        self.run("subnet", "pool", "create", "clouds", "--pool-prefix", "10.32.0.0/16", "--default-prefix-length", "26",
                 "--min-prefix-length", "24", "--max-prefix-length", "28", "--address-scope", "heaven", "--tag", "white", "--share")
        self.shows("subnet pool", "clouds", default_prefixlen=26, tags=["white"])
        self.run("subnet", "pool", "set", "clouds", "--name", "rain", "--pool-prefix", "10.33.0.0/16", "--tag", "grey",
                 "--default-prefix-length", "25")
        expect(len(self.shows("subnet pool", "rain", default_prefixlen=25)["prefixes"]) >= 1, "the pool's prefixes")
        self.run("subnet", "pool", "unset", "rain", "--tag", "grey")
        expect(self.names("subnet", "pool", "list", "--long", "--name", "rain") == {"rain"}, "subnet pools")
        self.run("network", "create", "weather")
        self.run("subnet", "create", "drops", "--network", "weather", "--subnet-pool", "rain", "--prefix-length", "27")
        expect(self.json("subnet", "show", "drops")["cidr"].endswith("/27"), "a subnet from a pool")
        self.run("subnet", "pool", "delete", "rain", fails="1 of 1")
        self.run("subnet", "delete", "drops")

    def onboarding(self):
        self.run("network", "create", "village-green")
        self.run("subnet", "create", "grass", "--network", "village-green", "--subnet-range", "10.40.1.0/24")
        self.run("network", "onboard", "subnet", "village-green", "rain")
        pool = self.json("subnet", "pool", "show", "rain")
        expect(self.json("subnet", "show", "grass")["subnetpool_id"] == pool["id"], "a subnet that a pool took in")
        self.run("network", "onboard", "subnet", "village-green", "rain", fails="conflicts")
        self.run("network", "create", "village-pond")
        self.run("subnet", "create", "water", "--network", "village-pond", "--subnet-range", "10.40.2.0/24")
        self.run("subnet", "pool", "add", "network", "village-pond", "rain")
        self.shows("subnet", "water", subnetpool_id=pool["id"])
        self.run("network", "delete", "village-green", "village-pond", "weather")
        self.gone("subnet pool", "rain")
        self.gone("address scope", "heaven")

    def segments(self):
        self.run("network", "segment", "range", "create", "lanes", "--shared", "--network-type", "vlan", "--physical-network",
                 "public", "--minimum", "3000", "--maximum", "3010")
        self.run("network", "segment", "range", "set", "lanes", "--name", "tracks", "--minimum", "3000", "--maximum", "3020")
        self.shows("network segment range", "tracks", maximum=3020, minimum=3000)
        expect("tracks" in self.names("network", "segment", "range", "list", "--long"), "segment ranges")
        self.run("network", "create", "railway", "--provider-network-type", "vlan", "--provider-physical-network", "public",
                 "--provider-segment", "3005")
        rows = self.json("network", "segment", "list", "--network", "railway", "--long")
        expect([row["Segment"] for row in rows] == [3005], f"segments: {rows}")
        self.run("network", "segment", "set", rows[0]["ID"], "--name", "platform", "--description", "Trains")
        self.shows("network segment", rows[0]["ID"], name="platform", description="Trains")
        self.run("network", "segment", "create", "siding", "--network", "railway", "--network-type", "vlan", "--physical-network",
                 "public", "--segment", "3006")
        self.run("network", "segment", "delete", "siding")
        self.run("network", "delete", "railway")
        self.gone("network segment range", "tracks")

    def sharing(self):
        policy = self.made("network", "rbac", "create", "square", "--type", "network", "--action", "access_as_shared",
                           "--target-project", "village")
        expect("square" in self.run(*self.as_user("network", "list")), "a network that was shared")
        self.run("network", "rbac", "set", policy, "--target-project", "admin")
        expect("square" not in self.run(*self.as_user("network", "list")), "a network that is shared no more")
        self.shows("network rbac", policy, action="access_as_shared", object_type="network")
        rows = self.json("network", "rbac", "list", "--type", "network", "--action", "access_as_shared", "--long")
        expect(policy in {row["ID"] for row in rows}, f"policies: {rows}")
        self.gone("network rbac", policy, column="ID")

    def topology(self):
        self.run("network", "set", "outside", "--default")
        self.run("subnet", "pool", "create", "default4", "--pool-prefix", "10.64.0.0/16", "--default", "--share",
                 "--default-prefix-length", "26")
        self.run("network", "auto", "allocated", "topology", "create", "--check-resources")
        topology = self.made("network", "auto", "allocated", "topology", "create", "--or-show")
        self.run("network", "show", topology)
        self.run("network", "auto", "allocated", "topology", "delete")
        self.run("network", "show", topology, fails="")
        self.run("subnet", "pool", "delete", "default4")

    # Security groups.

    def security_groups(self):
        made = self.json("security", "group", "create", "gate", "--description", "Guards", "--tag", "blue")
        expect(len(made["rules"]) == 2 and made["stateful"] is True, f"the group: {made}")
        self.run("security", "group", "set", "gate", "--name", "door", "--description", "Porter", "--tag", "red", "--stateless")
        self.shows("security group", "door", stateful=False, description="Porter")
        self.run("security", "group", "unset", "door", "--tag", "red")
        self.run("security", "group", "set", "door", "--stateful")
        expect(self.names("security", "group", "list", "--tags", "blue") == {"door"}, "groups by tags")
        expect(self.names("security", "group", "list", "--share") == set(), "shared groups")
        self.run("security", "group", "create", "default", fails="efault")

    def security_rules(self):
        rule = self.made("security", "group", "rule", "create", "door", "--protocol", "tcp", "--dst-port", "22:23", "--remote-ip",
                         "10.0.0.7/8", "--description", "Shell")
        self.shows("security group rule", rule, port_range_min=22, port_range_max=23, remote_ip_prefix="10.0.0.7/8",
                   normalized_cidr="10.0.0.0/8", direction="ingress")
        self.run("security", "group", "rule", "create", "door", "--protocol", "tcp", "--dst-port", "22:23", "--remote-ip",
                 "10.0.0.7/8", fails="exists")
        self.run("security", "group", "rule", "create", "door", "--protocol", "icmp", "--icmp-type", "8", "--icmp-code", "0",
                 "--egress")
        self.run("security", "group", "rule", "create", "door", "--ethertype", "IPv6", "--remote-group", "door", "--protocol", "udp")
        rows = self.json("security", "group", "rule", "list", "door", "--ingress", "--protocol", "tcp", "--long")
        expect([row["ID"] for row in rows] == [rule], f"rules: {rows}")
        self.gone("security group rule", rule, column="ID")

    def address_groups(self):
        group = self.made("address", "group", "create", "guests", "--address", "10.7.0.0/16", "--address", "2001:db8:7::/48",
                          "--description", "Visitors")
        self.run("address", "group", "set", "guests", "--name", "friends", "--address", "10.8.0.1/32")
        self.run("address", "group", "unset", "friends", "--address", "2001:db8:7::/48")
        self.shows("address group", "friends", addresses=["10.7.0.0/16", "10.8.0.1/32"], description="Visitors")
        self.run("address", "group", "set", "friends", "--address", "10.8.0.1/32", fails="")
        expect(self.names("address", "group", "list", "--name", "friends") == {"friends"}, "address groups")
        rule = self.made("security", "group", "rule", "create", "door", "--remote-address-group", "friends", "--protocol", "tcp",
                         "--dst-port", "80")
        self.shows("security group rule", rule, remote_address_group_id=group)
        self.run("address", "group", "delete", "friends", fails="1 of 1")
        self.run("security", "group", "rule", "delete", rule)
        self.gone("address group", "friends")

    def security_defaults(self):
        of = ("default", "security", "group", "rule")
        rule = self.made(*of, "create", "--protocol", "tcp", "--dst-port", "443", "--ingress", "--for-custom-sg")
        self.shows("default security group rule", rule, used_in_non_default_sg=True, port_range_min=443)
        expect(rule in {row["ID"] for row in self.json(*of, "list", "--ingress", "--protocol", "tcp")}, "templates")
        expect(len(self.json("security", "group", "create", "tower")["rules"]) == 3, "a group made by the templates")
        self.gone("default security group rule", rule, column="ID")
        of = ("security", "group", "default", "statefulness")
        setting = self.made(*of, "create", "--stateless", "--project", "village")
        self.shows("security group default statefulness", setting, stateful=False)
        shown = self.json("security", "group", "create", "mill", "--project", "village")
        expect(shown["stateful"] is False, f"a group of a project whose groups have no state: {shown}")
        self.run(*of, "set", setting, "--stateful")
        expect([row["Stateful"] for row in self.json(*of, "list", "--project", "village")] == [True], "settings")
        self.gone("security group default statefulness", setting, column="ID")
        self.run("security", "group", "delete", "mill", "tower")

    # Ports and what is done to their packets.

    def ports(self):
        made = self.json("port", "create", "stall", "--network", "square", "--fixed-ip", "subnet=booths,ip-address=10.1.0.20",
                         "--security-group", "door", "--allowed-address", PAIR, "--tag", "blue",
                         "--description", "Apples", "--dns-name", "apples", "--mac-address", "fa:16:3e:00:00:01",
                         "--extra-dhcp-option", "name=tftp-server,value=10.1.0.3,ip-version=4")
        expect(made["fixed_ips"][0]["ip_address"] == "10.1.0.20" and made["status"] == "DOWN", f"the port: {made}")
        self.run("port", "create", "rival", "--network", "square", "--fixed-ip", "subnet=booths,ip-address=10.1.0.20",
                 fails="already allocated")
        self.run("port", "set", "stall", "--name", "booth", "--disable", "--fixed-ip", "subnet=booths,ip-address=10.1.0.21",
                 "--device", "cart", "--device-owner", "compute:nova", "--tag", "red")
        # What binds a port is between the services, and is no administrator's either.
        self.run("port", "set", "booth", "--binding-profile", "colour=green", fails="binding:profile")
        self.run("role", "add", "--project", "admin", "--user", "admin", "service")
        self.run("port", "set", "booth", "--binding-profile", "colour=green")
        self.shows("port", "booth", binding_profile={"colour": "green"})
        shown = self.shows("port", "booth", admin_state_up=False, device_id="cart")
        expect(len(shown["fixed_ips"]) == 2, f"port: {shown}")
        self.run("port", "unset", "booth", "--fixed-ip", "subnet=booths,ip-address=10.1.0.21", "--security-group", "door", "--tag",
                 "red", "--allowed-address", PAIR, "--device", "--device-owner",
                 "--binding-profile", "colour")
        self.run("role", "remove", "--project", "admin", "--user", "admin", "service")
        shown = self.shows("port", "booth", security_group_ids=[], tags=["blue"], device_id="", binding_profile={})
        expect(shown["allowed_address_pairs"] == [], f"port: {shown}")
        self.run("port", "set", "booth", "--disable-port-security", "--enable")
        self.run("port", "set", "booth", "--enable-port-security")
        queries = {
            ("--network", "square", "--name", "booth"): {"booth"}, ("--fixed-ip", "ip-address=10.1.0.20"): {"booth"},
            ("--fixed-ip", "ip-substring=10.1.0.2"): {"booth"}, ("--mac-address", "fa:16:3e:00:00:01"): {"booth"},
            ("--tags", "blue", "--long"): {"booth"}, ("--security-group", "door"): set(), ("--status", "ACTIVE", "--name", "booth"): set(),
            ("--device-id", "cart"): set(),
        }
        for options, expected in queries.items():
            found = self.names("port", "list", *options)
            expect(found == expected, f"port list {' '.join(options)}: {found}")

    def trunks(self):
        self.run("port", "create", "mast", "--network", "square")
        self.run("network", "create", "sails", "--mtu", "1400")
        self.run("port", "create", "sail", "--network", "sails")
        self.run("port", "create", "flag", "--network", "sails")
        self.run("network", "trunk", "create", "ship", "--parent-port", "mast", "--subport",
                 "port=sail,segmentation-type=vlan,segmentation-id=100", "--description", "Old")
        self.run("network", "trunk", "set", "ship", "--name", "boat", "--subport",
                 "port=flag,segmentation-type=vlan,segmentation-id=101")
        self.shows("network trunk", "boat", description="Old")
        for command in (("network", "subport", "list", "--trunk", "boat"), ("network", "trunk", "subport", "list", "boat")):
            rows = self.json(*command)
            expect(sorted(row["Segmentation ID"] for row in rows) == [100, 101], f"{command}: {rows}")
        self.run("network", "trunk", "unset", "boat", "--subport", "flag")
        self.run("network", "trunk", "subport", "add", "boat", "flag", "--segmentation-type", "vlan", "--segmentation-id", "102")
        self.run("network", "trunk", "subport", "remove", "boat", "flag")
        expect(self.names("network", "trunk", "list", "--long") == {"boat"}, "trunks")
        self.gone("network trunk", "boat")
        self.run("port", "delete", "mast", "sail", "flag")
        self.run("network", "delete", "sails")

    def qos(self):
        of = ("network", "qos")
        self.run(*of, "policy", "create", "slow", "--description", "Walk", "--share")
        self.run(*of, "policy", "set", "slow", "--name", "gentle", "--no-share")
        self.shows("network qos policy", "gentle", description="Walk", shared=False)
        expect("gentle" in self.names(*of, "policy", "list"), "QoS policies")
        rule = self.made(*of, "rule", "create", "gentle", "--type", "bandwidth-limit", "--max-kbps", "1000", "--max-burst-kbits",
                         "800", "--egress")
        self.run(*of, "rule", "create", "gentle", "--type", "dscp-marking", "--dscp-mark", "26")
        self.run(*of, "rule", "set", "gentle", rule, "--max-kbps", "2000")
        shown = self.json(*of, "rule", "show", "gentle", rule)
        expect(shown["max_kbps"] == 2000, f"QoS rule: {shown}")
        expect(len(self.json(*of, "rule", "list", "gentle")) == 2, "QoS rules")
        types = self.names(*of, "rule", "type", "list", column="Type")
        expect({"bandwidth_limit", "dscp_marking", "minimum_bandwidth"} <= types, f"QoS rule types: {types}")
        self.run(*of, "rule", "type", "show", "bandwidth_limit")
        self.run("port", "set", "booth", "--qos-policy", "gentle")
        self.run(*of, "policy", "delete", "gentle", fails="1 of 1")
        self.run("port", "unset", "booth", "--qos-policy")
        self.run(*of, "rule", "delete", "gentle", rule)
        self.gone("network qos policy", "gentle")

    # Routers and what is reached through them.

    def routers(self):
        self.run("router", "create", "crossing", "--description", "Roads", "--tag", "blue", "--external-gateway", "outside")
        self.run("router", "set", "crossing", "--name", "junction", "--tag", "red")
        self.run("router", "unset", "junction", "--tag", "red")
        self.run("router", "add", "subnet", "junction", "booths")
        self.run("router", "add", "subnet", "junction", "booths", fails="")
        self.run("router", "add", "route", "junction", "--route", "destination=10.77.0.0/16,gateway=10.1.0.50")
        self.shows("router", "junction", description="Roads", tags=["blue"],
                   routes=[{"destination": "10.77.0.0/16", "nexthop": "10.1.0.50"}])
        self.run("router", "remove", "route", "junction", "--route", "destination=10.77.0.0/16,gateway=10.1.0.50")
        expect(self.names("router", "list", "--tags", "blue", "--long") == {"junction"}, "routers")
        self.run("network", "create", "lane")
        self.run("subnet", "create", "verge", "--network", "lane", "--subnet-range", "10.2.0.0/24")
        self.run("port", "create", "kerb", "--network", "lane")
        self.run("router", "add", "port", "junction", "kerb")
        self.run("router", "remove", "port", "junction", "kerb")
        self.run("network", "delete", "lane")
        self.run("router", "delete", "junction", fails="1 of 1")
        self.run("router", "create", "corner")
        self.run("router", "add", "gateway", "corner", "outside")
        self.run("router", "remove", "gateway", "corner", "outside")
        self.shows("router", "corner", external_gateway_info=None)
        self.run("router", "delete", "corner")

    def floating_ips(self):
        made = self.json("floating", "ip", "create", "outside", "--description", "Bell", "--tag", "blue", "--floating-ip-address",
                         "203.0.113.50")
        expect(made["floating_ip_address"] == "203.0.113.50" and made["status"] == "DOWN", f"the floating IP: {made}")
        self.run("floating", "ip", "set", made["id"], "--port", "booth", "--fixed-ip-address", "10.1.0.20", "--tag", "red")
        self.shows("floating ip", made["id"], fixed_ip_address="10.1.0.20")
        rows = self.json("floating", "ip", "list", "--network", "outside", "--floating-ip-address", "203.0.113.50", "--long")
        expect([row["ID"] for row in rows] == [made["id"]], f"floating IPs: {rows}")
        self.run("floating", "ip", "unset", made["id"], "--port", "--tag", "red")
        self.shows("floating ip", made["id"], port_id=None, tags=["blue"])
        self.forwardings(made["id"])
        self.gone("floating ip", made["id"], column="ID")

    def forwardings(self, address):
        of = ("floating", "ip", "port", "forwarding")
        made = self.json(*of, "create", address, "--port", "booth", "--internal-ip-address", "10.1.0.20",
                         "--internal-protocol-port", "80", "--external-protocol-port", "8080", "--protocol", "tcp")
        self.run(*of, "set", address, made["id"], "--external-protocol-port", "8081", "--description", "Shop")
        shown = self.json(*of, "show", address, made["id"])
        expect(shown["external_port"] == 8081 and shown["description"] == "Shop", f"the port forwarding: {shown}")
        expect(len(self.json(*of, "list", address, "--protocol", "tcp")) == 1, "port forwardings")
        self.run(*of, "delete", address, made["id"])
        expect(self.json(*of, "list", address) == [], "port forwardings after their end")

    def routers_end(self):
        self.run("router", "remove", "subnet", "junction", "booths")
        self.run("router", "unset", "junction", "--external-gateway")
        self.gone("router", "junction")

    def flavors(self):
        of = ("network", "flavor")
        expect(self.json("network", "service", "provider", "list") != [], "service providers")
        self.run(*of, "create", "quick", "--service-type", "L3_ROUTER_NAT", "--description", "Fast")
        self.run(*of, "set", "quick", "--name", "swift", "--disable")
        self.shows("network flavor", "swift", description="Fast", enabled=False)
        profile = self.made(*of, "profile", "create", "--description", "Engine", "--metainfo", "{}")
        self.run(*of, "profile", "set", profile, "--description", "Motor")
        self.shows("network flavor profile", profile, description="Motor")
        self.run(*of, "add", "profile", "swift", profile)
        expect(profile in self.json(*of, "show", "swift")["service_profile_ids"], "a flavor's profiles")
        self.run(*of, "remove", "profile", "swift", profile)
        expect("swift" in self.names(*of, "list"), "flavors")
        expect(profile in self.names(*of, "profile", "list", column="ID"), "flavor profiles")
        self.gone("network flavor profile", profile, column="ID")
        self.gone("network flavor", "swift")

    def meters(self):
        of = ("network", "meter")
        self.run(*of, "create", "tally", "--description", "Count", "--share")
        self.shows("network meter", "tally", description="Count", shared=True)
        expect("tally" in self.names(*of, "list"), "meters")
        rule = self.made(*of, "rule", "create", "tally", "--remote-ip-prefix", "10.0.0.0/8", "--ingress")
        self.shows("network meter rule", rule, direction="ingress")
        expect(rule in self.names(*of, "rule", "list", column="ID"), "meter rules")
        self.gone("network meter rule", rule, column="ID")
        self.gone("network meter", "tally")

    def agents(self):
        rows = self.json("network", "agent", "list", "--long")
        expect(rows and all(row["Alive"] for row in rows), f"agents: {rows}")
        agent = rows[0]["ID"]
        self.run("network", "agent", "set", agent, "--description", "Watch", "--disable")
        self.shows("network agent", agent, description="Watch", admin_state_up=False)
        self.run("network", "agent", "set", agent, "--enable")
        expect(len(self.json("network", "agent", "list", "--host", rows[0]["Host"])) >= 1, "agents by host")
        # No agent of an OVN cloud is a DHCP agent; the client keeps the refusal to itself.
        for change in ("add", "remove"):
            self.run("network", "agent", change, "network", agent, "square", "--dhcp")
            expect(self.names("network", "list", "--agent", agent) == set(), "networks of an agent that serves no DHCP")
        self.gateway_agents()
        # An agent that lives comes back by itself.
        self.run("network", "agent", "delete", agent)
        self.run("network", "agent", "delete", "nowhere", fails="1 of 1")

    def gateway_agents(self):
        """A router's gateway may be where agents say. The client keeps refusals to itself, so the cloud is asked."""
        router = self.made("router", "create", "bridge", "--external-gateway", "outside")
        of = ("network", "agent")
        agent = self.json(*of, "list", "--router", "bridge")[0]["ID"]
        self.run(*of, "remove", "router", agent, "bridge", "--l3")
        expect(router not in self.names("router", "list", "--agent", agent, column="ID"), "routers of an agent without any")
        for command, priority in ((("add", "router", agent, "bridge", "--l3"), 7), (("router", "set", agent, "bridge"), 5)):
            self.run(*of, *command, "--ha-chassis-priority", str(priority))
            expect(router in self.names("router", "list", "--agent", agent, column="ID"), "an agent's routers")
            status, _, answer = self.client.http("GET", f"/network/v2.0/routers/{router}/l3-agents")
            found = {row["id"]: row["ha_chassis_priority"] for row in answer["agents"]}
            expect(status == 200 and found.get(agent) == priority, f"the agents of a router: {found}")
        self.run("router", "delete", "bridge")

    def private(self):
        self.run("network", "create", "alley", "--pvlan")
        self.run("subnet", "create", "stones", "--network", "alley", "--subnet-range", "10.3.0.0/24")
        self.run("port", "create", "nook", "--network", "alley", "--pvlan-type", "community", "--pvlan-community", "cooks")
        self.shows("port", "nook", pvlan_type="community", pvlan_community="cooks")
        expect(self.names("port", "list", "--pvlan-type", "community") == {"nook"}, "ports of communities")
        self.run("port", "set", "nook", "--pvlan-type", "isolated")
        self.shows("port", "nook", pvlan_type="isolated", pvlan_community=None)
        self.run("network", "set", "alley", "--no-pvlan")
        self.shows("network", "alley", pvlan=False)
        self.shows("port", "nook", pvlan_type=None)
        self.run("port", "delete", "nook")
        self.run("network", "delete", "alley")

    def quotas(self):
        limits = [word for pair in zip(QUOTAS, range(1, 8)) for word in (pair[0], str(pair[1]))]
        self.run("quota", "set", "village", *limits, "--force")
        rows = {row["Resource"]: row["Limit"] for row in self.json("quota", "show", "village", "--network")}
        expect(rows["networks"] == 1 and rows["ports"] == 3, f"quotas: {rows}")
        usage = {row["Resource"]: row for row in self.json("quota", "show", "village", "--network", "--usage")}
        expect(usage["networks"]["In Use"] == 0, f"usage: {usage}")
        self.run(*self.as_user("network", "create", "first"))
        self.run(*self.as_user("network", "create", "second"), fails="uota exceeded")
        self.run("quota", "delete", "village", "--network")
        rows = {row["Resource"]: row["Limit"] for row in self.json("quota", "show", "village", "--network")}
        expect(rows["networks"] == 100, f"quotas after their end: {rows}")
        extensions = {row["Alias"] for row in self.json("extension", "list", "--network")}
        expect({"quotas", "standard-attr-tag"} <= extensions, f"extensions: {extensions}")
        expect(self.json("extension", "show", "quotas")["alias"] == "quotas", "an extension")
        expect(self.names("availability", "zone", "list", "--network", column="Zone Name") == {"nova"}, "availability zones")

    def clean(self):
        self.gone("port", "booth")
        self.gone("security group", "door")
        self.run(*self.as_user("network", "delete", "first"))
        for network in ("square", "outside"):
            self.gone("network", network)
        status, _, answer = self.client.http("GET", "/network/v2.0/ports")
        expect(status == 200 and answer["ports"] == [], f"ports after their end: {json.dumps(answer)[:500]}")


def check(program, options):
    shell = Shell(program, options.venv, "openstack.network.v2")
    flow = NetworkCommands(shell, program, options.venv)
    run_parts([flow.others, flow.networks, flow.subnets, flow.availability, flow.pools, flow.onboarding, flow.segments,
               flow.sharing, flow.topology, flow.security_groups, flow.security_rules, flow.address_groups,
               flow.security_defaults, flow.ports, flow.trunks, flow.qos, flow.routers, flow.floating_ips, flow.routers_end,
               flow.flavors, flow.meters, flow.agents, flow.private, flow.quotas, flow.clean], options.part)
    if not options.part:
        shell.conclude(ABSENT)


def add_options(parser):
    parser.add_argument("--part", help="only this one")


if __name__ == "__main__":
    run_check(check, add_options=add_options)
