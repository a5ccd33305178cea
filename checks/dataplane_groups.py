"""Checks of security groups: what they let through, what they don't, and when a change takes hold."""

import packets
from netcloud import table
from netlab import eventually, expect, never

CHECKS, check = table()
ALL_OUT = (dict(direction="egress"), dict(direction="egress", ethertype="IPv6"))


def guarded(cloud, *rules, host="host2", **attributes):
    """A group with these rules, and a guest in it alone."""
    group = cloud.group("guarded", *ALL_OUT, *rules, **attributes)
    guest = cloud.guest(cloud.red, host, groups=[group])
    return group, guest


def answers(guest, port, asker, protocol=packets.tcp_echo, address=None):
    return asker.run(protocol, address or guest.ip, port)


@check("groups: nothing comes in without a rule, everything goes out")
def closed(cloud):
    group, guest = guarded(cloud)
    eventually("a way out", lambda: guest.ping(cloud.red1.ip))
    never("a guest without rules was reached", lambda: cloud.red1.ping(guest.ip))
    with guest.service(7100):
        never("a port without a rule was reached", lambda: answers(guest, 7100, cloud.red1))
        cloud.rule(group, protocol="icmp")
        eventually("ICMP after its rule", lambda: cloud.red1.ping(guest.ip))
        expect(not answers(guest, 7100, cloud.red1), "ICMP's rule let TCP in")
    cloud.lab.unplug(guest)


@check("groups: TCP by port and range")
def ports(cloud):
    group, guest = guarded(cloud, dict(protocol="tcp", port_range_min=7110, port_range_max=7112))
    with guest.service(7110), guest.service(7112), guest.service(7113):
        eventually("the first port", lambda: answers(guest, 7110, cloud.red1))
        expect(answers(guest, 7112, cloud.red1), "the last port of the range is closed")
        expect(not answers(guest, 7113, cloud.red1), "a port beyond the range is open")
        expect(not answers(guest, 7110, cloud.red1, packets.udp_echo), "TCP's rule let UDP in")
    cloud.lab.unplug(guest)


@check("groups: UDP by port")
def udp(cloud):
    group, guest = guarded(cloud, dict(protocol="udp", port_range_min=7120, port_range_max=7120))
    with guest.service(7120), guest.service(7121):
        eventually("the port", lambda: answers(guest, 7120, cloud.red1, packets.udp_echo))
        expect(not answers(guest, 7121, cloud.red1, packets.udp_echo), "another port is open")
        expect(not answers(guest, 7120, cloud.red1), "UDP's rule let TCP in")
    cloud.lab.unplug(guest)


@check("groups: egress by port")
def egress(cloud):
    group = cloud.group("narrow", dict(direction="egress", protocol="tcp", port_range_min=7130, port_range_max=7130))
    guest = cloud.guest(cloud.red, "host2", groups=[group])
    with cloud.red1.service(7130), cloud.red1.service(7131):
        eventually("the port", lambda: answers(cloud.red1, 7130, guest))
        expect(not answers(cloud.red1, 7131, guest), "a guest may send where no rule lets it")
        expect(not guest.ping(cloud.red1.ip), "a guest may ping where no rule lets it")
        cloud.rule(group, direction="egress", protocol="icmp")
        eventually("ICMP after its rule", lambda: guest.ping(cloud.red1.ip))
    cloud.lab.unplug(guest)


@check("groups: a remote CIDR")
def remote_cidr(cloud):
    group, guest = guarded(cloud, dict(protocol="icmp", remote_ip_prefix=f"{cloud.red1.ip}/32"))
    eventually("the one who may", lambda: cloud.red1.ping(guest.ip))
    expect(not cloud.red3.ping(guest.ip), "an address beyond the range may too")
    cloud.rule(group, protocol="icmp", remote_ip_prefix="10.10.0.0/28")
    eventually("an address within the wider range", lambda: cloud.red3.ping(guest.ip))
    cloud.lab.unplug(guest)


@check("groups: a remote group, as members come and go")
def remote_group(cloud):
    friends = cloud.group("friends", *ALL_OUT)
    group, guest = guarded(cloud, dict(protocol="icmp", remote_group_id=friends["id"]))
    never("one who is not in the group got in", lambda: cloud.red1.ping(guest.ip), tries=1)
    ids = cloud.red1.port["security_groups"]
    cloud.update("port", cloud.red1.port, security_groups=[*ids, friends["id"]])
    eventually("a member", lambda: cloud.red1.ping(guest.ip))
    expect(not cloud.red3.ping(guest.ip), "one who is not in the group got in")
    cloud.update("port", cloud.red1.port, security_groups=ids)
    never("one who has left the group got in", lambda: cloud.red1.ping(guest.ip))
    cloud.lab.unplug(guest)


@check("groups: members of a project's default group reach each other only")
def default_group(cloud):
    groups = cloud.request("GET", "/security-groups?name=default")["security_groups"]
    project = cloud.red["project_id"]
    default = next(group for group in groups if group["project_id"] == project)
    one, two = (cloud.guest(cloud.red, host, groups=[default]) for host in ("host1", "host2"))
    eventually("a fellow member", lambda: one.ping(two.ip))
    eventually("a fellow member by IPv6", lambda: two.ping(one.ip6))
    expect(not cloud.red1.ping(two.ip), "one who is no member got in")
    cloud.lab.unplug(one)
    cloud.lab.unplug(two)


@check("groups: IPv6 rules are apart from IPv4's")
def families(cloud):
    group, guest = guarded(cloud, dict(protocol="ipv6-icmp", ethertype="IPv6"))
    eventually("ICMPv6", lambda: cloud.red1.ping(guest.ip6))
    expect(not cloud.red1.ping(guest.ip), "IPv6's rule let IPv4 in")
    with guest.service(7140):
        expect(not answers(guest, 7140, cloud.red1, address=guest.ip6), "ICMPv6's rule let TCP in")
        cloud.rule(group, ethertype="IPv6", protocol="tcp", port_range_min=7140, port_range_max=7140)
        eventually("TCP over IPv6", lambda: answers(guest, 7140, cloud.red1, address=guest.ip6))
        expect(not answers(guest, 7140, cloud.red1), "IPv6's rule let IPv4 in")
    cloud.lab.unplug(guest)


@check("groups: an ICMP type")
def icmp_type(cloud):
    group, guest = guarded(cloud, dict(protocol="icmp", port_range_min=13))
    never("another ICMP type got in", lambda: cloud.red1.ping(guest.ip), tries=1)
    cloud.rule(group, protocol="icmp", port_range_min=8, port_range_max=0)
    eventually("echo requests", lambda: cloud.red1.ping(guest.ip))
    cloud.lab.unplug(guest)


@check("groups: another protocol by number")
def by_number(cloud):
    group, guest = guarded(cloud, dict(protocol="47"))
    body = b"\0\0\x08\0by-number"
    with guest.sniffer() as sniffer:
        def send(protocol, mark):
            cloud.red1.sends(packets.ethernet(cloud.red1.mac, guest.mac, 0x0800, packets.ipv4(
                cloud.red1.ip, guest.ip, protocol, body + mark)))
            return sniffer.wait(lambda frame: b"by-number" + mark in frame, 0.4)
        eventually("GRE", lambda: send(47, b"-gre"))
        expect(not send(50, b"-esp"), "another protocol got in")
    cloud.lab.unplug(guest)


@check("groups: an established connection is cut when its rule goes")
def cut(cloud):
    group, guest = guarded(cloud)
    rule = cloud.rule(group, protocol="tcp", port_range_min=7150, port_range_max=7150)
    with guest.service(7150):
        connection = eventually("a connection", lambda: cloud.red1.run(packets.connect, guest.ip, 7150))
        with connection:
            connection.settimeout(1)
            expect(packets.exchange(connection, b"one"), "the connection carries nothing")
            cloud.delete(f"/security-group-rules/{rule['id']}")
            never("a connection went on that no rule lets in", lambda: packets.exchange(connection, b"two"))
    cloud.lab.unplug(guest)


@check("groups: a connection goes on when other rules change")
def undisturbed(cloud):
    group, guest = guarded(cloud, dict(protocol="tcp", port_range_min=7160, port_range_max=7160))
    with guest.service(7160):
        connection = eventually("a connection", lambda: cloud.red1.run(packets.connect, guest.ip, 7160))
        with connection:
            connection.settimeout(2)
            for port in (7161, 7162, 7163):
                rule = cloud.rule(group, protocol="tcp", port_range_min=port, port_range_max=port)
                expect(packets.exchange(connection, b"still"), "a connection was cut by another rule")
                cloud.delete(f"/security-group-rules/{rule['id']}")
                expect(packets.exchange(connection, b"there"), "a connection was cut by another rule's end")
    cloud.lab.unplug(guest)


@check("groups: stateless groups need a rule for each way")
def stateless(cloud):
    group = cloud.group("stateless", dict(protocol="tcp", port_range_min=7170, port_range_max=7170), stateful=False)
    guest = cloud.guest(cloud.red, "host2", groups=[group])
    with guest.service(7170):
        never("an answer came back that no rule lets out", lambda: answers(guest, 7170, cloud.red1), tries=2)
        cloud.rule(group, direction="egress", protocol="tcp")
        eventually("an answer with both rules", lambda: answers(guest, 7170, cloud.red1))
    cloud.lab.unplug(guest)


@check("groups: an address group as the remote side, as addresses come and go")
def address_group(cloud):
    addresses = cloud.create("address_group", name="friends", addresses=[f"{cloud.red3.ip}/32"])
    group, guest = guarded(cloud, dict(protocol="icmp", remote_address_group_id=addresses["id"]))
    eventually("an address of the group", lambda: cloud.red3.ping(guest.ip))
    expect(not cloud.red1.ping(guest.ip), "an address beyond the group got in")
    body = {"addresses": [f"{cloud.red1.ip}/32"]}
    cloud.request("PUT", f"/address-groups/{addresses['id']}/add_addresses", body)
    eventually("an address that was added", lambda: cloud.red1.ping(guest.ip))
    cloud.request("PUT", f"/address-groups/{addresses['id']}/remove_addresses", body)
    never("an address got in that was removed", lambda: cloud.red1.ping(guest.ip))
    cloud.lab.unplug(guest)


@check("logs: what a group admits and what it drops")
def logs(cloud):
    group, guest = guarded(cloud, dict(protocol="tcp", port_range_min=7190, port_range_max=7190))
    silent = cloud.group("silent", *ALL_OUT)
    other = cloud.guest(cloud.red, "host2", groups=[silent])

    def lines(verdict):
        """The lines of the second host's log about the group's packets."""
        return [line for line in cloud.lab.controller_lines() if group["id"] in line and f"verdict={verdict}" in line]

    with guest.service(7190):
        eventually("the port of the rule", lambda: answers(guest, 7190, cloud.red1))
        never("a port without a rule was reached", lambda: answers(guest, 7191, cloud.red1), settle=1)
        expect(not lines("allow") and not lines("drop"), "packets were logged before anyone asked")
        log = cloud.request("POST", "/log/logs", {"log": {
            "name": "log", "resource_type": "security_group", "resource_id": group["id"], "event": "ALL"}})["log"]
        eventually("a line about a packet let in", lambda: answers(guest, 7190, cloud.red1) and lines("allow"))
        eventually("a line about a packet dropped", lambda: not answers(guest, 7191, cloud.red1) and lines("drop"))
        expect(not cloud.red1.ping(other.ip), "a guest of the other group was reached")
        expect(not any(silent["id"] in line for line in cloud.lab.controller_lines()), "another group's packets were logged")
        cloud.request("PUT", f"/log/logs/{log['id']}", {"log": {"enabled": False}})

        def is_silent():
            before = len(lines("allow"))
            return answers(guest, 7190, cloud.red1) and len(lines("allow")) == before
        eventually("the end of the lines", is_silent)
    cloud.delete(f"/log/logs/{log['id']}")
    cloud.lab.unplug(guest)
    cloud.lab.unplug(other)


@check("trace: what it says is what packets do")
def trace(cloud):
    def told(*arguments):
        return cloud.client.program.command("network", "trace", *arguments)

    group, guest = guarded(cloud, dict(protocol="tcp", port_range_min=7180, port_range_max=7180))
    rule = next(rule["id"] for rule in cloud.request("GET", f"/security-group-rules?security_group_id={group['id']}")[
        "security_group_rules"] if rule["direction"] == "ingress")
    sender, receiver = cloud.red1.port["id"], guest.port["id"]
    with guest.service(7180), guest.service(7181):
        eventually("the port that has a rule", lambda: answers(guest, 7180, cloud.red1))
        said = told(sender, receiver, "--tcp", "7180")
        expect(f"by rule {rule} of security group {group['id']}" in said and "delivered to" in said, said)
        expect(not answers(guest, 7181, cloud.red1), "a port without a rule is open")
        said = told(sender, receiver, "--tcp", "7181")
        expect("no rule of the port's security groups" in said and said.strip().endswith("dropped"), said)
    expect(cloud.edge, "the router")
    # A router asks for a neighbour's MAC address first; the trace has one to go by once packets have flowed.
    eventually("a way out", lambda: cloud.red1.ping("172.24.4.2"))
    eventually("a way out behind the router's address", lambda: "its source becomes 172.24.4." in told(sender, "172.24.4.2"))
    expect("leaves the cloud" in told(sender, "172.24.4.2"), "the packet stays")
    cloud.lab.unplug(guest)
