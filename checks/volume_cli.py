#!/usr/bin/env python3
"""Keeps volumes with the block storage commands that the openstack client has, in simulated back ends, and looks at what each
answers. A command of the client that is not driven here fails the check."""

from client_shell import Shell
from cloud import Client, expect, run_check, run_parts, wait_for

# Two back ends, between which a volume can move.
SETTINGS = ["volume.backends=one:simulated,two:simulated"]
# No back end replicates, so nothing can be failed over; nothing in a back end is unknown to a new cloud.
ABSENT = ("volume host failover", "volume group failover")
NEW = ("--os-volume-api-version", "3.71")


class VolumeCommands:
    def __init__(self, shell, program, venv):
        self.shell, self.program = shell, program
        self.client = Client(program, venv)

    def run(self, *arguments, **options):
        return self.shell.run(*arguments, *NEW, **options)

    def json(self, *arguments):
        return self.shell.json(*arguments, *NEW)

    def names(self, *arguments, column="Name"):
        return {row[column] for row in self.json(*arguments)}

    def becomes(self, kind, name, status="available"):
        """Waits until something has a status."""
        wait_for(f"{kind} {name} to be {status}", lambda: self.json(*kind.split(), "show", name)["status"] == status, 30, interval=0.1)

    def gone(self, kind, name):
        wait_for(f"{kind} {name} to be gone", lambda: name not in str(self.json(*kind.split(), "list")), 30, interval=0.1)

    # Parts

    def types(self):
        of = ("volume", "type")
        made = self.json(*of, "create", "gold", "--description", "fast", "--property", "volume_backend_name=none", "--private")
        expect(made["is_public"] is False and made["description"] == "fast", f"a type: {made}")
        self.run(*of, "create", "gold", fails="409")
        self.run(*of, "create", "locked", "--encryption-provider", "luks", "--encryption-cipher", "aes-xts-plain64",
                 "--encryption-key-size", "256", "--encryption-control-location", "front-end")
        shown = self.json(*of, "show", "locked", "--encryption-type")
        expect("luks" in str(shown["encryption"]), f"an encrypted type: {shown}")
        self.run(*of, "set", "locked", "--encryption-provider", "luks", "--encryption-key-size", "512")
        self.run(*of, "unset", "locked", "--encryption-type")
        self.run(*of, "set", "gold", "--name", "silver", "--property", "a=b", "--project", "admin")
        shown = self.json(*of, "show", "silver")
        expect(shown["properties"] == {"volume_backend_name": "none", "a": "b"}, f"a type's properties: {shown}")
        expect(shown["access_project_ids"], f"who may use a private type: {shown}")
        self.run(*of, "unset", "silver", "--property", "a", "--project", "admin")
        expect(self.names(*of, "list") == {"__DEFAULT__", "locked", "silver"}, "types")
        expect(self.names(*of, "list", "--private") == {"silver"}, "private types")
        expect(self.names(*of, "list", "--private", "--property", "volume_backend_name=none") == {"silver"}, "types by property")
        expect(self.json(*of, "list", "--default")[0]["Name"] == "__DEFAULT__", "the default type")
        self.run(*of, "delete", "__DEFAULT__", fails="400")
        self.run(*of, "delete", "silver", "locked")
        self.run(*of, "show", "silver", fails="No")

    def qos(self):
        of = ("volume", "qos")
        self.run("volume", "type", "create", "steady")
        made = self.json(*of, "create", "limited", "--consumer", "front-end", "--property", "total_iops_sec=100")
        expect(made["consumer"] == "front-end" and made["properties"] == {"total_iops_sec": "100"}, f"QoS specs: {made}")
        self.run(*of, "create", "limited", fails="409")
        self.run(*of, "set", "limited", "--property", "total_bytes_sec=1000")
        self.run(*of, "unset", "limited", "--property", "total_iops_sec")
        self.run(*of, "associate", "limited", "steady")
        shown = self.json(*of, "show", "limited")
        expect(shown["associations"] == ["steady"] and shown["properties"] == {"total_bytes_sec": "1000"}, f"QoS specs: {shown}")
        expect(self.names(*of, "list") == {"limited"}, "all QoS specs")
        self.run(*of, "delete", "limited", fails="400")
        self.run(*of, "disassociate", "limited", "--volume-type", "steady")
        self.run(*of, "associate", "limited", "steady")
        self.run(*of, "disassociate", "limited", "--all")
        self.run(*of, "delete", "limited")
        self.run("volume", "type", "delete", "steady")

    def group_types(self):
        of = ("volume", "group", "type")
        made = self.json(*of, "create", "kin", "--description", "together")
        expect(made["Is Public"] is True, f"a group type: {made}")
        self.run(*of, "set", "kin", "--property", "l=w")
        self.run(*of, "set", made["ID"], "--name", "clan", "--no-property", "--property", "k=v")
        shown = self.json(*of, "show", "clan")
        expect(shown["Properties"] == {"k": "v"}, f"a group type: {shown}")
        expect("clan" in self.names(*of, "list"), "group types")
        self.run(*of, "set", "clan", "--no-property")

    def groups(self):
        of = ("volume", "group")
        self.run(*of, "create", "--name", "crew", "--volume-group-type", "clan", "--volume-type", "__DEFAULT__")
        self.group_is("crew", "available")
        self.run("volume", "create", "one", "--size", "1")
        self.becomes("volume", "one")
        self.run(*of, "add", "volume", "crew", "one") if "volume group add volume" in self.shell.known else None
        self.run(*of, "set", "crew", "--description", "sailors")
        expect(self.names(*of, "list") == {"crew"}, "groups")
        self.run(*of, "snapshot", "create", "crew", "--name", "photo")
        wait_for("the group's snapshot", lambda: self.json(*of, "snapshot", "show", "photo")["Status"] == "available", 30, interval=0.1)
        expect(self.names(*of, "snapshot", "list") == {"photo"}, "groups' snapshots")
        self.run(*of, "create", "--source-group", "crew", "--name", "copy")
        self.group_is("copy", "available")
        self.run(*of, "create", "--group-snapshot", "photo", "--name", "print")
        self.group_is("print", "available")
        self.run(*of, "delete", "crew", "--force", fails="400")
        self.run(*of, "snapshot", "delete", "photo")
        wait_for("the group's snapshot to be gone", lambda: not self.json(*of, "snapshot", "list"), 30, interval=0.1)
        self.run(*of, "remove", "volume", "crew", "one") if "volume group remove volume" in self.shell.known else None
        for name in ("crew", "copy", "print"):
            self.run(*of, "delete", name, "--force")
        wait_for("the groups to be gone", lambda: not self.json(*of, "list"), 30, interval=0.1)
        self.run("volume", "delete", "one")
        self.gone("volume", "one")
        self.run(*of, "type", "delete", "clan")

    def group_is(self, name, status):
        def there():
            shown = self.json("volume", "group", "show", name)
            expect(shown["Status"] != "error", f"the group {name} is in error")
            return shown["Status"] == status

        wait_for(f"the group {name} to be {status}", there, 30, interval=0.1)

    def consistency_groups(self):
        """No simulated back end makes snapshots of one moment, so a consistency group finds none."""
        of = ("consistency", "group")
        self.run("volume", "type", "create", "plain")
        self.run(*of, "create", "old", "--volume-type", "plain")
        expect(self.json(*of, "show", "old")["status"] == "error", "a consistency group")
        expect(self.names(*of, "list") == {"old"}, "consistency groups")
        self.run(*of, "set", "old", "--name", "older")
        # The client says so and ends well.
        for change in ("add", "remove"):
            self.run(*of, change, "volume", "older", "none")
            expect("1 of 1 volumes failed" in self.shell.said, f"consistency group {change} volume: {self.shell.said}")
        self.run(*of, "snapshot", "create", "none", "--consistency-group", "older", fails="400")
        expect(not self.json(*of, "snapshot", "list"), "consistency groups' snapshots")
        self.run(*of, "snapshot", "show", "none", fails="No")
        self.run(*of, "snapshot", "delete", "none", fails="1 of 1")
        self.run(*of, "delete", "older", "--force")
        self.run("volume", "type", "delete", "plain")

    def services(self):
        rows = self.json("volume", "service", "list")
        expect({"cinder-scheduler", "cinder-volume"} <= {row["Binary"] for row in rows}, f"services: {rows}")
        host = next(row["Host"] for row in rows if row["Binary"] == "cinder-volume")
        self.run("volume", "service", "set", host, "cinder-volume", "--disable", "--disable-reason", "rest")
        rows = self.json("volume", "service", "list", "--service", "cinder-volume", "--long")
        row = next(row for row in rows if row["Host"] == host)
        expect(row["Status"] == "disabled" and row["Disabled Reason"] == "rest", f"a disabled service: {row}")
        self.run("volume", "service", "set", host, "cinder-volume", "--enable")
        self.run("volume", "service", "set", "nowhere", "cinder-volume", "--enable", fails="No Service found")
        self.run("volume", "host", "set", host, "--disable")
        self.run("volume", "host", "set", host, "--disable", fails="400")
        self.run("volume", "host", "set", host, "--enable")
        pools = self.json("volume", "backend", "pool", "list", "--long")
        expect(pools, "pools")
        self.run("volume", "backend", "capability", "show", host)
        self.run("volume", "backend", "capability", "show", "nowhere", fails="No Capabilities found")
        expect(self.json("availability", "zone", "list", "--volume"), "zones")
        self.run("extension", "list", "--volume")

    def controllers(self):
        expect(not self.json("block", "storage", "cluster", "list"), "clusters")
        self.run("block", "storage", "cluster", "show", "none", fails="No Cluster found")
        self.run("block", "storage", "cluster", "set", "none", "--disable", fails="404")
        rows = self.json("block", "storage", "log", "level", "list")
        expect(rows, "log levels")
        self.run("block", "storage", "log", "level", "set", "DEBUG", fails="501")
        filters = {row["Resource"] for row in self.json("block", "storage", "resource", "filter", "list")}
        expect({"volume", "group", "message"} <= filters, f"filters: {filters}")
        self.run("block", "storage", "resource", "filter", "show", "volume")
        # The client sends nothing unless all three of these are said, and then puts what upstream takes as a post.
        self.run("block", "storage", "cleanup", "--binary", "cinder-volume", "--host", "nowhere", "--cluster", "none", fails="405")

    def messages(self):
        self.run("volume", "type", "create", "nowhere", "--property", "volume_backend_name=nowhere")
        self.run("volume", "create", "lost", "--size", "1", "--type", "nowhere")
        self.becomes("volume", "lost", "error")
        rows = self.json("volume", "message", "list")
        expect(len(rows) == 1 and "schedule allocate volume" in rows[0]["User Message"], f"messages: {rows}")
        shown = self.json("volume", "message", "show", rows[0]["ID"])
        # Of one message the client shows nothing else: it looks for all messages in the answer.
        expect(shown["ID"] == rows[0]["ID"], f"a message: {shown}")
        self.run("volume", "message", "delete", rows[0]["ID"])
        expect(not self.json("volume", "message", "list"), "messages after their end")
        self.run("volume", "delete", "lost")
        self.gone("volume", "lost")
        self.run("volume", "type", "delete", "nowhere")

    def quotas(self):
        self.run("project", "create", "village")
        self.run("quota", "set", "village", "--volumes", "3", "--gigabytes", "7", "--snapshots", "2", "--force")
        rows = {row["Resource"]: row["Limit"] for row in self.json("quota", "show", "village", "--volume")}
        expect(rows["volumes"] == 3 and rows["gigabytes"] == 7 and rows["groups"] == 10, f"quotas: {rows}")
        self.run("quota", "delete", "village", "--volume")
        rows = {row["Resource"]: row["Limit"] for row in self.json("quota", "show", "village", "--volume")}
        expect(rows["volumes"] == 10, f"quotas: {rows}")
        usage = {row["Resource"]: row for row in self.json("quota", "show", "admin", "--volume", "--usage")}
        expect(usage["volumes"]["In Use"] == 0, f"usage: {usage['volumes']}")
        self.run("project", "delete", "village")

    def volumes(self):
        self.make("disk", "--property", "a=b", "--description", "mine")
        self.run("volume", "set", "disk", "--name", "plate", "--property", "c=d", "--size", "2")
        wait_for("the volume to grow", lambda: self.json("volume", "show", "plate")["size"] == 2, 30, interval=0.1)
        self.becomes("volume", "plate")
        self.run("volume", "unset", "plate", "--property", "a")
        expect(self.json("volume", "show", "plate")["properties"] == {"c": "d"}, "a volume's metadata")
        self.run("volume", "set", "plate", "--bootable", "--read-only", "--image-property", "os=none")
        shown = self.json("volume", "show", "plate")
        expect(str(shown["bootable"]).lower() == "true", f"a bootable volume: {shown}")
        expect(shown["volume_image_metadata"] == {"os": "none"}, f"an image's properties: {shown}")
        self.run("volume", "unset", "plate", "--image-property", "os")
        self.run("volume", "set", "plate", "--non-bootable", "--read-write")
        self.run("volume", "set", "plate", "--state", "error")
        expect(self.names("volume", "list", "--long") == {"plate"}, "volumes")
        expect(self.names("volume", "list", "--status", "error") == {"plate"}, "volumes by status")
        self.run("volume", "set", "plate", "--state", "available")
        expect(not self.names("volume", "list", "--status", "error"), "volumes by status")
        expect(self.json("volume", "summary")["Total Count"] == 1, "the summary")
        self.run("volume", "set", "plate", "--size", "1", fails="One or more")
        self.run("volume", "create", "none", "--size", "1", "--type", "unheard", fails="40")
        self.run("volume", "show", "none", fails="No Volume found")
        self.remove("volume", "plate")

    def make(self, name, *options):
        self.run("volume", "create", name, "--size", "1", *options)
        self.becomes("volume", name)

    def remove(self, kind, *names):
        for name in names:
            self.run(*kind.split(), "delete", name)
            self.gone(kind, name)

    def snapshots(self):
        of = ("volume", "snapshot")
        self.make("plate")
        self.run(*of, "create", "shot", "--volume", "plate", "--property", "k=v")
        self.becomes("volume snapshot", "shot")
        self.run(*of, "set", "shot", "--name", "still", "--property", "l=w", "--description", "held")
        self.run(*of, "unset", "still", "--property", "k")
        shown = self.json(*of, "show", "still")
        expect(shown["properties"] == {"l": "w"} and shown["description"] == "held", f"a snapshot: {shown}")
        expect(self.names(*of, "list", "--long") == {"still"}, "snapshots")
        expect(self.names(*of, "list", "--volume", "plate", "--status", "available") == {"still"}, "a volume's snapshots")
        self.run("volume", "revert", "still")
        self.becomes("volume", "plate")
        self.run("volume", "create", "print", "--snapshot", "still")
        self.becomes("volume", "print")
        self.run("volume", "create", "twin", "--source", "plate")
        self.becomes("volume", "twin")
        self.run("volume", "delete", "plate", fails="400")
        self.remove("volume snapshot", "still")
        self.remove("volume", "plate", "print", "twin")

    def manages(self):
        """Volumes and snapshots that the cloud forgets and takes over again."""
        listed = ("block", "storage", "volume", "manageable", "list")
        self.make("ours")
        shown = self.json("volume", "show", "ours")
        place, name = shown["os-vol-host-attr:host"], f"volume-{shown['id']}"
        self.run("volume", "delete", "ours", "--remote")
        self.gone("volume", "ours")
        found = [row["reference"] for row in self.json(*listed, place, "--long")]
        expect({"source-name": name} in found, f"what could be managed: {found}")
        self.run("volume", "create", "again", "--remote-source", f"source-name={name}", "--host", place)
        self.becomes("volume", "again")
        self.run("volume", "create", "none", "--remote-source", "source-name=none", "--host", "nowhere@none", fails="400")
        listed = ("block", "storage", "snapshot", "manageable", "list")
        self.run("volume", "snapshot", "create", "shot", "--volume", "again")
        self.becomes("volume snapshot", "shot")
        name = f"snapshot-{self.json('volume', 'snapshot', 'show', 'shot')['id']}"
        self.run("volume", "snapshot", "delete", "shot", "--remote")
        self.gone("volume snapshot", "shot")
        found = [row["reference"] for row in self.json(*listed, place, "--long")]
        expect({"source-name": name} in found, f"what snapshots could be managed: {found}")
        self.run("volume", "snapshot", "create", "back", "--volume", "again", "--remote-source", f"source-name={name}")
        self.becomes("volume snapshot", "back")
        self.remove("volume snapshot", "back")
        self.remove("volume", "again")

    def moves(self):
        self.make("nomad")
        place = self.json("volume", "show", "nomad")["os-vol-host-attr:host"]
        host, name = place.split("#")[0].split("@")
        other = "two" if name == "one" else "one"
        self.run("volume", "migrate", "nomad", "--host", place, fails="400")
        self.run("volume", "migrate", "nomad", "--host", f"{host}@{other}#{other}", "--lock-volume")
        wait_for("the volume to move", lambda: self.json("volume", "show", "nomad")["os-vol-host-attr:host"].startswith(f"{host}@{other}"),
                 30, interval=0.1)
        self.becomes("volume", "nomad")
        self.run("volume", "type", "create", "plain")
        self.run("volume", "set", "nomad", "--type", "plain")
        wait_for("the volume's new type", lambda: self.json("volume", "show", "nomad")["type"] == "plain", 30, interval=0.1)
        self.becomes("volume", "nomad")
        self.remove("volume", "nomad")
        self.run("volume", "type", "delete", "plain")

    def attachments(self):
        of = ("volume", "attachment")
        path = self.program.directory / "disk.raw"
        path.write_bytes(bytes(1 << 20))
        self.run("image", "create", "disk", "--disk-format", "raw", "--file", str(path))
        self.run("flavor", "create", "tiny", "--ram", "64", "--disk", "1", "--vcpus", "1")
        self.run("server", "create", "web", "--image", "disk", "--flavor", "tiny", "--no-network", "--wait",
                 "--os-compute-api-version", "2.37")
        self.run("volume", "type", "create", "braked")
        self.run("volume", "qos", "create", "brakes", "--consumer", "front-end", "--property", "total_iops_sec_per_gb=70")
        self.run("volume", "qos", "associate", "brakes", "braked")
        self.make("disk", "--type", "braked")
        made = self.json(*of, "create", "disk", "--server", "web", "--mode", "rw")
        expect(made["Status"] == "reserved", f"an attachment: {made}")
        self.becomes("volume", "disk", "reserved")
        made = self.json(*of, "set", made["ID"], "--host", "lab", "--ip", "192.0.2.7", "--initiator", "iqn.2026-11.example:lab")
        expect(made["Status"] in ("attaching", "attached"), f"an attachment with a host: {made}")
        self.run(*of, "complete", made["ID"])
        self.becomes("volume", "disk", "in-use")
        shown = self.json(*of, "show", made["ID"])
        expect(shown["Status"] == "attached", f"a complete attachment: {shown}")
        expect(shown["Properties"]["qos_specs"] == {"total_iops_sec": 70}, f"what the host keeps: {shown}")
        self.run("volume", "set", "disk", "--type", "__DEFAULT__", fails="front-end qos specs")
        expect(self.names(*of, "list", column="ID") == {made["ID"]}, "attachments")
        self.run("volume", "delete", "disk", fails="400")
        self.run(*of, "delete", made["ID"])
        self.becomes("volume", "disk")
        self.run(*of, "show", made["ID"], fails="No Attachment found")
        self.run("server", "delete", "web", "--wait")
        self.remove("volume", "disk")
        self.run("volume", "type", "delete", "braked")
        self.run("volume", "qos", "delete", "brakes")
        self.run("image", "delete", "disk")
        self.run("flavor", "delete", "tiny")

    def backups(self):
        of = ("volume", "backup")
        self.make("disk")
        self.run(*of, "create", "disk", "--name", "whole", "--description", "first")
        self.becomes("volume backup", "whole")
        self.run(*of, "create", "disk", "--name", "more", "--incremental")
        self.becomes("volume backup", "more")
        self.run(*of, "set", "more", "--name", "later", "--property", "k=v", "--property", "l=w")
        # The client asks for a path that upstream has not either.
        self.run(*of, "unset", "later", "--property", "k", fails="404")
        expect(self.json(*of, "show", "later")["is_incremental"] is True, "an incremental backup")
        expect(self.names(*of, "list", "--long", "--volume", "disk") == {"whole", "later"}, "backups")
        self.run(*of, "delete", "whole", fails="400")
        self.run(*of, "restore", "later", "fresh")
        self.becomes("volume", "fresh")
        self.becomes("volume backup", "later")
        self.run(*of, "restore", "later", "fresh", fails="already exists")
        self.run("volume", "create", "thawed", "--backup", "whole")
        self.becomes("volume", "thawed")
        self.becomes("volume backup", "whole")
        self.run(*of, "restore", "whole", "fresh", "--force")
        self.becomes("volume backup", "whole")
        self.becomes("volume", "fresh")
        record = self.json(*of, "record", "export", "whole")
        # The client posts records to where upstream exports them; tempest imports one.
        self.run(*of, "record", "import", record["backup_service"], record["backup_url"], fails="405")
        self.remove("volume backup", "later", "whole")
        self.remove("volume", "disk", "fresh", "thawed")

    def transfers(self):
        of = ("volume", "transfer", "request")
        self.make("gift")
        made = self.json(*of, "create", "gift", "--name", "offer")
        self.becomes("volume", "gift", "awaiting-transfer")
        expect(self.names(*of, "list") == {"offer"}, "transfers")
        self.run(*of, "accept", made["id"], "--auth-key", "wrong", fails="400")
        self.run(*of, "show", "offer")
        self.run(*of, "delete", made["id"])
        self.becomes("volume", "gift")
        made = self.json(*of, "create", "gift", "--no-snapshots")
        accepted = self.json(*of, "accept", made["id"], "--auth-key", made["auth_key"])
        expect(accepted["volume_id"] == self.json("volume", "show", "gift")["id"], f"an accepted transfer: {accepted}")
        self.becomes("volume", "gift")
        self.remove("volume", "gift")


def check(program, options):
    shell = Shell(program, options.venv, "openstack.volume.v3")
    flow = VolumeCommands(shell, program, options.venv)
    run_parts([flow.types, flow.qos, flow.group_types, flow.groups, flow.consistency_groups, flow.services, flow.controllers,
               flow.messages, flow.volumes, flow.snapshots, flow.manages, flow.moves, flow.attachments, flow.backups, flow.transfers,
               flow.quotas], options.part)
    if not options.part:
        shell.conclude(ABSENT)


def add_options(parser):
    parser.add_argument("--part", help="only this one")


if __name__ == "__main__":
    run_check(check, settings=SETTINGS, add_options=add_options)
