#!/usr/bin/env python3
"""Kills the program (SIGKILL) at random moments of a mixed load on volumes in two simulated back ends: they are made empty and of
images, snapshots, volumes and backups, attached to servers and taken off, extended, snapshotted, set back, backed up, restored,
retyped, moved and deleted all at once, and servers go with volumes attached. After each restart everything has to come to rest, and
then all is compared: rows, what the back ends hold byte for byte, exports, attachments, guests' disks, backups, and quotas.
Nothing may be left over, nothing lost."""

import json
import random
import time

import kills
from cloud import CheckFailed, Client, expect, run_check, wait_for
from kills import Kills, compare, simulated_guests

BACKENDS = ("one", "two")
# Volume types by their back ends, one of them encrypted.
TYPES = ("one", "two", "one-locked")
SETTINGS = ["volume.backends=one:simulated,two:simulated:needs_hypervisor=true", "simulation.latency=0.02", "volume.quota.volumes=500",
            "volume.quota.snapshots=500", "volume.quota.gigabytes=5000", "volume.quota.backups=500",
            "volume.quota.backup_gigabytes=5000", "volume.backups.chunk_size=1048576", "quota.instances=100"]
NEW = {"OpenStack-API-Version": "volume 3.71"}
SERVER = {"OpenStack-API-Version": "compute 2.79"}
VOLUMES, SERVERS = "/volume/v3", "/compute/v2.1/servers"
# A volume's bytes, as the last part of its name says: those of the image, or none.
SOURCES = ("image", "blank")
IMAGE_BYTES = 3 << 20
# What may be done to a volume that a server has, and to one that nobody has, as often as it stands there.
IN_USE = ["detach", "detach", "snapshot", "snapshot", "back up", "extend", "migrate", "migrate", "retype"]
FREE = ["attach", "attach", "snapshot", "snapshot", "back up", "back up", "extend", "clone", "retype", "retype", "revert", "migrate",
        "delete", "delete"]


class Cloud:
    """The cloud as an administrator speaks to it."""

    def __init__(self, program, client):
        self.program, self.client = program, client
        self.network_id = self.image_id = self.project_id = None

    def http(self, method, path, body=None):
        return self.client.http(method, path, body, SERVER if path.startswith("/compute") else NEW)

    def get(self, path):
        status, _, answer = self.http("GET", path)
        expect(status == 200, f"GET {path}: {status} {answer}")
        return answer

    def prepare(self):
        disk = self.program.directory / "check-disk.raw"
        disk.write_bytes(random.Random(7).randbytes(IMAGE_BYTES))
        self.client.run("image", "create", "disk", "--disk-format", "raw", "--file", str(disk))
        self.image_id = self.get("/image/v2/images?name=disk")["images"][0]["id"]
        flavor = {"flavor": {"name": "tiny", "id": "11", "ram": 64, "vcpus": 1, "disk": 1}}
        expect(self.http("POST", "/compute/v2.1/flavors", flavor)[0] == 200, "flavor create")
        for name in TYPES:
            made = {"volume_type": {"name": name, "extra_specs": {"volume_backend_name": name.partition("-")[0]}}}
            status, _, answer = self.http("POST", f"{VOLUMES}/types", made)
            expect(status == 200, f"type create: {status} {answer}")
            if name.endswith("locked"):
                encryption = {"encryption": {"provider": "luks", "control_location": "front-end", "key_size": 256}}
                path = f"{VOLUMES}/types/{answer['volume_type']['id']}/encryption"
                expect(self.http("POST", path, encryption)[0] == 200, "type encryption")
        self.project_id = self.get("/identity/v3/projects?name=admin")["projects"][0]["id"]

    def volumes(self):
        return self.get(f"{VOLUMES}/volumes/detail?limit=1000")["volumes"]

    def snapshots(self):
        return self.get(f"{VOLUMES}/snapshots/detail?limit=1000")["snapshots"]

    def backups(self):
        return self.get(f"{VOLUMES}/backups/detail?limit=1000")["backups"]

    def servers(self):
        return self.get(f"{SERVERS}/detail")["servers"]


class Worker(kills.Worker):
    """Somebody with a server and a few volumes. Names begin with the worker's, so what was made of a request that nobody
    answered is found as well."""

    def __init__(self, cloud, number, seed):
        super().__init__(number, seed)
        self.cloud, self.count = cloud, 0

    def mine(self, things):
        return [thing for thing in things if (thing["name"] or "").startswith(f"w{self.number}-")]

    def new_name(self, source):
        self.count += 1
        return f"w{self.number}-{self.count}-{source}"

    def step(self):
        time.sleep(self.random.random() / 20)
        # Those that others move to are nobody's.
        volumes = [v for v in self.mine(self.cloud.volumes()) if not (v["migration_status"] or "").startswith("target:")]
        servers = self.mine(self.cloud.servers())
        broken = [v for v in volumes if v["status"].startswith("error")]
        if broken:
            raise CheckFailed(f"{broken[0]['name']} ({broken[0]['id']}) is in {broken[0]['status']}")
        if not servers:
            return self.create_server()
        if self.random.random() < 0.03:
            return self.ask("delete server", "DELETE", f"{SERVERS}/{servers[0]['id']}")
        chosen = self.random.random()
        if not volumes or (chosen < 0.15 and len(volumes) < 6):
            return self.create(self.random.choice(SOURCES))
        snapshots, backups = self.mine(self.cloud.snapshots()), self.mine(self.cloud.backups())
        if snapshots and chosen < 0.35:
            return self.act_on_snapshot(self.random.choice(snapshots))
        if backups and chosen < 0.55:
            return self.act_on_backup(self.random.choice(backups), volumes)
        return self.act_on_volume(self.random.choice(volumes), servers[0], len(volumes))

    def ask(self, action, method, path, body=None):
        status, _, answer = self.cloud.http(method, path, body)
        self.note(action, status, answer)

    def create_server(self):
        server = {"name": self.new_name("server"), "imageRef": self.cloud.image_id, "flavorRef": "11", "networks": "none"}
        self.ask("create server", "POST", SERVERS, {"server": server})
        wait_for("a server", lambda: any(s["status"] == "ACTIVE" for s in self.mine(self.cloud.servers())), 60, 0.1)

    def create(self, source, action="create", size=1, **members):
        volume = {"name": self.new_name(source), "size": size, **members}
        if source == "image" and not members:
            volume["imageRef"] = self.cloud.image_id
        if self.random.random() < 0.5 and "snapshot_id" not in members and "source_volid" not in members:
            volume["volume_type"] = self.random.choice(TYPES)
        self.ask(action, "POST", f"{VOLUMES}/volumes", {"volume": volume})

    def act_on_volume(self, volume, server, count):
        path, source = f"{VOLUMES}/volumes/{volume['id']}", volume["name"].rpartition("-")[2]
        attached = f"{SERVERS}/{server['id']}/os-volume_attachments"
        # One that is being attached may be a server's before the request arrives.
        action = self.random.choice(FREE if volume["status"] == "available" else IN_USE)
        if action == "detach":
            return self.ask(action, "DELETE", f"{attached}/{volume['id']}")
        if action == "attach":
            return self.ask(action, "POST", attached, {"volumeAttachment": {"volumeId": volume["id"]}})
        if action == "snapshot":
            body = {"volume_id": volume["id"], "name": self.new_name(source), "force": True}
            return self.ask(action, "POST", f"{VOLUMES}/snapshots", {"snapshot": body})
        if action == "back up":
            body = {"volume_id": volume["id"], "name": self.new_name(source), "force": True,
                    "incremental": self.random.random() < 0.5}
            return self.ask(action, "POST", f"{VOLUMES}/backups", {"backup": body})
        if action == "clone":
            return self.create(source, action, volume["size"], source_volid=volume["id"]) if count < 6 else None
        if action == "delete":
            return self.ask(action, "DELETE", f"{path}?cascade=true")
        return self.ask(action, "POST", f"{path}/action", self.action(action, volume))

    def action(self, action, volume):
        if action == "extend":
            return {"os-extend": {"new_size": volume["size"] + 1}}
        if action == "revert":
            snapshots = [s for s in self.mine(self.cloud.snapshots()) if s["volume_id"] == volume["id"]]
            newest = max(snapshots, key=lambda s: s["created_at"], default={"id": "00000000-0000-0000-0000-000000000000"})
            return {"revert": {"snapshot_id": newest["id"]}}
        other = "two" if f"@{BACKENDS[0]}#" in (volume["os-vol-host-attr:host"] or "") else "one"
        if action == "retype":
            return {"os-retype": {"new_type": self.random.choice(TYPES), "migration_policy": "on-demand"}}
        place = (volume["os-vol-host-attr:host"] or "nowhere@one#one").partition("@")[0]
        return {"os-migrate_volume": {"host": f"{place}@{other}#{other}"}}

    def act_on_snapshot(self, snapshot):
        if self.random.random() < 0.6:
            return self.ask("delete snapshot", "DELETE", f"{VOLUMES}/snapshots/{snapshot['id']}")
        source = snapshot["name"].rpartition("-")[2]
        return self.create(source, "create of snapshot", snapshot["size"], snapshot_id=snapshot["id"])

    def act_on_backup(self, backup, volumes):
        path, source = f"{VOLUMES}/backups/{backup['id']}", backup["name"].rpartition("-")[2]
        action = self.random.choice(["delete backup", "delete backup", "restore", "restore to new", "create of backup"])
        if action == "delete backup":
            return self.ask(action, "DELETE", path)
        if action == "create of backup":
            return self.create(source, action, backup["size"], backup_id=backup["id"])
        restore = {"name": self.new_name(source)}
        if action == "restore":
            fitting = [v for v in volumes if v["name"].endswith(source) and v["size"] >= backup["size"]]
            if not fitting:
                return None
            restore = {"volume_id": self.random.choice(fitting)["id"]}
        return self.ask(action, "POST", f"{path}/restore", {"restore": restore})


class Comparison:
    """What is there, and what should be, when everything has come to rest."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.volumes = {v["id"]: v for v in cloud.volumes()}
        self.snapshots, self.backups = cloud.snapshots(), cloud.backups()
        self.attachments = cloud.get(f"{VOLUMES}/attachments/detail?limit=1000")["attachments"]
        self.folder = cloud.program.directory / "volumes"

    def differences(self):
        return self.back_ends() + self.attached() + self.guests() + self.backups_kept() + self.quota() + self.scratch()

    @staticmethod
    def backend(volume):
        return volume["os-vol-host-attr:host"].partition("@")[2].partition("#")[0]

    def back_ends(self):
        found = []
        for backend in BACKENDS:
            folder = self.folder / "simulated" / backend
            kept = {}
            for path in (folder / "volumes").glob("*.json"):
                volume = json.loads(path.read_text())
                kept[volume["name"]] = volume
            here = {f"volume-{v['os-vol-mig-status-attr:name_id'] or v['id']}": v for v in self.volumes.values()
                    if self.backend(v) == backend}
            found += compare(f"volumes in {backend}", set(here), set(kept))
            for name in set(here) & set(kept):
                found += self.contents(name, here[name], kept[name])
            used = {piece for v in kept.values() for c in [v["content"], *v["snapshots"].values()] for piece in self.pieces(c)}
            there = {path.name for path in (folder / "pieces").iterdir()}
            found += compare(f"pieces in {backend}", used, there)
        return found

    @staticmethod
    def pieces(content):
        """Swift's coders write a dictionary whose keys are no strings as keys and values in turn."""
        return content["pieces"][1::2]

    def contents(self, name, row, kept):
        found = compare(f"size of {name}", row["size"] << 30, kept["content"]["size"])
        wanted = {f"snapshot-{s['id']}": s for s in self.snapshots if s["volume_id"] == row["id"]}
        found += compare(f"snapshots of {name}", set(wanted), set(kept["snapshots"]))
        found += compare(f"half-made snapshots of {name}", [], list(kept["begun"]))
        for label, thing, content in [(name, row, kept["content"])] + [
                (label, snapshot, kept["snapshots"].get(label, kept["content"])) for label, snapshot in wanted.items()]:
            pieces = IMAGE_BYTES >> 20 if thing["name"].endswith("image") else 0
            found += compare(f"pieces with bytes of {label} ({thing['name']})", pieces, len(self.pieces(content)))
        # A restored volume has a copy of the backup's key.
        found += compare(f"encryption of {name}", row["encrypted"], kept.get("keyID") is not None)
        exported = {a["id"] for a in self.attachments if a["volume_id"] == row["id"]}
        return found + compare(f"exports of {name}", exported, set(kept["attachments"]))

    def attached(self):
        """The attachments, as the volumes and the servers have them."""
        rows = {(a["volume_id"], a["instance"]) for a in self.attachments}
        shown = {(v["id"], a["server_id"]) for v in self.volumes.values() for a in v["attachments"]}
        servers = {(a["volumeId"], server["id"]) for server in self.cloud.servers()
                   for a in self.cloud.get(f"{SERVERS}/{server['id']}/os-volume_attachments")["volumeAttachments"]}
        found = compare("attachments of volumes", rows, shown) + compare("attachments of servers", rows, servers)
        found += compare("volumes in use", {v for v, _ in rows}, {v["id"] for v in self.volumes.values() if v["status"] == "in-use"})
        return found + compare("attachments under way", [], [a["id"] for a in self.attachments if a["status"] != "attached"])

    def guests(self):
        """The disks that the guests have."""
        found, rows = [], {}
        for a in self.attachments:
            rows.setdefault(a["instance"], set()).add(a["volume_id"])
        guests = {}
        for folder in (self.cloud.program.directory / "compute" / "simulated").iterdir():
            for name, guest in simulated_guests(folder).items():
                guests[name] = {volume["id"] for volume in guest["specification"]["volumes"]}
        found += compare("guests", {s["id"] for s in self.cloud.servers()}, set(guests))
        for server, disks in guests.items():
            found += compare(f"disks of {server}", rows.get(server, set()), disks)
        return found

    def backups_kept(self):
        folder = self.cloud.program.directory / "backups" / "volumebackups"
        kept = {path.name: path for path in folder.iterdir()} if folder.exists() else {}
        found = compare("backups", {b["id"] for b in self.backups}, set(kept))
        for backup in self.backups:
            if backup["id"] not in kept:
                continue
            manifest = json.loads((kept[backup["id"]] / "manifest.json").read_text())
            label = f"{backup['id']} ({backup['name']})"
            pieces = IMAGE_BYTES >> 20 if backup["name"].endswith("image") else 0
            found += compare(f"pieces of backup {label}", pieces, len(manifest["pieces"]))
            own = {str(p["number"]) for p in manifest["pieces"] if p["backupID"] == backup["id"]}
            found += compare(f"files of backup {label}", own | {"manifest.json"}, {p.name for p in kept[backup["id"]].iterdir()})
            lost = [p for p in manifest["pieces"] if not (folder / p["backupID"] / str(p["number"])).exists()]
            found += compare(f"lost pieces of backup {label}", [], lost)
        return found

    def quota(self):
        used = self.cloud.get(f"{VOLUMES}/os-quota-sets/{self.cloud.project_id}?usage=true")["quota_set"]
        sizes = sum(v["size"] for v in self.volumes.values())
        expected = {
            "volumes": len(self.volumes), "snapshots": len(self.snapshots), "backups": len(self.backups),
            "gigabytes": sizes + sum(s["size"] for s in self.snapshots), "backup_gigabytes": sum(b["size"] for b in self.backups)}
        return compare("quota", expected, {name: used[name]["in_use"] + used[name]["reserved"] for name in expected})

    def scratch(self):
        folder = self.folder / "scratch"
        return compare("files on their way", [], [path.name for path in folder.iterdir()] if folder.exists() else [])


class Crashes(Kills):
    def __init__(self, program, client, options):
        self.cloud = Cloud(program, client)
        super().__init__(program, options, [Worker(self.cloud, n, options.seed) for n in range(options.workers)])

    def prepare(self):
        self.cloud.prepare()

    def count(self):
        cloud = self.cloud
        return f"{len(cloud.volumes())} volumes, {len(cloud.snapshots())} snapshots and {len(cloud.backups())} backups"

    def restless(self):
        cloud, rest = self.cloud, {"available", "in-use"}
        found = [f"{thing['name']} ({thing['id']}) {thing['status']}"
                 for things in (cloud.volumes(), cloud.snapshots(), cloud.backups()) for thing in things
                 if thing["status"] not in rest or thing.get("migration_status") in ("starting", "migrating", "completing")]
        return found + [f"{s['name']} {s['status']} {s['OS-EXT-STS:task_state']}" for s in cloud.servers()
                        if s["OS-EXT-STS:task_state"] is not None or s["status"] != "ACTIVE"]

    def differences(self):
        return Comparison(self.cloud).differences()

    def remove_all(self):
        cloud = self.cloud
        for server in cloud.servers():
            cloud.http("DELETE", f"{SERVERS}/{server['id']}")
        wait_for("the end of all servers", lambda: not cloud.servers(), 60)
        # Backups that others add to go after those.
        wait_for("the end of all backups", lambda: self.remove(cloud.backups(), f"{VOLUMES}/backups/%s"), 120)
        wait_for("the end of all volumes", lambda: self.remove(cloud.volumes(), f"{VOLUMES}/volumes/%s?cascade=true"), 120)

    def remove(self, things, path):
        for thing in things:
            if thing["status"] == "available":
                self.cloud.http("DELETE", path % thing["id"])
        return not things


def add_options(parser):
    kills.add_options(parser)
    parser.add_argument("--workers", type=int, default=6, help="how many people are busy at a time")


def check(program, options):
    Crashes(program, Client(program, options.venv), options).run()


if __name__ == "__main__":
    run_check(check, settings=SETTINGS, add_options=add_options)
