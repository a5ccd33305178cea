"""A machine that stands in for two hosts and the world outside: network namespaces with a switch each, tied by an underlay,
and guests that are namespaces too. The first host is the program's own; the second joins its southbound database."""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import packets
from cloud import CheckFailed, expect, wait_for

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def inside(namespace, body, *arguments, **named):
    """Runs a function on a thread that stands in a network namespace; what it opens stays there."""
    outcome = {}

    def run():
        try:
            with open(f"/run/netns/{namespace}", "rb") as handle:
                if LIBC.setns(handle.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns {namespace}")
            outcome["value"] = body(*arguments, **named)
        except BaseException as error:  # handed over to the thread that waits
            outcome["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome.get("value")


def command(*words, check=True, text=None):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, input=text, check=False)
    if check and done.returncode != 0:
        raise CheckFailed(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def links(*lines, namespace=None):
    """Lines of `ip -batch`, in a namespace or in the machine's own."""
    words = ["ip"] + (["-n", namespace] if namespace else []) + ["-batch", "-"]
    command(*words, text="\n".join(lines) + "\n")


def write_sysctl(path, value):
    pathlib.Path("/proc/sys/net", path).write_text(value)


class Guest:
    """A namespace with a port's interface in it."""

    def __init__(self, lab, name, port, host):
        self.lab, self.name, self.port, self.host = lab, name, port, host
        self.namespace = f"{lab.prefix}-{name}"
        self.mac = port["mac_address"]
        self.addresses = [fixed["ip_address"] for fixed in port["fixed_ips"]]

    @property
    def ip(self):
        return next(address for address in self.addresses if ":" not in address)

    @property
    def ip6(self):
        return next(address for address in self.addresses if ":" in address)

    def run(self, body, *arguments, **named):
        return inside(self.namespace, body, *arguments, **named)

    def configure(self, *addresses, gateway=None):
        """Gives the guest addresses with prefix lengths, and a default route."""
        lines = [f"address replace {address} dev eth0{' nodad' if ':' in address else ''}" for address in addresses]
        if gateway:
            lines.append(f"route replace default via {gateway} dev eth0")
        links(*lines, namespace=self.namespace)

    def ping(self, destination, **named):
        return self.run(packets.ping, destination, **named)

    def sends(self, *frames):
        self.run(packets.send_frames, "eth0", *frames)

    @contextlib.contextmanager
    def service(self, port):
        """A TCP and UDP echo in the guest."""
        service = self.run(packets.Service, self.name, port)
        try:
            yield service
        finally:
            service.close()

    @contextlib.contextmanager
    def sniffer(self, device="eth0"):
        sniffer = self.run(packets.Sniffer, device)
        try:
            yield sniffer
        finally:
            sniffer.close()


class TapGuest(Guest):
    """A guest of compute's: the frames of the tap device that the program has made are carried to the namespace, as a
    hypervisor would."""

    def __init__(self, lab, name, port, host):
        super().__init__(lab, name, port, host)
        self.stopped = False
        outer = inside(lab.hosts[host], packets.open_tap, "tap" + port["id"][:11])
        inner = inside(self.namespace, packets.open_tap, "eth0")
        self.carriers = [threading.Thread(target=self._carry, args=pair, daemon=True)
                         for pair in ((outer, inner), (inner, outer))]
        self.descriptors = (outer, inner)
        for carrier in self.carriers:
            carrier.start()

    def _carry(self, source, destination):
        import select
        while not self.stopped:
            if select.select([source], [], [], 0.1)[0]:
                try:
                    os.write(destination, os.read(source, 65536))
                except OSError:
                    time.sleep(0.05)

    def stop(self):
        self.stopped = True
        for carrier in self.carriers:
            carrier.join()
        for descriptor in self.descriptors:
            os.close(descriptor)


class Lab:
    """The namespaces, the second host's daemons, and the guests."""

    HOSTS = ("host1", "host2")

    def __init__(self):
        self.prefix = f"dp{os.getpid() % 0xFFFF:04x}"
        self.hosts = {name: f"{self.prefix}-{name}" for name in self.HOSTS}
        self.outside = f"{self.prefix}-outside"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="altostack-lab-"))
        self.daemons = []
        self.guests = []
        self.count = 0
        self.database = {}

    def settings(self):
        """What the program must be told to be the first host."""
        return [
            f"network.namespace={self.hosts['host1']}", "host.name=host1", "network.external_address=172.24.4.1/24",
            "network.tunnel_bridge=br-phy", "network.tunnel_address=10.99.0.1/24",
            "network.southbound_listen=10.98.0.1:6642", "simulation.guests=true", "network.resync_interval=30",
            "log.level=info",
        ]

    # MARK: Hosts

    def build(self):
        """Namespaces and cables, before the program starts."""
        one, two = self.hosts["host1"], self.hosts["host2"]
        for namespace in (one, two, self.outside):
            command("ip", "netns", "add", namespace)
        for device, other in (("under", two), ("phys", two), ("mgmt", two), ("door", self.outside)):
            links(f"link add {device} netns {one} type veth peer name {device} netns {other}")
        for namespace, number in ((one, 1), (two, 2)):
            links("link set lo up", "link set under mtu 1600 up", "link set phys up", "link set mgmt up",
                  f"address add 10.98.0.{number}/24 dev mgmt", namespace=namespace)
            for device in ("under", "phys"):
                inside(namespace, packets.transmit_checksums_off, device)
        links("link set door up", namespace=one)
        links("link set lo up", "link set door up", "address add 172.24.4.2/24 dev door",
              "address add 2001:db8:24::2/64 dev door nodad", namespace=self.outside)
        inside(self.outside, packets.transmit_checksums_off, "door")

    def join(self, program):
        """The second host comes up and joins; cables are plugged into both hosts' bridges."""
        self.database = {"host1": program.directory / "network" / "run" / "db.sock", "host2": self.directory / "db.sock"}
        self.switch("host1", "add-port", "br-phy", "under", "--", "add-port", "br-ex", "phys",
                    "--", "add-port", "br-ex", "door")
        self.start_second()

    def start_second(self):
        directory, namespace = self.directory, self.hosts["host2"]
        command("ovsdb-tool", "create", str(directory / "conf.db"), "/usr/share/openvswitch/vswitch.ovsschema")
        self.spawn(namespace, "ovsdb-server", str(directory / "conf.db"), f"--remote=punix:{directory}/db.sock",
                   f"--unixctl={directory}/o.ctl")
        wait_for("the second host's database", (directory / "db.sock").exists, 20)
        ids = {"system-id": "host2", "hostname": "host2", "ovn-remote": "tcp:10.98.0.1:6642", "ovn-encap-type": "geneve",
               "ovn-encap-ip": "10.99.0.2", "ovn-bridge": "br-int", "ovn-bridge-datapath-type": "netdev",
               "ovn-bridge-mappings": "public:br-ex,altostack-tunnels:br-tun", "ovn-monitor-all": "true"}
        bridges = []
        for bridge, mode in (("br-int", "secure"), ("br-tun", "secure"), ("br-phy", "standalone"), ("br-ex", "standalone")):
            bridges += ["--", "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev", f"fail_mode={mode}"]
        self.switch("host2", "--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                    *[f"external_ids:{key}=\"{value}\"" for key, value in ids.items()], *bridges,
                    "--", "add-port", "br-phy", "under", "--", "add-port", "br-ex", "phys")
        self.spawn(namespace, "ovs-vswitchd", f"unix:{directory}/db.sock", f"--unixctl={directory}/v.ctl",
                   f"--log-file={directory}/vswitchd.log", "-vconsole:off")
        self.spawn(namespace, "ovn-controller", f"unix:{directory}/db.sock",
                   f"--log-file={directory}/controller.log", "-vconsole:off")
        self.switch("host2", "set", "bridge", "br-phy", "other_config:lab=1")
        links("address add 10.99.0.2/24 dev br-phy", "link set br-phy up", namespace=namespace)
        inside(namespace, packets.transmit_checksums_off, "br-phy")

    def join_tunnel(self, network, kind, key):
        """What the second host's own agent would do for a GRE or VXLAN network: a tunnel to the first host, and flows that
        swap the network's tag for its key."""
        southbound = self.database["host1"].parent / "sb.sock"
        tag = command("ovn-sbctl", f"--db=unix:{southbound}", "--timeout=10", "--bare", "--columns=tag", "find", "Port_Binding",
                      f"logical_port=localnet-{network['id']}").strip()
        expect(tag, f"the network {network['id']} has no tag")
        patch = f"patch-localnet-{network['id']}-to-br-int"
        self.switch("host2", "--may-exist", "add-port", "br-tun", kind, "--", "set", "Interface", kind, f"type={kind}",
                    "options:remote_ip=10.99.0.1", "options:local_ip=10.99.0.2", "options:key=flow")
        patch = eventually("the network's patch port", lambda: command(
            "ovs-vsctl", f"--db=unix:{self.database['host2']}", "--bare", "--columns=ofport", "find", "Interface", f"name={patch}").strip())
        flows = [f"in_port={kind},tun_id={key},actions=push_vlan:0x8100,set_field:{4096 + int(tag)}->vlan_vid,output:{patch}",
                 f"in_port={patch},dl_vlan={tag},actions=strip_vlan,set_field:{key}->tun_id,output:{kind}"]
        command("ovs-ofctl", "-O", "OpenFlow13", "--names", "add-flows", f"unix:{self.directory}/br-tun.mgmt", "-",
                text="\n".join(flows) + "\n")

    def spawn(self, namespace, *words):
        environment = dict(os.environ, OVS_RUNDIR=str(self.directory), OVN_RUNDIR=str(self.directory),
                           OVS_DBDIR=str(self.directory), OVS_LOGDIR=str(self.directory), OVN_LOGDIR=str(self.directory))
        log = open(self.directory / "daemons.log", "ab")
        self.daemons.append(subprocess.Popen(
            ["ip", "netns", "exec", namespace, *words], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        log.close()

    def switch(self, host, *words):
        """Runs ovs-vsctl on a host's database."""
        return command("ovs-vsctl", f"--db=unix:{self.database[host]}", "--timeout=30", *words)

    def control(self, host, *words):
        """Runs ovs-appctl on a host's switch."""
        path = self.directory / "v.ctl" if host == "host2" else self.database[host].parent / "ovs-vswitchd.ctl"
        return command("ovs-appctl", "-t", str(path), *words)

    # MARK: Guests

    def guest(self, name, port, *addresses, gateway=None, mtu=1442):
        """Plugs a port that is bound to a host as a compute service's VIF driver does, and returns when its packets flow."""
        host = port["binding:host_id"]
        guest = Guest(self, name, port, host)
        self.guests.append(guest)
        self.count += 1
        device = f"vif{self.count}"
        command("ip", "netns", "add", guest.namespace)
        links(f"link add {device} netns {self.hosts[host]} mtu {mtu} type veth peer name eth0 netns {guest.namespace} "
              f"mtu {mtu} address {guest.mac}")
        guest.run(write_sysctl, "ipv6/conf/eth0/accept_dad", "0")
        links(f"link set {device} addrgenmode none up", namespace=self.hosts[host])
        links("link set lo up", "link set eth0 up", namespace=guest.namespace)
        guest.run(packets.transmit_checksums_off, "eth0")
        self.switch(host, "add-port", "br-int", device, "--", "set", "Interface", device,
                    f"external_ids:iface-id={port['id']}", f"external_ids:attached-mac=\"{guest.mac}\"",
                    f"external_ids:altostack-network={port['network_id']}")
        guest.device = device
        self.installed(guest)
        guest.configure(*addresses, gateway=gateway)
        return guest

    def installed(self, guest):
        try:
            self.switch(guest.host, "wait-until", "Interface", guest.device, "external_ids:ovn-installed=\"true\"")
        except CheckFailed:
            raise CheckFailed(f"port {guest.port['id']} of {guest.name} was not bound on {guest.host}:\n"
                              f"{self.last_words()}") from None

    def unplug(self, guest, keep=False):
        """Takes a guest away, with its port unless that is to be kept."""
        self.switch(guest.host, "--if-exists", "del-port", "br-int", guest.device)
        links(f"link del {guest.device}", namespace=self.hosts[guest.host])
        command("ip", "netns", "delete", guest.namespace)
        self.guests.remove(guest)
        if not keep:
            self.delete_port(guest.port["id"])

    def tap_guest(self, name, port, *addresses, gateway=None):
        """A guest of compute's on the first host."""
        namespace = f"{self.prefix}-{name}"
        command("ip", "netns", "add", namespace)
        try:
            guest = TapGuest(self, name, port, "host1")
        except OSError as error:
            raise CheckFailed(f"the tap of port {port['id']}: {error}") from None
        self.guests.append(guest)
        links("link set lo up", f"link set eth0 address {guest.mac} mtu 1442 up", namespace=namespace)
        guest.run(packets.transmit_checksums_off, "eth0")
        guest.configure(*addresses, gateway=gateway)
        return guest

    def controller_lines(self):
        """What the second host's ovn-controller has logged."""
        return (self.directory / "controller.log").read_text(errors="replace").splitlines()

    def last_words(self):
        path = self.directory / ("controller.log" if (self.directory / "controller.log").exists() else "daemons.log")
        return "\n".join(path.read_text(errors="replace").splitlines()[-10:]) if path.exists() else ""

    # MARK: Ends

    def remove(self):
        """Takes everything away that the lab has made."""
        for guest in self.guests:
            if isinstance(guest, TapGuest):
                guest.stop()
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for namespace in self.own_namespaces():
            command("ip", "netns", "delete", namespace, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def remove_metadata(self, networks):
        """Removes what the program, which was stopped, leaves for its guests' sake."""
        for network in networks:
            command("ip", "netns", "delete", f"ovnmeta-{network[:11]}", check=False)

    def own_namespaces(self):
        return [path.name for path in pathlib.Path("/run/netns").glob(f"{self.prefix}-*")]

    def daemons_resident(self):
        return [daemon.pid for daemon in self.daemons if daemon.poll() is None]


def eventually(what, probe, timeout=30.0):
    """The probe's first true answer."""
    limit = time.monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > limit:
            raise CheckFailed(f"{what} did not happen within {timeout:.0f} s")
        time.sleep(0.05)


def never(what, probe, settle=12.0, tries=2):
    """That a probe fails several times in a row, once a change has had its time."""
    limit, failed = time.monotonic() + settle, 0
    while failed < tries:
        if probe():
            failed = 0
            if time.monotonic() > limit:
                raise CheckFailed(f"{what}, though it must not")
            time.sleep(0.1)
        else:
            failed += 1


__all__ = ["CheckFailed", "Guest", "Lab", "command", "eventually", "expect", "inside", "links", "never", "socket"]
