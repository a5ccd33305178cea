#!/usr/bin/env python3
"""Volumes in real guests, back end by back end (file, iSCSI, RBD …): a guest gets a volume while it runs, makes a file system with a
checksummed pattern on it, sees it grow, is snapshot under way; clones, backups and guests that boot from volumes have the same bytes;
what is detached and attached again has them too, and so has it after the program was killed. At the end nothing may be left.

Each back end is a volume type of its own (volume_backend_name); name them with --backends."""

import argparse
import pathlib
import time

from cloud import Client, expect, run_check, wait_for
from guest_life import Guest, GuestLife
from main_flow import MainFlow

MICROVERSION = ("--os-compute-api-version", "2.96")
VOLUMES = ("--os-volume-api-version", "3.70")
GONE = 120


class VolumeLife:
    """One back end's volumes, seen from inside a guest and through the client."""

    def __init__(self, flow, server, guest, backend):
        self.flow, self.client, self.server, self.guest, self.backend = flow, flow.client, server["id"], guest, backend
        self.name = f"vol-{backend}"

    def run(self):
        for step in (self.make, self.fill, self.extend, self.snapshot, self.clone, self.kill, self.back_up, self.boots, self.reattach,
                     self.clean):
            began = time.monotonic()
            step()
            print(f"  {self.backend}: {step.__name__:<35} {time.monotonic() - began:6.1f} s", flush=True)

    # What the client sees.

    def volume(self, name):
        return self.client.json("volume", "show", name)

    def becomes(self, name, status, deadline=180):
        def done():
            found = self.volume(name)["status"]
            expect(not found.startswith("error"), f"volume {name} is {found} instead of {status}")
            return found == status
        wait_for(f"volume {name} {status}", done, deadline, interval=0.5)

    def attach(self, name):
        """Attaches a volume to the running guest and answers the device that appears in it."""
        before = self.disks()
        self.client.run("server", "add", "volume", self.server, name, *MICROVERSION)
        self.becomes(name, "in-use")
        return wait_for("the guest's new disk", lambda: next(iter(self.disks() - before), None), 60, interval=1)

    def detach(self, name):
        before = self.disks()
        self.client.run("server", "remove", "volume", self.server, name)
        self.becomes(name, "available")
        wait_for("the disk's end in the guest", lambda: len(self.disks()) == len(before) - 1, 60, interval=1)

    # What the guest sees.

    def disks(self):
        lines = self.guest.tell("cat /proc/partitions").splitlines()
        return {parts[3] for parts in (line.split() for line in lines) if len(parts) == 4 and parts[3][:2] in ("vd", "sd")}

    def root(self, command, deadline=150):
        return self.guest.tell(f"sudo sh -c 'PATH=/sbin:/usr/sbin:$PATH; {command}'", deadline)

    def mount(self, device):
        self.root(f"mkdir -p /mnt/v && mount /dev/{device} /mnt/v && echo yes")

    def unmount(self):
        self.root("sync; umount /mnt/v && echo yes")

    def sums(self, device):
        """The checksum of the pattern on a device, read past the cache of the one that wrote it."""
        self.mount(device)
        found = self.root("sha256sum /mnt/v/pattern | cut -c 1-64")
        self.unmount()
        return found

    def expect_pattern(self, device, what):
        found = self.sums(device)
        expect(found == self.pattern, f"{what}: the pattern's checksum is {found}, not {self.pattern}")

    # Steps.

    def make(self):
        self.client.run("volume", "type", "create", self.backend, "--property", f"volume_backend_name={self.backend}")
        self.client.run("volume", "create", self.name, "--size", "1", "--type", self.backend)
        self.becomes(self.name, "available")
        expect(self.volume(self.name)["type"] == self.backend, "the volume's type")

    def fill(self):
        self.device = self.attach(self.name)
        serial = self.guest.tell(f"cat /sys/block/{self.device}/serial")
        expect(self.volume(self.name)["id"].startswith(serial) and len(serial) == 20, f"the disk's serial number is {serial}")
        self.root(f"mkfs.ext4 -q -F /dev/{self.device} && echo yes")
        self.mount(self.device)
        self.root("dd if=/dev/urandom of=/mnt/v/pattern bs=1M count=48 2>/dev/null; sync; echo yes")
        self.pattern = self.root("sha256sum /mnt/v/pattern | cut -c 1-64")
        expect(len(self.pattern) == 64, f"the pattern's checksum is {self.pattern!r}")

    def extend(self):
        """The guest sees its disk grow, and the file system on it grows under way."""
        self.client.run("volume", "set", self.name, "--size", "2", *VOLUMES)
        wait_for("the disk's new size in the guest",
                 lambda: self.guest.ask(f"cat /sys/block/{self.device}/size") == str(2 << 21), 120, interval=1)
        self.becomes(self.name, "in-use")
        self.root(f"resize2fs /dev/{self.device} >/dev/null 2>&1; echo yes")
        blocks = int(self.root("df -k /mnt/v | tail -n 1").split()[1])
        expect(blocks > 1_600_000, f"the file system has {blocks} KiB")
        expect(self.root("sha256sum /mnt/v/pattern | cut -c 1-64") == self.pattern, "the pattern after its disk has grown")

    def snapshot(self):
        """A snapshot of the attached volume holds what was synced, whatever is written while it is made."""
        self.root("sync; echo yes")
        self.client.run("volume", "snapshot", "create", f"snap-{self.backend}", "--volume", self.name, *VOLUMES)
        wait_for("the snapshot", lambda: self.client.json("volume", "snapshot", "show", f"snap-{self.backend}")["status"] == "available",
                 300, interval=1)
        self.root("echo later >/mnt/v/later; sync; echo yes")

    def clone(self):
        name = f"clone-{self.backend}"
        self.client.run("volume", "create", name, "--snapshot", f"snap-{self.backend}", "--size", "2")
        self.becomes(name, "available", 300)
        device = self.attach(name)
        self.root(f"fsck.ext4 -p /dev/{device} >/dev/null 2>&1; echo yes")
        self.mount_elsewhere(device)
        expect(self.root("sha256sum /mnt/c/pattern | cut -c 1-64") == self.pattern, "the pattern in the clone")
        expect(self.root("ls /mnt/c/later 2>/dev/null; echo end") == "end", "the clone has what was written after the snapshot")
        self.root("umount /mnt/c; echo yes")
        self.detach(name)
        self.client.run("volume", "delete", name)
        self.client.run("volume", "snapshot", "delete", f"snap-{self.backend}")

    def mount_elsewhere(self, device):
        self.root(f"mkdir -p /mnt/c && mount /dev/{device} /mnt/c && echo yes")

    def kill(self):
        """The program's end by SIGKILL is nothing that the guest notices."""
        boot = self.guest.boot()
        self.root("dd if=/dev/urandom of=/mnt/v/second bs=1M count=8 2>/dev/null; sync; echo yes")
        program = self.flow.program
        program.kill()
        expect(self.root("sha256sum /mnt/v/pattern | cut -c 1-64") == self.pattern, "the pattern while the program is dead")
        program.start()
        expect(self.guest.boot() == boot, "the guest was started anew")
        self.becomes(self.name, "in-use")
        self.unmount()
        self.detach(self.name)

    def back_up(self):
        name = f"backup-{self.backend}"
        self.client.run("volume", "backup", "create", self.name, "--name", name)
        wait_for("the backup", lambda: self.client.json("volume", "backup", "show", name)["status"] == "available", 300, interval=1)
        restored = f"restored-{self.backend}"
        self.client.run("volume", "create", restored, "--size", "2", "--type", self.backend)
        self.becomes(restored, "available")
        self.client.run("volume", "backup", "restore", name, restored, "--force")
        self.becomes(restored, "available", 300)
        device = self.attach(restored)
        self.expect_pattern(device, "the restored volume")
        self.detach(restored)
        self.client.run("volume", "delete", restored)
        self.client.run("volume", "backup", "delete", name)

    def boots(self):
        """A guest boots from a volume made of the image; the volume is its root disk, and goes with it."""
        name = f"bfv-{self.backend}"
        self.client.run("volume", "create", f"root-{self.backend}", "--size", "1", "--type", self.backend, "--image", "guest")
        self.becomes(f"root-{self.backend}", "available", 300)
        self.client.run("server", "create", name, "--volume", f"root-{self.backend}", "--flavor", "tiny", "--network", "inside",
                        "--security-group", "door", "--key-name", "check", "--wait")
        floating = self.client.json("floating", "ip", "create", "outside")["floating_ip_address"]
        self.client.run("server", "add", "floating", "ip", name, floating)
        second = Guest(floating, self.guest.key)
        second.tell("echo kept >mark; sync; echo yes", 300)
        self.client.run("server", "reboot", "--hard", name, "--wait")
        expect(second.tell("cat mark", 300) == "kept", "the file on the root volume after a hard reboot")
        self.client.run("server", "delete", name, "--wait")
        self.becomes(f"root-{self.backend}", "available")
        self.client.run("floating", "ip", "delete", floating)
        self.client.run("volume", "delete", f"root-{self.backend}")

    def reattach(self):
        device = self.attach(self.name)
        self.expect_pattern(device, "the volume that was attached again")
        self.detach(self.name)

    def clean(self):
        self.client.run("volume", "delete", self.name)
        wait_for("the end of the volumes", lambda: not self.client.json("volume", "list"), GONE, interval=1)
        self.client.run("volume", "type", "delete", self.backend)


class VolumeFlow(MainFlow):
    """The main job with volumes in place of the guest's life."""

    def __init__(self, program, client, image, backends):
        super().__init__(program, client, image)
        self.backends = backends

    def run(self):
        self.prepare()
        server = self.boot()
        address = self.float(server)
        self.read_console(server)
        guest = GuestLife(self, server, address).guest
        for backend in self.backends:
            VolumeLife(self, server, guest, backend).run()
        self.clean(server)


def add_options(parser):
    parser.add_argument("--image", type=pathlib.Path, required=True, help="the test guest's image")
    parser.add_argument("--backends", default="file", type=lambda text: text.split(","),
                        help="the back ends' drivers, with commas between; rbd needs --ceph")
    parser.add_argument("--ceph", help="ceph.conf of a running cluster with a pool 'volumes' (see checks/ceph_cluster.py)")
    parser.set_defaults(simulate=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def settings(options):
    """Each driver is a back end of its own name."""
    beside = {"rbd": f":pool=volumes:configuration={options.ceph}"}
    return ["volume.backends=" + ",".join(f"{driver}:{driver}{beside.get(driver, '')}" for driver in options.backends)]


def check(program, options):
    VolumeFlow(program, Client(program, options.venv), options.image, options.backends).run()
    print(f"  stopped after {program.stop():.2f} s")


if __name__ == "__main__":
    run_check(check, settings, add_options)
