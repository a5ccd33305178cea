#!/usr/bin/env python3
"""`make up` as a newcomer runs it, with a program that is built already: what it says to somebody who is not root, where the port is
taken and where the cloud runs already, and that what it prints at the end is all that a client needs."""

import argparse
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from cloud import CheckFailed, expect, free_port, run_parts

SOURCES = pathlib.Path(__file__).resolve().parent.parent
NOBODY = 65534


class Road:
    """The scripts and the program in a folder of their own, which somebody who is not root may read."""

    def __init__(self, program, venv, folder):
        self.folder, self.client = folder, str(pathlib.Path(venv).absolute() / "bin/openstack")
        folder.chmod(0o755)
        shutil.copytree(SOURCES / "scripts", folder / "scripts")
        self.program = folder / "altostack"
        shutil.copy(program, self.program)
        self.home = folder / "home"
        self.home.mkdir()
        os.chown(self.home, NOBODY, NOBODY)

    def up(self, *arguments, status=0, as_nobody=False):
        command = [self.folder / "scripts/up", "--program", self.program, *arguments]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home)}
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if as_nobody else {}
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                              env=environment, check=False, **who)
        text = done.stdout + done.stderr
        expect(done.returncode == status, f"up {' '.join(map(str, arguments))} ended with {done.returncode}:\n{text}")
        return text

    def down(self, directory):
        subprocess.run([self.program, "down", "--data-dir", directory], capture_output=True, timeout=60, check=False)

    def printed(self, text, *command):
        """Loads the credentials as `up` printed it, and runs a command of the client's."""
        load = re.search(r"load credentials +(\. \S+)", text)
        expect(load, f"nothing is said of credentials:\n{text}")
        done = subprocess.run(["bash", "-c", f'{load[1]} && "$@"', "bash", self.client, *command], capture_output=True, text=True,
                              timeout=120, check=False)
        expect(done.returncode == 0, f"openstack {' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    # Parts

    def a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            text = self.up("--simulate", "--data-dir", self.folder / "taken", "--listen", address, status=1)
        for word in (f"another program listens at {address}", "--listen"):
            expect(word in text, f"of a taken port it does not say {word!r}:\n{text}")
        expect(not (self.folder / "taken").exists(), "a refused start leaves a folder")

    def somebody_who_is_not_root(self):
        directory, port = self.home / "cloud", free_port()
        text = self.up("--data-dir", directory, "--listen", f"127.0.0.1:{port}", as_nobody=True)
        try:
            for word in ("need root", "simulated cloud", f"API                     http://127.0.0.1:{port}", "boot a guest"):
                expect(word in text, f"to somebody who is not root it does not say {word!r}:\n{text}")
            expect("admin" in self.printed(text, "project", "list"), "the credentials are of no use")
        finally:
            self.down(directory)

    def twice_and_elsewhere(self):
        directory, port = self.folder / "cloud", free_port()
        first = self.up("--simulate", "--data-dir", directory, "--listen", f"127.0.0.1:{port}")
        try:
            self.printed(first, "network", "create", "kept")
            again = self.up("--simulate", "--data-dir", directory, "--listen", f"127.0.0.1:{port}")
            expect("It runs already" in again, f"of a running cloud it says:\n{again}")
            self.down(directory)
            # What it prints leads to the cloud also when that listens elsewhere than at first, and the catalog follows.
            moved = free_port()
            elsewhere = self.up("--simulate", "--data-dir", directory, "--listen", f"127.0.0.1:{moved}")
            expect("kept" in self.printed(elsewhere, "network", "list"), "the cloud has lost its network")
            endpoints = self.printed(elsewhere, "endpoint", "list", "-f", "value", "-c", "URL").split()
            expect(endpoints and all(f"127.0.0.1:{moved}/" in url for url in endpoints), f"the catalog names {endpoints}")
            files = (directory / "clouds.yaml").read_text()
            expect(f"127.0.0.1:{moved}/" in files and f":{port}/" not in files, "clouds.yaml names the address of before")
        finally:
            self.down(directory)

    def a_machine_with_nothing(self):
        """The bundle runs where there is nothing but the C library: no package, no root."""
        archive, root = self.folder / "altostack.tar.gz", self.folder / "root"
        print("   ", self.run(SOURCES / "scripts/make-bundle", "--program", self.program, archive).strip())
        for name in ("proc", "dev", "lib", "lib64", "data"):
            (root / name).mkdir(parents=True)
        os.chown(root / "data", NOBODY, NOBODY)
        self.run("tar", "-C", root, "-xzf", archive)
        loader = pathlib.Path("/lib64/ld-linux-x86-64.so.2")
        shutil.copy(loader, root / "lib64")
        for name in ("libc.so.6", "libm.so.6", "libresolv.so.2"):
            shutil.copy(loader.resolve().parent / name, root / "lib")
        address = f"127.0.0.1:{free_port()}"
        script = ('mount --rbind /proc "$1/proc" && mount --rbind /dev "$1/dev" && exec chroot --userspec=65534:65534 "$1" '
                  '/altostack/altostack up --simulate --data-dir /data/cloud --listen "$2"')
        with subprocess.Popen(["unshare", "--mount", "bash", "-c", script, "bash", root, address], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as cloud:
            try:
                expect("ready" in (line.strip() for line in iter(cloud.stdout.readline, "")), "the bundle's cloud does not become ready")
                environment = dict(os.environ, OS_CLIENT_CONFIG_FILE=str(root / "data/cloud/clouds.yaml"), OS_CLOUD="altostack")
                for command in (["keypair", "create", "k"], ["volume", "create", "--size", "1", "v"], ["server", "list"]):
                    self.run(self.client, *command, environment=environment)
            finally:
                cloud.terminate()
                cloud.wait(20)
        expect(cloud.returncode == 0, f"the bundle's cloud ended with {cloud.returncode}")

    @staticmethod
    def run(*command, environment=None):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=180, env=environment, check=False)
        expect(done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
        return done.stdout

    def everybody(self):
        """A cloud that listens at all addresses names one that a client can go to."""
        directory = self.folder / "open"
        text = self.up("--simulate", "--data-dir", directory, "--listen", f"0.0.0.0:{free_port()}")
        try:
            expect("0.0.0.0" not in (directory / "openrc").read_text(), "openrc names 0.0.0.0")
            expect("admin" in self.printed(text, "user", "list"), "the credentials are of no use")
        finally:
            self.down(directory)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--venv", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="altostack-road-") as folder:
        road = Road(options.program, options.venv, pathlib.Path(folder))
        parts = [road.a_port_that_is_taken, road.twice_and_elsewhere, road.everybody]
        # Only root can become somebody else.
        if os.getuid() == 0:
            parts += [road.somebody_who_is_not_root, road.a_machine_with_nothing]
        try:
            run_parts(parts)
        except CheckFailed as failure:
            print(f"error: {failure}", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    main()
