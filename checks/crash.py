#!/usr/bin/env python3
"""Kills the program (SIGKILL) at every step of building and of deleting a server, starts it again, and looks: the
server must become ACTIVE, or be gone, and nothing may be left over. With --simulate the hosts are slow on purpose, so
that each step can be met; without, real guests are built and killed."""

import pathlib
import subprocess
import time

from cloud import Client, expect, run_check, wait_for

BUILD_MOMENTS = ["accepted", "scheduling", "networking", "spawning", "active"]
DELETE_MOMENTS = [0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.35]


class Crashes:
    def __init__(self, program, client, image):
        self.program = program
        self.client = client
        self.image = image

    def prepare(self):
        http = self.client.http
        self.client.run("image", "create", "guest", "--disk-format", "qcow2", "--container-format", "bare", "--public",
                        "--file", str(self.image))
        self.image_id = http("GET", "/image/v2/images?name=guest")[2]["images"][0]["id"]
        flavor = {"flavor": {"name": "tiny", "id": "tiny", "ram": 128, "vcpus": 1, "disk": 1}}
        expect(http("POST", "/compute/v2.1/flavors", flavor)[0] == 200, "flavor create")
        network = http("POST", "/network/v2.0/networks", {"network": {"name": "inside"}})[2]["network"]
        self.network_id = network["id"]
        subnet = {"subnet": {"network_id": network["id"], "cidr": "10.78.0.0/24", "ip_version": 4}}
        expect(http("POST", "/network/v2.0/subnets", subnet)[0] == 201, "subnet create")
        self.baseline = self.holdings()

    def holdings(self):
        """What the cloud holds beside servers: ports and allocations."""
        http = self.client.http
        ports = sorted(p["id"] for p in http("GET", "/network/v2.0/ports")[2]["ports"])
        providers = http("GET", "/placement/resource_providers")[2]["resource_providers"]
        usages = [http("GET", f"/placement/resource_providers/{p['uuid']}/usages")[2]["usages"] for p in providers]
        return ports, sum(sum(u.values()) for u in usages)

    def create(self):
        server = {"name": "victim", "imageRef": self.image_id, "flavorRef": "tiny",
                  "networks": [{"uuid": self.network_id}]}
        status, _, answer = self.client.http("POST", "/compute/v2.1/servers", {"server": server},
                                             {"OpenStack-API-Version": "compute 2.90"})
        expect(status == 202, f"server create: {status} {answer}")
        return answer["server"]["id"]

    def show(self, server):
        status, _, answer = self.client.http("GET", f"/compute/v2.1/servers/{server}")
        return None if status == 404 else answer["server"]

    def stable(self, server):
        shown = self.show(server)
        if shown is None:
            return "gone"
        if shown["OS-EXT-STS:task_state"] is None and shown["status"] in ("ACTIVE", "ERROR"):
            return shown["status"]
        return None

    def restart(self):
        self.program.kill()
        self.program.start()

    def meet(self, server, moment):
        """Waits until the build is at the moment, or past it."""
        order = ["scheduling", "networking", "spawning", None]
        wanted = None if moment == "active" else moment
        if moment == "accepted":
            return
        limit = time.monotonic() + 120
        while time.monotonic() < limit:
            shown = self.show(server)
            if order.index(shown["OS-EXT-STS:task_state"]) >= order.index(wanted):
                return

    def build(self, moment):
        server = self.create()
        self.meet(server, moment)
        self.restart()
        state = wait_for(f"a stable state after a crash at {moment}", lambda: self.stable(server), 120)
        expect(state == "ACTIVE", f"after a crash at {moment} the server is {state}: {self.show(server)}")
        self.delete(server)

    def delete(self, server, crash_after=None):
        status = self.client.http("DELETE", f"/compute/v2.1/servers/{server}")[0]
        expect(status == 204, f"delete: {status}")
        if crash_after is not None:
            time.sleep(crash_after)
            self.restart()
        wait_for("the end of a deleted server", lambda: self.show(server) is None, 120)
        wait_for("that nothing is left", lambda: self.holdings() == self.baseline, 30)
        if not self.program.simulate:
            wait_for("that the host has nothing left", lambda: not self.remains(server), 90)

    def remains(self, server):
        """What this machine still has of a server: its files, its process."""
        processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        guests = [line for line in processes.splitlines() if "qemu-system" in line.split(" ")[0] and server in line]
        folder = self.program.directory / "compute" / "instances" / server
        return guests + ([folder] if folder.exists() else [])

    def delete_while_building(self, moment):
        server = self.create()
        self.meet(server, moment)
        self.delete(server, crash_after=0.02)

    def run(self):
        for moment in BUILD_MOMENTS:
            self.build(moment)
            print(f"  killed at {moment}: ACTIVE after the restart", flush=True)
        for pause in DELETE_MOMENTS:
            server = self.create()
            wait_for("ACTIVE", lambda s=server: self.stable(s) == "ACTIVE", 120)
            self.delete(server, crash_after=pause)
            print(f"  killed {pause * 1000:.0f} ms into a delete: gone, nothing left", flush=True)
        for moment in BUILD_MOMENTS:
            self.delete_while_building(moment)
            print(f"  deleted at {moment} and killed: gone, nothing left", flush=True)


def add_options(parser):
    parser.add_argument("--image", type=pathlib.Path, required=True)
    parser.add_argument("--simulate", action="store_true")


def check(program, options):
    crashes = Crashes(program, Client(program, options.venv), options.image)
    crashes.prepare()
    crashes.run()


if __name__ == "__main__":
    run_check(check, settings=lambda options: ["simulation.latency=0.15"] if options.simulate else [], add_options=add_options)
