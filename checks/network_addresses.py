#!/usr/bin/env python3
"""Addresses under contention: 64 clients at once take addresses of one subnet, ask for the same one, give them back and take
them again. No address is ever given twice, none is lost, and a subnet that is used up says so."""

import collections
import http.client
import ipaddress
import json
import threading
import time

from cloud import Client, expect, run_check, run_parts

CLIENTS = 64


class Caller:
    """One client, whose requests come one after another on a connection of its own."""

    def __init__(self, program, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=120)
        self.headers = {"X-Auth-Token": token, "Content-Type": "application/json"}

    def call(self, method, path, body=None):
        """The status and the JSON of an answer. An overloaded cloud is asked again, as it says."""
        data = None if body is None else json.dumps(body).encode()
        for _ in range(10):
            self.connection.request(method, "/network/v2.0" + path, data, self.headers)
            response = self.connection.getresponse()
            answer = response.read()
            if response.status != 503:
                break
            Caller.overloads += 1
            time.sleep(1)
        return response.status, json.loads(answer) if answer else None

    overloads = 0


class Addresses:
    def __init__(self, program, venv):
        client = Client(program, venv)
        client.login()
        self.callers = [Caller(program, client.token) for _ in range(CLIENTS)]
        status, _, answer = client.http("GET", "/identity/v3/projects?name=admin")
        expect(status == 200, f"projects: {answer}")
        self.make("PUT", f"/quotas/{answer['projects'][0]['id']}", {"quota": {"port": -1}})

    def make(self, method, path, body):
        status, answer = self.callers[0].call(method, path, body)
        expect(status < 300, f"{method} {path}: {status} {answer}")
        return answer

    def network(self, cidr, **attributes):
        network = self.make("POST", "/networks", {"network": {"name": cidr}})["network"]["id"]
        subnet = self.make("POST", "/subnets", {"subnet": {
            "network_id": network, "ip_version": 4, "cidr": cidr, **attributes}})["subnet"]
        return network, subnet

    def together(self, work):
        """Runs some work on every client at once; returns what each gave back."""
        results, ready = [None] * CLIENTS, threading.Barrier(CLIENTS)

        def run(number):
            ready.wait()
            results[number] = work(self.callers[number], number)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect(all(result is not None for result in results), "a client broke off")
        return results

    def used(self, network):
        """The addresses of a network's ports, as the list of ports has them."""
        ports = self.make("GET", f"/ports?network_id={network}", None)["ports"]
        return [fixed["ip_address"] for port in ports for fixed in port["fixed_ips"]]

    def expect_consistent(self, network, subnet, given):
        """That addresses are given once, are of the pool, and are those that the network says it has given."""
        expect(len(set(given)) == len(given), f"given twice: {[item for item in collections.Counter(given).items() if item[1] > 1]}")
        pools = [(ipaddress.ip_address(pool["start"]), ipaddress.ip_address(pool["end"])) for pool in subnet["allocation_pools"]]
        astray = [one for one in given if not any(first <= ipaddress.ip_address(one) <= last for first, last in pools)]
        expect(not astray, f"not of the pool: {astray}")
        listed = self.used(network)
        expect(set(given) <= set(listed) and len(listed) == len(set(listed)), f"given {sorted(given)}, listed {sorted(listed)}")
        availability = self.make("GET", f"/network-ip-availabilities/{network}", None)["network_ip_availability"]
        expect(availability["used_ips"] == len(listed), f"{availability['used_ips']} are used, {len(listed)} listed")

    @staticmethod
    def take(caller, network, **attributes):
        return caller.call("POST", "/ports", {"port": {"network_id": network, **attributes}})

    # Parts.

    def room_for_all(self):
        network, subnet = self.network("10.64.0.0/22")

        def work(caller, _):
            return [self.take(caller, network) for _ in range(8)]
        answers = [answer for answers in self.together(work) for answer in answers]
        wrong = [answer for answer in answers if answer[0] != 201]
        expect(not wrong, f"{len(wrong)} of {len(answers)} got nothing: {wrong[:2]}")
        self.expect_consistent(network, subnet, [port["port"]["fixed_ips"][0]["ip_address"] for _, port in answers])

    def used_up(self):
        network, subnet = self.network("10.65.0.0/27")
        before = set(self.used(network))
        answers = self.together(lambda caller, _: self.take(caller, network))
        made = [answer["port"]["fixed_ips"][0]["ip_address"] for status, answer in answers if status == 201]
        refused = [(status, answer["NeutronError"]["type"]) for status, answer in answers if status != 201]
        room = 29 - len(before)
        expect(len(made) == room, f"{len(made)} of {room} addresses were given")
        expect(set(refused) == {(409, "IpAddressGenerationFailure")}, f"refusals: {collections.Counter(refused)}")
        self.expect_consistent(network, subnet, made)

    def the_same_one(self):
        network, subnet = self.network("10.66.0.0/24")
        wish = [{"subnet_id": subnet["id"], "ip_address": "10.66.0.77"}]
        answers = self.together(lambda caller, _: self.take(caller, network, fixed_ips=wish))
        counts = collections.Counter((status, status != 201 and answer["NeutronError"]["type"]) for status, answer in answers)
        expect(counts == {(201, False): 1, (409, "IpAddressAlreadyAllocated"): CLIENTS - 1}, f"one address, 64 clients: {counts}")

    def given_back(self):
        """Every client takes, gives back and takes again, on a subnet with room for few more than there are clients."""
        network, subnet = self.network("10.67.0.0/25")

        def work(caller, _):
            for _ in range(6):
                status, answer = self.take(caller, network)
                if status != 201:
                    return f"{status} {answer}"
                status, answer = caller.call("DELETE", f"/ports/{answer['port']['id']}")
                if status != 204:
                    return f"{status} {answer}"
            status, answer = self.take(caller, network)
            return answer["port"]["fixed_ips"][0]["ip_address"] if status == 201 else f"{status} {answer}"
        given = self.together(work)
        wrong = [one for one in given if " " in one]
        expect(not wrong, f"{len(wrong)} clients failed: {wrong[:2]}")
        self.expect_consistent(network, subnet, given)

    def floating(self):
        """Floating IPs of an external network with room for fewer than ask."""
        network, subnet = self.network("203.0.113.0/27")
        self.make("PUT", f"/networks/{network}", {"network": {"router:external": True}})
        before = len(self.used(network))

        def work(caller, _):
            return caller.call("POST", "/floatingips", {"floatingip": {"floating_network_id": network}})
        answers = self.together(work)
        made = [answer["floatingip"]["floating_ip_address"] for status, answer in answers if status == 201]
        expect(len(made) == 29 - before, f"{len(made)} of {29 - before} floating IPs were made")
        refused = collections.Counter(status for status, _ in answers if status != 201)
        expect(set(refused) <= {400, 409}, f"refusals: {refused}")
        self.expect_consistent(network, subnet, made)


def check(program, options):
    addresses = Addresses(program, options.venv)
    run_parts([addresses.room_for_all, addresses.used_up, addresses.the_same_one, addresses.given_back, addresses.floating])
    print(f"  {Caller.overloads} requests were told to come again", flush=True)


if __name__ == "__main__":
    run_check(check)
