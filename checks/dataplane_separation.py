"""Checks of what keeps guests of one network apart, or lets their own tags through: firewalls on guests' ports, private
networks, and networks that carry 802.1Q tags."""

import packets
from dataplane_networks import on_the_wire
from netcloud import table
from netlab import eventually, expect, never

CHECKS, check = table()


# MARK: Firewalls

@check("a firewall on a guest's port, both ways and for established connections")
def guests_firewall(cloud):
    guest = cloud.guest(cloud.red, "host2", device_owner="compute:nova")
    with guest.service(7230), guest.service(7231):
        eventually("the port before there is a firewall", lambda: cloud.red1.run(packets.tcp_echo, guest.ip, 7231))
        rule = cloud.create("firewall_rule", protocol="tcp", destination_port="7230", action="allow")
        ingress = cloud.create("firewall_policy", name="guest-in", firewall_rules=[rule["id"]])
        out = cloud.create("firewall_rule", protocol="icmp", action="allow")
        egress = cloud.create("firewall_policy", name="guest-out", firewall_rules=[out["id"]])
        wall = cloud.create("firewall_group", name="guest", ports=[guest.port["id"]], ingress_firewall_policy_id=ingress["id"],
                            egress_firewall_policy_id=egress["id"])
        never("a port was reached that the firewall closes", lambda: cloud.red1.run(packets.tcp_echo, guest.ip, 7231))
        eventually("the port that it opens", lambda: cloud.red1.run(packets.tcp_echo, guest.ip, 7230))
        expect(guest.ping(cloud.red1.ip), "ICMP does not get out")
        expect(not cloud.red1.ping(guest.ip), "ICMP gets in past the firewall")
        expect(guest.run(packets.dhcp4, "eth0", guest.mac), "the firewall keeps the guest from its DHCP")
        with cloud.red1.service(7232):
            expect(not guest.run(packets.tcp_echo, cloud.red1.ip, 7232), "TCP gets out past the firewall")
        with eventually("a connection", lambda: cloud.red1.run(packets.connect, guest.ip, 7230)) as connection:
            cloud.request("PUT", f"/fwaas/firewall_rules/{rule['id']}", {"firewall_rule": {"enabled": False}})
            never("a connection went on that no rule admits", lambda: packets.exchange(connection, b"more"))
        cloud.request("PUT", f"/fwaas/firewall_groups/{wall['id']}", {"firewall_group": {"ports": []}})
        eventually("the port after the firewall is gone", lambda: cloud.red1.run(packets.tcp_echo, guest.ip, 7231))
    cloud.lab.unplug(guest)


# MARK: Private networks

@check("private network: isolated ports, communities and promiscuous ones, across chassis")
def private_network(cloud):
    network = cloud.network("private", "10.47.0.0/24", pvlan=True)
    shop = dict(pvlan_type="community", pvlan_community="shop")
    open1 = cloud.guest(network, "host1")
    alone1, alone2 = (cloud.guest(network, host, pvlan_type="isolated") for host in ("host1", "host2"))
    shop1, shop2 = (cloud.guest(network, host, **shop) for host in ("host1", "host2"))
    other = cloud.guest(network, "host2", pvlan_type="community", pvlan_community="other")
    for guest in (alone1, alone2, shop1, shop2, other):
        eventually("a ping to a promiscuous port", lambda: guest.ping(open1.ip))
        expect(open1.ping(guest.ip), f"a promiscuous port does not reach {guest.ip}")
    eventually("a ping within a community", lambda: shop1.ping(shop2.ip))
    for one, two in ((alone1, alone2), (alone2, alone1), (alone1, shop1), (shop2, alone2), (shop1, other), (other, shop2)):
        expect(not one.ping(two.ip), f"{one.ip} reaches {two.ip}")
    with alone2.sniffer() as sniffer:
        alone1.sends(packets.udp_frame(alone1.mac, "ff:ff:ff:ff:ff:ff", alone1.ip, "255.255.255.255", 5, 5, b"to all"))
        open1.sends(packets.udp_frame(open1.mac, "ff:ff:ff:ff:ff:ff", open1.ip, "255.255.255.255", 5, 5, b"from open"))
        expect(sniffer.wait(lambda frame: b"from open" in frame), "a promiscuous port's broadcast is lost")
        expect(not sniffer.wait(lambda frame: b"to all" in frame, 0.3), "an isolated port's broadcast reached another")
    cloud.update("port", alone2.port, **shop)
    eventually("a ping to who joined the community", lambda: shop1.ping(alone2.ip))
    expect(not alone1.ping(alone2.ip), "an isolated port reaches who joined a community")
    group = cloud.group("private-closed", dict(direction="egress"))
    cloud.update("port", shop2.port, security_groups=[group["id"]])
    never("the community passed a security group", lambda: shop1.ping(shop2.ip))
    cloud.update("network", network, pvlan=False)
    eventually("a ping once the network is not private", lambda: alone1.ping(shop1.ip))
    for guest in (open1, alone1, alone2, shop1, shop2, other):
        cloud.lab.unplug(guest)


# MARK: Guests' own tags

def tagged(one, two, tag, mark):
    frame = packets.udp_frame(one.mac, two.mac, one.ip, two.ip, 5, 5, mark)
    return frame[:12] + b"\x81\x00" + tag.to_bytes(2, "big") + frame[12:]


def carried(one, two, tag, mark):
    """Whether a frame with a tag of the guest's own arrives with it."""
    with two.sniffer() as sniffer:
        one.sends(tagged(one, two, tag, mark))
        found = sniffer.wait(lambda frame: mark in frame, 0.5)
        return found and found[12:14] == b"\x81\x00" and found[15] == tag


@check("guests' own tags pass on a transparent network only")
def transparent(cloud):
    network = cloud.network("transparent", "10.48.0.0/24", vlan_transparent=True)
    one, two = cloud.guest(network, "host1"), cloud.guest(network, "host2")
    eventually("a ping", lambda: one.ping(two.ip))
    eventually("a tagged frame", lambda: carried(one, two, 77, b"tagged through"))
    expect(not carried(cloud.red1, cloud.red2, 77, b"tagged away"), "a tagged frame passed on a plain network")
    cloud.lab.unplug(one)
    cloud.lab.unplug(two)


@check("a QinQ network's tag on the wire is an outer one")
def outer_tag(cloud):
    network = cloud.network("qinq", "10.49.0.0/24", qinq=True, **{
        "provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 140 + cloud.round})
    one, two = cloud.guest(network, "host1"), cloud.guest(network, "host2")
    on_the_wire(cloud, one, two, "phys", lambda frame: frame[12:14] == b"\x88\xa8" and frame[15] == 140 + cloud.round,
                "an outer tag")
    cloud.lab.unplug(one)
    cloud.lab.unplug(two)
