#!/usr/bin/env python3
"""Runs placement's own HTTP tests, the gabbi files inside the package openstack-placement, against a cloud of its own.
A test that fails must stand in the list of known failures (`checks/placement-known-failures.txt`, with its reason), and
a test of the list that passes must leave it. Files that need a server with another policy run after it was started again
with that one."""

import collections
import json
import pathlib
import subprocess
import sys
import time

from cloud import expect, run_check
from tempest_run import known_failures

HERE = pathlib.Path(__file__).resolve().parent
# What can run; fewer means that files were not found.
LEAST = 1290
# The policies beside the default, as `placement_policies.py` makes them.
POLICIES = ("open", "legacy")


def gabbits(venv):
    """The folder of upstream's files in the test tools' environment."""
    found = sorted(pathlib.Path(venv).glob("lib/python3*/site-packages/placement/tests/functional/gabbits"))
    expect(found, f"openstack-placement is not installed in {venv}")
    return found[0]


def script(venv, name, *arguments, timeout=60):
    """Runs a script under the Python of the test tools' environment; returns what it printed."""
    done = subprocess.run([str(pathlib.Path(venv) / "bin" / "python"), str(HERE / name), *arguments],
                          capture_output=True, text=True, timeout=timeout, check=False)
    expect(done.returncode == 0, f"{name} did not run to its end: {done.stderr.strip()[-2000:]}")
    return done


def set_policy(program, text):
    file = program.directory / "policy" / "placement.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def execute(program, options, folder, *policy):
    done = script(
        options.venv, "placement_gabbits.py", "--url", program.url, "--password", program.admin_password,
        "--gabbits", str(folder), "--select", options.select, *policy, timeout=options.timeout)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def judge(results, known):
    """Compares what happened with what is known; returns complaints and counts."""
    complaints, counts = [], collections.Counter()
    for result in results:
        name, state = result["name"], result["state"]
        if name in known and state == "passed":
            complaints.append(f"{name}: passes, so it must leave the list of known failures")
        elif name not in known and state == "failed":
            complaints.append(f"{name}: {result['reason']}")
        counts["known failures" if name in known and state == "failed" else state] += 1
    return complaints, counts


def add_options(parser):
    parser.add_argument("--gabbits", help="the folder of the files, where they are not installed")
    parser.add_argument("--select", default=".", help="a regular expression over the files' names")
    parser.add_argument("--timeout", type=int, default=900)


def check(program, options):
    began = time.monotonic()
    folder = pathlib.Path(options.gabbits or gabbits(options.venv)).resolve()
    results = execute(program, options, folder)
    for policy in POLICIES:
        text = script(options.venv, "placement_policies.py", policy, str(folder.parents[3])).stdout
        program.restart(between=lambda: set_policy(program, text))
        results += execute(program, options, folder, "--policy", policy)
    known = known_failures(HERE / "placement-known-failures.txt")
    complaints, counts = judge(results, known)
    for complaint in complaints:
        print(f"error: {complaint}", file=sys.stderr)
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    print(f"  {len(results)} tests in {time.monotonic() - began:.0f} s: {told}")
    expect(not complaints, f"{len(complaints)} tests did otherwise than expected")
    if options.select == ".":
        expect(len(results) >= LEAST, f"only {len(results)} tests ran")
        gone = known.keys() - {result["name"] for result in results}
        expect(not gone, f"the list of known failures names tests that there are not: {', '.join(sorted(gone))}")


if __name__ == "__main__":
    # Without hosts placement holds nothing but what the tests make.
    run_check(check, settings=["simulation.hosts=0"], add_options=add_options)
