#!/usr/bin/env python3
"""A real guest's life whose root disk is a volume, back end by back end: it is made of an image and keeps what the guest wrote through
a hard reboot, a stop, shelving off its host, a rescue that sees it beside its own disk and a resize; a rebuild fills it with another
image. It stays when its server goes, boots another one, and goes with that. At the end nothing may be left.

The other image is the test guest's with a file that tells the two apart, and with a start that looks for this file instead of the
label: in a rescue both disks have the same label."""

import gzip
import os
import pathlib
import subprocess
import time

from cloud import Client, expect, run_check, wait_for
from guest_life import GuestLife
from guest_volumes import GONE, VolumeLife, add_places, settings
from main_flow import MainFlow, run

# Emulated guests take their time to start, more so when the machine is busy.
BOOT = 300
MARKER = "/home/altostack/marker"
# What the other image has and the first one has not.
SIGN = "/other"
INIT = pathlib.Path(__file__).parent.parent / "scripts" / "test-guest" / "initramfs-init"
# Finds the file system with the sign, and leaves all others as they are.
FIND = f"""own() {{
    for disk in /dev/[sv]d[a-z]1; do
        /bin/busybox mount -t ext4 -o ro,noload $disk /newroot 2>/dev/null || continue
        [ -e /newroot{SIGN} ] && found=$disk || found=
        /bin/busybox umount /newroot
        [ -z "$found" ] || {{ echo $found; return 0; }}
    done
    return 1
}}
tries=0
"""


def archive(name, content, mode):
    """A cpio archive of one file (initramfs buffer format, "newc"). The kernel unpacks it over those before it."""
    def entry(name, content, mode):
        fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
    return entry(name, content, mode) + entry("TRAILER!!!", b"", 0)


def make_other(image, folder):
    """The test guest's image with the sign in it."""
    disk, part, start, other = (folder / name for name in ("disk.raw", "part.ext4", "initrd.gz", "other.qcow2"))
    run("qemu-img", "convert", "-O", "raw", str(image), str(disk))
    with open(disk, "r+b") as file:
        table = file.read(512)
        (first, count) = (int.from_bytes(table[at:at + 4], "little") * 512 for at in (454, 458))
        file.seek(first)
        part.write_bytes(file.read(count))
        debugfs(part, f"dump /boot/initrd.gz {start}")
        init = INIT.read_text().replace("tries=0\n", FIND, 1)
        wanted = init.replace("/bin/busybox findfs LABEL=altostack 2>/dev/null", "own")
        expect(FIND in init and init != wanted, f"{INIT} is not what it was")
        start.write_bytes(start.read_bytes() + gzip.compress(archive("init", wanted.encode(), 0o100755)))
        debugfs(part, "rm /boot/initrd.gz", f"write {start} /boot/initrd.gz", f"write {INIT} {SIGN}")
        file.seek(first)
        file.write(part.read_bytes())
    run("qemu-img", "convert", "-c", "-O", "qcow2", str(disk), str(other))
    for path in (disk, part, start):
        path.unlink()
    return other


def debugfs(part, *commands):
    text = "".join(command + "\n" for command in commands)
    done = subprocess.run(["debugfs", "-w", "-f", "-", str(part)], input=text, capture_output=True, text=True, check=True,
                          env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("debugfs ")]
    expect(not complaints, f"debugfs: {complaints}")


class VolumeBoots(VolumeLife):
    """One back end's volume under a guest that boots from it."""

    source = ("--image", "guest")

    def __init__(self, flow, backend):
        self.flow, self.client, self.backend = flow, flow.client, backend
        self.name, self.boots = f"root-{backend}", set()

    def run(self):
        for step in (self.make, self.boot, self.reboot, self.stop, self.shelve, self.rescue, self.resize, self.rebuild, self.delete,
                     self.boot_again, self.delete_all):
            began = time.monotonic()
            step()
            print(f"  {self.backend}: {step.__name__:<35} {time.monotonic() - began:6.1f} s", flush=True)

    # What the guest sees, and what the host has of it.

    def start(self, name, *source):
        """A server with the volume as its root disk."""
        self.shown = self.flow.boot(f"{name}-{self.backend}", source=source)
        self.server = self.shown["id"]
        self.life = GuestLife(self.flow, self.shown, self.flow.float(self.shown))
        self.guest = self.life.guest

    def act(self, *command, becomes="ACTIVE"):
        return self.life.act(*command, becomes=becomes, deadline=BOOT)

    def expect_new_boot(self, what):
        boot = self.root("cat /proc/sys/kernel/random/boot_id", BOOT)
        expect(boot not in self.boots, f"{what}: the guest was not started anew")
        self.boots.add(boot)

    def mark(self):
        self.root(f"dd if=/dev/urandom of={MARKER} bs=1M count=8 2>/dev/null; sync; echo yes", BOOT)
        self.marker = self.sum()
        expect(len(self.marker) == 64, f"the marker's checksum is {self.marker!r}")

    def sum(self, place=""):
        return self.root(f"sha256sum {place}{MARKER} | cut -c 1-64", BOOT)

    def has(self, path):
        return self.root(f"[ -e {path} ] && echo yes || echo no", BOOT) == "yes"

    def expect_kept(self, what):
        self.expect_new_boot(what)
        found = self.sum()
        expect(found == self.marker, f"{what}: the marker's checksum is {found}, not {self.marker}")

    def domains(self):
        return [line for line in run("ps", "-eo", "args").splitlines() if "qemu-system" in line.split(" ")[0] and self.server in line]

    def exports(self):
        """The targets of the back ends that have a daemon for them."""
        found = []
        for control in self.flow.program.directory.rglob("t.0"):
            text = subprocess.run(["tgtadm", "--lld", "iscsi", "--mode", "target", "--op", "show"], capture_output=True, text=True,
                                  check=True, env=dict(os.environ, TGT_IPC_SOCKET=str(control).removesuffix(".0"))).stdout
            found += [line for line in text.splitlines() if line.startswith("Target ")]
        return found

    def attachments(self):
        return self.client.json("volume", "attachment", "list", "--os-volume-api-version", "3.70")

    def expect_no_guest(self, what):
        """The host has nothing of the server any more, and nothing of its volume."""
        expect(not self.domains(), f"{what}: a guest is left: {self.domains()}")
        left = self.flow.program.directory / "compute" / "instances" / self.server
        expect(not left.exists(), f"{what}: {left} is left")
        wait_for(f"{what}: the end of exports", lambda: not self.exports(), 60, interval=1)
        claims = self.client.http("GET", f"/placement/allocations/{self.server}")[2]["allocations"]
        expect(not claims, f"{what}: allocations are left: {claims}")

    # Steps.

    def boot(self):
        self.start("guest", "--volume", self.name)
        self.becomes(self.name, "in-use")
        self.expect_new_boot("the first boot")
        expect(not self.has(SIGN), "the volume was not made of the image that it should be made of")
        self.mark()

    def reboot(self):
        self.act("reboot", "--hard")
        self.expect_kept("a hard reboot")

    def stop(self):
        self.act("stop", becomes="SHUTOFF")
        expect(self.guest.ask("true", timeout=8) is None, "a stopped guest answers")
        self.act("start")
        self.expect_kept("a stop")

    def shelve(self):
        """A shelved server is on no host; its volume waits for it, and no image is made."""
        self.act("shelve", becomes="SHELVED_OFFLOADED")
        self.expect_no_guest("a shelved server")
        self.becomes(self.name, "reserved")
        images = {image["Name"] for image in self.client.json("image", "list")}
        expect(images == {"guest", "other"}, f"images of a shelved server: {images}")
        self.act("unshelve")
        self.becomes(self.name, "in-use")
        self.expect_kept("shelving")

    def rescue(self):
        """The rescue system runs from a disk of its own, with the volume where it always is."""
        self.act("rescue", "--image", "other", becomes="RESCUE")
        self.expect_new_boot("a rescue")
        expect(self.has(SIGN) and not self.has(MARKER), "a rescued guest runs from its volume")
        expect(self.disks() >= {"vda", "vdb"}, f"the rescued guest's disks: {self.disks()}")
        self.mount("vda1")
        found = self.sum("/mnt/v")
        expect(found == self.marker, f"the marker that the rescue system sees has the checksum {found}, not {self.marker}")
        self.root("echo mended >/mnt/v/mended; echo yes")
        self.unmount()
        self.act("unrescue")
        self.expect_kept("a rescue")
        expect(self.has("/mended"), "what the rescue system wrote on the volume is gone")

    def resize(self):
        small = self.memory()
        self.act("resize", "--flavor", "wide", becomes="VERIFY_RESIZE")
        self.expect_kept("a resize")
        expect(self.memory() > small + 100_000, f"memory before and after: {small} and {self.memory()} KiB")
        self.act("resize", "confirm")
        expect(self.sum() == self.marker, "the marker after the resize was confirmed")

    def memory(self):
        return int(self.root("grep MemTotal /proc/meminfo | tr -cd 0-9", BOOT))

    def rebuild(self):
        """The same volume has the other image's bytes, and none of what was written before."""
        volume = self.volume(self.name)["id"]
        self.act("rebuild", "--image", "other", "--reimage-boot-volume")
        self.expect_new_boot("a rebuild")
        expect(self.has(SIGN) and not self.has(MARKER), "a rebuilt guest has its old files")
        expect(self.volume(self.name)["id"] == volume, "the rebuilt server has another volume")
        self.becomes(self.name, "in-use")
        expect(len(self.attachments()) == 1, f"attachments after a rebuild: {self.attachments()}")
        self.mark()

    def delete(self):
        """The volume stays, as it was said when the server was made."""
        self.client.run("server", "delete", self.server, "--wait")
        self.becomes(self.name, "available")
        self.expect_no_guest("a deleted server")

    def boot_again(self):
        volume = self.volume(self.name)["id"]
        self.start("next", "--block-device", f"uuid={volume},source_type=volume,destination_type=volume,boot_index=0,"
                   "delete_on_termination=true")
        self.expect_kept("another server")

    def delete_all(self):
        """The volume goes with its server."""
        volume = self.volume(self.name)["id"]
        self.client.run("server", "delete", self.server, "--wait")
        wait_for("the end of the volume", lambda: not self.client.json("volume", "list"), GONE, interval=1)
        self.expect_no_guest("a deleted server")
        expect(not self.attachments(), f"attachments are left: {self.attachments()}")
        files = [path for path in self.flow.program.directory.rglob(f"*{volume}*")]
        expect(not files, f"the volume's files are left: {files}")
        self.client.run("volume", "type", "delete", self.backend)


class BootFlow(MainFlow):
    """The main job with guests that boot from volumes."""

    def __init__(self, program, client, image, backends):
        super().__init__(program, client, image)
        self.backends = backends

    def run(self):
        self.prepare()
        self.client.run("flavor", "create", "wide", "--ram", "384", "--disk", "1", "--vcpus", "1")
        # Servers whose root disk is a volume are rescued with images that say where the rescue's disk goes.
        other = make_other(self.image, self.program.directory)
        self.client.run("image", "create", "other", "--disk-format", "qcow2", "--container-format", "bare", "--public", "--file",
                        str(other), "--property", "hw_rescue_device=disk", "--property", "hw_rescue_bus=virtio")
        for backend in self.backends:
            last = VolumeBoots(self, backend)
            last.run()
        self.client.run("image", "delete", "other")
        self.client.run("flavor", "delete", "wide")
        self.clean_around(last.shown)


def check(program, options):
    BootFlow(program, Client(program, options.venv), options.image, options.backends).run()
    print(f"  stopped after {program.stop():.2f} s")


if __name__ == "__main__":
    run_check(check, settings, add_places)
