#!/usr/bin/env python3
"""Kills the program (SIGKILL) in the middle of uploads, staging, imports and digests, starts it again, and requires that
every image comes to rest: active with all its bytes, or waiting for them again. Nothing may be left on the disk but the
bytes of active images."""

import functools
import hashlib
import http.client
import http.server
import random
import socketserver
import threading
import time

from cloud import Client, expect, run_check, wait_for

SIZE = 24 << 20
# Seconds after an import is accepted.
MOMENTS = (0, 0.03, 0.1, 0.25, 0.6)


class SlowServer:
    """Serves bytes on loopback, slower than anything else goes here."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def __init__(self, data, *arguments):
            self.data = data
            super().__init__(*arguments)

        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.data)))
            self.end_headers()
            try:
                for start in range(0, len(self.data), 1 << 20):
                    self.wfile.write(self.data[start:start + (1 << 20)])
                    time.sleep(0.08)
            except OSError:
                pass

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

    def __init__(self, data):
        self.server = self.Server(("127.0.0.1", 0), functools.partial(self.Handler, data))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/disk"


class Crashes:
    def __init__(self, program, client):
        self.program, self.client = program, client
        self.folder = program.directory / "images"
        self.data = random.Random(2026).randbytes(SIZE)
        self.slow = SlowServer(self.data)
        self.active = 0

    # What the cloud says

    def create(self):
        body = {"name": "victim", "disk_format": "raw", "container_format": "bare"}
        status, _, image = self.client.http("POST", "/image/v2/images", body)
        expect(status == 201, f"create: {status} {image}")
        return image["id"]

    def show(self, image):
        return self.client.http("GET", f"/image/v2/images/{image}")[2]

    def send(self, image, where, count=SIZE):
        """Sends the first bytes of all that it announces, and leaves the connection open."""
        connection = http.client.HTTPConnection("127.0.0.1", self.program.port, timeout=60)
        connection.putrequest("PUT", f"/image/v2/images/{image}/{where}")
        for name, value in (("X-Auth-Token", self.client.token), ("Content-Type", "application/octet-stream"),
                            ("Content-Length", str(SIZE))):
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(self.data[:count])
        return connection

    def fill(self, image, where):
        status = self.send(image, where).getresponse().status
        expect(status == 204, f"{where}: {status}")

    def begin_import(self, image, method):
        status, _, answer = self.client.http("POST", f"/image/v2/images/{image}/import", {"method": method})
        expect(status == 202, f"import: {status} {answer}")

    # What is on the disk

    def files(self, *parts):
        return [path for part in parts for path in (self.folder / part).glob("*") if path.is_file()]

    def is_clean(self):
        return not self.files("incoming", "staging") and len(self.files("data")) == self.active

    def crash(self):
        self.program.kill()
        self.program.start()

    def settle(self, image, what):
        """Waits for the image's rest; an active one must have its bytes, another must be ready for them."""
        def rested():
            shown = self.show(image)
            return shown if "os_glance_import_task" not in shown and shown["status"] in ("active", "queued") else None

        shown = wait_for(f"rest after a crash {what}", rested, 120)
        if shown["status"] == "active":
            self.active += 1
            expect(shown["checksum"] == hashlib.md5(self.data).hexdigest(), f"the checksum after a crash {what}: {shown}")
            got = self.client.http("GET", f"/image/v2/images/{image}/file")[2]
            expect(got == self.data, f"other bytes after a crash {what}")
        else:
            expect(shown["checksum"] is None and shown["size"] is None, f"what is left after a crash {what}: {shown}")
        # Bytes that were stored and never recorded go with the next that are removed.
        other = self.create()
        self.client.http("DELETE", f"/image/v2/images/{other}")
        wait_for(f"a clean disk after a crash {what}; there is {self.files('incoming', 'staging', 'data')}", self.is_clean, 120)
        print(f"  killed {what}: {shown['status']}, nothing left behind", flush=True)
        return shown["status"]

    def remove(self, image):
        was_active = self.show(image)["status"] == "active"
        expect(self.client.http("DELETE", f"/image/v2/images/{image}")[0] == 204, "delete")
        self.active -= was_active
        wait_for("that deleted bytes go", self.is_clean, 60)

    # The moments

    def transfer(self, where, status):
        image = self.create()
        connection = self.send(image, where, SIZE // 2)
        wait_for(f"the image {status}", lambda: self.show(image)["status"] == status, 30)
        self.crash()
        connection.close()
        expect(self.settle(image, f"half through PUT /{where}") == "queued", "half an image is none")
        self.fill(image, "file")
        self.active += 1
        self.remove(image)

    def imports(self, pause):
        image = self.create()
        self.fill(image, "stage")
        self.begin_import(image, {"name": "glance-direct"})
        time.sleep(pause)
        self.crash()
        self.settle(image, f"{pause * 1000:.0f} ms into an import")
        self.remove(image)

    def download(self):
        image = self.create()
        self.begin_import(image, {"name": "web-download", "uri": self.slow.url})
        wait_for("the first bytes", lambda: sum(path.stat().st_size for path in self.files("staging")) > 1 << 20, 60, 0.05)
        self.crash()
        self.settle(image, "in the middle of a web-download")
        self.remove(image)

    def digest(self):
        image = self.create()
        status = self.client.http("POST", f"/image/v2/images/{image}/locations", {"url": self.slow.url})[0]
        expect(status == 202, f"locations: {status}")
        wait_for("the digesting image", lambda: self.show(image)["status"] == "active", 60, 0.05)
        expect(self.show(image)["os_hash_value"] is None, "the digest is there already")
        self.crash()

        def digested():
            shown = self.show(image)
            return shown if shown["os_hash_value"] else None

        shown = wait_for("the digest", digested, 120)
        expect(shown["os_hash_value"] == hashlib.sha512(self.data).hexdigest(), f"the digest: {shown}")
        expect("os_glance_import_task" not in shown, f"a task still holds the image: {shown}")
        print("  killed while a location is digested: active, with its digest", flush=True)

    def run(self):
        self.transfer("file", "saving")
        self.transfer("stage", "uploading")
        for pause in MOMENTS:
            self.imports(pause)
        self.download()
        self.digest()


def check(program, _):
    client = Client(program, ".")
    client.login()
    Crashes(program, client).run()


if __name__ == "__main__":
    run_check(check, settings=["images.web_download.allow_private=true", "images.stores=file:file,web:http", "simulation.hosts=0"])
