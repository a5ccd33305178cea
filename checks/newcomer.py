#!/usr/bin/env python3
"""The newcomer's road, from the outside, on simulated clouds: status, doctor, demo, logs, faults as plain HTTP, the client and
openstacksdk meet them, backup and restore, and identifiers that follow from a seed."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time

from cloud import Client, Program, expect, run_check, run_parts, wait_for

GUIDE = pathlib.Path(__file__).resolve().parent.parent / "docs/TESTING-YOUR-TOOLS.md"
STORE = "store.database="


def run(*command, status=0, timeout=120):
    """Runs a command that must end with a status; returns what it printed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout, check=False)
    expect(done.returncode == status, f"{' '.join(map(str, command[1:]))} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class Newcomer:
    def __init__(self, program, options):
        self.program = program
        self.venv = options.venv
        self.client = Client(program, options.venv)
        self.client.login()

    def altostack(self, *arguments, status=0):
        return run(self.program.binary, *arguments, "--data-dir", self.program.directory, *self.store(), status=status)

    def store(self):
        """Where the rows are, as words of a command line; none for the embedded database."""
        return [word for setting in self.program.settings if setting.startswith(STORE) for word in ("--set", setting)]

    def call(self, method, path, body=None, wanted=200):
        status, headers, answer = self.client.http(method, path, body)
        expect(status == wanted, f"{method} {path}: {status} instead of {wanted}: {answer}")
        return headers, answer

    # Parts

    def status_and_doctor(self):
        status = json.loads(self.altostack("status", "--json"))
        expect(status["running"] and status["simulated"], f"status says {status}")
        expect(not status["not_seen"], f"status does not see {status['not_seen']}")
        expect(any(service["name"] == "nova-compute" and service["up"] for service in status["services"]), f"services: {status['services']}")
        expect(len(status["hosts"]) == 3 and all(host["up"] for host in status["hosts"]), f"hosts: {status['hosts']}")
        text = self.altostack("status")
        for word in ("altostack is running", "nova-compute", "no workflows in flight"):
            expect(word in text, f"status does not say {word!r}:\n{text}")
        done = subprocess.run([self.program.binary, "doctor", "--json", "--data-dir", str(self.program.directory)],
                              capture_output=True, text=True, timeout=120, check=False)
        report = json.loads(done.stdout)
        expect(done.returncode == (0 if report["ready"] else 1), f"doctor ended with {done.returncode}")
        checks = {finding["check"] for finding in report["findings"]}
        wanted = {"user", "processor", "libvirt", "ovn", "kernel", "clock", "disk", "names", "packets", "volumes local"}
        expect(wanted <= checks, f"doctor does not look at {wanted - checks}")
        for finding in report["findings"]:
            expect(finding["standing"] == "good" or finding["remedy"], f"no remedy: {finding}")

    def demo(self):
        first = self.altostack("demo")
        for word in ("✓ image", "✓ schedule", "✓ spawn", "✓ server", "✓ floating IP", "login:"):
            expect(word in first, f"demo does not say {word!r}:\n{first}")
        server = self.call("GET", "/compute/v2.1/servers/detail?name=altostack-demo")[1]["servers"]
        expect([one["status"] for one in server] == ["ACTIVE"], f"servers: {server}")
        self.demo_shows_what_happens()
        again = self.altostack("demo")
        expect("is there already" in again, f"a second demo does not use the first one's guest:\n{again}")
        self.demo_goes_on_where_it_was_interrupted()
        self.altostack("demo", "--remove")
        for path, name in (("/compute/v2.1/servers", "servers"), ("/network/v2.0/networks", "networks"),
                           ("/network/v2.0/routers", "routers"), ("/network/v2.0/ports", "ports"),
                           ("/network/v2.0/floatingips", "floatingips"), ("/image/v2/images", "images"),
                           ("/compute/v2.1/os-keypairs", "keypairs")):
            left = self.call("GET", path)[1][name]
            expect(not left, f"demo --remove leaves {name}: {left}")
        self.altostack("demo", "--remove")

    def demo_shows_what_happens(self):
        """A step's end is shown when it happens, not when the next one has ended."""
        server = self.call("GET", "/compute/v2.1/servers?name=altostack-demo")[1]["servers"][0]["id"]
        self.call("DELETE", f"/compute/v2.1/servers/{server}", wanted=204)
        wait_for("the server's end", lambda: not self.call("GET", "/compute/v2.1/servers")[1]["servers"], 60)
        self.call("POST", "/altostack/faults", {"fault": {"operation": "spawn", "effect": "delay", "seconds": 4, "count": 1}}, 201)
        command = [self.program.binary, "demo", "--data-dir", str(self.program.directory), *self.store()]
        seen = {}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
            for line in demo.stdout:
                seen[" ".join(line.split()[:2])] = time.monotonic()
        expect(demo.returncode == 0, f"demo ended with {demo.returncode}")
        expect("✓ spawn" in seen and "✓ network" in seen, f"demo shows {sorted(seen)}")
        early = seen["✓ spawn"] - seen["✓ network"]
        expect(early > 1.5, f"a spawn of 4 s begins to show {early:.1f} s before its end")

    def demo_goes_on_where_it_was_interrupted(self):
        """Of what a demonstration before left half-made, the rest is made; a server in error makes room for one that works."""
        self.altostack("demo", "--remove")
        self.call("POST", "/network/v2.0/networks", {"network": {"name": "altostack-demo"}}, 201)
        self.call("POST", "/network/v2.0/security-groups", {"security_group": {"name": "altostack-demo"}}, 201)
        fault = {"operation": "spawn", "effect": "fail", "count": 12, "message": "ordered by the check"}
        self.call("POST", "/altostack/faults", {"fault": fault}, 201)
        self.altostack("demo", status=1)
        self.call("DELETE", "/altostack/faults", wanted=204)
        text = self.altostack("demo")
        expect("in error is taken away" in text and "login:" in text, f"a demo after one that failed:\n{text}")
        for path, name, count in (("routers", "routers", 1), ("subnets?name=altostack-demo", "subnets", 1),
                                  ("security-group-rules?direction=ingress&protocol=tcp", "security_group_rules", 1)):
            found = self.call("GET", f"/network/v2.0/{path}")[1][name]
            expect(len(found) == count, f"{len(found)} {name} instead of {count}")

    def prepare(self):
        """An image, a flavor and a network to boot servers with."""
        image = self.call("POST", "/image/v2/images", {"name": "n", "disk_format": "raw", "container_format": "bare"}, 201)[1]
        status, _, answer = self.program.http("PUT", f"/image/v2/images/{image['id']}/file", b"newcomer" * 512, self.client.token,
                                              {"Content-Type": "application/octet-stream"})
        expect(status == 204, f"upload: {status} {answer}")
        flavor = self.call("POST", "/compute/v2.1/flavors", {"flavor": {"name": "n", "id": "n", "ram": 64, "vcpus": 1, "disk": 1}})
        network = self.call("POST", "/network/v2.0/networks", {"network": {"name": "n"}}, 201)[1]["network"]
        self.call("POST", "/network/v2.0/subnets",
                  {"subnet": {"network_id": network["id"], "cidr": "10.81.0.0/24", "ip_version": 4}}, 201)
        self.boot = {"imageRef": image["id"], "flavorRef": flavor[1]["flavor"]["id"], "networks": [{"uuid": network["id"]}]}
        self.image = image["id"]

    def server(self, name):
        headers, answer = self.call("POST", "/compute/v2.1/servers", {"server": {"name": name, **self.boot}}, 202)
        identity = answer["server"]["id"]

        def settled():
            server = self.call("GET", f"/compute/v2.1/servers/{identity}")[1]["server"]
            return server if server["status"] != "BUILD" else None

        return wait_for(f"the end of {name}'s building", settled, 60, 0.05), headers["X-Openstack-Request-Id"]

    def faults(self):
        self.prepare()
        refused = self.program.http("POST", "/altostack/faults", {"fault": {"operation": "spawn", "effect": "fail"}})
        expect(refused[0] == 401, f"a stranger may order faults: {refused[0]}")
        for wrong in ({"operation": "spwn", "effect": "fail"}, {"operation": "spawn", "effect": "explode"},
                      {"operation": "spawn", "effect": "delay"}, {"operation": "spawn", "effect": "fail", "host": "nowhere"}):
            self.call("POST", "/altostack/faults", {"fault": wrong}, 400)
        fault = self.call("POST", "/altostack/faults", {"fault": {
            "operation": "spawn", "effect": "fail", "count": 12, "message": "ordered by the check"}}, 201)[1]["fault"]
        server, request = self.server("fails")
        expect(server["status"] == "ERROR", f"spawns fail, and the server is {server['status']}")
        trail = json.loads(self.altostack("logs", request, "--json"))
        text = "\n".join(trail["lines"])
        for word in ("POST /compute/v2.1/servers", "guest.spawn", "altostack.workflow"):
            expect(word in text, f"logs does not find {word!r}:\n{text}")
        expect(trail["workflows"][0]["name"] == "compute.build", f"workflows: {trail['workflows']}")
        expect("compute.build" in self.altostack("status"), "status shows no fault of the build")
        if any(one["id"] == fault["id"] for one in self.call("GET", "/altostack/faults")[1]["faults"]):
            self.call("DELETE", f"/altostack/faults/{fault['id']}", wanted=204)
        self.call("POST", "/altostack/faults", {"fault": {"operation": "ports", "effect": "delay", "seconds": 2, "count": 1}}, 201)
        began = time.monotonic()
        server, _ = self.server("slow")
        expect(server["status"] == "ACTIVE", f"ports are slow, and the server is {server['status']}")
        expect(time.monotonic() - began >= 2, "ports are not slow")
        self.call("DELETE", "/altostack/faults", wanted=204)
        expect(self.call("GET", "/altostack/faults")[1]["faults"] == [], "faults are left")
        self.altostack("logs", "req-00000000-0000-4000-8000-000000000000", status=1)

    def faults_and_the_client(self):
        """A build that fails as ordered, as the client shows it; the next one works."""
        self.call("POST", "/altostack/faults", {"fault": {
            "operation": "spawn", "effect": "fail", "count": 12, "message": "no room in the rack"}}, 201)
        build = ("server", "create", "--image", self.boot["imageRef"], "--flavor", self.boot["flavorRef"],
                 "--network", self.boot["networks"][0]["uuid"], "--wait")
        done = self.client.run(*build, "refused", check=False)
        expect(done.returncode != 0, f"the client takes a failed build for a good one: {done.stdout}")
        shown = self.client.json("server", "show", "refused")
        expect(shown["status"] == "ERROR", f"the server is {shown['status']}")
        expect("no room in the rack" in json.dumps(shown["fault"]), f"the fault says {shown['fault']}")
        self.call("DELETE", "/altostack/faults", wanted=204)
        self.client.run("server", "delete", "--wait", "refused")
        expect(self.client.json(*build, "taken")["status"] == "ACTIVE", "the next build does not work")
        self.client.run("server", "delete", "--wait", "taken")

    def faults_and_openstacksdk(self):
        """What the guide shows is run as it stands there."""
        example = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1]
        folder = pathlib.Path(tempfile.mkdtemp(prefix="altostack-guide-"))
        try:
            (folder / "disk.raw").write_bytes(b"x" * 4096)
            environment = dict(os.environ, OS_CLIENT_CONFIG_FILE=str(self.program.directory / "clouds.yaml"))
            done = subprocess.run([str(pathlib.Path(self.venv).absolute() / "bin/python"), "-c", example], cwd=folder, env=environment,
                                  capture_output=True, text=True, timeout=180, check=False)
            expect(done.returncode == 0, f"the guide's example fails: {done.stdout}{done.stderr}")
            expect("as ordered:" in done.stdout, f"the guide's example prints {done.stdout}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def empty_database(self):
        """The settings of a cloud whose rows would be in a new database; as they are for the embedded one."""
        settings = []
        for setting in self.program.settings:
            if setting.startswith(STORE):
                run("psql", "--quiet", "--no-psqlrc", setting.removeprefix(STORE), "--command", "CREATE DATABASE restored")
                setting = setting.replace("dbname=postgres", "dbname=restored")
            settings.append(setting)
        return settings

    def picture(self):
        """What a client sees of the cloud."""
        paths = ["/compute/v2.1/servers/detail", "/compute/v2.1/flavors/detail", "/network/v2.0/networks", "/network/v2.0/ports",
                 "/network/v2.0/security-groups", "/image/v2/images", "/identity/v3/users", "/identity/v3/projects",
                 f"{self.volumes}/detail", "/key-manager/v1/secrets"]
        return {path: self.call("GET", path)[1] for path in paths}

    def keep_secret(self):
        """A secret that only the key manager's own key opens again, and a volume."""
        answer = self.call("POST", "/key-manager/v1/secrets", {"name": "n", "payload": "a passphrase", "payload_content_type": "text/plain"}, 201)[1]
        project = self.call("GET", "/identity/v3/projects?name=admin")[1]["projects"][0]["id"]
        self.volumes = f"/volume/v3/{project}/volumes"
        volume = self.call("POST", self.volumes, {"volume": {"name": "n", "size": 1}}, 202)[1]["volume"]["id"]
        wait_for("a volume", lambda: self.call("GET", f"{self.volumes}/{volume}")[1]["volume"]["status"] == "available", 60)
        return answer["secret_ref"].rsplit("/", 1)[1]

    def backup_and_restore(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="altostack-backup-"))
        try:
            file = folder / "cloud.backup"
            self.secret = self.keep_secret()
            before = self.picture()
            print("   ", self.altostack("backup", file).strip())
            # What comes later is not in it.
            self.call("POST", "/network/v2.0/networks", {"network": {"name": "later"}}, 201)
            run(self.program.binary, "restore", file, "--data-dir", self.program.directory, status=1)
            damaged = folder / "damaged.backup"
            content = bytearray(file.read_bytes())
            place = content.index(b"newcomer" * 512)
            content[place] ^= 1
            damaged.write_bytes(content)
            text = run(self.program.binary, "restore", damaged, "--data-dir", folder / "refused", status=1)
            expect("damaged" in text, f"a damaged backup is refused with: {text}")
            expect(not (folder / "refused").exists(), "a refused restore leaves a folder")
            amid = folder / "amid.backup"
            kept = self.back_up_amid_changes(amid)
            self.program.stop()
            original = (self.program.directory, self.program.settings)
            self.program.settings = self.empty_database()
            text = run(self.program.binary, "restore", file, "--data-dir", folder / "restored", *self.store())
            expect("--set host.name=newcomer" in text, f"the restore says how to start: {text}")
            if self.store():
                text = run(self.program.binary, "restore", file, "--data-dir", folder / "again", *self.store(), status=1)
                expect("not empty" in text, f"a restore into a full database is refused with: {text}")
            self.program.directory = folder / "restored"
            try:
                self.look_at_the_restored(before)
                if not self.store():
                    run(self.program.binary, "restore", amid, "--data-dir", folder / "amid")
                    self.program.directory = folder / "amid"
                    self.look_at_one_moment(*kept)
            finally:
                if self.program.process.poll() is None:
                    self.program.kill()
                self.program.directory, self.program.settings = original
            self.program.start()
            self.client.login()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def back_up_amid_changes(self, file):
        """Backs up while somebody makes networks and subnets one after the other; returns the names that must be there, and those
        that must not, and all in their order."""
        made, moments = [], []
        is_over = threading.Event()

        def work():
            while not is_over.is_set():
                name = f"amid-{len(made)}"
                begun = time.monotonic()
                network = self.call("POST", "/network/v2.0/networks", {"network": {"name": name}}, 201)[1]["network"]["id"]
                self.call("POST", "/network/v2.0/subnets",
                          {"subnet": {"name": name, "network_id": network, "ip_version": 4, "cidr": "10.83.0.0/24"}}, 201)
                made.append(name)
                moments.append((begun, time.monotonic()))

        worker = threading.Thread(target=work)
        worker.start()
        try:
            wait_for("a few networks", lambda: len(made) > 20, 30, 0.01)
            began = time.monotonic()
            self.altostack("backup", file)
            ended = time.monotonic()
            count = len(made)
            wait_for("a few networks more", lambda: len(made) > count + 20, 30, 0.01)
        finally:
            is_over.set()
            worker.join(60)
        early = {name for name, (_, end) in zip(made, moments) if end < began}
        late = {name for name, (begun, _) in zip(made, moments) if begun > ended}
        return early, late, made

    def look_at_one_moment(self, early, late, made):
        """What is in a backup was there at one moment: all from before it, nothing from after it, and no gap between."""
        self.program.start()
        self.client.login()
        networks = {one["name"] for one in self.call("GET", "/network/v2.0/networks")[1]["networks"]}
        subnets = {one["name"] for one in self.call("GET", "/network/v2.0/subnets")[1]["subnets"]}
        expect(early <= subnets, f"a backup lacks {early - subnets}")
        expect(not late & networks, f"a backup has what came later: {late & networks}")
        for kind, there in (("networks", networks), ("subnets", subnets)):
            found = [name in there for name in made]
            expect(found == sorted(found, reverse=True), f"of the {kind} made one after the other the backup has {found}")
        lacking = [name for name in made if name in networks and name not in subnets]
        expect(len(lacking) <= 1, f"networks without their subnets: {lacking}")
        self.program.stop()

    def look_at_the_restored(self, before):
        self.program.start()
        self.client.login()
        after = self.picture()
        for path, seen in before.items():
            expect(after[path] == seen, f"{path} differs:\n{seen}\n{after[path]}")
        status, _, data = self.program.http("GET", f"/image/v2/images/{self.image}/file", token=self.client.token)
        expect((status, data) == (200, b"newcomer" * 512), f"the image's bytes are {status} {data!r:.80}")
        secret = self.call("GET", f"/key-manager/v1/secrets/{self.secret}/payload")[1]
        expect(secret == b"a passphrase", f"the secret is {secret!r}")
        server, _ = self.server("after the restore")
        expect(server["status"] == "ACTIVE", f"the restored cloud's server is {server['status']}")
        self.program.stop()

    @staticmethod
    def seeded_server(client):
        """The identifiers of a server and its port."""
        def call(method, path, body=None):
            return client.http(method, path, body)[2]

        image = call("POST", "/image/v2/images", {"name": "s", "disk_format": "raw", "container_format": "bare"})["id"]
        client.program.http("PUT", f"/image/v2/images/{image}/file", b"s" * 512, client.token, {"Content-Type": "application/octet-stream"})
        call("POST", "/compute/v2.1/flavors", {"flavor": {"name": "s", "id": "s", "ram": 64, "vcpus": 1, "disk": 1}})
        network = call("POST", "/network/v2.0/networks", {"network": {"name": "s"}})["network"]["id"]
        call("POST", "/network/v2.0/subnets", {"subnet": {"network_id": network, "cidr": "10.82.0.0/24", "ip_version": 4}})
        body = {"server": {"name": "s", "imageRef": image, "flavorRef": "s", "networks": [{"uuid": network}]}}
        server = call("POST", "/compute/v2.1/servers", body)["server"]["id"]

        def built():
            return call("GET", f"/compute/v2.1/servers/{server}")["server"]["status"] == "ACTIVE"

        wait_for("a server", built, 60, 0.05)
        port = call("GET", f"/network/v2.0/ports?device_id={server}")["ports"][0]
        return [image, server, port["id"], port["mac_address"]]

    def seeds(self):
        def identifiers():
            program = Program(self.program.binary, simulate=True, settings=["simulation.seed=42", "simulation.hosts=3", "host.name=seeded"])
            try:
                program.start()
                client = Client(program, ".")
                client.login()
                found = [client.http("GET", "/identity/v3/projects?name=admin")[2]["projects"][0]["id"]]
                for number in range(3):
                    client.http("GET", "/network/v2.0/networks")
                    network = client.http("POST", "/network/v2.0/networks", {"network": {"name": f"n{number}"}})[2]["network"]
                    port = client.http("POST", "/network/v2.0/ports", {"port": {"network_id": network["id"]}})[2]["port"]
                    found += [network["id"], port["id"], port["mac_address"]]
                program.restart()
                client.login()
                again = client.http("POST", "/network/v2.0/networks", {"network": {"name": "again"}})[2]["network"]["id"]
                found += self.seeded_server(client)
                expect(again not in found, "a second start gives the first one's identifiers again")
                return [*found, again]
            finally:
                program.remove()

        first, second = identifiers(), identifiers()
        expect(len(set(first)) == len(first), f"an identifier is given twice: {first}")
        expect(first == second, f"one seed gives {first} and {second}")


def check(program, options):
    newcomer = Newcomer(program, options)
    run_parts([newcomer.status_and_doctor, newcomer.demo, newcomer.faults, newcomer.faults_and_the_client,
               newcomer.faults_and_openstacksdk, newcomer.backup_and_restore, newcomer.seeds])


if __name__ == "__main__":
    run_check(check, settings=["simulation.hosts=3", "host.name=newcomer", "network.quotas=network:-1,subnet:-1"])
