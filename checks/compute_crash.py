#!/usr/bin/env python3
"""Kills the program (SIGKILL) at random moments of a mixed load on two simulated hosts: servers are made, deleted, stopped,
resized, confirmed, reverted, migrated, shelved and given interfaces all at once. After each restart every server has to come
to rest, and then everything is compared: servers, ports, allocations, images, quota and what the hypervisors have. Nothing
may be left over, nothing lost."""

import collections
import json
import random
import threading
import time
import urllib.error

from cloud import CheckFailed, Client, expect, run_check, wait_for

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


class Worker(threading.Thread):
    """Somebody who has one server at a time and does this and that with it, whether the program is there or not."""

    def __init__(self, cloud, number, is_open, seed):
        super().__init__(daemon=True)
        self.cloud, self.number, self.is_open = cloud, number, is_open
        self.random = random.Random(seed)
        self.count, self.server, self.is_leaving = 0, None, False
        self.is_idle = threading.Event()
        self.is_over = False
        self.done, self.refused, self.faults = collections.Counter(), collections.Counter(), []

    def run(self):
        while not self.is_over:
            if not self.is_open.is_set():
                self.is_idle.set()
                time.sleep(0.01)
                continue
            self.is_idle.clear()
            try:
                self.step()
            except (OSError, urllib.error.URLError, json.JSONDecodeError):
                time.sleep(0.02)
            except Exception as error:  # a worker that dies would look like one that has nothing to do
                self.faults.append(f"worker {self.number}: {error!r}")
                return

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
        expect(status in (200, 202, 204, 400, 404, 409), f"{action}: {status} {answer}")
        (self.done if status < 300 else self.refused)[action] += 1


class Comparison:
    """What is there, and what should be, when every server has come to rest."""

    def __init__(self, cloud):
        self.cloud = cloud

    def differences(self):
        servers = {s["id"]: s for s in self.cloud.servers()}
        moves = {m["instance_uuid"]: m
                 for m in self.cloud.get("/compute/v2.1/os-migrations?status=finished")["migrations"]}
        waiting = {i for i, s in servers.items() if s["status"] == "VERIFY_RESIZE"}
        found = self.compare("moves to confirm", waiting, set(moves))
        found += self.ports(servers) + self.allocations(servers, moves) + self.images(servers) + self.quota(servers)
        return found + self.guests(servers, moves)

    @staticmethod
    def compare(what, expected, actual):
        return [] if expected == actual else [f"{what}: {expected} expected, {actual} found"]

    @staticmethod
    def host(server):
        return server["OS-EXT-SRV-ATTR:host"] or ""

    def ports(self, servers):
        ports = [p for p in self.cloud.get("/network/v2.0/ports")["ports"] if p["device_owner"].startswith("compute:")]
        found = self.compare("servers with ports", set(servers), {p["device_id"] for p in ports})
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
            found += self.compare(f"claims on {name}", dict(expected[name]), actual)
        return found

    def images(self, servers):
        expected = sorted(f"{s['name']}-shelved" for s in servers.values() if s["status"] == "SHELVED_OFFLOADED")
        images = self.cloud.get("/image/v2/images?limit=200")["images"]
        actual = sorted(i["name"] for i in images if i["id"] != self.cloud.image_id)
        pending = [i["name"] for i in images if i["status"] != "active"]
        return self.compare("images", expected, actual) + self.compare("images without bytes", [], pending)

    def quota(self, servers):
        used = self.cloud.get("/compute/v2.1/limits")["limits"]["absolute"]
        cores = sum(s["flavor"]["vcpus"] for s in servers.values())
        return self.compare("quota", (len(servers), cores), (used["totalInstancesUsed"], used["totalCoresUsed"]))

    def guests(self, servers, moves):
        found = []
        for folder in (self.cloud.program.directory / "compute" / "simulated").iterdir():
            host = folder.name
            guests = [(path.stem, json.loads(path.read_text())) for path in folder.glob("*.json")]
            defined = {name for name, guest in guests if guest["isDefined"]}
            on = {i for i, s in servers.items() if self.host(s) == host}
            found += self.compare(f"guests of {host}", on, defined)
            aside = sorted(guest["specification"]["id"] for name, guest in guests if not guest["isDefined"])
            left = sorted(i for i, m in moves.items() if m["source_compute"] == host)
            found += self.compare(f"what {host} has put aside", left, aside)
            for name, guest in guests:
                status = servers[name]["status"] if name in servers and name in defined else ""
                if status in ("ACTIVE", "SHUTOFF"):
                    found += self.compare(f"power of {name}", 1 if status == "ACTIVE" else 4, guest["power"])
        return found


class Crashes:
    def __init__(self, program, client, options):
        self.program, self.options = program, options
        self.cloud = Cloud(program, client, options.image)
        self.is_open = threading.Event()
        self.random = random.Random(options.seed)
        self.workers = [Worker(self.cloud, n, self.is_open, options.seed * 1000 + n) for n in range(options.servers)]

    def look_at_workers(self):
        faults = [fault for worker in self.workers for fault in worker.faults]
        expect(not faults, "; ".join(faults))

    def restless(self):
        """The servers that have not come to rest."""
        return [f"{s['name']} {s['status']} {s['OS-EXT-STS:task_state']}" for s in self.cloud.servers()
                if s["OS-EXT-STS:task_state"] is not None or s["status"] not in REST]

    def settle(self, what):
        """Waits until every server is at rest and nothing differs; returns how long that took."""
        began = time.monotonic()
        limit = began + self.options.deadline
        while True:
            left = self.restless() or Comparison(self.cloud).differences()
            if not left:
                return time.monotonic() - began
            if time.monotonic() > limit:
                raise CheckFailed(f"{what}, after {self.options.deadline} s:\n  " + "\n  ".join(left[:20]))
            time.sleep(0.3)

    def round(self, number):
        self.is_open.set()
        time.sleep(self.options.pause * (0.3 + self.random.random()))
        self.program.kill()
        self.is_open.clear()
        for worker in self.workers:
            wait_for("idle workers", lambda w=worker: w.is_idle.is_set() or not w.is_alive(), 90, 0.01)
        self.program.start()
        self.look_at_workers()
        took = self.settle(f"kill {number} of {self.options.kills}")
        if number % 10 == 0 or number == self.options.kills:
            print(f"  {number} kills: {len(self.cloud.servers())} servers at rest {took:.1f} s after the last, nothing left, nothing lost",
                  flush=True)

    def run(self):
        self.cloud.prepare()
        for worker in self.workers:
            worker.start()
        for number in range(1, self.options.kills + 1):
            self.round(number)
        self.is_open.clear()
        for worker in self.workers:
            worker.is_over = True
        done = sum((worker.done for worker in self.workers), collections.Counter())
        print("  done: " + ", ".join(f"{count} {name}" for name, count in sorted(done.items())), flush=True)
        self.remove_all()

    def remove_all(self):
        """In the end everything goes, and nothing is left."""
        for server in self.cloud.servers():
            self.cloud.http("DELETE", f"/compute/v2.1/servers/{server['id']}")
        wait_for("the end of all servers", lambda: not self.cloud.servers(), 60)
        self.settle("the end")


def add_options(parser):
    import pathlib

    parser.add_argument("--image", type=pathlib.Path, required=True)
    parser.add_argument("--kills", type=int, default=20, help="how often the program is killed")
    parser.add_argument("--servers", type=int, default=8, help="how many servers are busy at a time")
    parser.add_argument("--pause", type=float, default=1.5, help="seconds between a restart and the next kill, on average")
    parser.add_argument("--deadline", type=float, default=120, help="seconds in which everything has to come to rest")
    parser.add_argument("--seed", type=int, default=2026)


def check(program, options):
    Crashes(program, Client(program, options.venv), options).run()


if __name__ == "__main__":
    run_check(check, settings=SETTINGS, add_options=add_options)
