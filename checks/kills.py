"""The frame of checks that kill the program (SIGKILL) at random moments while workers keep it busy: after each restart all has to
come to rest, and then everything is compared."""

import collections
import json
import random
import threading
import time
import urllib.error

from cloud import CheckFailed, expect, wait_for


class Worker(threading.Thread):
    """Somebody who does this and that, whether the program is there or not. Heirs say in `step` what is done next."""

    def __init__(self, number, seed):
        super().__init__(daemon=True)
        self.number, self.random = number, random.Random(seed * 1000 + number)
        self.is_open = None
        self.is_idle = threading.Event()
        self.is_over = False
        self.done, self.refused, self.faults = collections.Counter(), collections.Counter(), []

    def step(self):
        raise NotImplementedError

    def run(self):
        while not self.is_over:
            if not self.is_open.is_set():
                self.is_idle.set()
                time.sleep(0.01)
                continue
            self.is_idle.clear()
            try:
                self.step()
            except (OSError, urllib.error.URLError, json.JSONDecodeError):
                time.sleep(0.02)
            except Exception as error:  # a worker that dies would look like one that has nothing to do
                self.faults.append(f"worker {self.number}: {error!r}")
                return

    def note(self, action, status, answer):
        """Counts what was asked for; what makes no sense at the moment may be refused."""
        expect(status in (200, 201, 202, 204, 400, 404, 409), f"{action}: {status} {answer}")
        (self.done if status < 300 else self.refused)[action] += 1


class Kills:
    """The rounds. Heirs say what is there, what has not come to rest, what differs, and how everything is removed."""

    def __init__(self, program, options, workers):
        self.program, self.options, self.workers = program, options, workers
        self.is_open = threading.Event()
        self.random = random.Random(options.seed)
        for worker in workers:
            worker.is_open = self.is_open

    def prepare(self):
        raise NotImplementedError

    def count(self):
        """What is there, in words."""
        raise NotImplementedError

    def restless(self):
        """What has not come to rest."""
        raise NotImplementedError

    def differences(self):
        raise NotImplementedError

    def remove_all(self):
        raise NotImplementedError

    def look_at_workers(self):
        faults = [fault for worker in self.workers for fault in worker.faults]
        expect(not faults, "; ".join(faults))

    def settle(self, what):
        """Waits until everything is at rest and nothing differs; returns how long that took."""
        began = time.monotonic()
        limit = began + self.options.deadline
        while True:
            left = self.restless() or self.differences()
            if not left:
                return time.monotonic() - began
            if time.monotonic() > limit:
                raise CheckFailed(f"{what}, after {self.options.deadline} s:\n  " + "\n  ".join(left[:20]))
            time.sleep(0.3)

    def round(self, number):
        self.is_open.set()
        time.sleep(self.options.pause * (0.3 + self.random.random()))
        self.program.kill()
        self.is_open.clear()
        for worker in self.workers:
            wait_for("idle workers", lambda w=worker: w.is_idle.is_set() or not w.is_alive(), 90, 0.01)
        self.program.start()
        self.look_at_workers()
        took = self.settle(f"kill {number} of {self.options.kills}")
        if number % 10 == 0 or number == self.options.kills:
            print(f"  {number} kills: {self.count()} at rest {took:.1f} s after the last, nothing left, nothing lost", flush=True)

    def run(self):
        self.prepare()
        for worker in self.workers:
            worker.start()
        for number in range(1, self.options.kills + 1):
            self.round(number)
        self.is_open.clear()
        for worker in self.workers:
            worker.is_over = True
        done = sum((worker.done for worker in self.workers), collections.Counter())
        print("  done: " + ", ".join(f"{count} {name}" for name, count in sorted(done.items())), flush=True)
        self.remove_all()
        self.settle("the end")


def simulated_guests(folder):
    """The guests of a simulated host, by the names under which it knows them: each one's last line in the host's journal."""
    lines = [json.loads(line) for line in (folder / "guests.jsonl").read_text().splitlines()]
    return {name: guest for name, guest in {line["id"]: line.get("guest") for line in lines}.items() if guest}


def compare(what, expected, actual):
    if expected == actual:
        return []
    if isinstance(expected, set) and isinstance(actual, set):
        return [f"{what}: missing {sorted(expected - actual)}, too many {sorted(actual - expected)}"]
    return [f"{what}: {expected} expected, {actual} found"]


def add_options(parser):
    parser.add_argument("--kills", type=int, default=20, help="how often the program is killed")
    parser.add_argument("--pause", type=float, default=1.5, help="seconds between a restart and the next kill, on average")
    parser.add_argument("--deadline", type=float, default=120, help="seconds in which everything has to come to rest")
    parser.add_argument("--seed", type=int, default=2026)
