"""Checks of networks themselves: reach, kinds of networks on the wire, isolation, and what guests cannot forge."""

import packets
from netcloud import table
from netlab import eventually, expect, never

CHECKS, check = table()


def passes(one, other, address=None):
    """That two guests reach each other."""
    target = address or other.ip
    eventually(f"a ping from {one.name} to {target}", lambda: one.ping(target))


@check("same network, one chassis")
def same_chassis(cloud):
    passes(cloud.red1, cloud.red3)


@check("same network, across chassis")
def across(cloud):
    passes(cloud.red1, cloud.red2)
    with cloud.red2.service(7001):
        answer = eventually("TCP across chassis", lambda: cloud.red1.run(packets.tcp_echo, cloud.red2.ip, 7001))
        expect(answer.startswith(cloud.red2.name.encode()), f"answered {answer}")


@check("same network, IPv6 across chassis")
def across_v6(cloud):
    passes(cloud.red1, cloud.red2, cloud.red2.ip6)


@check("broadcast and multicast reach every guest of the network only")
def broadcast(cloud):
    frame = packets.udp_frame(cloud.red1.mac, packets.BROADCAST, cloud.red1.ip, "255.255.255.255", 5555, 5555, b"to-all-of-red")
    with cloud.red2.sniffer() as here, cloud.red3.sniffer() as beside, cloud.blue2.sniffer() as elsewhere:
        cloud.red1.sends(frame)
        for sniffer in (here, beside):
            expect(sniffer.wait(lambda seen: b"to-all-of-red" in seen), "a broadcast did not reach a guest")
        expect(not elsewhere.wait(lambda seen: b"to-all-of-red" in seen, 0.5), "a broadcast reached another network")


@check("tenants with the same addresses do not meet")
def twins(cloud):
    passes(cloud.red1, cloud.red2)
    passes(cloud.twin1, cloud.twin2)
    with cloud.red2.service(7002), cloud.twin2.service(7002):
        for asks, answers in ((cloud.red1, cloud.red2), (cloud.twin1, cloud.twin2)):
            answer = eventually("an answer", lambda: asks.run(packets.tcp_echo, "10.10.0.12", 7002))
            expect(answer.split()[0] == answers.name.encode(), f"{asks.name} was answered by {answer}")


@check("networks without a router between them are apart")
def apart(cloud):
    lonely = cloud.network("lonely", "10.30.0.0/24")
    one, two = cloud.guest(lonely, "host1"), cloud.guest(lonely, "host2")
    passes(one, two)
    never("a network without a router was reached", lambda: one.ping(cloud.blue1.ip))
    cloud.lonely, cloud.lonely1, cloud.lonely2 = lonely, one, two


def on_the_wire(cloud, one, two, device, condition, what):
    """The frames of a ping on a device of the second host."""
    from netlab import inside

    sniffer = inside(cloud.lab.hosts["host2"], packets.Sniffer, device)
    try:
        passes(one, two)
        frame = sniffer.wait(condition)
        expect(frame, f"no {what} on the wire")
        return frame
    finally:
        sniffer.close()


def geneve(frame):
    return frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\x17\xc1"


@check("Geneve on the wire")
def geneve_wire(cloud):
    on_the_wire(cloud, cloud.red1, cloud.red2, "under", geneve, "Geneve")


@check("VLAN on the wire, with its tag")
def vlan_wire(cloud):
    network = cloud.network("vlan", "10.40.0.0/24", **{
        "provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 120 + cloud.round})
    one, two = cloud.guest(network, "host1"), cloud.guest(network, "host2")
    on_the_wire(cloud, one, two, "phys", lambda frame: frame[12:14] == b"\x81\x00" and frame[15] == 120 + cloud.round, "the tag")
    cloud.vlan, cloud.vlan1, cloud.vlan2 = network, one, two


def tunnelled(cloud, kind, key, cidr, condition):
    """Two guests of a network that travels in tunnels of a kind with a key."""
    network = cloud.network(kind, cidr, **{"provider:network_type": kind, "provider:segmentation_id": key})
    one, two = cloud.guest(network, "host1"), cloud.guest(network, "host2")
    cloud.lab.join_tunnel(network, kind, key)
    on_the_wire(cloud, one, two, "under", condition, f"{kind} with the key {key}")
    size = network["mtu"] - 28
    expect(one.ping(two.ip, size=size, dont_fragment=True), f"a packet of the whole MTU of {network['mtu']} was lost")
    expect(two.run(packets.dhcp4, "eth0", two.mac), "no DHCP on the second host")
    cloud.lab.unplug(one)
    cloud.lab.unplug(two)


@check("VXLAN on the wire, with its key")
def vxlan_wire(cloud):
    key = 5001 + cloud.round
    tunnelled(cloud, "vxlan", key, "10.41.0.0/24", lambda frame: (
        frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\x12\xb5" and frame[46:49] == key.to_bytes(3, "big")))


@check("GRE on the wire, with its key")
def gre_wire(cloud):
    key = 70001 + cloud.round
    tunnelled(cloud, "gre", key, "10.42.0.0/24", lambda frame: (
        frame[12:14] == b"\x08\x00" and frame[23] == 47 and frame[36:38] == b"\x65\x58" and frame[38:42] == key.to_bytes(4, "big")))


@check("VLANs do not leak into each other")
def vlans_apart(cloud):
    other = cloud.network("vlan2", "10.40.0.0/24", **{
        "provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 220 + cloud.round})
    three = cloud.guest(other, "host2", ip="10.40.0.99")
    never("another VLAN was reached", lambda: cloud.vlan1.ping("10.40.0.99"))
    passes(cloud.vlan1, cloud.vlan2)
    with three.sniffer() as sniffer:
        cloud.vlan1.sends(packets.udp_frame(cloud.vlan1.mac, packets.BROADCAST, cloud.vlan1.ip, "255.255.255.255", 5, 5, b"tag-120"))
        expect(not sniffer.wait(lambda frame: b"tag-120" in frame, 0.5), "a broadcast crossed VLANs")


@check("flat: a guest on the physical network itself")
def flat(cloud):
    one, two = cloud.guest(cloud.outside, "host1"), cloud.guest(cloud.outside, "host2")
    passes(one, two)
    eventually("a ping to the world outside", lambda: two.ping("172.24.4.2"))
    untagged = on_the_wire(cloud, one, two, "phys", lambda frame: frame[12:14] == b"\x08\x00" and frame[23] == 1, "plain ICMP")
    expect(untagged, "no untagged frame")


@check("the network's MTU passes whole and no more")
def mtu(cloud):
    expect(cloud.red["mtu"] == 1442, f"the network's MTU is {cloud.red['mtu']}")
    passes(cloud.red1, cloud.red2)
    expect(cloud.red1.ping(cloud.red2.ip, size=1442 - 28, dont_fragment=True), "a packet of the whole MTU was lost")
    expect(not cloud.red1.ping(cloud.red2.ip, size=1443 - 28, dont_fragment=True), "a larger packet passed")


# MARK: What guests cannot forge

def forged(cloud, name, forge, control, sender=None, receiver=None):
    """That a frame arrives whose sender is right, and another does not."""
    sender, receiver = sender or cloud.red2, receiver or cloud.red1
    passes(sender, receiver)
    with receiver.sniffer() as sniffer:
        sender.sends(control(b"right-" + name))
        expect(sniffer.wait(lambda frame: b"right-" + name in frame), "the right frame did not arrive")
        sender.sends(forge(b"forged-" + name))
        expect(not sniffer.wait(lambda frame: b"forged-" + name in frame, 0.7), "the forged frame arrived")


@check("anti-spoofing: another's MAC address")
def spoof_mac(cloud):
    one, two = cloud.red1, cloud.red2
    forged(cloud, b"mac", lambda data: packets.udp_frame("fa:16:3e:99:99:99", one.mac, two.ip, one.ip, 5, 5, data),
           lambda data: packets.udp_frame(two.mac, one.mac, two.ip, one.ip, 5, 5, data))


@check("anti-spoofing: another's IPv4 address")
def spoof_ip(cloud):
    one, two = cloud.red1, cloud.red2
    forged(cloud, b"ip", lambda data: packets.udp_frame(two.mac, one.mac, "10.10.0.77", one.ip, 5, 5, data),
           lambda data: packets.udp_frame(two.mac, one.mac, two.ip, one.ip, 5, 5, data))


@check("anti-spoofing: another's IPv6 address")
def spoof_ip6(cloud):
    one, two = cloud.red1, cloud.red2
    forged(cloud, b"ip6", lambda data: packets.udp_frame(two.mac, one.mac, "fd00:10::77", one.ip6, 5, 5, data),
           lambda data: packets.udp_frame(two.mac, one.mac, two.ip6, one.ip6, 5, 5, data))


def arp_reply(mac, address, target_mac, target, padding):
    import socket

    body = b"\x00\x01\x08\x00\x06\x04\x00\x02" + packets.mac_bytes(mac) + socket.inet_aton(address)
    return packets.ethernet(mac, target_mac, 0x0806, body + packets.mac_bytes(target_mac) + socket.inet_aton(target) + padding)


@check("anti-spoofing: ARP for another's address")
def spoof_arp(cloud):
    one, two = cloud.red1, cloud.red2
    forged(cloud, b"arp", lambda data: arp_reply(two.mac, "10.10.0.1", one.mac, one.ip, data),
           lambda data: arp_reply(two.mac, two.ip, one.mac, one.ip, data))


@check("anti-spoofing: neighbour advertisement for another's address")
def spoof_neighbour(cloud):
    import ipaddress

    one, two = cloud.red1, cloud.red2

    def advertise(target):
        def frame(data):
            body = bytes([0x20, 0, 0, 0]) + ipaddress.ip_address(target).packed + bytes([2, 1]) + packets.mac_bytes(two.mac)
            # The marker stands in a trailing option, whose length is in units of eight bytes.
            option = bytes([253, 3]) + data.ljust(22, b"\0")
            return packets.ethernet(two.mac, one.mac, 0x86DD, packets.ipv6(
                two.ip6, one.ip6, 58, packets.icmp6(two.ip6, one.ip6, 136, body + option)))
        return frame

    forged(cloud, b"na", advertise("fd00:10::1"), advertise(two.ip6))


@check("anti-spoofing: a DHCP server")
def spoof_dhcp(cloud):
    one, two = cloud.red1, cloud.red2
    forged(cloud, b"dhcp", lambda data: packets.udp_frame(two.mac, packets.BROADCAST, two.ip, "255.255.255.255", 67, 68, data),
           lambda data: packets.udp_frame(two.mac, packets.BROADCAST, two.ip, "255.255.255.255", 5555, 5555, data))


@check("anti-spoofing: a DHCPv6 server")
def spoof_dhcp6(cloud):
    one, two = cloud.red1, cloud.red2
    forged(cloud, b"dhcp6", lambda data: packets.udp_frame(two.mac, one.mac, two.ip6, one.ip6, 547, 546, data),
           lambda data: packets.udp_frame(two.mac, one.mac, two.ip6, one.ip6, 5555, 5555, data))


@check("anti-spoofing: a router advertisement")
def spoof_ra(cloud):
    one = cloud.red1
    own = packets.link_local(one.mac)

    def advertisement(data):
        body = bytes([64, 0]) + b"\x07\x08" + bytes(8) + bytes([253, 3]) + data.ljust(22, b"\0")
        return packets.ethernet(one.mac, "33:33:00:00:00:01", 0x86DD, packets.ipv6(
            own, "ff02::1", 58, packets.icmp6(own, "ff02::1", 134, body)))

    forged(cloud, b"ra", advertisement,
           lambda data: packets.udp_frame(one.mac, "33:33:00:00:00:01", own, "ff02::1", 5555, 5555, data),
           sender=one, receiver=cloud.red2)


# MARK: Ports' own settings

@check("an allowed address pair may send and receive")
def allowed_pair(cloud):
    from netlab import links

    guest = cloud.guest(cloud.red, "host2", ip="10.10.0.41")
    links("address add 10.10.0.200/24 dev eth0", namespace=guest.namespace)
    never("an address without a pair answered", lambda: cloud.red1.ping("10.10.0.200"), tries=1)
    cloud.update("port", guest.port, allowed_address_pairs=[dict(ip_address="10.10.0.200")])
    eventually("an answer from the allowed address", lambda: cloud.red1.ping("10.10.0.200"))
    cloud.update("port", guest.port, allowed_address_pairs=[])
    never("an address answered whose pair is gone", lambda: cloud.red1.ping("10.10.0.200"))
    cloud.lab.unplug(guest)


@check("a port without port security sends what it wants")
def no_security(cloud):
    guest = cloud.guest(cloud.red, "host2", ip="10.10.0.42", port_security_enabled=False)
    with cloud.red1.sniffer() as sniffer:
        cloud.red1.sends()
        guest.sends(packets.udp_frame("fa:16:3e:99:99:98", cloud.red1.mac, "203.0.113.9", cloud.red1.ip, 5, 5, b"free"))
        expect(sniffer.wait(lambda frame: b"free" in frame), "a free frame did not arrive")
    cloud.lab.unplug(guest)


@check("admin_state_up false stops a port, true lets it go on")
def admin_state(cloud):
    guest = cloud.guest(cloud.red, "host2", ip="10.10.0.43")
    passes(cloud.red1, guest)
    cloud.update("port", guest.port, admin_state_up=False)
    never("a port that is down answered", lambda: cloud.red1.ping(guest.ip))
    cloud.update("port", guest.port, admin_state_up=True)
    passes(cloud.red1, guest)
    cloud.lab.unplug(guest)


@check("a deleted port's packets stop, and its address serves another")
def deleted_port(cloud):
    guest = cloud.guest(cloud.red, "host2", ip="10.10.0.44")
    passes(cloud.red1, guest)
    cloud.delete(f"/ports/{guest.port['id']}")
    never("a deleted port answered", lambda: cloud.red1.ping(guest.ip))
    heir = cloud.guest(cloud.red, "host1", ip="10.10.0.44")
    passes(cloud.red2, heir)
    cloud.lab.unplug(guest)
    cloud.lab.unplug(heir)


@check("a port that moves to another host takes its packets along")
def moved_port(cloud):
    guest = cloud.guest(cloud.red, "host1", ip="10.10.0.45")
    passes(cloud.red2, guest)
    cloud.lab.unplug(guest, keep=True)
    port = cloud.update("port", guest.port, **{"binding:host_id": "host2"})
    moved = cloud.lab.guest(f"moved{cloud.round}", port, "10.10.0.45/24")
    passes(cloud.red1, moved)
    passes(cloud.red2, moved)
    cloud.lab.unplug(moved)
