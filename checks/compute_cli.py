#!/usr/bin/env python3
"""Runs a small cloud of servers with every compute command that the openstack client has, on two simulated hosts, and looks
at what each answers. A command of the client that is not driven here fails the check."""

import json
import re
import subprocess

from client_shell import Shell
from cloud import Client, expect, run_check, run_parts, wait_for

SETTINGS = ["simulation.hosts=2"]
# What the client has and the cloud has not: shares come with shared file systems; agents of Xen are gone upstream; `server ssh` runs
# an ssh client, which checks/main_flow.py does with a real guest.
ABSENT = ("compute agent", "server add share", "server remove share", "server share", "server ssh")
NEW = ("--os-compute-api-version", "2.96")


class ComputeCommands:
    def __init__(self, shell, program, venv):
        self.shell, self.program = shell, program
        self.run, self.json, self.names = shell.run, shell.json, shell.names
        self.client = Client(program, venv)

    def as_user(self, *arguments, name="mia", project="village"):
        """Options that make the client another user."""
        return (*arguments, "--os-cloud", "", "--os-auth-url", f"{self.program.url}/identity/v3", "--os-username", name,
                "--os-password", "mia-secret", "--os-user-domain-name", "Default", "--os-project-name", project,
                "--os-project-domain-name", "Default", "--os-identity-api-version", "3")

    def server(self, name="web"):
        return self.json("server", "show", name, *NEW)

    def becomes(self, status, name="web"):
        """Waits until a server has a status and nothing is being done to it."""
        shown = {}

        def there():
            nonlocal shown
            shown = self.server(name)
            expect(status == "ERROR" or shown["status"] != "ERROR", f"{name} is in error: {shown.get('fault')}")
            return shown["status"] == status and not shown["OS-EXT-STS:task_state"]

        wait_for(f"{name} to be {status}", there, 30, interval=0.05)
        return shown

    def gone(self, kind, *names):
        self.run(*kind.split(), "delete", *names)

    # Parts

    def stage(self):
        """What servers need: a project with a user, an image, networks, a security group."""
        self.run("project", "create", "village")
        self.run("user", "create", "mia", "--password", "mia-secret")
        self.run("role", "add", "--project", "village", "--user", "mia", "member")
        path = self.program.directory / "disk.raw"
        path.write_bytes(bytes(1 << 20))
        for name in ("disk", "other"):
            self.run("image", "create", name, "--disk-format", "raw", "--file", str(path), "--public")
        for name, cidr in (("inside", "10.1.0.0/24"), ("beside", "10.2.0.0/24")):
            self.run("network", "create", name)
            self.run("subnet", "create", name, "--network", name, "--subnet-range", cidr)
        self.run("network", "create", "outside", "--external", "--provider-network-type", "flat", "--provider-physical-network",
                 "public")
        self.run("subnet", "create", "outside", "--network", "outside", "--subnet-range", "172.24.4.0/24", "--no-dhcp")
        self.run("router", "create", "edge", "--external-gateway", "outside")
        self.run("router", "add", "subnet", "edge", "inside")
        self.run("security", "group", "create", "door")

    def flavors(self):
        made = self.json("flavor", "create", "tiny", "--ram", "64", "--disk", "1", "--vcpus", "1", "--property", "hw:cpu_policy=shared",
                         "--description", "small", "--ephemeral", "0", "--swap", "0", "--rxtx-factor", "1.0", "--id", "t1", *NEW)
        expect(made["id"] == "t1" and made["ram"] == 64 and made["description"] == "small", f"a flavor: {made}")
        self.run("flavor", "create", "big", "--ram", "128", "--disk", "2", "--vcpus", "2")
        self.run("flavor", "create", "big", "--ram", "128", "--disk", "2", "--vcpus", "2", fails="409")
        self.run("flavor", "create", "secret", "--ram", "64", "--disk", "1", "--vcpus", "1", "--private", "--project", "village")
        self.run("flavor", "set", "secret", "--project", "admin", "--description", "kept quiet", *NEW)
        self.run("flavor", "unset", "secret", "--project", "admin")
        expect(self.json("flavor", "show", "secret")["access_project_ids"], "who may use a private flavor")
        self.run("flavor", "set", "tiny", "--property", "hw:watchdog_action=none")
        self.run("flavor", "set", "tiny", "--property", "hw:watchdog_action=dance", *NEW, fails="400")
        expect(self.json("flavor", "show", "tiny", *NEW)["properties"]["hw:watchdog_action"] == "none", "extra specs")
        self.run("flavor", "unset", "tiny", "--property", "hw:watchdog_action")
        expect(self.names("flavor", "list") == {"tiny", "big"}, "public flavors")
        expect("secret" in self.names("flavor", "list", "--all", "--long"), "all flavors")
        expect("secret" in self.names(*self.as_user("flavor", "list", "--private")), "a project's own flavors")
        expect(self.names("flavor", "list", "--min-ram", "100") == {"big"}, "flavors by memory")
        self.gone("flavor", "secret")

    def keypairs(self):
        key = self.program.directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        made = self.json("keypair", "create", "mine", "--public-key", f"{key}.pub", "--type", "ssh", *NEW)
        expect(made["fingerprint"], f"a key pair: {made}")
        self.run("keypair", "create", "made", "--private-key", str(self.program.directory / "made"))
        expect(self.names("keypair", "list") == {"mine", "made"}, "key pairs")
        expect(self.run("keypair", "show", "mine", "--public-key").split()[0] == "ssh-ed25519", "a public key")
        self.run("keypair", "create", "hers", "--public-key", f"{key}.pub", "--user", "mia", *NEW)
        expect(self.names("keypair", "list", "--user", "mia", *NEW) == {"hers"}, "another user's key pairs")
        self.run("keypair", "delete", "hers", "--user", "mia", *NEW)
        self.run("keypair", "create", "mine", "--public-key", f"{key}.pub", fails="409")
        self.gone("keypair", "made")
        self.run("keypair", "show", "made", fails="No Keypair found")

    def boots(self):
        data = self.program.directory / "data.sh"
        data.write_text("#!/bin/sh\necho hello\n")
        made = self.json("server", "create", "web", "--image", "disk", "--flavor", "tiny", "--network", "inside", "--key-name", "mine",
                         "--security-group", "door", "--property", "colour=blue", "--user-data", str(data), "--description", "first",
                         "--tag", "front", "--hostname", "www", "--use-config-drive", "--wait", *NEW)
        expect(made["status"] == "ACTIVE" and made["config_drive"] == "True", f"a server: {made}")
        shown = self.server()
        expect(shown["key_name"] == "mine" and shown["properties"] == {"colour": "blue"}, f"a server: {shown}")
        expect(shown["OS-EXT-SRV-ATTR:hostname"] == "www" and shown["tags"] == ["front"], f"a server: {shown}")
        self.run("server", "create", "pair", "--image", "disk", "--flavor", "tiny", "--no-network", "--min", "2", "--max", "2", "--wait",
                 "--os-compute-api-version", "2.37")
        expect({"pair-1", "pair-2"} <= self.names("server", "list"), "servers made together")
        self.gone("server", "pair-1", "pair-2", "--wait")
        self.run("server", "create", "none", "--image", "disk", "--flavor", "tiny", "--network", "nowhere", fails="nowhere")
        self.run("server", "create", "none", "--image", "disk", "--flavor", "tiny", "--key-name", "absent", "--network", "inside",
                 fails="key_name")

    def lists(self):
        queries = {
            ("--name", "web"): {"web"}, ("--status", "ACTIVE"): {"web"}, ("--flavor", "tiny"): {"web"}, ("--image", "disk"): {"web"},
            ("--tags", "front"): {"web"}, ("--not-tags", "front"): set(), ("--locked",): set(), ("--unlocked",): {"web"},
            ("--key-name", "mine"): {"web"}, ("--no-config-drive",): set(),
            ("--vm-state", "active"): {"web"}, ("--power-state", "running"): {"web"}, ("--ip", "10.1.0."): {"web"},
            ("--availability-zone", "nova"): {"web"}, ("--changes-since", "2020-01-01T00:00:00Z"): {"web"},
            ("--all-projects", "--user", "mia"): set(), ("--project", "village"): set(), ("--long",): {"web"},
            ("--no-name-lookup",): {"web"},
        }
        for options, expected in queries.items():
            found = self.names("server", "list", *options, *NEW) - {"pair-1", "pair-2"}
            expect(found == expected, f"server list {' '.join(options)}: {found}")
        # With --config-drive the client drops what it was answered: it takes the text "True" for something else.
        status, _, answer = self.client.http("GET", "/compute/v2.1/servers?config_drive=True")
        expect(status == 200 and [row["name"] for row in answer["servers"]] == ["web"], f"servers with a config drive: {answer}")

    def changes(self):
        self.run("server", "set", "web", "--name", "www", "--property", "shape=round", "--description", "second", "--tag", "new", *NEW)
        shown = self.server("www")
        expect(shown["properties"] == {"colour": "blue", "shape": "round"}, f"properties: {shown['properties']}")
        expect(sorted(shown["tags"]) == ["front", "new"] and shown["description"] == "second", f"a changed server: {shown}")
        self.run("server", "unset", "www", "--property", "shape", "--tag", "new", "--description", *NEW)
        shown = self.server("www")
        expect(shown["properties"] == {"colour": "blue"} and shown["tags"] == ["front"], f"a changed server: {shown}")
        self.run("server", "set", "www", "--name", "web")
        self.run("server", "set", "web", "--state", "error", "--auto-approve")
        expect(self.server()["status"] == "ERROR", "a state that was set")
        self.run("server", "set", "web", "--state", "active", "--auto-approve")

    def power(self):
        steps = [(("stop",), "SHUTOFF"), (("start",), "ACTIVE"), (("pause",), "PAUSED"), (("unpause",), "ACTIVE"),
                 (("suspend",), "SUSPENDED"), (("resume",), "ACTIVE"), (("reboot", "--soft"), "ACTIVE"),
                 (("reboot", "--hard"), "ACTIVE"), (("rescue", "--image", "other"), "RESCUE"), (("unrescue",), "ACTIVE")]
        for (command, *options), status in steps:
            self.run("server", command, *options, "web")
            self.becomes(status)
        self.run("server", "start", "web", fails="409")
        self.run("server", "dump", "create", "web", *NEW)
        self.run("server", "lock", "web", "--reason", "hands off", *NEW)
        shown = self.server()
        expect(shown["locked"] is True and shown["locked_reason"] == "hands off", f"a locked server: {shown}")
        self.run("server", "unlock", "web")

    def consoles(self):
        self.run("console", "log", "show", "web", "--lines", "10")
        shown = self.json("console", "url", "show", "web", "--novnc", *NEW)
        token = re.search(r"token(?:=|%3D)([0-9a-f-]{36})", shown["url"])[1]
        connection = self.json("console", "connection", "show", token, *NEW)
        expect(connection["instance_uuid"] == self.server()["id"], f"a console's connection: {connection}")

    def rebuilds(self):
        self.run("server", "rebuild", "web", "--image", "other", "--property", "colour=red", "--wait", *NEW)
        shown = self.becomes("ACTIVE")
        expect("other" in shown["image"] and shown["properties"] == {"colour": "red"}, f"a rebuilt server: {shown}")
        self.run("server", "resize", "web", "--flavor", "big")
        self.becomes("VERIFY_RESIZE")
        self.run("server", "resize", "revert", "web")
        expect(self.becomes("ACTIVE")["flavor"]["name"] == "tiny", "a resize that was taken back")
        for confirm in (("resize", "confirm"), ("migration", "confirm"), ("migrate", "confirm")):
            flavor = "big" if self.server()["flavor"]["name"] == "tiny" else None
            self.run("server", *(("resize", "web", "--flavor", flavor) if flavor else ("migrate", "web")))
            self.becomes("VERIFY_RESIZE")
            self.run("server", *confirm, "web")
            self.becomes("ACTIVE")
        for revert in (("migration", "revert"), ("migrate", "revert")):
            self.run("server", "migrate", "web")
            self.becomes("VERIFY_RESIZE")
            self.run("server", *revert, "web")
            self.becomes("ACTIVE")
        expect(self.server()["flavor"]["name"] == "big", "the flavor after a resize")

    def images(self):
        self.run("server", "image", "create", "web", "--name", "picture", "--property", "why=test", "--wait")
        self.becomes("ACTIVE")
        shown = self.json("image", "show", "picture")
        expect(shown["status"] == "active" and shown["properties"]["why"] == "test", f"a server's image: {shown}")
        for name in ("one", "two"):
            self.run("server", "backup", "create", "web", "--name", name, "--type", "daily", "--rotate", "1", "--wait")
            self.becomes("ACTIVE")
        expect({"one", "two"} & self.names("image", "list") == {"two"}, "backups after their rotation")
        self.run("server", "create", "copy", "--image", "picture", "--flavor", "big", "--network", "inside", "--wait")
        self.gone("server", "copy", "--wait")

    def moves(self):
        before = self.server()["OS-EXT-SRV-ATTR:host"]
        self.run("server", "migrate", "web", "--live-migration", "--wait", *NEW)
        after = self.becomes("ACTIVE")["OS-EXT-SRV-ATTR:host"]
        expect(before != after, f"a server that was moved is on {after} still")
        wait_for("the ports of a server that was moved to be up",
                 lambda: {row["Status"] for row in self.json("port", "list", "--server", "web")} == {"ACTIVE"}, 30)
        rows = self.json("server", "migration", "list", "--server", "web", *NEW)
        expect(rows and any(row["Type"] == "live-migration" and row["Status"] == "completed" for row in rows), f"migrations: {rows}")
        for command in (("show",), ("abort",), ("force", "complete")):
            self.run("server", "migration", *command, "web", "999999", *NEW, fails="999999" if command != ("show",) else "No ServerMigration")
        self.run("server", "shelve", "web")
        wait_for("SHELVED_OFFLOADED", lambda: self.server()["status"] in ("SHELVED", "SHELVED_OFFLOADED"), 30, interval=0.1)
        self.run("server", "shelve", "web", "--offload", "--wait")
        self.becomes("SHELVED_OFFLOADED")
        self.run("server", "unshelve", "web", "--wait", *NEW)
        self.becomes("ACTIVE")
        self.run("server", "evacuate", "web", fails="")

    def attachments(self):
        port = self.json("port", "create", "extra", "--network", "beside")["id"]
        self.run("server", "add", "port", "web", "extra", "--tag", "nic", *NEW)
        wait_for("the port", lambda: "10.2.0." in str(self.server()["addresses"]), 20)
        self.run("server", "remove", "port", "web", port)
        wait_for("the port's end", lambda: "10.2.0." not in str(self.server()["addresses"]), 20)
        self.run("server", "add", "network", "web", "beside")
        wait_for("the network", lambda: "10.2.0." in str(self.server()["addresses"]), 20)
        self.run("server", "remove", "network", "web", "beside")
        wait_for("the network's end", lambda: "10.2.0." not in str(self.server()["addresses"]), 20)
        self.run("server", "add", "fixed", "ip", "web", "beside", "--fixed-ip-address", "10.2.0.77")
        wait_for("the address", lambda: "10.2.0.77" in str(self.server()["addresses"]), 20)
        self.run("server", "remove", "fixed", "ip", "web", "10.2.0.77", "--os-compute-api-version", "2.43")
        self.run("server", "remove", "network", "web", "beside")
        wait_for("the network's end", lambda: "beside" not in str(self.server()["addresses"]), 20)
        floating = self.json("floating", "ip", "create", "outside")["floating_ip_address"]
        self.run("server", "add", "floating", "ip", "web", floating)
        expect(floating in str(self.server()["addresses"]), "a floating IP")
        self.run("server", "remove", "floating", "ip", "web", floating)
        expect(floating not in str(self.server()["addresses"]), "a floating IP after its end")
        self.run("server", "add", "security", "group", "web", "default")
        expect(len(self.server()["security_groups"]) == 2, "security groups")
        self.run("server", "remove", "security", "group", "web", "default")
        self.gone("floating ip", floating)

    def volumes(self):
        self.run("volume", "create", "spare", "--size", "1")
        wait_for("the volume", lambda: self.json("volume", "show", "spare")["status"] == "available", 20)
        self.run("server", "add", "volume", "web", "spare", "--tag", "data", "--enable-delete-on-termination", *NEW)
        wait_for("the volume in the server", lambda: self.json("volume", "show", "spare")["status"] == "in-use", 20)
        shown = self.json("server", "volume", "list", "web", *NEW)
        expect(len(shown) == 1 and shown[0]["Tag"] == "data" and shown[0]["Delete On Termination?"] is True, f"a server's volumes: {shown}")
        for command, option in (("set", "--preserve-on-termination"), ("update", "--delete-on-termination"),
                                ("set", "--preserve-on-termination")):
            self.run("server", "volume", command, "web", shown[0]["Volume ID"], option, *NEW)
            kept = not self.json("server", "volume", "list", "web", *NEW)[0]["Delete On Termination?"]
            expect(kept == option.startswith("--preserve"), f"server volume {command} {option}")
        self.run("server", "add", "volume", "web", "spare", *NEW, fails="400")
        self.run("server", "remove", "volume", "web", "spare")
        wait_for("the volume's way out", lambda: self.json("volume", "show", "spare")["status"] == "available", 20)
        expect(not self.json("server", "volume", "list", "web", *NEW), "a server's volumes after their end")
        self.gone("volume", "spare")

    def events(self):
        rows = self.json("server", "event", "list", "web", "--long", *NEW)
        actions = {row["Action"] for row in rows}
        expect({"create", "stop", "start", "rebuild", "resize", "createImage"} <= actions, f"a server's log: {actions}")
        shown = self.json("server", "event", "show", "web", rows[-1]["Request ID"], *NEW)
        expect(shown["action"] == "create" and shown["events"], f"an entry of the log: {shown}")

    def groups(self):
        made = self.json("server", "group", "create", "apart", "--policy", "anti-affinity", "--rule", "max_server_per_host=1", *NEW)
        expect(made["policy"] == "anti-affinity", f"a server group: {made}")
        hosts = set()
        for name in ("apart-1", "apart-2"):
            self.run("server", "create", name, "--image", "disk", "--flavor", "tiny", "--no-network", "--server-group", "apart",
                     "--wait", "--os-compute-api-version", "2.64")
            hosts.add(self.server(name)["OS-EXT-SRV-ATTR:host"])
        expect(len(hosts) == 2, f"servers of an anti-affinity group on {hosts}")
        expect(len(self.json("server", "group", "show", "apart", *NEW)["members"]) == 2, "a group's members")
        expect("apart" in self.names("server", "group", "list", "--all-projects", "--long", *NEW), "server groups")
        self.gone("server", "apart-1", "apart-2", "--wait")
        self.gone("server group", "apart")

    def hosts(self):
        services = [row for row in self.json("compute", "service", "list", "--long") if row["Binary"] == "nova-compute"]
        expect(len(services) == 2 and all(row["State"] == "up" for row in services), f"services: {services}")
        host = services[0]["Host"]
        self.run("compute", "service", "set", host, "nova-compute", "--disable", "--disable-reason", "rest", *NEW)
        row = next(row for row in self.json("compute", "service", "list", "--long", "--host", host) if row["Host"] == host)
        expect(row["Status"] == "disabled" and row["Disabled Reason"] == "rest", f"a disabled service: {row}")
        self.run("compute", "service", "set", host, "nova-compute", "--enable", *NEW)
        self.run("compute", "service", "delete", "6b0d0c1c-5aae-4d8e-9f57-4c0f8a5b3b5e", *NEW, fails="1 of 1")
        names = self.names("hypervisor", "list", column="Hypervisor Hostname")
        expect(len(names) == 2, f"hypervisors: {names}")
        self.run("hypervisor", "list", "--matching", sorted(names)[0], "--long")
        expect(self.json("hypervisor", "show", sorted(names)[0], *NEW)["state"] == "up", "a hypervisor")
        expect(self.json("hypervisor", "stats", "show", "--os-compute-api-version", "2.87")["count"] == 2, "hypervisors' sums")
        old = ("--os-compute-api-version", "2.42")
        expect(host in self.names("host", "list", *old, column="Host Name"), "hosts")
        self.run("host", "show", host, *old)
        self.run("host", "set", host, "--disable", *old, fails="501")
        expect("nova" in self.names("availability", "zone", "list", "--compute", column="Zone Name"), "availability zones")

    def aggregates(self):
        host = sorted(self.names("hypervisor", "list", column="Hypervisor Hostname"))[0]
        made = self.json("aggregate", "create", "rack", "--zone", "east", "--property", "ssd=true", *NEW)
        expect(made["availability_zone"] == "east", f"an aggregate: {made}")
        self.run("aggregate", "add", "host", "rack", host, fails="409") if self.moved_onto(host) else None
        self.run("aggregate", "set", "rack", "--name", "row", "--property", "fast=yes")
        shown = self.json("aggregate", "show", "row")
        expect(shown["properties"]["fast"] == "yes", f"an aggregate: {shown}")
        self.run("aggregate", "unset", "row", "--property", "fast")
        self.run("aggregate", "create", "shelf")
        self.run("aggregate", "add", "host", "shelf", host)
        expect(host in self.json("aggregate", "show", "shelf")["hosts"], "an aggregate's hosts")
        self.run("aggregate", "cache", "image", "shelf", "disk", *NEW)
        self.run("aggregate", "remove", "host", "shelf", host)
        expect(self.names("aggregate", "list", "--long") == {"row", "shelf"}, "aggregates")
        self.gone("aggregate", "row", "shelf")

    def moved_onto(self, host):
        """Whether the server is on a host, which must stay in its zone then."""
        return self.server()["OS-EXT-SRV-ATTR:host"] == host

    def quotas(self):
        self.run("quota", "set", "village", "--instances", "3", "--cores", "4", "--ram", "4096", "--server-groups", "2", "--force")
        rows = {row["Resource"]: row["Limit"] for row in self.json("quota", "show", "village", "--compute")}
        expect(rows["instances"] == 3 and rows["ram"] == 4096, f"quotas: {rows}")
        self.run("quota", "delete", "village", "--compute")
        usage = {row["Resource"]: row for row in self.json("quota", "show", "admin", "--compute", "--usage")}
        expect(usage["instances"]["In Use"] == 1, f"usage: {usage['instances']}")
        limits = {row["Name"]: row["Value"] for row in self.json("limits", "show", "--absolute")}
        expect(limits["instances_used"] == 1, f"limits: {limits}")
        self.run("usage", "list", "--start", "2020-01-01")
        shown = self.json("usage", "show", "--project", "admin")
        expect(float(shown.get("CPU Hours", shown.get("cpu_hours", -1))) >= 0, f"usage: {shown}")

    def ends(self):
        self.run("server", "restore", "web", fails="409")
        self.gone("server", "web", "--wait")
        expect(self.names("server", "list", "--all-projects") == set(), "servers after their end")
        self.run("server", "show", "web", fails="No Server found")
        status, _, answer = self.client.http("GET", "/network/v2.0/ports?device_owner=compute:nova")
        expect(status == 200 and answer["ports"] == [], f"ports after their end: {json.dumps(answer)[:500]}")
        for provider in self.client.http("GET", "/placement/resource_providers")[2]["resource_providers"]:
            usages = self.client.http("GET", f"/placement/resource_providers/{provider['uuid']}/usages")[2]["usages"]
            expect(not any(usages.values()), f"allocations after their end: {usages}")


def check(program, options):
    shell = Shell(program, options.venv, "openstack.compute.v2")
    flow = ComputeCommands(shell, program, options.venv)
    run_parts([flow.stage, flow.flavors, flow.keypairs, flow.boots, flow.lists, flow.changes, flow.power, flow.consoles,
               flow.rebuilds, flow.images, flow.moves, flow.attachments, flow.volumes, flow.events, flow.groups, flow.hosts,
               flow.aggregates, flow.quotas, flow.ends], options.part)
    if not options.part:
        shell.conclude(ABSENT)


def add_options(parser):
    parser.add_argument("--part", help="only this one")


if __name__ == "__main__":
    run_check(check, settings=SETTINGS, add_options=add_options)
