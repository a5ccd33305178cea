#!/usr/bin/env python3
"""Sends what no client would: schemathesis over the OpenAPI document of a service, and bodies that are no JSON, no UTF-8,
too large or of the wrong type. No answer may be a 5xx, and every refusal is in the service's own envelope."""

import http.client
import json
import pathlib
import subprocess

from cloud import Client, expect, run_check

WRONG_BODIES = {
    "not JSON": b"{",
    "an empty body": b"",
    "not UTF-8": b'{"user": {"name": "\xff\xfe"}}',
    "a list": b"[]",
    "a number": b"7",
    "a string": b'"user"',
    "null": b"null",
    "another type inside": b'{"auth": 7, "user": [], "project": "x", "domain": null, "group": 3, "role": true}',
    "a NUL": b'{"user": {"name": "a\\u0000b", "password": "x"}}',
    "deep nesting": b"[" * 20000 + b"]" * 20000,
    "a long name": json.dumps({"user": {"name": "x" * 70000}, "project": {"name": "x" * 70000}}).encode(),
    "a huge number": b'{"user": {"name": 1e999, "enabled": 99999999999999999999999}}',
    "too large": b'{"user": {"name": "' + b"x" * 20_000_000 + b'"}}',
}


class WrongBodies:
    """Every kind of wrong body against every operation that takes one."""

    def __init__(self, program, token, prefix):
        self.program = program
        self.token = token
        self.prefix = prefix
        self.complaints = []

    def send(self, method, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.program.port, timeout=30)
        try:
            connection.request(method, path, body, {"X-Auth-Token": self.token, "Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (BrokenPipeError, ConnectionResetError):
            return None, b""
        finally:
            connection.close()

    def operations(self, document, prefix):
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if path.startswith(prefix) and "requestBody" in operation:
                    yield method.upper(), path.replace("{", "").replace("}", "")

    def run(self):
        document = json.loads(self.send("GET", "/openapi.json", None)[1])
        count = 0
        for method, path in self.operations(document, self.prefix):
            for what, body in WRONG_BODIES.items():
                if what == "too large" and not path.endswith("/users"):
                    continue
                status, answer = self.send(method, path, body)
                count += 1
                if status is None and what == "too large":
                    continue
                self.look_at(answer, status, f"{method} {path} with {what}")
        shown = "\n".join(self.complaints[:40])
        expect(not self.complaints, f"{len(self.complaints)} of {count} wrong bodies were answered wrongly:\n{shown}")
        return count

    def look_at(self, answer, status, what):
        if status is None or status >= 500:
            self.complaints.append(f"{what}: {status} {answer[:200]}")
        elif status >= 400 and not self.is_envelope(answer, status):
            self.complaints.append(f"{what}: {status} is not in the service's envelope: {answer[:200]}")

    def is_envelope(self, answer, status):
        """Keystone's: `{"error": {"code": 400, …}}`; Glance's: `{"code": "400 Bad Request", …}`."""
        try:
            error = json.loads(answer)
            if not self.prefix.startswith("/image"):
                return error["error"]["code"] == status and bool(error["error"]["message"] and error["error"]["title"])
            return error["code"].startswith(f"{status} ") and bool(error["message"] and error["title"])
        except (ValueError, KeyError, TypeError):
            return False


def schemathesis(program, venv, token, options):
    command = [str(pathlib.Path(venv).absolute() / "bin" / "schemathesis"), "run", f"{program.url}/openapi.json", "--url", program.url,
               "--include-path-regex", f"^{options.prefix}/", "--checks", "not_a_server_error", "--phases",
               "coverage,fuzzing", "--max-examples", str(options.examples), "--workers", "2", "--no-shrink",
               "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "20",
               "-H", f"X-Auth-Token: {token}", "--report-dir", str(program.directory / "schemathesis"), "--no-color"]
    if options.seed is not None:
        command += ["--seed", str(options.seed)]
    done = subprocess.run(command, cwd=program.directory, capture_output=True, text=True, timeout=options.timeout, check=False)
    tail = "\n".join(done.stdout.splitlines()[-150:])
    expect(done.returncode == 0, f"schemathesis found what must not be:\n{tail}\n{done.stderr[-2000:]}")
    print("  " + next((line.strip() for line in reversed(done.stdout.splitlines()) if "generated" in line or "passed" in line), ""))


def add_options(parser):
    parser.add_argument("--prefix", default="/identity")
    parser.add_argument("--examples", type=int, default=10)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--timeout", type=int, default=900)


def check(program, options):
    client = Client(program, options.venv)
    client.login()
    print(f"  {WrongBodies(program, client.token, options.prefix).run()} wrong bodies refused", flush=True)
    client.token = None
    client.login()
    schemathesis(program, options.venv, client.token, options)
    expect(program.process.poll() is None, f"the program ended:\n{program.tail()}")


if __name__ == "__main__":
    run_check(check, add_options=add_options)
