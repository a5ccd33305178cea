#!/usr/bin/env python3
"""The main job, from the outside, with the openstack client: image, network, router, security group, key, server,
floating IP; then everything is deleted and nothing may be left. With --simulate no real guest boots; without, a real
one does, its console and its ssh are read, and the machine is searched for leftovers."""

import pathlib
import subprocess
import time

from cloud import Client, expect, run_check, wait_for
from guest_life import GuestLife


def report(step, began):
    print(f"  {step:<42} {time.monotonic() - began:6.1f} s", flush=True)


class MainFlow:
    def __init__(self, program, client, image):
        self.program = program
        self.client = client
        self.image = image
        self.real = not program.simulate
        self.image_options = []
        self.key = program.directory / "check-key"

    def run(self):
        began = time.monotonic()
        self.prepare()
        report("image, networks, router, key, rules", began)
        began = time.monotonic()
        server = self.boot()
        report("server ACTIVE", began)
        address = self.float(server)
        if self.real:
            began = time.monotonic()
            self.read_console(server)
            report("console shows address, name and key", began)
            began = time.monotonic()
            self.ssh(address)
            report("ssh through the floating IP", began)
            GuestLife(self, server, address).run()
        began = time.monotonic()
        self.clean(server)
        report("everything deleted, nothing left", began)

    def prepare(self):
        client = self.client
        client.run("token", "issue")
        client.run("catalog", "list")
        client.run("image", "create", "guest", "--disk-format", "qcow2", "--container-format", "bare", "--public",
                   "--file", str(self.image), *self.image_options)
        image = client.json("image", "show", "guest")
        expect(image["status"] == "active", f"image is {image['status']}")
        expect(image["size"] == self.image.stat().st_size, "image has another size than its file")
        client.run("flavor", "create", "tiny", "--ram", "256", "--disk", "1", "--vcpus", "1")
        client.run("network", "create", "outside", "--external", "--provider-network-type", "flat",
                   "--provider-physical-network", "public")
        client.run("subnet", "create", "outside", "--network", "outside", "--subnet-range", "172.24.4.0/24",
                   "--gateway", "172.24.4.1", "--no-dhcp", "--allocation-pool", "start=172.24.4.10,end=172.24.4.200")
        client.run("network", "create", "inside")
        client.run("subnet", "create", "inside", "--network", "inside", "--subnet-range", "10.77.0.0/24",
                   "--dns-nameserver", "192.0.2.53")
        client.run("router", "create", "edge")
        client.run("router", "set", "edge", "--external-gateway", "outside")
        client.run("router", "add", "subnet", "edge", "inside")
        client.run("security", "group", "create", "door")
        client.run("security", "group", "rule", "create", "door", "--protocol", "tcp", "--dst-port", "22")
        client.run("security", "group", "rule", "create", "door", "--protocol", "icmp")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "check", "-f", str(self.key)], check=True)
        client.run("keypair", "create", "check", "--public-key", f"{self.key}.pub")

    def boot(self, name="guest-1", flavor="tiny", script="echo said by $(hostname)", options=(), source=("--image", "guest")):
        data = self.program.directory / "user-data"
        data.write_text(f"#!/bin/sh\n{script}\n")
        server = self.client.json("server", "create", name, "--user-data", str(data), *source, "--flavor", flavor, "--network", "inside",
                                  "--security-group", "door", "--key-name", "check", "--wait", *options)
        expect(server["status"] == "ACTIVE", f"server is {server['status']}: {server.get('fault')}")
        shown = self.client.json("server", "show", name)
        ports = self.client.http("GET", f"/network/v2.0/ports?device_id={server['id']}")[2]["ports"]
        self.taps = ["tap" + port["id"][:11] for port in ports]
        self.namespaces = ["ovnmeta-" + port["network_id"][:11] for port in ports]
        if self.real:
            for tap in self.taps:
                expect(f" {tap}:" in run("ip", "-o", "link"), f"the server has no device {tap}")
        return shown

    def float(self, server):
        floating = self.client.json("floating", "ip", "create", "outside")
        address = floating["floating_ip_address"]
        self.client.run("server", "add", "floating", "ip", server["id"], address)
        shown = self.client.json("server", "show", server["id"])
        expect(address in str(shown["addresses"]), f"{address} is not among {shown['addresses']}")
        return address

    def read_console(self, server):
        fixed = next(a for addresses in server["addresses"].values() for a in addresses if a.startswith("10.77.0."))
        key = pathlib.Path(f"{self.key}.pub").read_text().split()[1]

        def complete():
            text = self.client.run("console", "log", "show", server["id"]).stdout
            return text if "altostack-guest: user-data finished" in text else None

        text = wait_for("the guest's boot", complete, 240, interval=3)
        for wanted in (f"altostack-guest: address {fixed}", "altostack-guest: hostname guest-1", key,
                       "altostack-guest: user-data: said by guest-1"):
            expect(wanted in text, f"the console does not show {wanted!r}:\n{text[-3000:]}")

    def ssh(self, address):
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=10",
                   "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-i", str(self.key)]

        def answer():
            done = subprocess.run(["ssh", *options, f"altostack@{address}", "hostname"], capture_output=True, text=True,
                                  check=False)
            self.ssh_error = done.stderr
            return done.stdout.strip() if done.returncode == 0 else None

        name = wait_for(f"ssh to {address}", answer, 120, interval=2)
        expect(name == "guest-1", f"ssh answered {name!r}")

    def clean(self, server):
        self.client.run("server", "delete", server["id"], "--wait")
        self.clean_around(server)

    def clean_around(self, server):
        """Deletes what was made for a server that is gone, and looks for what is left of it."""
        client = self.client
        for floating in client.json("floating", "ip", "list"):
            client.run("floating", "ip", "delete", floating["ID"])
        ports = client.json("port", "list", "--device-owner", "compute:nova")
        expect(not ports, f"ports are left: {ports}")
        client.run("router", "remove", "subnet", "edge", "inside")
        client.run("router", "delete", "edge")
        client.run("network", "delete", "inside")
        client.run("network", "delete", "outside")
        client.run("security", "group", "delete", "door")
        client.run("keypair", "delete", "check")
        client.run("image", "delete", "guest")
        client.run("flavor", "delete", "tiny")
        self.search_leftovers(server)

    def search_leftovers(self, server):
        providers = self.client.http("GET", "/placement/resource_providers")[2]["resource_providers"]
        for provider in providers:
            usages = self.client.http("GET", f"/placement/resource_providers/{provider['uuid']}/usages")[2]["usages"]
            expect(not any(usages.values()), f"allocations are left: {usages}")
        ports = self.client.http("GET", "/network/v2.0/ports")[2]["ports"]
        expect(not ports, f"ports are left: {ports}")
        if not self.real:
            return
        wait_for("removal of metadata namespaces",
                 lambda: not any(name in run("ip", "netns", "list") for name in self.namespaces), 60)
        instances = list((self.program.directory / "compute" / "instances").glob("*"))
        expect(not instances, f"guests' files are left: {instances}")
        links = run("ip", "-o", "link")
        taps = [tap for tap in self.taps if tap in links]
        expect(not taps, f"tap devices are left: {taps}")
        domains = [line for line in run("ps", "-eo", "args").splitlines()
                   if line.startswith(("qemu-system", "/usr/bin/qemu-system")) and server["id"] in line]
        expect(not domains, f"guests are left: {domains}")
        wait_for("removal of the image's bytes",
                 lambda: not list((self.program.directory / "images" / "data").glob("*")), 30)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def add_options(parser):
    parser.add_argument("--image", type=pathlib.Path, required=True)
    parser.add_argument("--simulate", action="store_true")
    parser.add_argument("--uefi", action="store_true", help="boot the guest by UEFI, for which the package ovmf must be installed")


def check(program, options):
    print(f"  ready after {program.ready_after:.2f} s")
    flow = MainFlow(program, Client(program, options.venv), options.image)
    if options.uefi:
        flow.image_options = ["--property", "hw_firmware_type=uefi"]
    flow.run()
    print(f"  stopped after {program.stop():.2f} s")
    again = program.start()
    print(f"  second start ready after {again:.2f} s, {program.resident_mib():.0f} MiB resident")


if __name__ == "__main__":
    run_check(check, add_options=add_options)
