"""The openstack client in one long process, for checks that drive every command it has for a service."""

import json
import os
import pathlib
import subprocess

from cloud import expect


class Shell:
    """The openstack client in one process, with what it was asked to run."""

    def __init__(self, program, venv, group):
        here = pathlib.Path(__file__).resolve().parent
        environment = dict(os.environ, OS_CLIENT_CONFIG_FILE=str(program.directory / "clouds.yaml"), OS_CLOUD="altostack")
        self.program = program
        self.process = subprocess.Popen(
            [str(pathlib.Path(venv) / "bin" / "python"), str(here / "openstack_shell.py")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
        self.known = set(self.ask(group))
        self.driven = set()
        self.count = 0
        self.said = ""

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        expect(line, f"the client ended while it ran {request}")
        return json.loads(line)

    def note(self, arguments):
        prefixes = [" ".join(arguments[:length]) for length in range(1, 8)]
        self.driven.update([name for name in prefixes if name in self.known][-1:])

    def run(self, *arguments, fails=None):
        """Runs a command; with `fails`, it must fail and say this."""
        self.note([word for word in arguments if not word.startswith("--os-")])
        answer = self.ask(list(arguments))
        self.count += 1
        said = self.said = answer["err"].strip()
        if fails is None:
            expect(answer["code"] == 0, f"openstack {' '.join(arguments)}: {said}")
        else:
            expect(answer["code"] != 0 and fails in said, f"openstack {' '.join(arguments)} should have failed with {fails!r}: {said}")
        return answer["out"]

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-f", "json"))

    def names(self, *arguments, column="Name"):
        return {row[column] for row in self.json(*arguments)}

    def conclude(self, absent=()):
        """Every command that the client has must have been driven, but for those that begin with one of `absent`."""
        excused = {name for name in self.known - self.driven if name.startswith(tuple(absent))} if absent else set()
        missed = sorted(self.known - self.driven - excused)
        expect(not missed, f"the client has commands that were not driven: {', '.join(missed)}")
        needless = [start for start in absent if not any(name.startswith(start) for name in excused)]
        expect(not needless, f"commands that are driven after all: {', '.join(needless)}")
        print(f"  {len(self.driven)} commands of the client, {self.count} runs, {len(excused)} not there")
