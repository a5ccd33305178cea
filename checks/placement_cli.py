#!/usr/bin/env python3
"""Administers placement with every command that the openstack client has for it (osc-placement), and looks at what each
answers. A command of the client that is not driven here fails the check."""

import uuid

from client_shell import Shell
from cloud import expect, run_check, run_parts

OWNER = ("--project-id", "shop", "--user-id", "alice")


class PlacementCommands:
    def __init__(self, shell):
        self.shell = shell
        self.host, self.child, self.disks = (str(uuid.uuid4()) for _ in range(3))
        self.racks = sorted(str(uuid.uuid4()) for _ in range(2))
        self.server = str(uuid.uuid4())

    def run(self, *arguments, version="1.39", **options):
        return self.shell.run(*arguments, "--os-placement-api-version", version, **options)

    def json(self, *arguments, version="1.39"):
        return self.shell.json(*arguments, "--os-placement-api-version", version)

    def column(self, name, *arguments, version="1.39"):
        return {row[name] for row in self.json(*arguments, version=version)}

    def generation(self, provider):
        return str(self.json("resource", "provider", "show", provider)["generation"])

    def resource_classes(self):
        self.run("resource", "class", "create", "CUSTOM_GOLD")
        self.run("resource", "class", "create", "CUSTOM_GOLD", fails="409")
        self.run("resource", "class", "set", "CUSTOM_SILVER")
        self.run("resource", "class", "set", "CUSTOM_SILVER")
        self.run("resource", "class", "set", "SILVER", fails="400")
        expect(self.json("resource", "class", "show", "CUSTOM_SILVER")["name"] == "CUSTOM_SILVER", "the class")
        names = self.column("name", "resource", "class", "list")
        expect({"VCPU", "MEMORY_MB", "CUSTOM_GOLD", "CUSTOM_SILVER"} <= names, f"resource classes: {names}")
        self.run("resource", "class", "delete", "CUSTOM_SILVER")
        self.run("resource", "class", "delete", "VCPU", fails="Cannot delete standard resource class")

    def traits(self):
        self.run("trait", "create", "CUSTOM_FAST")
        self.run("trait", "show", "CUSTOM_FAST")
        self.run("trait", "show", "CUSTOM_SLOW", fails="404")
        expect(self.column("name", "trait", "list", "--name", "startswith:CUSTOM_") == {"CUSTOM_FAST"}, "traits by prefix")
        expect(self.column("name", "trait", "list", "--name", "in:CUSTOM_FAST,HW_CPU_X86_AVX2")
               == {"CUSTOM_FAST", "HW_CPU_X86_AVX2"}, "traits by name")
        expect(not self.json("trait", "list", "--associated"), "traits that providers have")
        self.run("trait", "create", "FAST", fails="The trait is invalid")

    def providers(self):
        made = self.json("resource", "provider", "create", "host", "--uuid", self.host)
        expect(made["generation"] == 0 and made["root_provider_uuid"] == self.host, f"provider: {made}")
        self.run("resource", "provider", "create", "host", fails="already exists")
        self.run("resource", "provider", "create", "disks", "--uuid", self.disks, version="1.0")
        self.run("resource", "provider", "create", "numa", "--uuid", self.child, "--parent-provider", self.host)
        self.run("resource", "provider", "set", self.child, "--name", "numa0")
        shown = self.json("resource", "provider", "show", self.child)
        expect(shown["name"] == "numa0" and shown["parent_provider_uuid"] == self.host, f"provider: {shown}")
        expect(self.column("name", "resource", "provider", "list") == {"host", "numa0", "disks"}, "providers")
        expect(self.column("name", "resource", "provider", "list", "--in-tree", self.child) == {"host", "numa0"}, "the tree")
        expect(self.column("name", "resource", "provider", "list", "--name", "disks") == {"disks"}, "providers by name")
        self.run("resource", "provider", "set", self.child, "--name", "numa0", "--parent-provider", self.disks)
        self.run("resource", "provider", "set", self.child, "--name", "numa0", "--parent-provider", self.host, version="1.29",
                 fails="re-parenting a provider is not currently allowed")
        self.run("resource", "provider", "set", self.child, "--name", "numa0", "--parent-provider", self.host)
        self.run("resource", "provider", "delete", self.host, fails="It has child resource providers")

    def inventories(self):
        of_host = ("resource", "provider", "inventory")
        self.run(*of_host, "set", self.host, "--resource", "VCPU=8", "--resource", "VCPU:allocation_ratio=4",
                 "--resource", "MEMORY_MB=8192", "--resource", "MEMORY_MB:step_size=128", "--resource", "CUSTOM_GOLD=2")
        self.run(*of_host, "set", self.host, "--resource", "VCPU:max_unit=6", "--amend")
        self.run(*of_host, "class", "set", self.host, "CUSTOM_GOLD", "--total", "3", "--reserved", "1")
        self.run(*of_host, "set", self.disks, "--resource", "DISK_GB=100")
        shown = self.json(*of_host, "show", self.host, "VCPU")
        expect(shown["total"] == 8 and shown["max_unit"] == 6 and shown["allocation_ratio"] == 4, f"inventory: {shown}")
        listed = self.column("resource_class", *of_host, "list", self.host)
        expect(listed == {"VCPU", "MEMORY_MB", "CUSTOM_GOLD"}, f"inventories: {listed}")
        self.run(*of_host, "set", self.host, "--resource", "CUSTOM_NONE=1", fails="No such resource class CUSTOM_NONE")
        self.run(*of_host, "delete", self.host, "--resource-class", "CUSTOM_GOLD")
        self.run(*of_host, "show", self.host, "CUSTOM_GOLD", fails="404")

    def qualities(self):
        """What providers are found by: traits and aggregates."""
        set_trait = ("resource", "provider", "trait", "set")
        self.run(*set_trait, self.host, "--trait", "CUSTOM_FAST", "--trait", "HW_CPU_X86_AVX2")
        self.run(*set_trait, self.disks, "--trait", "MISC_SHARES_VIA_AGGREGATE")
        expect(self.column("name", "resource", "provider", "trait", "list", self.host) == {"CUSTOM_FAST", "HW_CPU_X86_AVX2"}, "its traits")
        expect("CUSTOM_FAST" in self.column("name", "trait", "list", "--associated"), "traits that providers have")
        self.run("trait", "delete", "CUSTOM_FAST", fails="in use")
        aggregate = ("resource", "provider", "aggregate")
        for provider, racks in ((self.host, self.racks), (self.disks, self.racks[:1])):
            chosen = [word for rack in racks for word in ("--aggregate", rack)]
            self.run(*aggregate, "set", provider, *chosen, "--generation", self.generation(provider))
        self.run(*aggregate, "set", self.host, "--aggregate", self.racks[0], "--generation", "0", fails="409")
        expect(self.column("uuid", *aggregate, "list", self.host) == set(self.racks), "its aggregates")
        found = ("resource", "provider", "list")
        expect(self.column("name", *found, "--required", "CUSTOM_FAST") == {"host"}, "providers by a trait")
        expect(self.column("name", *found, "--required", "CUSTOM_FAST,MISC_SHARES_VIA_AGGREGATE") == {"host", "disks"}, "any trait")
        expect(self.column("name", *found, "--forbidden", "CUSTOM_FAST") == {"numa0", "disks"}, "providers without a trait")
        expect(self.column("name", *found, "--member-of", self.racks[1]) == {"host"}, "providers by an aggregate")
        expect(self.column("name", *found, "--resource", "VCPU=6") == {"host"}, "providers by what they have")

    def candidates(self):
        listing = ("allocation", "candidate", "list")
        rows = self.json(*listing, "--resource", "VCPU=2", "--resource", "DISK_GB=10")
        expect({row["resource provider"] for row in rows} == {self.host, self.disks}, f"candidates: {rows}")
        rows = self.json(*listing, "--group", "1", "--resource", "VCPU=2", "--required", "CUSTOM_FAST", "--group", "2",
                         "--resource", "DISK_GB=10", "--group-policy", "isolate")
        expect({row["allocation"] for row in rows} == {"VCPU=2", "DISK_GB=10"}, f"candidates: {rows}")
        expect(not self.json(*listing, "--resource", "VCPU=7"), "candidates for more than an allocation may have")

    def allocations(self):
        of_server = ("resource", "provider", "allocation")
        rows = self.json(*of_server, "set", self.server, "--allocation", f"rp={self.host},VCPU=2,MEMORY_MB=1024",
                         "--allocation", f"rp={self.disks},DISK_GB=10", *OWNER, "--consumer-type", "INSTANCE")
        expect({row["resource_provider"] for row in rows} == {self.host, self.disks}, f"allocations: {rows}")
        shown = self.json(*of_server, "show", self.server)
        expect({row["consumer_type"] for row in shown} == {"INSTANCE"}, f"allocations: {shown}")
        given = self.json("resource", "provider", "show", self.host, "--allocations")
        expect(self.server in str(given["allocations"]), f"what the host has given: {given}")
        used = self.json("resource", "provider", "usage", "show", self.host)
        expect({row["resource_class"]: row["usage"] for row in used} == {"VCPU": 2, "MEMORY_MB": 1024}, f"usage: {used}")
        used = self.json("resource", "usage", "show", "shop", "--user-id", "alice", version="1.29")
        expect({row["resource_class"]: row["usage"] for row in used} == {"VCPU": 2, "MEMORY_MB": 1024, "DISK_GB": 10}, f"usage: {used}")
        self.run(*of_server, "set", str(uuid.uuid4()), "--allocation", f"rp={self.host},VCPU=7", *OWNER, "--consumer-type", "INSTANCE",
                 fails="Unable to allocate inventory")
        self.run("resource", "provider", "inventory", "delete", self.host, fails="in use")
        self.run("resource", "provider", "delete", self.disks, fails="Resource provider has allocations")
        left = self.json(*of_server, "unset", self.server, "--provider", self.disks)
        expect({row["resource_provider"] for row in left} == {self.host}, f"allocations: {left}")
        left = self.json(*of_server, "unset", self.server, "--resource-class", "MEMORY_MB")
        expect("MEMORY_MB" not in str(left), f"allocations: {left}")
        self.run(*of_server, "delete", self.server)
        self.run(*of_server, "delete", self.server, fails="404")

    def clean(self):
        self.run("resource", "provider", "trait", "delete", self.host)
        expect(not self.json("resource", "provider", "trait", "list", self.host), "the host's traits stayed")
        self.run("trait", "delete", "CUSTOM_FAST")
        self.run("resource", "provider", "inventory", "delete", self.host)
        expect(not self.json("resource", "provider", "inventory", "list", self.host), "the host's inventories stayed")
        for provider in (self.child, self.host, self.disks):
            self.run("resource", "provider", "delete", provider)
        expect(not self.json("resource", "provider", "list"), "providers stayed")
        self.run("resource", "class", "delete", "CUSTOM_GOLD")


def check(program, options):
    shell = Shell(program, options.venv, "openstack.placement.v1")
    flow = PlacementCommands(shell)
    run_parts([flow.resource_classes, flow.traits, flow.providers, flow.inventories, flow.qualities, flow.candidates,
               flow.allocations, flow.clean])
    shell.conclude()


if __name__ == "__main__":
    run_check(check, settings=["simulation.hosts=0"])
