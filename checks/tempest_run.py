#!/usr/bin/env python3
"""Runs a selection of tempest against a cloud of its own. A test that fails must stand in the list of known failures
(`checks/tempest/known-failures.txt`, with its reason), and a test of the list that passes must leave it.

`--slice K/N` runs one part of the selection's classes out of N; `--slice random/N` picks another part each time.
`--real` boots real guests from `--image` (see scripts/build-test-guest), which needs root and the machine for itself."""

import collections
import configparser
import functools
import http.server
import os
import pathlib
import random
import re
import subprocess
import struct
import sys
import threading
import time
import zlib

import image_formats
from cloud import Client, expect, run_check

HERE = pathlib.Path(__file__).resolve().parent
SETTINGS = ["identity.security_compliance.lockout_failure_attempts=2", "identity.security_compliance.lockout_duration=10",
            "identity.security_compliance.unique_last_password_count=2"]

# What each profile sets beside; the profile's name with .conf is what tempest is told beside.
PROFILES = {
    "gate": ["images.web_download.allow_private=true", "images.stores=file:file,robust:file"],
    "max": ["images.web_download.allow_private=true", "images.stores=file=200:file,robust=100:file,web:http",
            "images.show_multiple_locations=true", "images.show_image_direct_url=true",
            "images.image_import_plugins=image_decompression,image_conversion"],
    # Projects' limits on images hold (their tests expect one writable store), locations' bytes are believed to be what
    # clients say, and so are images' formats.
    "other": ["images.web_download.allow_private=true", "images.stores=file:file,web:http",
              "images.use_keystone_limits=true",
              "images.do_secure_hash=false", "images.require_image_format_match=false"],
    # Two hosts, as upstream's jobs with several nodes have them.
    "compute": ["simulation.hosts=2"],
    # Block storage beside them, with two back ends to choose from and to move between.
    "volume": ["simulation.hosts=2", "volume.backends=one:simulated,two:simulated"],
    # Limits as upstream's jobs for neutron's own plugin set them, since its tests leave much to the end of their class, and
    # the kind and numbers of projects' networks that its tests of ranges expect.
    "neutron": ["network.quotas=router:100,floatingip:500,security_group:150,security_group_rule:1000",
                "network.tenant_network_type=vxlan", "network.tunnel_ids=1:2000"],
    # Guests that boot, are pinged and logged in to; two back ends, between which volumes move under them.
    "real": ["volume.backends=one:file,two:file"],
}
LIMITS = {"image_size_total": 10_000, "image_stage_total": 10_000, "image_count_total": 10_000, "image_count_uploading": 100}


class ImageServer:
    """Serves a small disk on loopback, for images that the cloud fetches itself."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def copyfile(self, source, outputfile):
            """Clients that look at the answer's head alone hang up."""
            try:
                super().copyfile(source, outputfile)
            except OSError:
                self.close_connection = True

    def __init__(self, directory):
        directory.mkdir()
        (directory / "disk.qcow2").write_bytes(self.disk())
        handler = functools.partial(self.Handler, directory=str(directory))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/disk.qcow2"

    @staticmethod
    def disk(cluster=65536, size=1 << 20):
        """An empty qcow2 disk of version 3: header, refcount table, refcount block and L1 table, a cluster each."""
        header = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, 16, size, 0, 1, 3 * cluster, cluster, 1, 0, 0,
                             0, 0, 0, 4, 104)
        table = struct.pack(">Q", 2 * cluster)
        block = struct.pack(">4H", 1, 1, 1, 1)
        return b"".join(part.ljust(cluster, b"\0") for part in (header, table, block, b""))


def register_limits(client):
    """Registers what projects may have of images where nothing else is said of them, as devstack does."""
    services = client.http("GET", "/identity/v3/services?name=glance")[2]["services"]
    registered = [{"service_id": services[0]["id"], "region_id": "RegionOne", "resource_name": name, "default_limit": limit}
                  for name, limit in LIMITS.items()]
    status, _, answer = client.http("POST", "/identity/v3/registered_limits", {"registered_limits": registered})
    expect(status == 201, f"registered limits: {status} {answer}")


class Tempest:
    def __init__(self, program, venv, profile, image):
        self.program, self.profile, self.image = program, profile, image
        self.bin = pathlib.Path(venv).resolve() / "bin"
        self.directory = program.directory / "tempest"
        (self.directory / "lock").mkdir(parents=True)
        (self.directory / "etc").mkdir()
        self.environment = dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}", PYTHONWARNINGS="ignore",
                                TEMPEST_CONFIG_DIR=str(self.directory / "etc"), OS_TEST_TIMEOUT="900" if image else "300")

    def external_network(self):
        """The network that leads out of the cloud, as upstream's gate makes it; returns its id. A shared network beside
        it, so that tests cope with one."""
        client = Client(self.program, self.bin.parent)

        def make(kind, **values):
            status, _, answer = client.http("POST", f"/network/v2.0/{kind}s", {kind: values})
            expect(status == 201, f"{kind}: {status} {answer}")
            return answer[kind]["id"]

        external = make("network", name="external", **{"router:external": True, "provider:network_type": "flat",
                                                       "provider:physical_network": "public"})
        make("subnet", name="external-v4", network_id=external, ip_version=4, cidr="172.24.4.0/24", gateway_ip="172.24.4.1",
             enable_dhcp=False, allocation_pools=[{"start": "172.24.4.10", "end": "172.24.4.250"}])
        make("subnet", name="external-v6", network_id=external, ip_version=6, cidr="2001:db8::/64", gateway_ip="2001:db8::2",
             enable_dhcp=False)
        shared = make("network", name="shared", shared=True)
        make("subnet", name="shared-v4", network_id=shared, ip_version=4, cidr="192.168.233.0/24")
        return external

    def guests(self):
        """The images and flavors that servers are made from, as devstack makes them; returns what tempest is told of them."""
        client = Client(self.program, self.bin.parent)
        disk, values = self.image.read_bytes() if self.image else ImageServer.disk(), {}
        for key, name in [("IMAGEREF", "tempest-image"), ("IMAGEALT", "tempest-image-alt")]:
            image = {"name": name, "disk_format": "qcow2", "container_format": "bare", "visibility": "public"}
            if not self.image:
                # So that a simulated guest's administrator gets another password, which upstream's gate doesn't try.
                image["hw_qemu_guest_agent"] = "yes"
            status, _, answer = client.http("POST", "/image/v2/images", image)
            expect(status == 201, f"image: {status} {answer}")
            values[key] = answer["id"]
            status, _, answer = client.http("PUT", f"/image/v2/images/{values[key]}/file", disk,
                                            {"Content-Type": "application/octet-stream"})
            expect(status == 204, f"image's bytes: {status} {answer}")
        for key, name, flavor, memory in [("FLAVORREF", "m1.nano", "42", 192), ("FLAVORALT", "m1.micro", "84", 256)]:
            wanted = {"name": name, "id": flavor, "ram": memory, "vcpus": 1, "disk": 1}
            status, _, answer = client.http("POST", "/compute/v2.1/flavors", {"flavor": wanted})
            expect(status == 200, f"flavor: {status} {answer}")
            specs = {"extra_specs": {"hw_rng:allowed": "True"}}
            status, _, answer = client.http("POST", f"/compute/v2.1/flavors/{flavor}/os-extra_specs", specs)
            expect(status == 200, f"extra specs: {status} {answer}")
            values[key] = flavor
        return values

    @staticmethod
    def filled(text, values):
        return re.sub(r"@([A-Z]+)@", lambda match: values.get(match[1], match[0]), text)

    def volume_types(self):
        """The type of volumes that several servers can have, as upstream's gate makes it."""
        client = Client(self.program, self.bin.parent)
        wanted = {"name": "multiattach", "extra_specs": {"multiattach": "<is> True"}}
        status, _, answer = client.http("POST", "/volume/v3/types", {"volume_type": wanted})
        expect(status == 200, f"volume type: {status} {answer}")

    def slow_uploads(self):
        """Has simulated hosts take a second to send an image, as real ones do at least: a test asks for a second one meanwhile."""
        fault = {"operation": "pack", "effect": "delay", "seconds": 1}
        status, _, answer = Client(self.program, self.bin.parent).http("POST", "/altostack/faults", {"fault": fault})
        expect(status == 201, f"delay of uploads: {status} {answer}")

    def configure(self):
        if self.profile in ("volume", "compute"):
            self.volume_types()
            self.slow_uploads()
        text = (HERE / "tempest" / "tempest.conf").read_text()
        values = {"DIRECTORY": str(self.directory), "PASSWORD": self.program.admin_password, "URL": self.program.url,
                  "EXTERNAL": self.external_network(),
                  "IMAGE": ImageServer(self.directory / "served").url,
                  "MANIFEST": image_formats.make(self.directory / "formats"), "GUEST": str(self.image)}
        values.update(self.guests())
        told = configparser.RawConfigParser(strict=False)
        told.read_string(self.filled(text, values))
        beside = HERE / "tempest" / f"{self.profile}.conf"
        if beside.exists():
            told.read_string(self.filled(beside.read_text(), values))
        with open(self.directory / "etc" / "tempest.conf", "w") as file:
            told.write(file)
        top = self.run("python", "-c", "import tempest, os; print(os.path.dirname(tempest.__file__))").stdout.strip()
        (self.directory / ".stestr.conf").write_text(
            f"[DEFAULT]\ntest_path={top}/test_discover\ntop_dir={top}\ngroup_regex=([^\\.]*\\.)*\n")
        self.run("stestr", "init")

    def run(self, command, *arguments, timeout=300):
        return subprocess.run([str(self.bin / command), *arguments], cwd=self.directory, env=self.environment,
                              capture_output=True, text=True, timeout=timeout, check=False)

    def tests(self, selection):
        listed = self.run("tempest", "run", "--list-tests", "--regex", selection)
        found = [line for line in listed.stdout.splitlines() if re.match(r"[a-z0-9_]+\.", line)]
        expect(found, f"tempest lists no test for {selection}: {listed.stderr[-2000:]}")
        return found

    def execute(self, tests, concurrency, timeout):
        chosen = self.directory / "tests.txt"
        chosen.write_text("".join(test + "\n" for test in tests))
        done = self.run("tempest", "run", "--load-list", str(chosen), "--concurrency", str(concurrency), timeout=timeout)
        (self.directory / "console.log").write_text(done.stdout + done.stderr)
        with open(self.directory / "result.subunit", "wb") as result:
            subprocess.run([str(self.bin / "stestr"), "last", "--subunit"], cwd=self.directory, env=self.environment,
                           stdout=result, check=False)
        script = str(HERE / "tempest" / "results.py")
        lines = self.run("python", script, str(self.directory / "result.subunit")).stdout.splitlines()
        return [line.split("\t", 2) for line in lines]


def bare(test):
    """A test's name without its tags; the scenario that it runs in stays."""
    return re.sub(r"\[[^\]]*\bid-[^\]]*\]", "", test)


def class_of(test):
    return bare(test).rsplit(".", 1)[0]


def known_failures(path, profile=None):
    """Test names to reasons; a reason that begins with a profile in brackets counts there alone."""
    known = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition("  ")
            expect(reason.strip(), f"{path.name}: {name} has no reason")
            limit = re.match(r"\[(\w+)\]", reason.strip())
            if not limit or limit[1] == profile:
                known[name.strip()] = reason.strip()
    return known


def part(tests, text):
    """The tests of one part of the classes; the parts are fixed, which one is chosen may be left to chance."""
    which, _, count = text.partition("/")
    number = random.randrange(int(count)) if which == "random" else int(which)
    print(f"  part {number} of {count}", flush=True)
    return [test for test in tests if zlib.crc32(class_of(test).encode()) % int(count) == number]


def judge(tests, results, known):
    """Compares what happened with what is known; returns complaints and counts."""
    by_test, setups = {}, {}
    for state, name, error in results:
        fixture = re.match(r"(setUpClass|tearDownClass) \((.+)\)$", name)
        if fixture:
            setups.setdefault(fixture[2], (state, error))
        else:
            by_test[bare(name)] = (state, error)
    complaints, counts = [], collections.Counter()
    for test in map(bare, tests):
        state, error = by_test.get(test) or setups.get(class_of(test)) or ("not run", "")
        if test in known and state == "passed":
            complaints.append(f"{test}: passes, so it must leave the list of known failures")
        elif test not in known and state in ("failed", "not run"):
            complaints.append(f"{test}: {state}: {error}")
        counts["known failures" if test in known and state == "failed" else state] += 1
    return complaints, counts


def add_options(parser):
    parser.add_argument("--select", required=True, help="a regular expression over the tests' names")
    parser.add_argument("--slice", help="K/N or random/N")
    parser.add_argument("--profile", choices=sorted(PROFILES), help="volume, neutron or compute for selections with that name, else gate")
    parser.add_argument("--real", dest="simulate", action="store_false", help="real guests; needs root and --image")
    parser.add_argument("--image", type=pathlib.Path, help="what real guests boot from")
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--timeout", type=int, default=1500)
    parser.add_argument("--skips", action="store_true", help="name the tests that were skipped, and why")
    parser.add_argument("--keep", help="a folder for tempest's own log and results")


def profile(options):
    if options.profile or not options.simulate:
        return options.profile or "real"
    if "volume" in options.select:
        return "volume"
    if "neutron" in options.select:
        return "neutron"
    return "compute" if "compute" in options.select else "gate"


def check(program, options):
    expect(options.simulate or options.image, "real guests need --image")
    # As upstream's gate does: tests of metadata definitions use the resource types that come with them.
    program.run("images", "load-metadefs")
    if profile(options) == "other":
        register_limits(Client(program, options.venv))
    tempest = Tempest(program, options.venv, profile(options), options.image)
    tempest.configure()
    tests = tempest.tests(options.select)
    if options.slice:
        tests = part(tests, options.slice)
    began = time.monotonic()
    results = tempest.execute(tests, options.concurrency, options.timeout)
    complaints, counts = judge(tests, results, known_failures(HERE / "tempest" / "known-failures.txt", tempest.profile))
    for complaint in complaints:
        print(f"error: {complaint}", file=sys.stderr)
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    print(f"  {len(tests)} tests in {time.monotonic() - began:.0f} s: {told}")
    if options.skips:
        for name, reason in sorted((bare(name), reason) for state, name, reason in results if state == "skipped"):
            print(f"  skipped: {name}: {reason}")
    if options.keep:
        subprocess.run(["cp", "-r", str(tempest.directory), options.keep], check=True)
        subprocess.run(["cp", str(program.directory / "check.log"), options.keep], check=True)
    expect(not complaints, f"{len(complaints)} tests did otherwise than expected")


if __name__ == "__main__":
    run_check(check, settings=lambda options: SETTINGS + PROFILES[profile(options)], add_options=add_options)
