"""Checks of routers: between networks, to the world outside and back, and what keeps routers apart."""

import packets
from netcloud import OUTSIDE, expect, table
from netlab import eventually, inside, links, never

CHECKS, check = table()


def outside_service(cloud, name, port):
    return inside(cloud.lab.outside, packets.Service, name, port)


def from_outside(cloud, body, *arguments, **named):
    return inside(cloud.lab.outside, body, *arguments, **named)


def seen_outside(guest, port):
    """The address that a service outside sees a guest's connection come from; None without an answer."""
    answer = guest.run(packets.tcp_echo, OUTSIDE, port)
    return answer and answer.split()[1].decode()


@check("routed between two networks, across chassis")
def routed(cloud):
    cloud.edge
    eventually("a ping to the other network", lambda: cloud.red1.ping(cloud.blue2.ip))
    eventually("a ping back", lambda: cloud.blue1.ping(cloud.red2.ip))
    with cloud.blue2.service(7200):
        answer = eventually("TCP", lambda: cloud.red1.run(packets.tcp_echo, cloud.blue2.ip, 7200))
        expect(answer.split()[1] == cloud.red1.ip.encode(), f"the source was translated: {answer}")


@check("SNAT: guests reach the outside behind the router's address")
def snat(cloud):
    address = cloud.gateway_address(cloud.edge)
    service = outside_service(cloud, "outside", 7201)
    try:
        for guest in (cloud.red1, cloud.blue2):
            answer = eventually("an answer from outside", lambda: guest.run(packets.tcp_echo, OUTSIDE, 7201))
            expect(answer.split()[1] == address.encode(), f"{guest.name} was seen as {answer}")
    finally:
        service.close()


@check("nothing outside reaches a guest without a floating IP")
def not_in(cloud):
    eventually("the router's address", lambda: from_outside(cloud, packets.ping, cloud.gateway_address(cloud.edge)))
    links(f"route replace 10.10.0.0/24 via {cloud.gateway_address(cloud.edge)}", namespace=cloud.lab.outside)
    with cloud.red1.service(7202):
        answer = from_outside(cloud, packets.tcp_echo, cloud.red1.ip, 7202)
        seen = answer and answer.split()[1].decode()
        expect(not answer or seen == "172.24.4.2", f"reached as {answer}")
    links("route delete 10.10.0.0/24", namespace=cloud.lab.outside)


@check("several gateways: a second one beside the first, and after it")
def several_gateways(cloud):
    network = cloud.network("homes", "10.46.0.0/24")
    router = cloud.router("homes", network, gateway=cloud.outside)
    guest = cloud.guest(network, "host2")
    eventually("the way out", lambda: guest.ping(OUTSIDE))
    first = router["external_gateway_info"]["external_fixed_ips"]
    added = cloud.request("PUT", f"/routers/{router['id']}/add_external_gateways", {"router": {
        "external_gateways": [{"network_id": cloud.outside["id"]}]}})["router"]
    gateways = added["external_gateways"]
    expect(len(gateways) == 2, f"gateways {gateways}")
    addresses = [gateway["external_fixed_ips"][0]["ip_address"] for gateway in gateways]
    for address in addresses:
        eventually(f"{address}", lambda: from_outside(cloud, packets.ping, address))
    eventually("the way out", lambda: guest.ping(OUTSIDE))
    cloud.request("PUT", f"/routers/{router['id']}/remove_external_gateways", {"router": {
        "external_gateways": [{"network_id": cloud.outside["id"], "external_fixed_ips": [
            {"ip_address": fixed["ip_address"]} for fixed in first]}]}})
    left = cloud.request("GET", f"/routers/{router['id']}")["router"]["external_gateways"]
    expect(len(left) == 1, f"left {left}")
    service = outside_service(cloud, "outside", 7213)
    try:
        address = left[0]["external_fixed_ips"][0]["ip_address"]
        # The change is carried out after it was accepted: what leaves meanwhile still goes by the first.
        eventually("the way out by the gateway that is left", lambda: seen_outside(guest, 7213) == address, 20)
    finally:
        service.close()
    cloud.lab.unplug(guest)


@check("a gateway tells who sends too much at once what its networks carry")
def gateway_size(cloud):
    address = floating(cloud, cloud.red2)
    ip, size = address["floating_ip_address"], cloud.red["mtu"]
    eventually("a ping of the whole MTU", lambda: from_outside(cloud, packets.ping, ip, size=size - 28, dont_fragment=True))
    told = inside(cloud.lab.outside, packets.told_size, ip, 1500)
    expect(told == size, f"told that {told} fit, not {size}")
    cloud.delete(f"/floatingips/{address['id']}")


@check("SNAT off: the outside sees the guests' own addresses")
def no_snat(cloud):
    network = cloud.network("plain", "10.33.0.0/24")
    router = cloud.router("plain", network, gateway=cloud.outside, gateway_info={"enable_snat": False})
    guest = cloud.guest(network, "host2")
    links(f"route replace 10.33.0.0/24 via {cloud.gateway_address(router)}", namespace=cloud.lab.outside)
    service = outside_service(cloud, "outside", 7203)
    try:
        answer = eventually("an answer from outside", lambda: guest.run(packets.tcp_echo, OUTSIDE, 7203))
        expect(answer.split()[1] == guest.ip.encode(), f"seen as {answer}")
    finally:
        service.close()
        links("route delete 10.33.0.0/24", namespace=cloud.lab.outside)
    cloud.lab.unplug(guest)


def floating(cloud, guest, **attributes):
    cloud.edge
    return cloud.create("floatingip", floating_network_id=cloud.outside["id"], port_id=guest.port["id"], **attributes)


@check("floating IP: in from outside, on either chassis")
def floating_in(cloud):
    for guest in (cloud.red1, cloud.red2):
        address = floating(cloud, guest)
        ip = address["floating_ip_address"]
        with guest.service(7204):
            answer = eventually("an answer through the floating IP", lambda: from_outside(cloud, packets.tcp_echo, ip, 7204))
            expect(answer.split()[:2] == [guest.name.encode(), OUTSIDE.encode()], f"answered {answer}")
        cloud.delete(f"/floatingips/{address['id']}")


@check("floating IP: out with its own address")
def floating_out(cloud):
    address = floating(cloud, cloud.red2)
    service = outside_service(cloud, "outside", 7205)
    try:
        eventually("the floating IP as source", lambda: (
            cloud.red2.run(packets.tcp_echo, OUTSIDE, 7205) or b"- -").split()[1] == address["floating_ip_address"].encode())
    finally:
        service.close()
    cloud.delete(f"/floatingips/{address['id']}")


@check("floating IP: moves to another port, and ends")
def floating_moves(cloud):
    address = floating(cloud, cloud.red1)
    ip = address["floating_ip_address"]
    with cloud.red1.service(7206), cloud.blue2.service(7206):
        def answered_by():
            return (from_outside(cloud, packets.tcp_echo, ip, 7206) or b"nobody").split()[0].decode()
        eventually("the first port", lambda: answered_by() == cloud.red1.name)
        cloud.update("floatingip", address, port_id=cloud.blue2.port["id"])
        eventually("the second port", lambda: answered_by() == cloud.blue2.name)
        cloud.update("floatingip", address, port_id=None)
        never("a floating IP without a port answered", lambda: answered_by() != "nobody")
    cloud.delete(f"/floatingips/{address['id']}")


@check("floating IP: of an address that two guests carry in turns")
def floating_shared(cloud):
    network = cloud.network("pair", "10.47.0.0/24")
    cloud.router("pair", network, gateway=cloud.outside)
    port = cloud.create("port", network_id=network["id"], security_groups=[cloud.open_group["id"]])
    ip = port["fixed_ips"][0]["ip_address"]
    address = cloud.create("floatingip", floating_network_id=cloud.outside["id"], port_id=port["id"])["floating_ip_address"]
    pairs = [dict(ip_address=ip)]
    guests = [cloud.guest(network, host, allowed_address_pairs=pairs) for host in ("host1", "host2")]
    other = cloud.guest(network, "host1")
    with guests[0].service(7208), guests[1].service(7208):
        for guest in (*guests, guests[0]):
            for each in guests:
                line = f"address replace {ip}/32 dev eth0" if each is guest else f"address flush dev eth0 to {ip}/32"
                links(line, namespace=each.namespace)

            def answers(probe):
                guest.run(packets.announce, "eth0", guest.mac, ip)
                return (probe() or b"nobody").split()[0].decode() == guest.name

            eventually("the guest that has the address, from outside", lambda: answers(
                lambda: from_outside(cloud, packets.tcp_echo, address, 7208)), 20)
            eventually("the guest that has the address, from its network", lambda: answers(
                lambda: other.run(packets.tcp_echo, ip, 7208)), 20)
    for guest in (*guests, other):
        cloud.lab.unplug(guest)


@check("floating IP: one guest reaches another through it")
def floating_hairpin(cloud):
    address = floating(cloud, cloud.red2)
    with cloud.red2.service(7207):
        eventually("an answer", lambda: cloud.blue1.run(packets.tcp_echo, address["floating_ip_address"], 7207))
    cloud.delete(f"/floatingips/{address['id']}")


@check("floating IP: the guest's security groups still hold")
def floating_guarded(cloud):
    group = cloud.group("guarded", dict(direction="egress"), dict(protocol="tcp", port_range_min=7208, port_range_max=7208))
    guest = cloud.guest(cloud.red, "host2", groups=[group])
    address = floating(cloud, guest)
    ip = address["floating_ip_address"]
    with guest.service(7208), guest.service(7209):
        eventually("the port with a rule", lambda: from_outside(cloud, packets.tcp_echo, ip, 7208))
        expect(not from_outside(cloud, packets.tcp_echo, ip, 7209), "a port without a rule was reached")
    cloud.delete(f"/floatingips/{address['id']}")
    cloud.lab.unplug(guest)


@check("port forwarding: ports of one address to several guests")
def port_forwarding(cloud):
    cloud.edge
    address = cloud.create("floatingip", floating_network_id=cloud.outside["id"])
    ip = address["floating_ip_address"]

    def forward(guest, outer, inner, protocol):
        return cloud.request("POST", f"/floatingips/{address['id']}/port_forwardings", {"port_forwarding": {
            "external_port": outer, "internal_port": inner, "protocol": protocol, "internal_ip_address": guest.ip,
            "internal_port_id": guest.port["id"]}})["port_forwarding"]

    first = forward(cloud.red1, 2201, 7210, "tcp")
    others = [forward(cloud.blue2, 2202, 7210, "tcp"), forward(cloud.red2, 2201, 7210, "udp")]
    with cloud.red1.service(7210), cloud.blue2.service(7210), cloud.red2.service(7210):
        for guest, port, probe in ((cloud.red1, 2201, packets.tcp_echo), (cloud.blue2, 2202, packets.tcp_echo),
                                   (cloud.red2, 2201, packets.udp_echo)):
            answer = eventually(f"port {port}", lambda: from_outside(cloud, probe, ip, port))
            expect(answer.split()[0] == guest.name.encode(), f"{port} was answered by {answer}")
        expect(not from_outside(cloud, packets.tcp_echo, ip, 7210), "a port that is not forwarded was reached")
        cloud.delete(f"/floatingips/{address['id']}/port_forwardings/{first['id']}")
        never("a forwarding went on that is deleted", lambda: from_outside(cloud, packets.tcp_echo, ip, 2201))
        expect(from_outside(cloud, packets.tcp_echo, ip, 2202), "another forwarding ended with it")
    for forwarding in others:
        cloud.delete(f"/floatingips/{address['id']}/port_forwardings/{forwarding['id']}")
    cloud.delete(f"/floatingips/{address['id']}")


@check("extra routes: to a network behind a guest, and away again")
def extra_routes(cloud):
    guest = cloud.guest(cloud.red, "host2", allowed_address_pairs=[dict(ip_address="10.60.0.0/24")])
    links("address add 10.60.0.1/24 dev lo", namespace=guest.namespace)
    cloud.update("router", cloud.edge, routes=[dict(destination="10.60.0.0/24", nexthop=guest.ip)])
    eventually("the network behind the guest", lambda: cloud.blue1.ping("10.60.0.1"))
    cloud.update("router", cloud.edge, routes=[])
    never("a network was reached whose route is gone", lambda: cloud.blue1.ping("10.60.0.1"))
    cloud.lab.unplug(guest)


@check("routers of different networks do not route for each other")
def routers_apart(cloud):
    cloud.edge
    network = cloud.network("island", "10.34.0.0/24")
    cloud.router("island", network, gateway=cloud.outside)
    guest = cloud.guest(network, "host1")
    eventually("the way out", lambda: guest.ping(OUTSIDE))
    never("another router's guest was reached", lambda: guest.ping(cloud.blue1.ip))
    never("a guest behind another router was reached", lambda: cloud.blue1.ping(guest.ip))
    cloud.lab.unplug(guest)


@check("two networks with equal addresses, each behind its router, both reach out")
def twin_routers(cloud):
    cloud.edge
    router = cloud.twin_edge
    service = outside_service(cloud, "outside", 7212)
    try:
        seen = []
        for guest in (cloud.red1, cloud.twin1):
            answer = eventually("an answer from outside", lambda: guest.run(packets.tcp_echo, OUTSIDE, 7212))
            seen.append(answer.split()[1].decode())
        expect(seen == [cloud.gateway_address(cloud.edge), cloud.gateway_address(router)], f"seen as {seen}")
    finally:
        service.close()


@check("a router that is down routes nothing")
def router_down(cloud):
    network = cloud.network("dropped", "10.35.0.0/24")
    router = cloud.router("dropped", network, gateway=cloud.outside)
    guest = cloud.guest(network, "host2")
    eventually("the way out", lambda: guest.ping(OUTSIDE))
    cloud.update("router", router, admin_state_up=False)
    never("a router that is down routed", lambda: guest.ping(OUTSIDE))
    cloud.update("router", router, admin_state_up=True)
    eventually("the way out again", lambda: guest.ping(OUTSIDE))
    cloud.lab.unplug(guest)


@check("an interface that is removed routes no more")
def interface_removed(cloud):
    one, two = cloud.network("left", "10.36.0.0/24"), cloud.network("right", "10.37.0.0/24")
    router = cloud.router("between", one, two)
    left, right = cloud.guest(one, "host1"), cloud.guest(two, "host2")
    eventually("the other side", lambda: left.ping(right.ip))
    cloud.request("PUT", f"/routers/{router['id']}/remove_router_interface", {"subnet_id": two["subnets"][0]["id"]})
    never("a removed interface routed", lambda: left.ping(right.ip))
    cloud.lab.unplug(left)
    cloud.lab.unplug(right)


@check("IPv6 routed between two networks")
def routed_v6(cloud):
    one = cloud.network("left6", dict(cidr="fd00:61::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac"))
    two = cloud.network("right6", dict(cidr="fd00:62::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac"))
    cloud.router("between6", one, two)
    left, right = cloud.guest(one, "host1"), cloud.guest(two, "host2")
    for guest, network in ((left, one), (right, two)):
        links(f"route replace default via {network['subnets'][0]['gateway_ip']} dev eth0", namespace=guest.namespace)
    eventually("the other side", lambda: left.ping(right.ip6))
    cloud.lab.unplug(left)
    cloud.lab.unplug(right)


@check("a VLAN network behind a router reaches out")
def routed_vlan(cloud):
    network = cloud.network("vlan-routed", "10.38.0.0/24", **{
        "provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 320 + cloud.round})
    cloud.router("vlan", network, gateway=cloud.outside)
    one, two = cloud.guest(network, "host1"), cloud.guest(network, "host2")
    for guest in (one, two):
        eventually("the way out", lambda: guest.ping(OUTSIDE))
        cloud.lab.unplug(guest)


@check("a firewall on a router's interface, both ways and for established connections")
def firewall(cloud):
    inner, outer = cloud.network("walled", "10.43.0.0/24"), cloud.network("open-field", "10.44.0.0/24")
    router = cloud.router("wall", inner)
    beyond = cloud.add_interface(router, outer["subnets"][0])
    interface = cloud.request("GET", f"/ports?device_id={router['id']}&network_id={inner['id']}")["ports"][0]
    within, without = cloud.guest(inner, "host1"), cloud.guest(outer, "host2")
    expect(beyond, "no interface")
    with within.service(7220), within.service(7221):
        eventually("the port before there is a firewall", lambda: without.run(packets.tcp_echo, within.ip, 7221))
        rule = cloud.create("firewall_rule", protocol="tcp", destination_port="7220", action="allow")
        ingress = cloud.create("firewall_policy", name="in", firewall_rules=[rule["id"]])
        every = cloud.create("firewall_rule", protocol="icmp", action="allow")
        egress = cloud.create("firewall_policy", name="out", firewall_rules=[every["id"]])
        cloud.create("firewall_group", name="wall", ports=[interface["id"]], ingress_firewall_policy_id=ingress["id"],
                     egress_firewall_policy_id=egress["id"])
        never("a port was reached that the firewall closes", lambda: without.run(packets.tcp_echo, within.ip, 7221))
        eventually("the port that it opens", lambda: without.run(packets.tcp_echo, within.ip, 7220))
        expect(within.ping(without.ip), "ICMP does not get out")
        with without.service(7222):
            expect(not within.run(packets.tcp_echo, without.ip, 7222), "TCP gets out past the firewall")
        with eventually("a connection", lambda: without.run(packets.connect, within.ip, 7220)) as connection:
            cloud.request("PUT", f"/fwaas/firewall_rules/{rule['id']}", {"firewall_rule": {"enabled": False}})
            never("a connection went on that no rule admits", lambda: packets.exchange(connection, b"more"))
    cloud.lab.unplug(within)
    cloud.lab.unplug(without)
