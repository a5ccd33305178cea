#!/usr/bin/env python3
"""Kills the program (SIGKILL) at random moments of a mixed load on two simulated hosts: servers are made, deleted, stopped,
resized, confirmed, reverted, migrated, shelved and given interfaces all at once. After each restart every server has to come
to rest, and then everything is compared: servers, ports, allocations, images, quota and what the hypervisors have. Nothing
may be left over, nothing lost."""

import collections
import time

import kills
from cloud import CheckFailed, Client, expect, run_check, wait_for
from kills import Kills, compare, simulated_guests

FLAVORS = {"11": (1, 128, 1), "12": (2, 256, 2)}
REST = {"ACTIVE", "SHUTOFF", "VERIFY_RESIZE", "SHELVED_OFFLOADED"}
SETTINGS = ["simulation.hosts=2", "simulation.latency=0.02", "quota.instances=100", "quota.cores=400",
            "compute.allow_resize_to_same_host=true"]
NEW = {"OpenStack-API-Version": "compute 2.79"}
# What may be asked of a server in a status, as often as it stands there.
CHOICES = {
    "ACTIVE": ["resize", "resize", "migrate", "live", "live", "shelve", "stop", "plug", "unplug", "delete"],
    "SHUTOFF": ["start", "start", "resize", "migrate", "shelve", "delete"],
    "VERIFY_RESIZE": ["confirm", "confirm", "revert", "revert", "delete"],
    "SHELVED_OFFLOADED": ["unshelve", "unshelve", "unshelve", "delete"],
}
ACTIONS = {
    "migrate": {"migrate": None}, "live": {"os-migrateLive": {"host": None, "block_migration": "auto"}},
    "shelve": {"shelve": None}, "stop": {"os-stop": None}, "start": {"os-start": None}, "confirm": {"confirmResize": None},
    "revert": {"revertResize": None}, "unshelve": {"unshelve": None},
}


class Cloud:
    """The cloud as an administrator speaks to it."""

    def __init__(self, program, client, image):
        self.program, self.client, self.image = program, client, image

    def http(self, method, path, body=None):
        return self.client.http(method, path, body, NEW)

    def get(self, path):
        status, _, answer = self.http("GET", path)
        expect(status == 200, f"GET {path}: {status} {answer}")
        return answer

    def prepare(self):
        self.client.run("image", "create", "guest", "--disk-format", "qcow2", "--container-format", "bare", "--public",
                        "--file", str(self.image))
        self.image_id = self.get("/image/v2/images?name=guest")["images"][0]["id"]
        for flavor, (vcpus, ram, disk) in FLAVORS.items():
            body = {"flavor": {"name": f"size{flavor}", "id": flavor, "ram": ram, "vcpus": vcpus, "disk": disk}}
            expect(self.http("POST", "/compute/v2.1/flavors", body)[0] == 200, "flavor create")
        network = self.http("POST", "/network/v2.0/networks", {"network": {"name": "inside"}})[2]["network"]
        self.network_id = network["id"]
        subnet = {"subnet": {"network_id": network["id"], "cidr": "10.78.0.0/22", "ip_version": 4}}
        expect(self.http("POST", "/network/v2.0/subnets", subnet)[0] == 201, "subnet create")
        wait_for("two hosts", lambda: len(self.get("/placement/resource_providers")["resource_providers"]) == 2, 30)

    def servers(self):
        return self.get("/compute/v2.1/servers/detail")["servers"]


class Worker(kills.Worker):
    """Somebody who has one server at a time and does this and that with it."""

    def __init__(self, cloud, number, seed):
        super().__init__(number, seed)
        self.cloud, self.count, self.server, self.is_leaving = cloud, 0, None, False

    @property
    def name_now(self):
        return f"w{self.number}-{self.count}"

    def step(self):
        shown = self.look()
        if shown is None:
            return self.create()
        if shown["OS-EXT-STS:task_state"] is not None or shown["status"] not in CHOICES:
            if shown["status"] == "ERROR":
                raise CheckFailed(f"{shown['name']} is in error: {shown.get('fault')}")
            if self.random.random() < 0.03:
                return self.act("delete", shown)
            return time.sleep(0.02 + self.random.random() / 20)
        return self.act(self.random.choice(CHOICES[shown["status"]]), shown)

    def look(self):
        """The server as it is; also one whose making was answered by nobody."""
        if self.server is None:
            found = [s for s in self.cloud.servers() if s["name"] == self.name_now]
            if not found:
                return None
            self.server = found[0]["id"]
        status, _, answer = self.cloud.http("GET", f"/compute/v2.1/servers/{self.server}")
        if status == 404:
            if not self.is_leaving:
                raise CheckFailed(f"server {self.name_now} ({self.server}) is lost")
            self.server, self.is_leaving, self.count = None, False, self.count + 1
            return None
        expect(status == 200, f"show: {status} {answer}")
        return answer["server"]

    def create(self):
        server = {"name": self.name_now, "imageRef": self.cloud.image_id, "flavorRef": self.random.choice(list(FLAVORS)),
                  "networks": [{"uuid": self.cloud.network_id}]}
        status, _, answer = self.cloud.http("POST", "/compute/v2.1/servers", {"server": server})
        expect(status == 202, f"create: {status} {answer}")
        self.server = answer["server"]["id"]
        self.done["create"] += 1

    def act(self, action, shown):
        path = f"/compute/v2.1/servers/{self.server}"
        if action == "delete":
            self.is_leaving = True
            status, _, answer = self.cloud.http("DELETE", path)
        elif action == "resize":
            flavor = next(f for f, size in FLAVORS.items() if f"size{f}" != shown["flavor"]["original_name"])
            status, _, answer = self.cloud.http("POST", f"{path}/action", {"resize": {"flavorRef": flavor}})
        elif action == "plug":
            body = {"interfaceAttachment": {"net_id": self.cloud.network_id}}
            status, _, answer = self.cloud.http("POST", f"{path}/os-interface", body)
        elif action == "unplug":
            ports = self.cloud.get(f"{path}/os-interface")["interfaceAttachments"]
            if len(ports) < 2:
                return
            status, _, answer = self.cloud.http("DELETE", f"{path}/os-interface/{ports[-1]['port_id']}")
        else:
            status, _, answer = self.cloud.http("POST", f"{path}/action", ACTIONS[action])
        self.note(action, status, answer)


class Comparison:
    """What is there, and what should be, when every server has come to rest."""

    def __init__(self, cloud):
        self.cloud = cloud

    def differences(self):
        servers = {s["id"]: s for s in self.cloud.servers()}
        moves = {m["instance_uuid"]: m
                 for m in self.cloud.get("/compute/v2.1/os-migrations?status=finished")["migrations"]}
        waiting = {i for i, s in servers.items() if s["status"] == "VERIFY_RESIZE"}
        found = compare("moves to confirm", waiting, set(moves))
        found += self.ports(servers) + self.allocations(servers, moves) + self.images(servers) + self.quota(servers)
        return found + self.guests(servers, moves)

    @staticmethod
    def host(server):
        return server["OS-EXT-SRV-ATTR:host"] or ""

    def ports(self, servers):
        ports = [p for p in self.cloud.get("/network/v2.0/ports")["ports"] if p["device_owner"].startswith("compute:")]
        found = compare("servers with ports", set(servers), {p["device_id"] for p in ports})
        for port in ports:
            server = servers.get(port["device_id"])
            if server and port["binding:host_id"] != self.host(server):
                found.append(f"port {port['id']} is bound to {port['binding:host_id']!r}, its server is on {self.host(server)!r}")
        return found

    @staticmethod
    def size(flavor):
        return collections.Counter(dict(zip(("VCPU", "MEMORY_MB", "DISK_GB"), FLAVORS[str(flavor)])))

    def allocations(self, servers, moves):
        providers = {p["name"]: p["uuid"] for p in self.cloud.get("/placement/resource_providers")["resource_providers"]}
        expected = {name: collections.Counter() for name in providers}
        for server in servers.values():
            if self.host(server):
                expected[self.host(server)] += self.size(server["flavor"]["original_name"].removeprefix("size"))
        for move in moves.values():
            expected[move["source_compute"]] += self.size(move["old_instance_type_id"])
        found = []
        for name, provider in providers.items():
            usages = self.cloud.get(f"/placement/resource_providers/{provider}/usages")["usages"]
            actual = {k: v for k, v in usages.items() if v}
            found += compare(f"claims on {name}", dict(expected[name]), actual)
        return found

    def images(self, servers):
        expected = sorted(f"{s['name']}-shelved" for s in servers.values() if s["status"] == "SHELVED_OFFLOADED")
        images = self.cloud.get("/image/v2/images?limit=200")["images"]
        actual = sorted(i["name"] for i in images if i["id"] != self.cloud.image_id)
        pending = [i["name"] for i in images if i["status"] != "active"]
        return compare("images", expected, actual) + compare("images without bytes", [], pending)

    def quota(self, servers):
        used = self.cloud.get("/compute/v2.1/limits")["limits"]["absolute"]
        cores = sum(s["flavor"]["vcpus"] for s in servers.values())
        return compare("quota", (len(servers), cores), (used["totalInstancesUsed"], used["totalCoresUsed"]))

    def guests(self, servers, moves):
        found = []
        for folder in (self.cloud.program.directory / "compute" / "simulated").iterdir():
            host = folder.name
            guests = list(simulated_guests(folder).items())
            defined = {name for name, guest in guests if guest["isDefined"]}
            on = {i for i, s in servers.items() if self.host(s) == host}
            found += compare(f"guests of {host}", on, defined)
            aside = sorted(guest["specification"]["id"] for name, guest in guests if not guest["isDefined"])
            left = sorted(i for i, m in moves.items() if m["source_compute"] == host)
            found += compare(f"what {host} has put aside", left, aside)
            for name, guest in guests:
                status = servers[name]["status"] if name in servers and name in defined else ""
                if status in ("ACTIVE", "SHUTOFF"):
                    found += compare(f"power of {name}", 1 if status == "ACTIVE" else 4, guest["power"])
        return found


class Crashes(Kills):
    def __init__(self, program, client, options):
        self.cloud = Cloud(program, client, options.image)
        super().__init__(program, options, [Worker(self.cloud, n, options.seed) for n in range(options.servers)])

    def prepare(self):
        self.cloud.prepare()

    def count(self):
        return f"{len(self.cloud.servers())} servers"

    def restless(self):
        return [f"{s['name']} {s['status']} {s['OS-EXT-STS:task_state']}" for s in self.cloud.servers()
                if s["OS-EXT-STS:task_state"] is not None or s["status"] not in REST]

    def differences(self):
        return Comparison(self.cloud).differences()

    def remove_all(self):
        for server in self.cloud.servers():
            self.cloud.http("DELETE", f"/compute/v2.1/servers/{server['id']}")
        wait_for("the end of all servers", lambda: not self.cloud.servers(), 60)


def add_options(parser):
    import pathlib

    kills.add_options(parser)
    parser.add_argument("--image", type=pathlib.Path, required=True)
    parser.add_argument("--servers", type=int, default=8, help="how many servers are busy at a time")


def check(program, options):
    Crashes(program, Client(program, options.venv), options).run()


if __name__ == "__main__":
    run_check(check, settings=SETTINGS, add_options=add_options)
