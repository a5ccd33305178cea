"""Checks of how guests get their addresses and what they are told: DHCP, router advertisements, names."""

import socket

import packets
from netcloud import table
from netlab import eventually, expect

CHECKS, check = table()


def lease(guest):
    return eventually("a DHCP lease", lambda: guest.run(packets.dhcp4, "eth0", guest.mac))


@check("DHCPv4: the port's address, on both chassis")
def dhcp4(cloud):
    for guest in (cloud.red1, cloud.red2):
        answer = lease(guest)
        expect(answer["address"] == guest.ip, f"{guest.ip} was leased as {answer['address']}")
        expect(answer[1] == socket.inet_aton("255.255.255.0"), f"netmask {answer[1]}")
        expect(answer[3] == socket.inet_aton("10.10.0.1"), f"router {answer.get(3)}")


@check("DHCPv4: the network's MTU")
def dhcp4_mtu(cloud):
    answer = lease(cloud.red1)
    expect(answer.get(26) == cloud.red["mtu"].to_bytes(2, "big"), f"MTU {answer.get(26)}")


@check("DHCPv4: the subnet's resolvers and the domain")
def dhcp4_dns(cloud):
    answer = lease(cloud.red1)
    expect(answer.get(6) == socket.inet_aton("192.0.2.53") + socket.inet_aton("192.0.2.54"), f"resolvers {answer.get(6)}")
    expect(answer.get(15) == b"openstacklocal", f"domain {answer.get(15)}")


@check("DHCPv4: host routes with the default route and metadata's")
def dhcp4_routes(cloud):
    routes = packets.classless_routes(lease(cloud.red1).get(121, b""))
    expect(routes.get("198.51.100.0/24") == "10.10.0.254", f"routes {routes}")
    expect(routes.get("0.0.0.0/0") == "10.10.0.1", f"routes {routes}")
    expect("169.254.169.254/32" in routes, f"routes {routes}")


@check("DHCPv4: a subnet's changes are told in the next lease")
def dhcp4_changes(cloud):
    network = cloud.network("changing", "10.31.0.0/24")
    guest = cloud.guest(network, "host2", configure=False)
    before = lease(guest)
    expect(before["address"] == guest.ip, f"{guest.ip} was leased as {before['address']}")
    subnet = network["subnets"][0]
    cloud.update("subnet", subnet, dns_nameservers=["192.0.2.99"])
    eventually("the new resolver", lambda: lease(guest).get(6) == socket.inet_aton("192.0.2.99"))
    cloud.update("subnet", subnet, enable_dhcp=False)
    eventually("silence without DHCP", lambda: guest.run(packets.dhcp4, "eth0", guest.mac, timeout=1.0) is None)
    cloud.lab.unplug(guest)


@check("DHCPv4: extra options of a port")
def dhcp4_extra(cloud):
    options = [dict(opt_name="bootfile-name", opt_value="pxelinux.0"), dict(opt_name="tftp-server", opt_value="192.0.2.69")]
    guest = cloud.guest(cloud.red, "host1", extra_dhcp_opts=options)
    answer = lease(guest)
    expect(answer.get(67) == b"pxelinux.0", f"boot file {answer.get(67)}")
    expect(answer.get(66) == b"192.0.2.69", f"TFTP server {answer.get(66)}")
    expect(answer.get(3) == socket.inet_aton("10.10.0.1"), "the subnet's own options are gone")
    cloud.lab.unplug(guest)


# MARK: IPv6

def advertised(guest):
    return eventually("a router advertisement", lambda: guest.run(packets.router_advertisement, "eth0", guest.mac))


def router_of(network):
    """The router's address, which is the subnet's first one (RFC 4291, 2.6.1) unless it is told another."""
    return network["subnets"][0]["gateway_ip"]


def v6_network(cloud, name, cidr, mode, **attributes):
    """A network with an IPv6 subnet on a router, and a guest of it on the second host."""
    network = cloud.network(name, dict(cidr=cidr, ipv6_ra_mode=mode, ipv6_address_mode=mode, **attributes))
    cloud.router(name, network)
    return network, cloud.guest(network, "host2", configure=False)


@check("SLAAC: prefix, flags and MTU advertised; the kernel takes its address")
def slaac(cloud):
    network, guest = v6_network(cloud, "slaac", "fd00:50::/64", "slaac")
    seen = advertised(guest)
    expect(("fd00:50::/64", True) in seen["prefixes"], f"prefixes {seen['prefixes']}")
    expect(not seen["managed"] and not seen["other"], f"flags {seen}")
    expect(seen["mtu"] == network["mtu"], f"MTU {seen['mtu']}")
    expect(seen["lifetime"] > 0, "not a default router")
    expect(guest.ip6 == packets.eui64("fd00:50::/64", guest.mac), f"the API says {guest.ip6}")
    eventually("a ping from an address that the guest made itself",
               lambda: guest.run(packets.ping, router_of(network), source=guest.ip6))


@check("DHCPv6 stateful: the port's address and resolvers")
def stateful(cloud):
    network, guest = v6_network(cloud, "stateful", "fd00:51::/64", "dhcpv6-stateful", dns_nameservers=["2001:db8::53"])
    seen = advertised(guest)
    expect(seen["managed"], f"the managed flag is not set: {seen}")
    expect(all(not autonomous for _, autonomous in seen["prefixes"]), f"a prefix for addresses of one's own: {seen}")
    answer = eventually("an address by DHCPv6", lambda: guest.run(packets.dhcp6, "eth0", guest.mac))
    expect(answer.get("address") == guest.ip6, f"{guest.ip6} was leased as {answer.get('address')}")
    expect(answer.get("dns") == ["2001:db8::53"], f"resolvers {answer.get('dns')}")
    guest.configure(f"{guest.ip6}/64")
    eventually("the router", lambda: guest.ping(router_of(network)))


@check("DHCPv6 stateless: SLAAC's address, resolvers by DHCPv6")
def stateless(cloud):
    network, guest = v6_network(cloud, "stateless", "fd00:52::/64", "dhcpv6-stateless", dns_nameservers=["2001:db8::53"])
    seen = advertised(guest)
    expect(("fd00:52::/64", True) in seen["prefixes"], f"prefixes {seen['prefixes']}")
    expect(seen["other"] and not seen["managed"], f"flags {seen}")
    answer = eventually("options by DHCPv6", lambda: guest.run(packets.dhcp6, "eth0", guest.mac, stateful=False))
    expect(answer.get("dns") == ["2001:db8::53"], f"resolvers {answer.get('dns')}")
    expect("address" not in answer, "an address was leased")


@check("a subnet without a mode is not advertised for addresses")
def no_mode(cloud):
    network = cloud.network("quiet", "fd00:53::/64")
    cloud.router("quiet", network)
    guest = cloud.guest(network, "host1")
    eventually("the router", lambda: guest.ping(router_of(network)))
    seen = guest.run(packets.router_advertisement, "eth0", guest.mac, timeout=1.5)
    expect(seen is None or not any(autonomous for _, autonomous in seen["prefixes"]), f"advertised {seen}")


# MARK: Names

@check("names of ports are resolved in their network only")
def names(cloud):
    network = cloud.network("named", dict(cidr="10.32.0.0/24", dns_nameservers=["10.32.0.2"]))
    one = cloud.guest(network, "host1", dns_name="one")
    two = cloud.guest(network, "host2", dns_name="two")
    query = "two.openstacklocal"
    eventually("the other's address", lambda: one.run(packets.dns_query, two.ip, query) == [two.ip])
    expect(two.run(packets.dns_query, one.ip, "one.openstacklocal") == [one.ip], "one is not found")
    expect(not cloud.blue1.run(packets.dns_query, cloud.blue2.ip, query), "a name is known in another network")
    backwards = ".".join(reversed(two.ip.split("."))) + ".in-addr.arpa"
    eventually("the name of an address", lambda: one.run(packets.dns_query, two.ip, backwards, 12) == [query])
    cloud.update("network", network, dns_domain="lab.example.")
    eventually("the name in the network's domain", lambda: one.run(packets.dns_query, two.ip, "two.lab.example") == [two.ip])
    cloud.lab.unplug(one)
    cloud.lab.unplug(two)
