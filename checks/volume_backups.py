#!/usr/bin/env python3
"""Keeps backups of volumes in object storage whose tokens run out all the time, is slow, damaged or not there, and kills the program
(SIGKILL) amid them: what is restored is what was kept, what is damaged is told, and nothing is left over."""

import json
import random
import time

from cloud import Client, expect, run_check, run_parts, wait_for
from object_storage import ObjectStorage

VOLUMES = "/volume/v3"
NEW = {"OpenStack-API-Version": "volume 3.71"}
BYTES = 5 << 20
STORAGE = ObjectStorage()


def settings(options):
    chosen = ["volume.backends=one:simulated", "volume.backups.driver=swift", "volume.backups.chunk_size=1048576",
              f"volume.backups.swift_user={STORAGE.USER}", f"volume.backups.swift_key={STORAGE.PASSWORD}",
              "volume.backups.swift_retry_backoff=0.05"]
    if options.tempauth:
        return chosen + [f"volume.backups.swift_auth_url={STORAGE.url}/auth/v1.0", "volume.backups.swift_auth_version=1"]
    return chosen + [f"volume.backups.swift_auth_url={STORAGE.url}/v3"]


class Backups:
    def __init__(self, program, client):
        self.program, self.client = program, client
        self.bytes = random.Random(11).randbytes(BYTES)

    def http(self, method, path, body=None):
        return self.client.http(method, VOLUMES + path, body, NEW)

    def ask(self, path, body):
        status, _, answer = self.http("POST", path, body)
        expect(status in (200, 202), f"POST {path}: {status} {answer}")
        return answer

    def becomes(self, kind, thing, *states):
        def status():
            found = self.http("GET", f"/{kind}s/{thing}")[2].get(kind, {}).get("status")
            return found if found in states else None
        return wait_for(f"{kind} {thing} to be {' or '.join(states)}", status, 60, 0.1)

    def prepare(self):
        disk = self.program.directory / "check-disk.raw"
        disk.write_bytes(self.bytes)
        self.client.run("image", "create", "disk", "--disk-format", "raw", "--file", str(disk))
        image = self.client.http("GET", "/image/v2/images?name=disk")[2]["images"][0]["id"]
        self.volume = self.make({"imageRef": image})

    def make(self, members):
        volume = self.ask("/volumes", {"volume": {"size": 1, **members}})["volume"]["id"]
        self.becomes("volume", volume, "available")
        return volume

    def keep(self, *states, **members):
        backup = self.ask("/backups", {"backup": {"volume_id": self.volume, **members}})["backup"]["id"]
        if states:
            self.becomes("backup", backup, *states)
        return backup

    def pieces(self, volume):
        """What a volume holds, as the digests of its pieces."""
        folder = self.program.directory / "volumes" / "simulated" / "one" / "volumes"
        pieces = json.loads((folder / f"{f'volume-{volume}'.encode().hex()}.json").read_text())["content"]["pieces"]
        return dict(zip(pieces[0::2], pieces[1::2]))

    def restore(self, backup, status="available"):
        volume = self.ask(f"/backups/{backup}/restore", {"restore": {}})["restore"]["volume_id"]
        self.becomes("volume", volume, status)
        self.becomes("backup", backup, "available")
        return volume

    def remove(self, *backups):
        for backup in backups:
            expect(self.http("DELETE", f"/backups/{backup}")[0] == 202, "delete")
            wait_for("the backup's end", lambda b=backup: self.http("GET", f"/backups/{b}")[0] == 404, 30, 0.1)

    # Parts

    def increments(self):
        full = self.keep("available")
        count = BYTES >> 20
        expect(len(STORAGE.names()) == count + 1, f"objects of a full backup: {STORAGE.names()}")
        more = self.keep("available", incremental=True)
        expect(len(STORAGE.names()) == count + 2, f"objects of an increment that adds nothing: {STORAGE.names()}")
        for backup in (full, more):
            volume = self.restore(backup)
            expect(self.pieces(volume) == self.pieces(self.volume) and len(self.pieces(volume)) == count, "restored bytes")
        expect(STORAGE.logins > 2, "tokens that ran out")
        self.remove(more, full)
        expect(STORAGE.names() == [], f"objects that are left: {STORAGE.names()}")

    def damage(self):
        backup = self.keep("available", container="elsewhere")
        name = next(n for n in STORAGE.names("elsewhere") if n.endswith("/2"))
        with STORAGE.lock:
            STORAGE.containers["elsewhere"][name] = b"x" * (1 << 20)
        self.restore(backup, "error_restoring")
        self.remove(backup)
        expect(STORAGE.names("elsewhere") == [], "objects that are left")

    def absence(self):
        STORAGE.is_broken = True
        backup = self.keep("error")
        self.becomes("volume", self.volume, "available")
        STORAGE.is_broken = False
        self.remove(backup)
        expect(STORAGE.names() == [], f"objects that are left: {STORAGE.names()}")

    def kills(self):
        STORAGE.delay = 0.15
        for moment in (0.05, 0.4, 0.9):
            backup = self.keep()
            time.sleep(moment)
            self.program.kill()
            self.program.start()
            self.becomes("backup", backup, "available")
            volume = self.ask(f"/backups/{backup}/restore", {"restore": {}})["restore"]["volume_id"]
            time.sleep(moment)
            self.program.kill()
            self.program.start()
            self.becomes("volume", volume, "available")
            expect(self.pieces(volume) == self.pieces(self.volume), "restored bytes")
            self.remove(backup)
        STORAGE.delay = 0
        expect(STORAGE.names() == [], f"objects that are left: {STORAGE.names()}")


def check(program, options):
    flow = Backups(program, Client(program, options.venv))
    flow.prepare()
    run_parts([flow.increments, flow.damage, flow.absence, flow.kills])


def add_options(parser):
    parser.add_argument("--tempauth", action="store_true", help="log in by TempAuth instead of Keystone")


if __name__ == "__main__":
    run_check(check, settings=settings, add_options=add_options)
