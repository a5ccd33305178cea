"""Drives a cloud from the outside: starts the program, speaks to it with the real openstack client, and looks at what
is left on the machine."""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request


class CheckFailed(Exception):
    """A promise that the cloud did not keep."""


def expect(condition, message):
    if not condition:
        raise CheckFailed(message)


# How much longer than on a quiet machine a wait may take, so that it ends only what hangs: CI runs two suites side by side.
PATIENCE = 3


def wait_for(what, probe, deadline, interval=0.2):
    """Waits until the probe answers something true, and returns it; the deadline is that of a quiet machine, in seconds."""
    deadline *= PATIENCE
    limit = time.monotonic() + deadline
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > limit:
            raise CheckFailed(f"{what} did not happen within {deadline} s")
        time.sleep(interval)


def parsed(text):
    """An answer's JSON; None for an empty one, the bytes for another."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Program:
    """The program on a data folder of its own."""

    def __init__(self, binary, simulate, settings=()):
        self.binary = str(pathlib.Path(binary).resolve())
        self.simulate = simulate
        self.settings = list(settings)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="altostack-check-"))
        self.port = free_port()
        self.process = None
        self.ready_after = None
        self.log = open(self.directory / "check.log", "ab")
        self.admin_password = "check-secret"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self, deadline=120):
        """Starts the program and waits for `ready`; returns how long that took in seconds."""
        command = [self.binary, "up", "--data-dir", str(self.directory), "--listen", f"127.0.0.1:{self.port}"]
        if self.simulate:
            command.append("--simulate")
        for setting in ["identity.password_hash_rounds=4", *self.settings]:
            command += ["--set", setting]
        began = time.monotonic()
        environment = dict(os.environ, ALTOSTACK_ADMIN_PASSWORD=self.admin_password)
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL, env=environment)
        limit = began + deadline
        for line in iter(self.process.stdout.readline, b""):
            if line.strip() == b"ready":
                self.ready_after = time.monotonic() - began
                return self.ready_after
            if time.monotonic() > limit:
                break
        raise CheckFailed(f"the program did not become ready:\n{self.tail()}")

    def restart(self, settings=None, between=None):
        """Stops the program and starts it again, with other settings if there are any; `between` runs meanwhile."""
        self.stop()
        if settings is not None:
            self.settings = list(settings)
        if between:
            between()
        return self.start()

    def command(self, *arguments):
        """Runs one of the program's other commands on the same data folder; returns what it printed."""
        command = [self.binary, *arguments, "--data-dir", str(self.directory)]
        for setting in self.settings:
            command += ["--set", setting]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        expect(done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def http(self, method, path, body=None, token=None, headers=None):
        """One HTTP request; returns status, headers and JSON. A body of bytes is sent as it is, others as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("X-Auth-Token", token)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.headers, parsed(response.read())
        except urllib.error.HTTPError as error:
            return error.code, error.headers, parsed(error.read())

    def run(self, *arguments):
        """Runs a command of the program's on its data folder; returns what it printed."""
        done = subprocess.run([self.binary, *arguments, "--data-dir", str(self.directory)], capture_output=True, text=True,
                              timeout=60, check=False)
        expect(done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def tail(self, lines=40, about=""):
        """The end of the program's log, after what it says of the things whose ids are in a text."""
        self.log.flush()
        log = (self.directory / "check.log").read_text(errors="replace").splitlines()
        ids = set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", about))
        told = [line for line in log if any(thing in line for thing in ids) and '"GET ' not in line]
        return "\n".join(told[-100:] + log[-lines:])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, deadline=5):
        """Stops the program; returns how long that took in seconds."""
        began = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(deadline + 10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise CheckFailed("the program did not stop") from None
        took = time.monotonic() - began
        expect(took <= deadline, f"SIGTERM took {took:.1f} s to stop the program")
        expect(self.process.returncode == 0, f"the program ended with {self.process.returncode}:\n{self.tail()}")
        return took

    def remove(self):
        """Stops everything that the program left running for its guests and networks, and removes its folder."""
        if self.process and self.process.poll() is None:
            self.kill()
        if (self.directory / "network").exists():
            # Daemons that are killed leave their devices in the kernel.
            settings = [word for setting in self.settings for word in ("--set", setting)]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run([self.binary, "down", "--networks", "--data-dir", str(self.directory), *settings], timeout=60,
                               stdout=self.log, stderr=self.log, check=False)
        for pid_file in self.directory.rglob("*.pid"):
            try:
                os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
            except (ValueError, IndexError, OSError):
                continue
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


class Client:
    """A user of the cloud: the openstack command, and plain HTTP for what must be fast."""

    def __init__(self, program, venv):
        self.program = program
        self.command = str(pathlib.Path(venv) / "bin" / "openstack")
        self.environment = dict(os.environ, OS_CLIENT_CONFIG_FILE=str(program.directory / "clouds.yaml"),
                                OS_CLOUD="altostack")
        self.token = None

    def run(self, *arguments, check=True):
        """Runs the openstack command."""
        done = subprocess.run([self.command, *arguments], env=self.environment, capture_output=True, text=True,
                              timeout=180, check=False)
        if check and done.returncode != 0:
            raise CheckFailed(f"openstack {' '.join(arguments)}: {done.stderr.strip()}\n{self.program.tail(15)}")
        return done

    def json(self, *arguments):
        """Runs the openstack command and reads its JSON."""
        output = self.run(*arguments, "-f", "json").stdout
        return json.loads(output)

    def http(self, method, path, body=None, headers=None):
        """One HTTP request with the administrator's token; returns status, headers and JSON."""
        if self.token is None and "auth/tokens" not in path:
            self.login()
        return self.program.http(method, path, body, self.token, headers)

    def login(self):
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        user = {"name": "admin", "domain": {"id": "default"}, "password": self.program.admin_password}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        status, headers, answer = self.http("POST", "/identity/v3/auth/tokens", body)
        expect(status == 201, f"login: {status} {answer}")
        self.token = headers["X-Subject-Token"]


def use_tools(venv):
    """Goes on under the Python of the tools from PyPI, so that what they bring can be imported."""
    if pathlib.Path(sys.prefix).resolve() != pathlib.Path(venv).resolve():
        python = str(pathlib.Path(venv).absolute() / "bin" / "python")
        os.execv(python, [python, *sys.argv])


def run_check(body, settings=(), add_options=None, needs_tools=False):
    """A check's `main`: reads its options, starts a program of its own, runs `body(program, options)` on it, and looks
    whether the program stops as it should. With `--simulate` among the check's options that decides about the hosts;
    else they are simulated. `settings` may be a function of the options; `needs_tools` is for checks that import what the
    tools from PyPI bring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--venv", required=True)
    parser.add_argument("--postgresql", action="store_true", help="keep the store in a PostgreSQL server of the check's own")
    if add_options:
        add_options(parser)
    options = parser.parse_args()
    if needs_tools:
        use_tools(options.venv)
    chosen = list(settings(options) if callable(settings) else settings)
    with contextlib.ExitStack() as stack:
        if options.postgresql:
            from postgres import PostgresServer

            chosen.append(f"store.database={stack.enter_context(PostgresServer()).connection}")
        program = Program(options.program, getattr(options, "simulate", True), chosen)
        stack.callback(program.remove)
        try:
            program.start()
            body(program, options)
            if program.process.poll() is None:
                program.stop()
        except (CheckFailed, subprocess.TimeoutExpired) as failure:
            print(f"{program.tail(15, about=str(failure))}\nerror: {failure}", file=sys.stderr)
            sys.exit(1)
        except Exception:
            print(program.tail(60), file=sys.stderr)
            raise


def run_parts(parts, only=None):
    """Runs the parts of a check one after the other, all of them even when some fail; or only the one of a name."""
    failures = 0
    for part in [part for part in parts if only in (None, part.__name__)]:
        began = time.monotonic()
        try:
            part()
            print(f"  {part.__name__:<42} {time.monotonic() - began:6.1f} s", flush=True)
        except CheckFailed as failure:
            failures += 1
            print(f"error: {part.__name__}: {failure}", file=sys.stderr, flush=True)
    expect(not failures, f"{failures} of {len(parts)} parts failed")
