#!/usr/bin/env python3
"""Sends what no client would: schemathesis over a service's part of the OpenAPI document, and bodies that are no JSON, no
UTF-8, too large or of the wrong type. No answer may be a 5xx, and every refusal is in the service's own envelope."""

import http.client
import json
import os
import pathlib
import re
import subprocess

from cloud import Client, expect, run_check, wait_for

HERE = pathlib.Path(__file__).resolve().parent

NO_OBJECTS = {
    "not JSON": b"{", "an empty body": b"", "a list": b"[]", "a number": b"7", "a string": b'"user"', "null": b"null",
    "a list of wrong things": b'[7, null, {"op": 3}, []]', "deep nesting": b"[" * 20000 + b"]" * 20000,
}


def keystone_envelope(answer, status):
    error = answer["error"]
    return error["code"] == status and bool(error["message"] and error["title"])


def glance_envelope(answer, status):
    return answer["code"].startswith(f"{status} ") and bool(answer["message"] and answer["title"])


def placement_envelope(answer, status):
    error = answer["errors"][0]
    return error["status"] == status and bool(error["title"] and error["detail"] and error["request_id"])


def things(client, requests):
    """Makes what paths are about to name."""
    for method, path, body in requests:
        status, _, answer = client.http(method, path, body, {"OpenStack-API-Version": "placement 1.39"})
        expect(status < 300, f"{method} {path}: {status} {answer}")


def image_things(client):
    spaces = "/image/v2/metadefs/namespaces"
    image = "9d4d8f3c-6ff0-43d5-8f0a-3a9c9f6f2a11"
    things(client, [
        ("POST", "/image/v2/images", {"id": image, "disk_format": "raw", "container_format": "bare"}),
        ("POST", spaces, {"namespace": "wrong"}),
        ("POST", f"{spaces}/wrong/objects", {"name": "wrong"}),
        ("POST", f"{spaces}/wrong/properties", {"name": "wrong", "title": "wrong", "type": "string"}),
        ("POST", f"{spaces}/wrong/tags/wrong", None),
    ])
    return {"image_id": image, "*": "wrong"}


def placement_things(client):
    provider = "2f0a3b1e-5a0d-4c1e-9a55-6d4b8d1f3a22"
    things(client, [
        ("POST", "/placement/resource_providers", {"uuid": provider, "name": "wrong"}),
        ("PUT", "/placement/traits/CUSTOM_WRONG", None),
        ("PUT", "/placement/resource_classes/CUSTOM_WRONG", None),
    ])
    return {"uuid": provider, "consumer_uuid": provider, "resource_class": "VCPU", "*": "CUSTOM_WRONG"}


def neutron_envelope(answer, status):
    error = answer["NeutronError"]
    return bool(error["type"] and error["message"]) and error["detail"] == ""


def network_things(client):
    """Makes one of everything, and names them as the paths do."""
    found = {"*": "wrong", "project_id": "wrong", "alias": "quotas"}

    def make(kind, collection=None, **members):
        collection = collection or kind.replace("_", "-") + "s"
        status, _, answer = client.http("POST", f"/network/v2.0/{collection}", {kind: members})
        expect(status == 201, f"{kind}: {status} {answer}")
        found[f"{kind}_id"] = answer[kind]["id"]
        return answer[kind]["id"]

    network = make("network", name="wrong")
    make("subnet", network_id=network, ip_version=4, cidr="10.66.0.0/24")
    make("port", network_id=network)
    make("router", name="wrong")
    group = make("security_group", name="wrong")
    found["rule_id"] = make("security_group_rule", security_group_id=group, direction="ingress")
    make("address_group", name="wrong")
    make("default_security_group_rule", direction="ingress", protocol="tcp")
    make("security_groups_default_statefulness", "security-groups-default-statefulness", stateful=True)
    make("log", "log/logs", resource_type="security_group")
    found["resource_id"] = network
    return found


def nova_envelope(answer, status):
    (fault,) = answer.values()
    return fault["code"] == status and bool(fault["message"])


def compute_things(client):
    """Makes a server and what hangs on hosts, and names them as the paths do."""
    new = {"OpenStack-API-Version": "compute 2.90"}

    def call(method, path, body=None, headers=new):
        status, _, answer = client.http(method, path, body, headers)
        expect(status < 300, f"{method} {path}: {status} {answer}")
        return answer

    image = call("POST", "/image/v2/images", {"disk_format": "raw", "container_format": "bare"})["id"]
    call("PUT", f"/image/v2/images/{image}/file", b"x" * 4096, {"Content-Type": "application/octet-stream"})
    compute = "/compute/v2.1"
    call("POST", f"{compute}/flavors", {"flavor": {"name": "wrong", "id": "wrong", "ram": 64, "vcpus": 1, "disk": 1}})
    server = {"name": "wrong", "imageRef": image, "flavorRef": "wrong", "networks": "none", "metadata": {"wrong": "wrong"}}
    found = call("POST", f"{compute}/servers", {"server": server})["server"]["id"]
    wait_for("the server", lambda: call("GET", f"{compute}/servers/{found}")["server"]["status"] == "ACTIVE", 30)
    aggregate = call("POST", f"{compute}/os-aggregates", {"aggregate": {"name": "wrong"}})["aggregate"]["id"]
    group = call("POST", f"{compute}/os-server-groups", {"server_group": {"name": "wrong", "policy": "affinity"}})["server_group"]["id"]
    return {"server_id": found, "aggregate_id": str(aggregate), "server_group_id": group, "*": "wrong"}


def volume_things(client):
    """Makes one of everything, and names them as the paths do."""
    new = {"OpenStack-API-Version": "volume 3.71"}
    volume = "/volume/v3"

    def call(method, path, body=None):
        status, _, answer = client.http(method, volume + path, body, new)
        expect(status < 300, f"{method} {path}: {status} {answer}")
        return answer

    def settled(path, kind):
        wait_for(f"the {kind}", lambda: call("GET", path)[kind]["status"] == "available", 30)

    found = {"*": "wrong", "version": "v3"}
    for key, kind, path, values in [
        ("volume_id", "volume", "/volumes", {"size": 1, "name": "wrong", "metadata": {"wrong": "wrong"}}),
        ("snapshot_id", "snapshot", "/snapshots", {}),
        ("backup_id", "backup", "/backups", {}),
        ("type_id", "volume_type", "/types", {"name": "wrong", "extra_specs": {"wrong": "wrong"}}),
        ("qos_id", "qos_specs", "/qos-specs", {"name": "wrong"}),
        ("group_type_id", "group_type", "/group_types", {"name": "wrong"}),
    ]:
        if kind in ("snapshot", "backup"):
            values["volume_id"] = found["volume_id"]
        found[key] = call("POST", path, {kind: values})[kind]["id"]
        if kind in ("volume", "snapshot", "backup"):
            settled(f"{path}/{found[key]}", kind)
    return found


class Service:
    """What a service's bodies and refusals look like."""

    def __init__(self, envelope, bodies, prepare=lambda client: {"*": None}, headers=(), path=None):
        # What is tried of a service that has its API under several paths.
        self.path = path
        self.is_envelope = envelope
        self.prepare = prepare
        self.headers = dict(headers)
        name, number, wrong = bodies
        self.bodies = {
            **NO_OBJECTS,
            "not UTF-8": name % b"\xff\xfe",
            "a NUL": name % b"a\\u0000b",
            "a long name": name % (b"x" * 70000),
            "another type inside": wrong,
            "a huge number": number,
            "too large": name % (b"x" * 20_000_000),
        }


SERVICES = {
    "identity": Service(keystone_envelope, (
        b'{"user": {"name": "%s", "password": "x"}}',
        b'{"user": {"name": 1e999, "enabled": 99999999999999999999999}}',
        b'{"auth": 7, "user": [], "project": "x", "domain": null, "group": 3, "role": true}')),
    "image": Service(glance_envelope, (
        b'{"name": "%s", "namespace": "n", "title": "t", "type": "string"}',
        b'{"name": "x", "min_disk": 1e999, "min_ram": 99999999999999999999999, "minimum": 1e999}',
        b'{"name": 7, "tags": {"a": 1}, "visibility": [], "method": "web-download", "member": {}, "namespace": 3, "properties": 4, '
        b'"url": 8, "input": []}'), image_things),
    "network": Service(neutron_envelope, (
        b'{"network": {"name": "%s"}, "port": {"name": "x"}, "security_group": {"name": "x"}}',
        b'{"network": {"mtu": 1e999, "provider:segmentation_id": 99999999999999999999999}, "security_group_rule": {"port_range_min": '
        b'1e999, "port_range_max": 99999999999999999999999}, "quota": {"port": 1e999}}',
        b'{"network": 7, "subnet": [], "port": {"fixed_ips": 3, "security_groups": {}}, "router": "x", "floatingip": null, '
        b'"security_group": true, "security_group_rule": {"direction": []}, "address_group": {"addresses": {}}, "tags": {"a": 1}, '
        b'"quota": [], "log": 3, "addresses": "x"}'), network_things),
    "compute": Service(nova_envelope, (
        b'{"server": {"name": "%s", "flavorRef": "wrong", "networks": "none"}, "flavor": {"name": "x"}, "metadata": {"x": "y"}}',
        b'{"server": {"name": "x", "flavorRef": 1e999, "networks": "none", "min_count": 99999999999999999999999}, "flavor": {"ram": 1e999, '
        b'"vcpus": 99999999999999999999999}, "quota_set": {"cores": 1e999, "ram": 99999999999999999999999}}',
        b'{"server": 7, "flavor": [], "keypair": {"name": []}, "metadata": 3, "aggregate": "x", "server_group": null, "tags": {"a": 1}, '
        b'"interfaceAttachment": [], "volumeAttachment": 5, "quota_set": [], "os-start": {}, "rebuild": [], "resize": 3}'),
        compute_things, {"OpenStack-API-Version": "compute 2.90"}, "compute/v2.1"),
    "volume": Service(nova_envelope, (
        b'{"volume": {"name": "%s", "size": 1}, "snapshot": {"name": "x"}, "metadata": {"x": "y"}}',
        b'{"volume": {"name": "x", "size": 1e999}, "quota_set": {"volumes": 1e999, "gigabytes": 99999999999999999999999}, "os-extend": '
        b'{"new_size": 99999999999999999999999}}',
        b'{"volume": 7, "snapshot": [], "backup": {"volume_id": []}, "metadata": 3, "attachment": "x", "group": null, "transfer": true, '
        b'"volume_type": [], "qos_specs": 5, "quota_set": [], "os-extend": {}, "os-retype": [], "os-attach": 3, "restore": []}'),
        volume_things, {"OpenStack-API-Version": "volume 3.71"}, "volume/v3"),
    "placement": Service(placement_envelope, (
        b'{"name": "%s", "uuid": "2f0a3b1e-5a0d-4c1e-9a55-6d4b8d1f3a22"}',
        b'{"name": "x", "total": 1e999, "resource_provider_generation": 99999999999999999999999, "inventories": {"VCPU": '
        b'{"total": 99999999999999999999999, "allocation_ratio": 1e999}}, "allocations": {}, "traits": [], "aggregates": []}',
        b'{"name": [], "uuid": 7, "inventories": [], "allocations": 3, "traits": {}, "aggregates": "x", "parent_provider_uuid": 5, '
        b'"resource_provider_generation": "one"}'), placement_things, {"OpenStack-API-Version": "placement 1.39"}),
}


class WrongBodies:
    """Every kind of wrong body against every operation that takes one."""

    def __init__(self, program, service, client):
        self.program = program
        self.service = service
        self.things = service.prepare(client)
        self.token = client.token
        self.complaints = []

    def send(self, method, path, body, media="application/json"):
        connection = http.client.HTTPConnection("127.0.0.1", self.program.port, timeout=30)
        try:
            headers = {"X-Auth-Token": self.token, "Content-Type": media, **self.service.headers}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (BrokenPipeError, ConnectionResetError):
            return None, b""
        finally:
            connection.close()

    def operations(self, document, prefix):
        """Methods, paths about things that are there, and media types."""
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if path.startswith(prefix) and "requestBody" in operation:
                    media = next(iter(operation["requestBody"].get("content", {})), "application/json")
                    yield method.upper(), re.sub(r"\{(\w+)\}", self.thing, path), media

    def thing(self, match):
        return self.things.get(match[1], self.things["*"]) or match[1]

    def run(self, prefix):
        document = json.loads(self.send("GET", "/openapi.json", None)[1])
        count, is_large_sent = 0, False
        for method, path, media in self.operations(document, prefix):
            for what, body in self.service.bodies.items():
                if what == "too large":
                    # Once will do, and bytes of an image may be many.
                    if is_large_sent or "json" not in media:
                        continue
                    is_large_sent = True
                status, answer = self.send(method, path, body, media)
                count += 1
                if status is None and what == "too large":
                    continue
                self.look_at(answer, status, f"{method} {path} with {what}")
        shown = "\n".join(self.complaints[:40])
        expect(count, f"no operation under {prefix} takes a body")
        expect(not self.complaints, f"{len(self.complaints)} of {count} wrong bodies were answered wrongly:\n{shown}")
        return count

    def look_at(self, answer, status, what):
        # 501 is how a service says that it does not do a thing.
        if status is None or (status >= 500 and status != 501):
            self.complaints.append(f"{what}: {status} {answer[:200]}")
        elif status >= 400 and not self.is_envelope(answer, status):
            self.complaints.append(f"{what}: {status} is not in the service's envelope: {answer[:200]}")

    def is_envelope(self, answer, status):
        try:
            return self.service.is_envelope(json.loads(answer), status)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return False


def schemathesis(program, venv, token, options):
    # One worker: Python 3.11 counts the depth of syntax trees for all threads together, and hypothesis reads sources in each.
    command = [str(pathlib.Path(venv).absolute() / "bin" / "schemathesis"), "run", f"{program.url}/openapi.json", "--url", program.url,
               "--include-path-regex", f"^/{SERVICES[options.service].path or options.service}/", "--checks", "no_fault", "--phases",
               "coverage,fuzzing", "--max-examples", str(options.examples), "--workers", "1", "--no-shrink",
               "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "20",
               "-H", f"X-Auth-Token: {token}", "--report-dir", str(program.directory / "schemathesis"), "--no-color"]
    for name, value in SERVICES[options.service].headers.items():
        command += ["-H", f"{name}: {value}"]
    if options.seed is not None:
        command += ["--seed", str(options.seed)]
    environment = dict(os.environ, SCHEMATHESIS_HOOKS="fuzz_hooks", PYTHONPATH=str(HERE))
    done = subprocess.run(command, cwd=program.directory, env=environment, capture_output=True, text=True, timeout=options.timeout,
                          check=False)
    tail = "\n".join(done.stdout.splitlines()[-150:])
    expect(done.returncode == 0, f"schemathesis found what must not be:\n{tail}\n{done.stderr[-2000:]}")
    print("  " + next((line.strip() for line in reversed(done.stdout.splitlines()) if "generated" in line or "passed" in line), ""))


def add_options(parser):
    parser.add_argument("--service", choices=SERVICES, default="identity")
    parser.add_argument("--examples", type=int, default=10)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--timeout", type=int, default=900)


def check(program, options):
    client = Client(program, options.venv)
    client.login()
    bodies = WrongBodies(program, SERVICES[options.service], client)
    print(f"  {bodies.run(f'/{SERVICES[options.service].path or options.service}/')} wrong bodies answered", flush=True)
    client.token = None
    client.login()
    schemathesis(program, options.venv, client.token, options)
    expect(program.process.poll() is None, f"the program ended:\n{program.tail()}")


if __name__ == "__main__":
    run_check(check, add_options=add_options)
