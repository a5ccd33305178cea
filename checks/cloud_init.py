#!/usr/bin/env python3
"""A real Debian guest with cloud-init (scripts/build-debian-guest) takes what it is told: host name, key, user data and the room on its
disk, once from the metadata service and once from a config drive. It boots for minutes where there is no KVM, so CI leaves it out."""

import pathlib
import time

from cloud import Client, expect, run_check, wait_for
from guest_life import Guest
from main_flow import MainFlow

SCRIPT = "echo said by $(hostname) as $(id -un) > /var/lib/said"
SOURCES = {"by-metadata": ([], "DataSourceOpenStack"), "by-drive": (["--use-config-drive"], "DataSourceConfigDrive")}


class CloudInit:
    def __init__(self, program, client, image, deadline):
        self.flow, self.client, self.deadline = MainFlow(program, client, image), client, deadline

    def run(self):
        self.flow.prepare()
        self.client.run("flavor", "create", "roomy", "--ram", "1024", "--disk", "4", "--vcpus", "2")
        for name, (options, source) in SOURCES.items():
            began = time.monotonic()
            server = self.flow.boot(name, "roomy", SCRIPT, options)
            guest = Guest(self.flow.float(server), self.flow.key, "debian")
            self.look(guest, name, source)
            print(f"  {name:<42} {time.monotonic() - began:6.1f} s", flush=True)
            if name != list(SOURCES)[-1]:
                self.client.run("server", "delete", name, "--wait")
        self.client.run("flavor", "delete", "roomy")
        self.flow.clean(server)

    def look(self, guest, name, source):
        """That ssh lets the user in at all is the key's doing."""
        guest.tell("true", self.deadline)
        told = wait_for("the end of cloud-init", lambda: (
            text if (text := guest.tell("cloud-init status --long || true")) and "running" not in text else None), self.deadline, interval=3)
        expect("status: done" in told, f"cloud-init ended with {told}")
        result = guest.tell("cat /run/cloud-init/result.json")
        expect(source in result, f"cloud-init used {result}")
        expect(guest.tell("hostname") == name, "the guest's host name")
        said = guest.tell("cat /var/lib/said")
        expect(said == f"said by {name} as root", f"the user data's script said {said!r}")
        kib = int(guest.tell("df -k --output=size / | tail -n 1"))
        expect(kib > 3 << 20, f"the root file system has {kib} KiB on a disk of 4 GiB")
        expect(guest.tell("sudo -n id -u") == "0", "the guest's user may not become root")


def add_options(parser):
    parser.add_argument("--image", type=pathlib.Path, required=True)
    parser.add_argument("--deadline", type=int, default=1200, help="seconds that a boot may take")
    parser.set_defaults(simulate=False)


def check(program, options):
    CloudInit(program, Client(program, options.venv), options.image, options.deadline).run()


if __name__ == "__main__":
    run_check(check, add_options=add_options)
