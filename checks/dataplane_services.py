"""Checks of metadata, of limits on traffic, and of what must outlive the program."""

import json
import time

import packets
from netcloud import OUTSIDE, table
from netlab import CheckFailed, eventually, expect, inside

CHECKS, check = table()
METADATA = "169.254.169.254"


# MARK: Metadata

def server(cloud, name, network, ip):
    """A server of compute's on a port with an address, with its guest."""
    http = cloud.client.http
    if not hasattr(cloud, "image"):
        status, _, image = http("POST", "/image/v2/images", {
            "name": "check", "disk_format": "raw", "container_format": "bare"})
        expect(status == 201, f"image: {status} {image}")
        http("PUT", f"/image/v2/images/{image['id']}/file", b"\0" * 4096, {"Content-Type": "application/octet-stream"})
        status, _, flavor = http("POST", "/compute/v2.1/flavors", {
            "flavor": {"name": "check", "ram": 64, "vcpus": 1, "disk": 1}})
        expect(status == 200, f"flavor: {status} {flavor}")
        cloud.image, cloud.flavor = image["id"], flavor["flavor"]["id"]
    subnet = network["subnets"][0]
    # IPv6 may only be sent by who has an address of it.
    others = [{"subnet_id": other["id"]} for other in network["subnets"][1:]]
    port = cloud.create("port", network_id=network["id"], security_groups=[cloud.open_group["id"]],
                        fixed_ips=[{"subnet_id": subnet["id"], "ip_address": ip}, *others])
    status, _, made = http("POST", "/compute/v2.1/servers", {"server": {
        "name": name, "imageRef": cloud.image, "flavorRef": cloud.flavor, "networks": [{"port": port["id"]}]}})
    expect(status == 202, f"server: {status} {made}")
    path = f"/compute/v2.1/servers/{made['server']['id']}"

    def active():
        found = http("GET", path)[2]["server"]
        expect(found["status"] != "ERROR", f"server: {found.get('fault')}")
        return found["status"] == "ACTIVE"

    eventually("an active server", active, 30)
    port = cloud.request("GET", f"/ports/{port['id']}")["port"]
    expect(port["status"] == "ACTIVE", f"the server's port is {port['status']}")
    return cloud.lab.tap_guest(f"s-{name}", port, f"{ip}/24", gateway=subnet["gateway_ip"])


def told_name(guest, address=METADATA, **named):
    """The name that metadata tells a guest."""
    answer = guest.run(packets.http_get, address, "/openstack/latest/meta_data.json", **named)
    return answer and answer[0] == 200 and json.loads(answer[1])["name"]


def way_to_metadata(guest):
    """The route that a DHCP client takes from option 121."""
    from netlab import links

    answer = eventually("a DHCP lease", lambda: guest.run(packets.dhcp4, "eth0", guest.mac))
    hop = packets.classless_routes(answer[121])[f"{METADATA}/32"]
    links(f"route replace {METADATA}/32 via {hop} dev eth0", namespace=guest.namespace)


@check("metadata: two networks with equal addresses, each told its own")
def metadata(cloud):
    cloud.servers = {name: server(cloud, f"{name}{cloud.round}", network, f"10.10.0.{50 + cloud.round}")
                     for name, network in (("ruby", cloud.red), ("gemini", cloud.twin))}
    for name, guest in cloud.servers.items():
        way_to_metadata(guest)
        told = eventually("metadata", lambda: told_name(guest), 30)
        expect(told == f"{name}{cloud.round}", f"{name} was told it is {told}")


@check("metadata: headers that a guest sends change nothing")
def metadata_forged(cloud):
    guest = cloud.servers["ruby"]
    headers = ("X-Forwarded-For: 10.10.0.51", "X-Instance-ID: 00000000-0000-4000-8000-000000000000", "X-Neutron-Network-ID: x")
    told = eventually("metadata", lambda: told_name(guest, headers=headers))
    expect(told == f"ruby{cloud.round}", f"ruby was told it is {told}")


@check("metadata: an isolated network, and a guest whose group lets nothing out")
def metadata_isolated(cloud):
    network = cloud.network("cell", "10.39.0.0/24")
    guest = server(cloud, f"cell{cloud.round}", network, "10.39.0.50")
    cloud.update("port", guest.port, security_groups=[])
    way_to_metadata(guest)
    told = eventually("metadata", lambda: told_name(guest), 30)
    expect(told == f"cell{cloud.round}", f"cell was told it is {told}")


@check("metadata: an address that is no server's is told nothing")
def metadata_stranger(cloud):
    way_to_metadata(cloud.red1)
    answer = eventually("an answer", lambda: cloud.red1.run(packets.http_get, METADATA, "/openstack/latest/meta_data.json"))
    expect(answer[0] == 404, f"answered {answer}")


@check("metadata: by IPv6 at fe80::a9fe:a9fe")
def metadata_v6(cloud):
    guest = cloud.servers["ruby"]
    told = eventually("metadata", lambda: told_name(guest, "fe80::a9fe:a9fe", device="eth0"), 30)
    expect(told == f"ruby{cloud.round}", f"ruby was told it is {told}")


# MARK: Limits

def throughput(sender, receiver, port, seconds=2.5):
    """What TCP carries from one guest to another, in kbit/s, once the burst is over."""
    with receiver.service(port) as service:
        connection = eventually("a connection", lambda: sender.run(packets.connect, receiver.ip, port))
        with connection:
            connection.settimeout(0.2)
            block = bytes(65536)
            end, began, counted = time.monotonic() + seconds + 1.0, None, 0
            while time.monotonic() < end:
                try:
                    connection.send(block)
                except TimeoutError:
                    pass
                if began is None and time.monotonic() > end - seconds:
                    began, counted = time.monotonic(), service.received
            return (service.received - counted) * 8 / 1000 / (time.monotonic() - began)


def limited(cloud, port, direction, sender, receiver):
    policy = cloud.create("qos_policy", name="limited")
    cloud.request("POST", f"/qos/policies/{policy['id']}/bandwidth_limit_rules", {
        "bandwidth_limit_rule": {"max_kbps": 4000, "max_burst_kbps": 400, "direction": direction}})
    free = throughput(sender, receiver, 7300)
    cloud.update("port", port.port, qos_policy_id=policy["id"])
    measured = eventually("a limit of 4 Mbit/s", lambda: (
        lambda rate: 1500 < rate < 5200 and rate)(throughput(sender, receiver, 7301)), 20)
    expect(free > 8000, f"without a limit only {free:.0f} kbit/s passed")
    cloud.update("port", port.port, qos_policy_id=None)
    eventually("the limit's end", lambda: throughput(sender, receiver, 7302) > 8000, 20)
    print(f"     {direction}: {free:.0f} kbit/s, limited to 4000: {measured:.0f}", flush=True)


@check("QoS: a limit on what a guest sends")
def qos_egress(cloud):
    limited(cloud, cloud.red1, "egress", cloud.red1, cloud.red2)


@check("QoS: a limit on what a guest receives")
def qos_ingress(cloud):
    limited(cloud, cloud.red2, "ingress", cloud.red1, cloud.red2)


def outside_throughput(cloud, guest, port, seconds=2.5):
    """What TCP carries from a guest to the world outside, in kbit/s, once the burst is over."""
    service = inside(cloud.lab.outside, packets.Service, "outside", port)
    try:
        with eventually("a connection", lambda: guest.run(packets.connect, OUTSIDE, port)) as connection:
            connection.settimeout(0.2)
            end, began, counted = time.monotonic() + seconds + 1.0, None, 0
            while time.monotonic() < end:
                try:
                    connection.send(bytes(65536))
                except TimeoutError:
                    pass
                if began is None and time.monotonic() > end - seconds:
                    began, counted = time.monotonic(), service.received
            return (service.received - counted) * 8 / 1000 / (time.monotonic() - began)
    finally:
        service.close()


def limited_outside(cloud, name, set_policy, guest, port):
    policy = cloud.create("qos_policy", name=name)
    cloud.request("POST", f"/qos/policies/{policy['id']}/bandwidth_limit_rules", {
        "bandwidth_limit_rule": {"max_kbps": 4000, "max_burst_kbps": 400, "direction": "egress"}})
    free = outside_throughput(cloud, guest, port)
    set_policy(policy["id"])
    measured = eventually("a limit of 4 Mbit/s", lambda: (
        lambda rate: 1500 < rate < 5200 and rate)(outside_throughput(cloud, guest, port + 1)), 20)
    expect(free > 8000, f"without a limit only {free:.0f} kbit/s passed")
    set_policy(None)
    eventually("the limit's end", lambda: outside_throughput(cloud, guest, port + 2) > 8000, 20)
    print(f"     {name}: {free:.0f} kbit/s, limited to 4000: {measured:.0f}", flush=True)


def packets_through(sender, receiver, mark, count=3000, seconds=1.0):
    """How many of so many packets, sent evenly within a second, arrive."""
    frame = packets.udp_frame(sender.mac, receiver.mac, sender.ip, receiver.ip, 5, 5, mark)

    def send():
        began = time.monotonic()
        with packets.packet_socket("eth0") as handle:
            for number in range(count):
                handle.send(frame)
                if (ahead := number * seconds / count - (time.monotonic() - began)) > 0.002:
                    time.sleep(ahead)

    with receiver.sniffer() as sniffer:
        sender.run(send)
        time.sleep(0.5)
        return sum(mark in seen for seen in sniffer.frames)


@check("QoS: limits on how many packets a guest sends and receives")
def qos_packets(cloud):
    # Both on the host whose agent is the program's own: meters are an agent's work, not OVN's.
    sender, receiver, count = cloud.red1, cloud.red3, iter(range(1000))

    def passing():
        return packets_through(sender, receiver, b"packet%d." % next(count))

    for direction, limited in (("egress", sender), ("ingress", receiver)):
        policy = cloud.create("qos_policy", name=f"packets-{direction}")
        cloud.request("POST", f"/qos/policies/{policy['id']}/packet_rate_limit_rules", {
            "packet_rate_limit_rule": {"max_kpps": 1, "direction": direction}})
        free = passing()
        expect(free > 2000, f"without a limit only {free} of 3000 packets arrived")
        cloud.update("port", limited.port, qos_policy_id=policy["id"])
        passed = eventually("a limit of 1000 packets a second", lambda: (lambda seen: 500 < seen < 1600 and seen)(passing()), 20)
        expect(sender.ping(receiver.ip), "a limited guest is not reached")
        cloud.update("port", limited.port, qos_policy_id=None)
        eventually("the limit's end", lambda: passing() > 2000, 20)
        print(f"     {direction}: {free} packets of 3000 in a second, limited to 1000: {passed}", flush=True)


@check("QoS: a limit on a floating IP")
def qos_floating(cloud):
    cloud.edge
    address = cloud.create("floatingip", floating_network_id=cloud.outside["id"], port_id=cloud.red2.port["id"])
    limited_outside(cloud, "floating IP", lambda policy: cloud.update("floatingip", address, qos_policy_id=policy),
                    cloud.red2, 7310)
    cloud.delete(f"/floatingips/{address['id']}")


@check("QoS: a limit on a router's gateway")
def qos_gateway(cloud):
    router = cloud.edge

    def set_policy(policy):
        gateway = {"network_id": cloud.outside["id"], "qos_policy_id": policy}
        cloud.update("router", router, external_gateway_info=gateway)

    limited_outside(cloud, "gateway", set_policy, cloud.red1, 7320)


@check("QoS: DSCP marks on what a guest sends")
def qos_dscp(cloud):
    policy = cloud.create("qos_policy", name="marked")
    cloud.request("POST", f"/qos/policies/{policy['id']}/dscp_marking_rules", {"dscp_marking_rule": {"dscp_mark": 26}})
    cloud.update("port", cloud.red1.port, qos_policy_id=policy["id"])
    # From a new port each time: Debian's userspace switch (3.1.0) now and then aborts in its connection tracking (conn_update_state)
    # on what it tracked some time ago, and the second host has no agent that starts it again.
    ports = iter(range(9000 + 1000 * cloud.round, 65536))

    def mark():
        source = next(ports)
        with cloud.red2.sniffer() as sniffer:
            cloud.red1.sends(packets.udp_frame(cloud.red1.mac, cloud.red2.mac, cloud.red1.ip, cloud.red2.ip, source, 7, b"marked"))
            frame = sniffer.wait(lambda frame: b"marked" in frame)
            return frame and frame[15] >> 2

    marks = []

    def is_marked():
        marks.append(mark())
        return marks[-1] == 26

    try:
        eventually("the mark", is_marked)
    except CheckFailed as failure:
        raise CheckFailed(f"{failure}; the last packets arrived with {marks[-3:]}") from failure
    cloud.update("port", cloud.red1.port, qos_policy_id=None)
    eventually("no mark", lambda: mark() == 0)
