"""A real guest's life after its first boot, seen from inside over ssh: the door shut and opened, restarts, pauses, rescue, rebuild,
resize, a snapshot and a guest made from it, an interface plugged in and out."""

import re
import subprocess
import time

from cloud import CheckFailed, expect, wait_for

SSH = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=4", "-o", "BatchMode=yes",
       "-o", "LogLevel=ERROR", "-o", "ServerAliveInterval=4", "-o", "ServerAliveCountMax=2"]
NEW = ("--os-compute-api-version", "2.96")


class Guest:
    """A guest as its user reaches it."""

    def __init__(self, address, key, user="altostack"):
        self.address, self.key, self.user = address, key, user

    def ask(self, command, timeout=20):
        """What a command prints in the guest; None when the guest can't be reached."""
        try:
            done = subprocess.run(["ssh", *SSH, "-i", str(self.key), f"{self.user}@{self.address}", command], capture_output=True,
                                  text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def tell(self, command, deadline=150):
        """What a command prints in the guest, once it can be reached."""
        end = time.monotonic() + deadline
        while (answer := self.ask(command)) is None:
            if time.monotonic() > end:
                raise CheckFailed(f"{self.address} does not answer {command!r}")
            time.sleep(1)
        return answer

    def boot(self):
        """Which boot of its kernel this is."""
        return self.tell("cat /proc/sys/kernel/random/boot_id")


class GuestLife:
    def __init__(self, flow, server, address):
        self.client, self.server = flow.client, server["id"]
        self.guest = Guest(address, flow.key)

    def run(self):
        for step in (self.door, self.restarts, self.pauses, self.plugs, self.rescues, self.resizes, self.pictures, self.rebuilds):
            began = time.monotonic()
            step()
            print(f"  guest: {step.__name__:<35} {time.monotonic() - began:6.1f} s", flush=True)

    def act(self, *command, becomes="ACTIVE", deadline=180):
        """Runs `openstack server …` on the guest and waits until it has come to its end."""
        self.client.run("server", *command, self.server, *NEW)
        shown = {}

        def done():
            nonlocal shown
            shown = self.client.http("GET", f"/compute/v2.1/servers/{self.server}")[2]["server"]
            expect(shown["status"] != "ERROR", f"after {command[0]} the server is in error: {shown.get('fault')}")
            return shown["status"] == becomes and not shown["OS-EXT-STS:task_state"]

        wait_for(f"{becomes} after {command[0]}", done, deadline, interval=0.5)
        return shown

    def door(self):
        """Without its rule nobody comes in; with it again, they do."""
        rules = self.client.json("security", "group", "rule", "list", "door", "--protocol", "tcp", "--ingress")
        for rule in rules:
            self.client.run("security", "group", "rule", "delete", rule["ID"])
        wait_for("the shut door", lambda: self.guest.ask("true", timeout=8) is None, 30, interval=1)
        self.client.run("security", "group", "rule", "create", "door", "--protocol", "tcp", "--dst-port", "22")
        self.guest.tell("true", deadline=30)

    def restarts(self):
        boots = [self.guest.boot()]
        for commands in ((("reboot", "--soft"),), (("reboot", "--hard"),), (("stop",), ("start",))):
            for command in commands:
                self.act(*command, becomes="SHUTOFF" if command[0] == "stop" else "ACTIVE")
            boots.append(self.guest.boot())
        expect(len(set(boots)) == len(boots), f"the guest did not start anew each time: {boots}")

    def pauses(self):
        before = self.guest.boot()
        self.act("pause", becomes="PAUSED")
        expect(self.guest.ask("true", timeout=6) is None, "a paused guest answers")
        self.act("unpause")
        expect(self.guest.boot() == before, "the guest was started anew by its pause")
        self.act("suspend", becomes="SUSPENDED")
        expect(self.guest.ask("true", timeout=6) is None, "a suspended guest answers")
        self.act("resume")
        expect(self.guest.boot() == before, "the guest was started anew by its suspension")

    def plugs(self):
        """A second interface comes and goes while the guest runs, and gets its address."""
        self.client.run("network", "create", "beside")
        self.client.run("subnet", "create", "beside", "--network", "beside", "--subnet-range", "10.78.0.0/24", "--gateway", "none")
        self.client.run("server", "add", "network", self.server, "beside")
        wait_for("the second interface's address", lambda: "10.78.0." in (self.guest.ask("ip -4 -o addr") or ""), 60, interval=2)
        self.client.run("server", "remove", "network", self.server, "beside")
        wait_for("the second interface's end", lambda: "eth1" not in (self.guest.ask("ip -o link") or "eth1"), 60, interval=2)
        ports = f"/network/v2.0/ports?device_id={self.server}"
        wait_for("the port's end", lambda: len(self.client.http("GET", ports)[2]["ports"]) == 1, 30)
        self.client.run("network", "delete", "beside")

    def rescues(self):
        """A rescued guest runs from another disk and sees its own beside it; then it goes on with its own."""
        self.guest.tell("echo kept > mark && sync")
        self.act("rescue", "--image", "guest", becomes="RESCUE")
        disks = self.guest.tell("cat /proc/partitions")
        expect(len(re.findall(r"\bvd[a-z]\n|\bsd[a-z]\n", disks + "\n")) >= 2, f"the rescued guest's disks: {disks}")
        self.act("unrescue")
        expect(self.guest.tell("cat mark") == "kept", "the guest's file after its rescue")

    def resizes(self):
        self.client.run("flavor", "create", "wide", "--ram", "384", "--disk", "2", "--vcpus", "2")
        small = int(self.guest.tell("awk '/MemTotal/ {print $2}' /proc/meminfo"))
        self.act("resize", "--flavor", "wide", becomes="VERIFY_RESIZE")
        wide = int(self.guest.tell("awk '/MemTotal/ {print $2}' /proc/meminfo"))
        expect(wide > small + 100_000, f"memory before and after: {small} and {wide} KiB")
        expect(self.guest.tell("grep -c ^processor /proc/cpuinfo") == "2", "processors after the resize")
        expect(self.guest.tell("cat mark") == "kept", "the guest's file after its resize")
        self.act("resize", "revert")
        expect(int(self.guest.tell("awk '/MemTotal/ {print $2}' /proc/meminfo")) == small, "memory after the way back")
        self.act("resize", "--flavor", "wide", becomes="VERIFY_RESIZE")
        self.act("resize", "confirm")
        size = int(self.guest.tell("awk '$4 == \"vda\" {print $3}' /proc/partitions"))
        expect(size == 2 << 20, f"the disk's size after the resize: {size} KiB")
        expect(self.guest.tell("cat mark") == "kept", "the guest's file after its resize")

    def pictures(self):
        """A guest made from a snapshot has what the first one had, and reads its config drive."""
        self.client.run("server", "image", "create", self.server, "--name", "picture", "--wait")
        wait_for("the snapshot's end", lambda: self.client.json("image", "show", "picture")["status"] == "active", 120)
        self.client.run("server", "create", "guest-2", "--image", "picture", "--flavor", "wide", "--network", "inside",
                        "--security-group", "door", "--key-name", "check", "--use-config-drive", "--wait")
        floating = self.client.json("floating", "ip", "create", "outside")["floating_ip_address"]
        self.client.run("server", "add", "floating", "ip", "guest-2", floating)
        second = Guest(floating, self.guest.key)
        expect(second.tell("cat mark") == "kept", "the file in the guest made from the snapshot")
        text = wait_for("the second guest's boot", lambda: (
            log if "altostack-guest: ready" in (log := self.client.run("console", "log", "show", "guest-2").stdout) else None), 120)
        expect("altostack-guest: metadata config-drive" in text, f"the second guest's console:\n{text[-2000:]}")
        self.client.run("server", "delete", "guest-2", "--wait")
        self.client.run("image", "delete", "picture")

    def rebuilds(self):
        self.act("rebuild", "--image", "guest")
        expect(self.guest.tell("ls") == "", "a rebuilt guest has its old files")
        self.client.run("flavor", "delete", "wide")
