#!/usr/bin/env python3
"""Packets that really flow: the program with the real OVN and two hosts, driven through the API, with network namespaces as
guests. Every check of the table sends packets and looks at what arrives. Needs root.

A check that says that something is dropped has seen the same thing pass before or after, or something like it pass at
the same time. The userspace data path is used, so no kernel module is needed."""

import argparse
import http.client
import os
import sys
import threading
import time

from cloud import Client, Program
from netlab import CheckFailed, Lab, eventually, expect
from netcloud import Cloud

import dataplane_addresses
import dataplane_groups
import dataplane_networks
import dataplane_routers
import dataplane_separation
import dataplane_services

TABLE = (dataplane_networks.CHECKS + dataplane_addresses.CHECKS + dataplane_groups.CHECKS + dataplane_routers.CHECKS
         + dataplane_separation.CHECKS + dataplane_services.CHECKS)


# What the API must offer for a check, by the beginning of its name; without it the check is left out.
NEEDS = {
    "DHCPv4: extra options": "extra_dhcp_opt", "groups: an address group": "address-group",
    "port forwarding": "floating-ip-port-forwarding", "a firewall": "fwaas_v2", "QoS": "qos", "logs": "logging", "several gateways": "external-gateway-multihoming", "trunk": "trunk",
    "private network": "pvlan", "guests' own tags": "vlan-transparent", "a QinQ network": "qinq",
}


# What is checked again after the program was killed: one or two checks of everything that it keeps right.
AFTER_CRASH = (
    "same network, across chassis", "VLAN on the wire", "VXLAN on the wire", "an allowed address pair", "DHCPv4: the port's address",
    "SLAAC", "groups: TCP by port", "groups: a remote group", "groups: an established connection", "SNAT: guests",
    "floating IP: in from outside", "port forwarding", "a firewall", "private network", "metadata: two networks", "QoS: DSCP",
)


def missing(name, extensions):
    """The extension that the API lacks for a check; None if it can run."""
    needed = next((alias for beginning, alias in NEEDS.items() if name.startswith(beginning)), None)
    return needed if needed not in extensions else None


def run_table(cloud, only):
    """Runs the checks one after the other; returns the names of those that failed."""
    failed = []
    cloud.round += 1
    extensions = {found["alias"] for found in cloud.request("GET", "/extensions")["extensions"]} | {None}
    for name, body in TABLE:
        if only and not any(word in name for word in only):
            continue
        if lacking := missing(name, extensions):
            print(f"skip {name:<66} the API has no {lacking}", flush=True)
            continue
        began = time.monotonic()
        try:
            body(cloud)
            outcome = None
        except (CheckFailed, OSError) as failure:
            outcome = failure
        took = f"{name:<66} {time.monotonic() - began:5.1f} s"
        if outcome is None:
            print(f"ok   {took}", flush=True)
        else:
            failed.append(name)
            print(f"MISS {took}\nerror: {name}: {outcome}", flush=True)
    return failed


def crash(cloud, program):
    """Kills the program in the middle of 200 changes and starts it again. Guests' packets flow on meanwhile."""
    network, made = cloud.network("crash", "10.45.0.0/24"), []
    group = cloud.group("crash", dict(protocol="icmp"))

    def change():
        try:
            for number in range(200):
                if number % 4 == 3:
                    cloud.delete(f"/ports/{made.pop(0)['id']}")
                elif number % 4 == 2:
                    cloud.rule(group, protocol="tcp", port_range_min=number + 1, port_range_max=number + 1)
                else:
                    made.append(cloud.port(network, ("host1", "host2")[number % 2], groups=[group]))
        except (CheckFailed, OSError, http.client.HTTPException):
            return

    changing = threading.Thread(target=change)
    changing.start()
    while len(made) < 45 and changing.is_alive():
        time.sleep(0.005)
    expect(changing.is_alive(), "the changes were over before the program was killed")
    program.kill()
    changing.join()
    expect(cloud.red1.ping(cloud.red2.ip), "packets stopped with the program")
    ready = program.start()
    guest = cloud.guest(cloud.red, "host2")
    eventually("a ping to a guest that came after", lambda: cloud.red1.ping(guest.ip))
    cloud.lab.unplug(guest)
    print(f"     killed in the middle of 200 changes, ready again after {ready:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--venv", help="not used: the checks speak HTTP themselves")
    parser.add_argument("--only", nargs="*", help="words of the names of the checks to run")
    parser.add_argument("--crash", action="store_true", help="kill the program in the middle of 200 changes, and check a part again")
    parser.add_argument("--hold", action="store_true", help="keep everything up until a key is pressed")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("needs root")
    lab = Lab()
    program = Program(options.program, False, lab.settings())
    failed, began = ["the start"], time.monotonic()
    try:
        lab.build()
        program.start()
        lab.join(program)
        cloud = Cloud(lab, Client(program, options.venv or "/"))
        print(f"     two hosts after {time.monotonic() - began:.1f} s", flush=True)
        failed = run_table(cloud, options.only)
        if options.crash:
            crash(cloud, program)
            failed += run_table(cloud, options.only or AFTER_CRASH)
        if failed:
            print(program.tail(20), file=sys.stderr)
        if options.hold:
            input(f"{program.directory} {lab.prefix}: ")
        program.stop()
    finally:
        leave(lab, program)
    expect_nothing_left(lab)
    print(f"Test run with {len(TABLE)} checks, {len(failed)} failed, in {time.monotonic() - began:.0f} s")
    sys.exit(1 if failed else 0)


def leave(lab, program):
    if "ALTOSTACK_KEEP_LOGS" in os.environ:
        os.system(f"cp -r {program.directory}/network/log {program.directory}/check.log {lab.directory}/*.log "
                  f"{os.environ['ALTOSTACK_KEEP_LOGS']}")
    program.remove()
    networks = [network["id"] for network in getattr(lab, "networks", [])]
    lab.remove_metadata(networks)
    lab.remove()


def expect_nothing_left(lab):
    expect(not lab.own_namespaces(), f"namespaces are left: {lab.own_namespaces()}")
    expect(not lab.daemons_resident(), "daemons are left")


if __name__ == "__main__":
    main()
