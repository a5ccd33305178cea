#!/usr/bin/env python3
"""Volumes in real guests, back end by back end (file, iSCSI, RBD …): a guest gets a volume while it runs, makes a file system with a
checksummed pattern on it, sees it grow, is snapshot under way; clones, backups and guests that boot from volumes have the same bytes;
what is detached and attached again has them too, and so has it after the program was killed. Encrypted volumes are clear to their
guest alone. With --moves a volume goes from back end to back end under its guest. At the end nothing may be left.

Each back end is a volume type of its own (volume_backend_name); name them with --backends."""

import argparse
import atexit
import pathlib
import subprocess
import time
from xml.etree import ElementTree

from ceph_cluster import CephCluster
from cloud import Client, expect, free_port, run_check, wait_for
from guest_life import Guest, GuestLife
from main_flow import MainFlow

MICROVERSION = ("--os-compute-api-version", "2.96")
VOLUMES = ("--os-volume-api-version", "3.70")
GONE = 120
# What the guest writes on an encrypted volume.
MARK = "nobody-but-the-guest-reads-this"


class VolumeLife:
    """One back end's volumes, seen from inside a guest and through the client."""

    # What the volume is made of; nothing for an empty one.
    source = ()

    def __init__(self, flow, server, guest, backend):
        self.boots_others = flow.boots_others
        self.flow, self.client, self.server, self.guest, self.backend = flow, flow.client, server["id"], guest, backend
        self.name = f"vol-{backend}"

    def run(self):
        steps = [self.make, self.fill, self.extend, self.snapshot, self.clone, self.kill, self.back_up]
        steps += [self.boots] if self.boots_others else []
        steps += [self.reattach, self.limit]
        # QEMU encrypts alike whatever lies below.
        steps += [self.encrypt, self.boot_encrypted] if self.boots_others or self.backend == self.flow.backends[-1] else []
        for step in steps + [self.clean]:
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
        # An emulated guest takes its time to read and to sum up.
        command = f"sudo sh -c 'PATH=/sbin:/usr/sbin:$PATH; {command}'"
        return wait_for(f"an answer to {command}", lambda: self.guest.ask(command, timeout=100), deadline, interval=1)

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
        wait_for(f"the first report of {self.backend}",
                 lambda: any(f"@{self.backend}#" in pool["Name"] for pool in self.client.json("volume", "backend", "pool", "list")),
                 120, interval=1)
        self.client.run("volume", "create", self.name, "--size", "1", "--type", self.backend, *self.source)
        self.becomes(self.name, "available", 300)
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
        # Once more, in the middle of something.
        name = f"late-{self.backend}"
        self.client.run("volume", "snapshot", "create", name, "--volume", self.name, *VOLUMES)
        program.kill()
        program.start()
        wait_for("the snapshot that was begun", lambda: self.client.json("volume", "snapshot", "show", name)["status"] == "available",
                 300, interval=1)
        expect(self.root("sha256sum /mnt/v/pattern | cut -c 1-64") == self.pattern, "the pattern after the program was killed")
        self.client.run("volume", "snapshot", "delete", name)
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
        self.boot_from(self.backend)

    def boot_from(self, kind):
        name, root = f"bfv-{kind}", f"root-{kind}"
        self.client.run("volume", "create", root, "--size", "1", "--type", kind, "--image", "guest")
        self.becomes(root, "available", 300)
        self.client.run("server", "create", name, "--volume", root, "--flavor", "tiny", "--network", "inside",
                        "--security-group", "door", "--key-name", "check", "--wait")
        floating = self.client.json("floating", "ip", "create", "outside")["floating_ip_address"]
        self.client.run("server", "add", "floating", "ip", name, floating)
        second = Guest(floating, self.guest.key)
        second.tell("echo kept >mark; sync; echo yes", 300)
        self.client.run("server", "reboot", "--hard", name, "--wait")
        expect(second.tell("cat mark", 300) == "kept", "the file on the root volume after a hard reboot")
        self.client.run("server", "delete", name, "--wait")
        self.becomes(root, "available")
        self.client.run("floating", "ip", "delete", floating)
        self.client.run("volume", "delete", root)

    def reattach(self):
        device = self.attach(self.name)
        self.expect_pattern(device, "the volume that was attached again")
        self.detach(self.name)

    def limit(self):
        """The front-end QoS specs of a volume's type hold in its guest; what no hypervisor can keep leaves guest and volume alone."""
        kind, name = f"braked-{self.backend}", f"slow-{self.backend}"
        self.client.run("volume", "type", "create", kind, "--property", f"volume_backend_name={self.backend}")
        self.client.run("volume", "qos", "create", kind, "--consumer", "front-end", "--property", "total_iops_sec_per_gb=200",
                        "--property", "total_bytes_sec=4194304")
        self.client.run("volume", "qos", "associate", kind, kind)
        self.client.run("volume", "create", name, "--size", "1", "--type", kind)
        self.becomes(name, "available")
        device = self.attach(name)
        tuned = self.tuning(self.volume(name)["id"])
        expect(tuned == {"total_iops_sec": "200", "total_bytes_sec": "4194304"}, f"the limits in the guest's definition: {tuned}")
        began = time.monotonic()
        self.root(f"dd if=/dev/{device} of=/dev/null bs=1M count=16 2>/dev/null; echo yes")
        took = time.monotonic() - began
        expect(took > 3, f"16 MiB at 4 MiB a second were read in {took:.1f} s")
        self.detach(name)
        self.client.run("volume", "qos", "set", kind, "--property", "read_bytes_sec=1048576")
        before = self.disks()
        self.client.run("server", "add", "volume", self.server, name, *MICROVERSION)
        self.becomes(name, "available")
        expect(self.disks() == before, "a refused volume changed the guest's disks")
        self.client.run("volume", "delete", name)
        wait_for("the end of the limited volume", lambda: len(self.client.json("volume", "list")) == 1, GONE, interval=1)
        self.client.run("volume", "type", "delete", kind)
        self.client.run("volume", "qos", "delete", kind)

    def tuning(self, volume):
        """What libvirt has a disk of the running guest limited to."""
        socket = self.flow.program.directory / "compute/libvirt/run/libvirt-sock"
        command = ["virsh", "-c", f"qemu+unix:///system?socket={socket}", "dumpxml", self.server]
        text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        found = ElementTree.fromstring(text).find(f".//disk[serial='{volume}']/iotune")
        return {} if found is None else {element.tag: element.text for element in found}

    def encrypt(self):
        """What a guest writes on an encrypted volume is nowhere in the volume's file, and is there again in a clone."""
        kind, name, snapshot, clone = (f"{word}-{self.backend}" for word in ("locked", "secret", "kept", "opened"))
        self.client.run("volume", "type", "create", kind, "--property", f"volume_backend_name={self.backend}", "--encryption-provider",
                        "luks", "--encryption-cipher", "aes-xts-plain64", "--encryption-key-size", "256",
                        "--encryption-control-location", "front-end")
        self.client.run("volume", "create", name, "--size", "1", "--type", kind)
        self.becomes(name, "available")
        device = self.attach(name)
        sectors = int(self.guest.tell(f"cat /sys/block/{device}/size"))
        expect(sectors == 1 << 21, f"the encrypted disk has {sectors} sectors")
        self.root(f"yes {MARK} | head -c 4194304 >/dev/{device}; sync; echo yes")
        self.expect_mark(device, "what was written")
        self.client.run("volume", "set", name, "--size", "2", *VOLUMES)
        wait_for("the encrypted disk's new size in the guest",
                 lambda: self.guest.ask(f"cat /sys/block/{device}/size") == str(2 << 21), 120, interval=1)
        self.becomes(name, "in-use")
        self.client.run("volume", "snapshot", "create", snapshot, "--volume", name, *VOLUMES)
        wait_for("the encrypted snapshot", lambda: self.client.json("volume", "snapshot", "show", snapshot)["status"] == "available",
                 300, interval=1)
        self.expect_ciphertext(self.volume(name)["id"])
        self.client.run("volume", "create", clone, "--snapshot", snapshot, "--size", "2")
        self.becomes(clone, "available", 300)
        self.expect_mark(self.attach(clone), "the clone")
        for volume in (clone, name):
            self.detach(volume)
        self.expect_mark(self.attach(name), "what was detached and attached again")
        self.detach(name)
        self.client.run("volume", "delete", clone)
        self.client.run("volume", "snapshot", "delete", snapshot)
        self.client.run("volume", "delete", name)

    def expect_mark(self, device, what):
        """Reads past the guest's cache, which a disk that has just come doesn't have."""
        found = self.root(f"echo 3 >/proc/sys/vm/drop_caches; head -c 4194304 /dev/{device} | grep -c {MARK}")
        expect(int(found) >= 4194304 // (len(MARK) + 1), f"{what}: {found} lines of the mark")

    def expect_ciphertext(self, volume):
        """Every file of the volume, and of its snapshots, has a LUKS header and no line of what the guest wrote."""
        files = [path for path in self.flow.program.directory.rglob("*") if volume in str(path) and path.is_file()
                 and path.stat().st_size > 1 << 20]
        expect(files or self.backend == "rbd", f"the volume {volume} has no file")
        for path in files:
            with open(path, "rb") as file:
                expect(file.read(6) == b"LUKS\xba\xbe", f"{path} has no LUKS header")
                file.seek(0)
                expect(MARK.encode() not in file.read(64 << 20), f"{path} shows what the guest wrote")

    def boot_encrypted(self):
        """A guest boots from an encrypted volume made of the image."""
        if self.boots_others:
            self.boot_from(f"locked-{self.backend}")
        wait_for("the end of encrypted volumes", lambda: len(self.client.json("volume", "list")) == 1, GONE, interval=1)
        self.client.run("volume", "type", "delete", f"locked-{self.backend}")

    def clean(self):
        self.client.run("volume", "delete", self.name)
        wait_for("the end of the volumes", lambda: not self.client.json("volume", "list"), GONE, interval=1)
        self.client.run("volume", "type", "delete", self.backend)


class VolumeMoves(VolumeLife):
    """A volume that goes from back end to back end, and home again, under the guest that has it mounted."""

    def __init__(self, flow, server, guest, backends):
        super().__init__(flow, server, guest, backends[0])
        self.backends = backends

    def run(self):
        for backend in self.backends[1:]:
            self.client.run("volume", "type", "create", backend, "--property", f"volume_backend_name={backend}")
        self.make()
        self.fill()
        for backend in self.backends[1:] + self.backends[:1]:
            began = time.monotonic()
            self.move(backend)
            print(f"  moves to {backend:<35} {time.monotonic() - began:6.1f} s", flush=True)
        self.unmount()
        self.detach(self.name)
        self.expect_pattern(self.attach(self.name), "the volume that has moved")
        self.detach(self.name)
        for backend in self.backends[1:]:
            self.client.run("volume", "type", "delete", backend)
        self.clean()

    def move(self, backend):
        self.client.run("volume", "set", self.name, "--type", backend, "--retype-policy", "on-demand")

        def done():
            shown = self.volume(self.name)
            expect(shown.get("os-vol-mig-status-attr:migstat") != "error", f"the move to {backend} has failed: {self.flow.program.tail(8)}")
            return shown["type"] == backend and shown["status"] == "in-use"
        wait_for(f"the move to {backend}", done, 300, interval=1)
        host = self.volume(self.name)["os-vol-host-attr:host"]
        expect(f"@{backend}" in host, f"the volume that moved to {backend} is at {host}")
        expect(self.root("echo 3 >/proc/sys/vm/drop_caches; sha256sum /mnt/v/pattern | cut -c 1-64") == self.pattern,
               f"the pattern after the move to {backend}")
        self.root(f"echo {backend} >>/mnt/v/places; sync; echo yes")


class VolumeFlow(MainFlow):
    """The main job with volumes in place of the guest's life."""

    def __init__(self, program, client, image, backends, boots_others=True, moves=False):
        super().__init__(program, client, image)
        (self.backends, self.boots_others, self.moves) = (backends, boots_others, moves)

    def run(self):
        self.prepare()
        server = self.boot()
        address = self.float(server)
        self.read_console(server)
        guest = GuestLife(self, server, address).guest
        for backend in self.backends:
            VolumeLife(self, server, guest, backend).run()
        if self.moves:
            VolumeMoves(self, server, guest, self.backends).run()
        self.clean(server)


def add_places(parser):
    parser.add_argument("--image", type=pathlib.Path, required=True, help="the test guest's image")
    parser.add_argument("--backends", default="file", type=lambda text: text.split(","),
                        help="the back ends' drivers, with commas between")
    parser.add_argument("--ceph", help="ceph.conf of a running cluster with a pool 'volumes'; else rbd gets a cluster of its own")
    parser.set_defaults(simulate=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def add_options(parser):
    add_places(parser)
    parser.add_argument("--brief", action="store_true",
                        help="boot no guests from volumes beside the one that has volumes attached, and encrypt on the last back end only")
    parser.add_argument("--moves", action="store_true", help="move a volume between the back ends, of which there must be several")


def settings(options):
    """Each driver is a back end of its own name."""
    if "rbd" in options.backends and not options.ceph:
        cluster = CephCluster()
        atexit.register(cluster.stop)
        cluster.start()
        options.ceph = cluster.configuration
    keyring = pathlib.Path(options.ceph or "").parent / "ceph.client.altostack.keyring"
    beside = {"rbd": f":pool=volumes:user=altostack:configuration={options.ceph}:keyring={keyring}",
              "iscsi": f":portal=127.0.0.1:{free_port()}"}
    return ["volume.backends=" + ",".join(f"{driver}:{driver}{beside.get(driver, '')}" for driver in options.backends)]


def check(program, options):
    VolumeFlow(program, Client(program, options.venv), options.image, options.backends, not options.brief, options.moves).run()
    print(f"  stopped after {program.stop():.2f} s")


if __name__ == "__main__":
    run_check(check, settings, add_options)
