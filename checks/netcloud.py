"""The cloud as the data plane's checks use it: resources by the API, guests on them, and what several checks share."""

import functools
import itertools

from netlab import CheckFailed, expect

OUTSIDE = "172.24.4.2"


class Cloud:
    def __init__(self, lab, client):
        self.lab, self.client = lab, client
        lab.networks = []
        lab.delete_port = lambda port: self.request("DELETE", f"/ports/{port}", good=(204, 404))
        # How often the table was begun: what must be unlike the last time's depends on it.
        self.round = 0
        self.numbers = itertools.count(1)
        client.login()
        self.lift_quotas()

    def lift_quotas(self):
        project = self.client.http("GET", "/identity/v3/auth/tokens", headers={"X-Subject-Token": self.client.token})
        project = project[2]["token"]["project"]["id"]
        kinds = ("network", "subnet", "port", "router", "floatingip", "security_group", "security_group_rule")
        self.request("PUT", f"/quotas/{project}", {"quota": dict.fromkeys(kinds, -1)})

    # MARK: Requests

    def request(self, method, path, body=None, good=(200, 201, 204)):
        status, _, answer = self.client.http(method, f"/network/v2.0{path}", body)
        if status not in good:
            raise CheckFailed(f"{method} {path} {body}: {status} {answer}")
        return answer

    def create(self, kind, **attributes):
        collection = kind.replace("_", "-") if kind.startswith(("security", "address")) else kind
        if kind.startswith("firewall"):
            path = f"/fwaas/{kind.replace('policy', 'policie')}s"
            return self.request("POST", path, {kind: attributes})[kind]
        collection = {"qos_policy": "qos/policies"}.get(kind, collection + ("es" if kind.endswith("s") else "s"))
        answer = self.request("POST", f"/{collection}", {kind.removeprefix("qos_"): attributes})
        return answer[kind.removeprefix("qos_")]

    def update(self, kind, resource, **attributes):
        collection = kind.replace("_", "-") if kind.startswith("security") else kind
        return self.request("PUT", f"/{collection}s/{resource['id']}", {kind: attributes})[kind]

    def delete(self, path):
        self.request("DELETE", path)

    # MARK: Resources

    def network(self, name, *ranges, **attributes):
        """A network with a subnet for each range; a range is a CIDR or a dictionary of a subnet's attributes."""
        network = self.create("network", name=name, **attributes)
        self.lab.networks.append(network)
        network["subnets"] = [self.subnet(network, entry) for entry in ranges]
        return network

    def subnet(self, network, entry):
        attributes = {"cidr": entry} if isinstance(entry, str) else dict(entry)
        version = 6 if ":" in attributes["cidr"] else 4
        return self.create("subnet", network_id=network["id"], ip_version=version, **attributes)

    def port(self, network, host="host1", *, ip=None, groups=None, **attributes):
        """A port bound to a host. `ip` may be several addresses."""
        body = {"network_id": network["id"], "binding:host_id": host, **attributes}
        if ip:
            body["fixed_ips"] = [{"ip_address": address} for address in ([ip] if isinstance(ip, str) else ip)]
        if groups is None and attributes.get("port_security_enabled", True):
            groups = [self.open_group]
        if groups is not None:
            body["security_groups"] = [group["id"] for group in groups]
        return self.create("port", **body)

    def guest(self, network, host="host1", *, ip=None, groups=None, gateway=True, configure=True, **attributes):
        """A guest on a port of its own, with its addresses set by hand."""
        port = self.port(network, host, ip=ip, groups=groups, **attributes)
        subnets = {subnet["id"]: subnet for subnet in network["subnets"]}
        addresses, way = [], None
        for fixed in port["fixed_ips"]:
            subnet = subnets[fixed["subnet_id"]]
            addresses.append(f"{fixed['ip_address']}/{subnet['cidr'].split('/')[1]}")
            if subnet["ip_version"] == 4 and gateway:
                way = subnet["gateway_ip"]
        guest = self.lab.guest(f"g{next(self.numbers)}", port, *(addresses if configure else []),
                               gateway=way if configure else None, mtu=network["mtu"])
        guest.network = network
        return guest

    def group(self, name, *rules, **attributes):
        """A security group with these rules only."""
        group = self.create("security_group", name=name, **attributes)
        for rule in group["security_group_rules"]:
            self.delete(f"/security-group-rules/{rule['id']}")
        for rule in rules:
            self.rule(group, **rule)
        return group

    def rule(self, group, direction="ingress", ethertype="IPv4", **attributes):
        return self.create("security_group_rule", security_group_id=group["id"], direction=direction, ethertype=ethertype,
                           **attributes)

    def router(self, name, *networks, gateway=None, **attributes):
        if gateway:
            attributes["external_gateway_info"] = {"network_id": gateway["id"], **attributes.pop("gateway_info", {})}
        router = self.create("router", name=name, **attributes)
        for network in networks:
            for subnet in network["subnets"]:
                self.add_interface(router, subnet)
        return router

    def add_interface(self, router, subnet):
        return self.request("PUT", f"/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})

    def gateway_address(self, router, version=4):
        shown = self.request("GET", f"/routers/{router['id']}")["router"]
        fixed = shown["external_gateway_info"]["external_fixed_ips"]
        return next(entry["ip_address"] for entry in fixed if (":" in entry["ip_address"]) == (version == 6))

    # MARK: Shared by several checks, made when first asked for

    @functools.cached_property
    def open_group(self):
        return self.group("open", *(dict(direction=way, ethertype=family)
                                    for way in ("ingress", "egress") for family in ("IPv4", "IPv6")))

    @functools.cached_property
    def outgoing(self):
        """Lets everything out and nothing in."""
        return self.group("outgoing", dict(direction="egress"), dict(direction="egress", ethertype="IPv6"))

    @functools.cached_property
    def outside(self):
        """The external network, flat on the physical one."""
        network = self.network("outside", dict(
            cidr="172.24.4.0/24", gateway_ip="172.24.4.1", enable_dhcp=False,
            allocation_pools=[dict(start="172.24.4.10", end="172.24.4.200")]), **{
                "router:external": True, "provider:network_type": "flat", "provider:physical_network": "public"})
        return network

    @functools.cached_property
    def red(self):
        return self.network("red", dict(
            cidr="10.10.0.0/24", dns_nameservers=["192.0.2.53", "192.0.2.54"],
            host_routes=[dict(destination="198.51.100.0/24", nexthop="10.10.0.254")]), dict(
                cidr="fd00:10::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac"))

    @functools.cached_property
    def blue(self):
        return self.network("blue", "10.20.0.0/24")

    @functools.cached_property
    def twin(self):
        """A network with the addresses of `red`."""
        return self.network("twin", "10.10.0.0/24")

    @functools.cached_property
    def edge(self):
        """The router of `red` and `blue` to the outside."""
        return self.router("edge", self.red, self.blue, gateway=self.outside)

    @functools.cached_property
    def twin_edge(self):
        return self.router("twin", self.twin, gateway=self.outside)

    @functools.cached_property
    def red1(self):
        return self.guest(self.red, "host1", ip="10.10.0.11")

    @functools.cached_property
    def red2(self):
        return self.guest(self.red, "host2", ip="10.10.0.12")

    @functools.cached_property
    def red3(self):
        return self.guest(self.red, "host1", ip="10.10.0.13")

    @functools.cached_property
    def blue1(self):
        return self.guest(self.blue, "host1", ip="10.20.0.11")

    @functools.cached_property
    def blue2(self):
        return self.guest(self.blue, "host2", ip="10.20.0.12")

    @functools.cached_property
    def twin1(self):
        return self.guest(self.twin, "host1", ip="10.10.0.11")

    @functools.cached_property
    def twin2(self):
        return self.guest(self.twin, "host2", ip="10.10.0.12")


def table():
    """A list of checks and the decorator that adds to it."""
    checks = []

    def check(name):
        def add(body):
            checks.append((name, body))
            return body
        return add

    return checks, check


__all__ = ["OUTSIDE", "Cloud", "expect", "table"]
