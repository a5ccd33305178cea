#!/usr/bin/env python3
"""Looks at a guest's screen as a person does: noVNC in Chromium, at the address that the openstack client prints. With --simulate the
screen is the simulation's black one; without, it is a real guest's, and what is on it must be more than one colour. A token that
opens nothing, and one that was used too long ago, bring nobody in. The picture is kept where --picture says. A real guest's serial
port is used too: somebody logs in through it and runs a command."""

import os
import pathlib
import shutil
import struct
import subprocess
import urllib.parse
import zlib

from cloud import Client, expect, run_check, wait_for
from console_socket import WebSocket

NEW = ("--os-compute-api-version", "2.96")


def browse(url, directory, *options):
    """Opens a page in Chromium for some seconds; returns what it prints."""
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
               "--no-first-run", f"--user-data-dir={directory / 'browser'}", "--window-size=800,500", "--virtual-time-budget=20000", *options, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=dict(os.environ, HOME=str(directory)))
    expect(done.returncode == 0, f"chromium: {done.stderr[-2000:]}")
    return done.stdout


def pixels(path):
    """The rows of a PNG of 8 bits a channel (RFC 2083), without their filters' bytes undone: enough to tell colours apart where
    every filter of a plain picture gives zeros."""
    data = path.read_bytes()
    expect(data[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is no PNG")
    place, packed, width, channels = 8, b"", 0, 0
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place:place + 8])
        body = data[place + 8:place + 8 + length]
        if kind == b"IHDR":
            width, channels = struct.unpack(">I", body[:4])[0], {2: 3, 6: 4}[body[9]]
        elif kind == b"IDAT":
            packed += body
        place += 12 + length
    raw, step = zlib.decompress(packed), 1 + width * channels
    return [raw[start + 1:start + step] for start in range(0, len(raw), step)]


def upgrade(url, token):
    """Asks the proxy for a WebSocket with a token; returns what comes through it first, which is nothing when it is closed."""
    with WebSocket(url, token) as console:
        return console.read()


class Screen:
    def __init__(self, program, options):
        self.program, self.options = program, options
        self.client = Client(program, options.venv)

    def run(self):
        client = self.client
        client.run("image", "create", "guest", "--disk-format", "qcow2", "--file", str(self.options.image), "--public")
        client.run("flavor", "create", "tiny", "--ram", "256", "--disk", "1", "--vcpus", "1")
        client.run("server", "create", "seen", "--image", "guest", "--flavor", "tiny", "--nic", "none", "--wait", *NEW)
        if not self.program.simulate:
            wait_for("the guest's boot",
                     lambda: "altostack-guest: kernel" in client.run("console", "log", "show", "seen").stdout, 120, interval=2)
        url = client.json("console", "url", "show", "seen", "--novnc", *NEW)["url"]
        # Chromium's time runs ahead of the world's on a busy machine, so a page that has not connected yet is opened again.
        wait_for("noVNC's connection",
                 lambda: 'id="status">Connected to QEMU' in browse(url, self.program.directory, "--dump-dom"), 120, interval=0.1)
        picture = self.options.picture or self.program.directory / "screen.png"
        wanted = 1 if self.program.simulate else 10

        def colours():
            """How many of the picture's rows differ, below noVNC's own bar."""
            browse(url, self.program.directory, f"--screenshot={picture}")
            rows = {bytes(row) for row in pixels(picture)[40:400]}
            return len(rows) if len(rows) >= wanted else None

        print(f"  a picture with {wait_for('the guest on the screen', colours, 120, interval=0.1)} different rows")
        self.strangers(url)
        if not self.program.simulate:
            self.serial()
        client.run("server", "delete", "seen", "--wait")
        token = urllib.parse.unquote(url).rsplit("token=", 1)[1]
        expect(not upgrade(url, token), "a token outlives its server")

    def serial(self):
        """Whoever holds the serial console's address has the guest's prompt."""
        url = self.client.json("console", "url", "show", "seen", "--serial", *NEW)["url"]
        wait_for("the guest's prompt",
                 lambda: "altostack-guest: ready" in self.client.run("console", "log", "show", "seen").stdout, 180, interval=2)
        with WebSocket(url) as console:
            console.send(b"\r")
            console.until("login: ", 60)
            console.send(b"root\r")
            console.until("# ", 60)
            console.send(b"echo sum-$((6 * 7))\r")
            console.until("sum-42", 60)
        print("  a login and a command through the serial console")

    def strangers(self, url):
        token = urllib.parse.unquote(url).rsplit("token=", 1)[1]
        expect(b"RFB" in upgrade(url, token), "a good token is refused")
        for wrong in ("bad" + token, "", "%00"):
            answer = upgrade(url, wrong)
            expect(not answer, f"with the token {wrong!r} the proxy answers {answer}")


def add_options(parser):
    parser.add_argument("--image", type=pathlib.Path, required=True)
    parser.add_argument("--picture", type=pathlib.Path, help="where to keep the picture")
    parser.add_argument("--simulate", action="store_true")


def check(program, options):
    expect(shutil.which("chromium"), "Chromium is missing: apt-get install chromium novnc")
    Screen(program, options).run()


if __name__ == "__main__":
    run_check(check, add_options=add_options)
