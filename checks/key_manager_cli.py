#!/usr/bin/env python3
"""Keeps secrets with the key manager's commands that the openstack client has (python-barbicanclient), looks at what each answers,
and rotates the keys that secrets are encrypted under. A command of the client that is not driven here fails the check."""

import base64
import hashlib

from client_shell import Shell
from cloud import Client, expect, run_check, run_parts

# There are no certificate authorities: upstream has dropped them.
ABSENT = ("ca ",)
NOBODY = "00000000-0000-0000-0000-000000000000"


class KeyManagerCommands:
    def __init__(self, shell, program, venv):
        self.shell, self.program = shell, program
        self.run, self.json = shell.run, shell.json
        self.client = Client(program, venv)

    def store(self, name, payload, *options):
        return self.json("secret", "store", "--name", name, "--payload", payload, *options)["Secret href"]

    def payload(self, secret):
        return self.json("secret", "get", secret, "--payload")["Payload"]

    def secrets(self):
        secret = self.store("door", "swordfish", "--secret-type", "passphrase")
        shown = self.json("secret", "get", secret)
        expect(shown["Name"] == "door" and shown["Status"] == "ACTIVE" and shown["Secret type"] == "passphrase", f"a secret: {shown}")
        expect(self.payload(secret) == "swordfish", "a secret's payload")
        file = self.program.directory / "payload.txt"
        self.run("secret", "get", secret, "--file", str(file))
        expect(file.read_text() == "swordfish", "a payload in a file")
        kept = self.json("secret", "store", "--name", "kept", "--file", str(file))["Secret href"]
        said = self.run("secret", "get", kept, "--payload", "--payload_content_type", "application/octet-stream")
        expect("swordfish" in said, f"a file's bytes: {said}")
        empty = self.json("secret", "store", "--name", "later")["Secret href"]
        self.run("secret", "update", empty, "haddock")
        expect(self.payload(empty) == "haddock", "a payload that came later")
        names = {row["Name"] for row in self.json("secret", "list", "--limit", "50")}
        expect(names == {"door", "kept", "later"}, f"secrets: {names}")
        names = {row["Name"] for row in self.json("secret", "list", "--name", "door", "--secret-type", "passphrase")}
        expect(names == {"door"}, f"secrets by name: {names}")
        self.run("secret", "store", "--name", "broken", "--payload", "x", "--expiration", "1999-12-31", fails="before current time")
        for gone in (secret, kept, empty):
            self.run("secret", "delete", gone)
        self.run("secret", "get", secret, fails="not found")
        expect(self.json("secret", "list") == [], "secrets that are gone")

    def consumers(self):
        secret = self.store("shared", "x")
        whose = ("--service-type-name", "image", "--resource-type", "image", "--resource-id", "one")
        self.run("secret", "consumer", "create", secret, *whose)
        found = self.json("secret", "consumer", "list", secret)
        expect([row["Resource id"] for row in found] == ["one"], f"consumers: {found}")
        self.run("secret", "delete", secret, fails="consumers")
        self.run("secret", "consumer", "delete", secret, *whose)
        expect(self.json("secret", "consumer", "list", secret) == [], "consumers that are gone")
        self.run("secret", "delete", secret)

    def orders(self):
        order = self.json("secret", "order", "create", "key", "--name", "disk", "--algorithm", "aes", "--bit-length", "256")
        href = order["Order href"]
        shown = self.json("secret", "order", "get", href)
        expect(shown["Status"] == "ACTIVE" and shown["Type"] == "Key", f"an order: {shown}")
        key = self.json("secret", "get", shown["Secret href"])
        expect(key["Name"] == "disk" and key["Bit length"] == 256, f"the key of an order: {key}")
        pair = self.json("secret", "order", "create", "asymmetric", "--name", "pair", "--algorithm", "rsa", "--bit-length", "2048")
        shown = self.json("secret", "order", "get", pair["Order href"])
        expect(shown["Status"] == "ACTIVE" and shown["Container href"], f"a pair's order: {shown}")
        # The client can't write a moment as JSON.
        said = self.run("secret", "container", "get", shown["Container href"])
        expect("rsa" in said and "Private Key" in said and shown["Container href"] in said, f"a pair: {said}")
        for algorithm, bits, beginning in (("dsa", 2048, b"0"), ("ec", 384, b"-----BEGIN PUBLIC KEY")):
            self.pair(algorithm, bits, beginning)
        failed = self.json("secret", "order", "create", "key", "--algorithm", "rot13", "--bit-length", "256")["Order href"]
        expect(self.json("secret", "order", "get", failed)["Status"] == "ERROR", "an order that can't be carried out")
        orders = self.json("secret", "order", "list", "--limit", "50")
        expect(len(orders) == 5, f"orders: {orders}")
        for row in orders:
            self.run("secret", "order", "delete", row["Order href"])
        expect(self.json("secret", "order", "list") == [], "orders that are gone")

    def pair(self, algorithm, bits, beginning):
        """The client knows no container of such a pair, and lists none while there is one."""
        order = self.json("secret", "order", "create", "asymmetric", "--algorithm", algorithm, "--bit-length", str(bits))["Order href"]
        container = "/key-manager/v1/" + "/".join(self.json("secret", "order", "get", order)["Container href"].split("/")[-2:])
        references = {r["name"]: r["secret_ref"] for r in self.client.http("GET", container)[2]["secret_refs"]}
        expect(set(references) == {"private_key", "public_key"}, f"a pair of {algorithm}: {references}")
        path = "/key-manager/v1/secrets/" + references["public_key"].split("/")[-1] + "/payload"
        status, _, payload = self.client.http("GET", path, headers={"Accept": "application/octet-stream"})
        expect(status == 200 and payload.startswith(beginning), f"a public key of {algorithm}: {status} {payload}")
        expect(self.client.http("DELETE", container)[0] == 204, "delete")

    def containers(self):
        secrets = [self.store(name, name) for name in ("one", "two")]
        given = [word for name, secret in zip(("a", "b"), secrets) for word in ("--secret", f"{name}={secret}")]
        container = self.json("secret", "container", "create", "--name", "box", *given)["Container href"]
        said = self.run("secret", "container", "get", container)
        expect("box" in said and "generic" in said and all(secret in said for secret in secrets), f"a container: {said}")
        expect(container in self.run("secret", "container", "list", "--limit", "50"), "containers")
        self.run("secret", "container", "create", "--name", "bad", "--secret", f"a={secrets[0][:-36]}{NOBODY}", fails="Not Found")
        self.run("secret", "container", "delete", container)
        self.run("secret", "container", "get", container, fails="not found")
        for secret in secrets:
            self.run("secret", "delete", secret)

    def access_lists(self):
        secret = self.store("private", "x")
        admin = self.json("token", "issue")["user_id"]
        self.run("acl", "submit", secret, "--user", admin, "--no-project-access")
        shown = self.json("acl", "get", secret)
        expect(shown[0]["Users"] == [admin] and shown[0]["Project Access"] is False, f"an access list: {shown}")
        self.run("acl", "user", "add", secret, "--user", "somebody")
        expect(set(self.json("acl", "get", secret)[0]["Users"]) == {admin, "somebody"}, "an access list with another user")
        self.run("acl", "user", "remove", secret, "--user", "somebody")
        expect(self.json("acl", "get", secret)[0]["Users"] == [admin], "an access list without the other user")
        self.run("acl", "delete", secret)
        expect(self.json("acl", "get", secret)[0]["Project Access"] is True, "an access list that is gone")
        self.run("secret", "delete", secret)

    def rotations(self):
        """Secrets outlive the keys that they were encrypted under, whether the program runs meanwhile or not."""
        folder = self.program.directory / "key-manager" / "fernet-keys"
        payload = base64.b64encode(hashlib.sha512(b"long").digest() * 20).decode()
        secret = self.store("long", payload)
        keys = {path.read_text() for path in folder.iterdir() if path.name.isdigit()}
        for count in range(1, 4):
            said = self.program.command("key-manager", "rotate-keys")
            expect("secrets anew" in said, f"what a rotation says: {said}")
            expect(self.payload(secret) == payload, "a secret after a rotation")
            self.store(f"made-{count}", str(count))
        left = {path.read_text() for path in folder.iterdir() if path.name.isdigit()}
        expect(not keys & left, "keys of the beginning are still there")
        self.program.restart(between=lambda: self.program.command("key-manager", "rotate-keys"))
        expect(self.payload(secret) == payload, "a secret after a rotation without the program")
        names = {row["Name"] for row in self.json("secret", "list", "--limit", "50") if (row["Name"] or "").startswith("made")}
        expect(names == {"made-1", "made-2", "made-3"}, f"secrets that were made between rotations: {names}")


def check(program, options):
    shell = Shell(program, options.venv, "openstack.key_manager.v1")
    flow = KeyManagerCommands(shell, program, options.venv)
    run_parts([flow.secrets, flow.consumers, flow.orders, flow.containers, flow.access_lists, flow.rotations], options.part)
    if not options.part:
        shell.conclude(ABSENT)


def add_options(parser):
    parser.add_argument("--part", help="only this one")


if __name__ == "__main__":
    run_check(check, add_options=add_options)
