#!/usr/bin/env python3
"""A Ceph cluster of a check's own on loopback: one monitor, one manager and one storage daemon on a file, with cephx.

    checks/ceph_cluster.py start FOLDER     starts it and says what an RBD back end's settings are
    checks/ceph_cluster.py stop FOLDER      stops it by its processes' ids and deletes the folder
    checks/ceph_cluster.py run COMMAND…     runs a command as long as one is there, whose configuration ALTOSTACK_TEST_CEPH names

As a module: `with CephCluster() as cluster` runs one as long as the statement does.
Needs the packages ceph-mon, ceph-mgr, ceph-osd and ceph-common.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

from cloud import CheckFailed, wait_for

POOL = "volumes"
# A second pool, so that two suites of tests meet no images of each other.
OTHER_POOL = "others"
USER = "altostack"
DAEMONS = ("mgr", "osd", "mon")


class CephCluster:
    """A cluster in a folder; `configuration`, `keyring`, `user` and `pool` are what an RBD back end's options take."""

    def __init__(self, folder=None, gib=16):
        # The folder's name is short: daemons have sockets in it, whose names may have some hundred characters only.
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="altostack-ceph-", dir="/tmp")).resolve()
        self.gib = gib
        self.configuration = self.folder / "ceph.conf"
        self.admin = self.folder / "ceph.client.admin.keyring"
        self.keyring = self.folder / f"ceph.client.{USER}.keyring"
        self.user, self.pool = USER, POOL

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    # Its life

    def start(self):
        for program in ("ceph-mon", "ceph-mgr", "ceph-osd", "ceph", "rbd"):
            if not shutil.which(program):
                raise CheckFailed(f"there is no {program} on this machine")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.fsid = str(uuid.uuid4())
        self.port = free_port()
        self.configuration.write_text(self.text())
        self.start_monitor()
        self.start_manager()
        self.start_storage()
        self.make_pool()

    def text(self):
        folder = self.folder
        return f"""[global]
fsid = {self.fsid}
mon host = v1:127.0.0.1:{self.port}
ms bind msgr2 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
run dir = {folder}
admin socket = {folder}/$type.$id.$pid.asok
pid file = {folder}/$type.$id.pid
log file = {folder}/$type.$id.log
mon cluster log file = {folder}/cluster.log
log to stderr = false
err to stderr = true
keyring = {folder}/$type.$id.keyring
mon data = {folder}/mon
mgr data = {folder}/mgr
osd data = {folder}/osd
osd objectstore = bluestore
bluestore block size = {self.gib << 30}
bluestore fsck on mount = false
osd memory target = 939524096
osd op num shards = 2
mon data avail warn = 1
mon data avail crit = 0
mgr initial modules =

# A monitor's address is that of its map, and this would replace it.
[mgr]
public addr = 127.0.0.1

[osd]
public addr = 127.0.0.1
cluster addr = 127.0.0.1

[client]
keyring = {folder}/ceph.client.$id.keyring
log file = /dev/null
"""

    def start_monitor(self):
        keys = self.folder / "mon.keyring"
        self.run("ceph-authtool", "-C", str(keys), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        everything = [word for kind in ("mon", "osd", "mgr", "mds") for word in ("--cap", kind, "allow *")]
        self.run("ceph-authtool", "-C", str(self.admin), "--gen-key", "-n", "client.admin", *everything)
        self.run("ceph-authtool", str(keys), "--import-keyring", str(self.admin))
        monmap = self.folder / "monmap"
        self.run("monmaptool", "--create", "--fsid", self.fsid, "--addv", "a", f"[v1:127.0.0.1:{self.port}]", str(monmap))
        (self.folder / "mon").mkdir()
        self.run("ceph-mon", "-c", str(self.configuration), "--mkfs", "-i", "a", "--monmap", str(monmap), "--keyring", str(keys))
        self.daemon("mon", "ceph-mon", "-i", "a", "--keyring", str(keys))
        wait_for("Ceph's monitor", lambda: self.try_ceph("status"), 60, 0.2)

    def start_manager(self):
        (self.folder / "mgr").mkdir()
        key = self.ceph("auth", "get-or-create", "mgr.x", "mon", "allow profile mgr", "osd", "allow *", "mds", "allow *")
        self.write_key(self.folder / "mgr.x.keyring", key)
        self.daemon("mgr", "ceph-mgr", "-i", "x")

    def start_storage(self):
        (self.folder / "osd").mkdir()
        identity = str(uuid.uuid4())
        number = self.ceph("osd", "new", identity).strip()
        key = self.ceph("auth", "get-or-create", f"osd.{number}", "mon", "allow profile osd", "mgr", "allow profile osd", "osd", "allow *")
        self.write_key(self.folder / f"osd.{number}.keyring", key)
        self.run("ceph-osd", "-c", str(self.configuration), "-i", number, "--mkfs", "--osd-uuid", identity)
        self.daemon("osd", "ceph-osd", "-i", number)
        wait_for("Ceph's storage daemon", lambda: self.json("osd", "stat")["num_up_osds"] == 1, 60, 0.2)

    def make_pool(self):
        for pool in (POOL, OTHER_POOL):
            self.ceph("osd", "pool", "create", pool, "8")
            self.rbd("pool", "init", pool)
        pools = ", ".join(f"profile rbd pool={pool}" for pool in (POOL, OTHER_POOL))
        rights = ("mon", "profile rbd", "osd", pools, "mgr", pools)
        self.write_key(self.keyring, self.ceph("auth", "get-or-create", f"client.{USER}", *rights))
        # The manager's first statistics are what a pool's room is told from.
        wait_for("Ceph's statistics", lambda: self.room() > 0, 60, 0.5)

    def stop(self):
        for name in DAEMONS:
            path = self.folder / f"{name}.process"
            if path.exists():
                end(int(path.read_text()))
        shutil.rmtree(self.folder, ignore_errors=True)

    # Commands

    def daemon(self, name, program, *arguments):
        """Starts a daemon that outlives this program, and notes its id."""
        command = [program, "-f", "-c", str(self.configuration), *arguments]
        with open(self.folder / f"{name}.output", "wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder, start_new_session=True)
        (self.folder / f"{name}.process").write_text(str(process.pid))

    def run(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, timeout=120)
        if done.returncode != 0:
            raise CheckFailed(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def ceph(self, *arguments):
        """The output of a command of the cluster's administrator."""
        return self.run("ceph", "-c", str(self.configuration), "--connect-timeout", "20", *arguments)

    def rbd(self, *arguments):
        return self.run("rbd", "-c", str(self.configuration), *arguments)

    def json(self, *arguments):
        return json.loads(self.ceph(*arguments, "--format", "json"))

    def try_ceph(self, *arguments):
        try:
            self.run("ceph", "-c", str(self.configuration), "--connect-timeout", "3", *arguments)
        except CheckFailed:
            return False
        return True

    def room(self):
        """The bytes that the pool can still take."""
        pools = self.json("df")["pools"]
        return next((pool["stats"]["max_avail"] for pool in pools if pool["name"] == POOL), 0)

    def write_key(self, path, text):
        path.touch(mode=0o600)
        path.write_text(text)

    def options(self):
        """An RBD back end's options as the setting volume.backends takes them."""
        return f"rbd:pool={POOL}:user={USER}:configuration={self.configuration}:keyring={self.keyring}"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def end(process):
    """Ends a process that this program, or an earlier run of it, started."""
    for number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        try:
            os.kill(process, number)
        except ProcessLookupError:
            return
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and is_running(process):
            time.sleep(0.05)
        if not is_running(process):
            return


def is_running(process):
    try:
        # The daemon is this program's child where the same run started it.
        os.waitpid(process, os.WNOHANG)
    except ChildProcessError:
        pass
    return pathlib.Path(f"/proc/{process}").exists()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=int, default=16, help="the size of the storage daemon's file, of which only what is written is taken")
    parser.add_argument("action", choices=["start", "stop", "run"])
    parser.add_argument("operands", nargs=argparse.REMAINDER, metavar="FOLDER or COMMAND…")
    arguments = parser.parse_args()
    if not arguments.operands or arguments.action != "run" and len(arguments.operands) > 1:
        parser.error("it takes a folder, or a command to run")
    if arguments.action == "run":
        with CephCluster(gib=arguments.gib) as cluster:
            environment = os.environ | {"ALTOSTACK_TEST_CEPH": str(cluster.configuration)}
            return subprocess.run(arguments.operands, env=environment, check=False).returncode
    cluster = CephCluster(arguments.operands[0], arguments.gib)
    if arguments.action == "stop":
        return cluster.stop()
    began = time.monotonic()
    try:
        cluster.start()
    except BaseException:
        cluster.stop()
        raise
    print(f"ready after {time.monotonic() - began:.0f} s: volume.backends=ceph:{cluster.options()}")


if __name__ == "__main__":
    sys.exit(main())
