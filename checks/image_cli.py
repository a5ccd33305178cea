#!/usr/bin/env python3
"""Looks after images with every image command that the openstack client has, and at what each answers. A command of the
client that is not driven here fails the check."""

import functools
import hashlib
import http.server
import json
import pathlib
import struct
import threading

import image_formats
from client_shell import Shell
from cloud import Client, expect, run_check, run_parts, wait_for

# Two stores for copies between them, and web-download from this machine.
SETTINGS = ["images.stores=file:file,copies:file", "images.web_download.allow_private=true"]


def qcow2(size):
    """A QCOW2's header and a few bytes of nothing."""
    head = b"QFI\xfb" + struct.pack(">IQIIQ", 3, 0, 0, 16, size)
    return head.ljust(100, b"\0") + struct.pack(">I", 104) + bytes(65536 - 104)


class QuietServer(http.server.SimpleHTTPRequestHandler):
    """A web server for web-download, with nothing to say."""

    def log_message(self, *_):
        pass


class ImageCommands:
    def __init__(self, shell, program, venv):
        self.shell = shell
        self.program = program
        self.run, self.json, self.names = shell.run, shell.json, shell.names
        self.client = Client(program, venv)

    def file(self, name, content):
        path = self.program.directory / name
        path.write_bytes(content)
        return str(path)

    def as_user(self, *arguments, name="mia", project="museum"):
        """Options that make the client another user."""
        return (*arguments, "--os-cloud", "", "--os-auth-url", f"{self.program.url}/identity/v3", "--os-username", name,
                "--os-password", "mia-secret", "--os-user-domain-name", "Default", "--os-project-name", project,
                "--os-project-domain-name", "Default", "--os-identity-api-version", "3")

    def shows(self, image, **members):
        """Looks at an image's members."""
        shown = self.json("image", "show", image)
        wrong = {name: shown.get(name) for name, value in members.items() if shown.get(name) != value}
        expect(not wrong, f"image {image} shows {wrong} instead of {members}")
        return shown

    def others(self):
        """Another project with a user of its own."""
        self.run("project", "create", "museum")
        self.run("user", "create", "mia", "--password", "mia-secret")
        self.run("role", "add", "--project", "museum", "--user", "mia", "member")

    def images(self):
        content = qcow2(1 << 30)
        path = self.file("disk.qcow2", content)
        made = self.json("image", "create", "disk", "--disk-format", "qcow2", "--file", path, "--min-disk", "1", "--min-ram",
                         "64", "--protected", "--property", "hw_disk_bus=virtio", "--tag", "blue", "--tag", "old")
        expect(made["status"] == "active" and made["size"] == len(content), f"the image after its upload: {made}")
        expect(made["checksum"] == hashlib.md5(content).hexdigest(), f"the checksum is {made['checksum']}")
        self.shows("disk", virtual_size=1 << 30, min_disk=1, min_ram=64, protected=True, visibility="shared")
        saved = self.program.directory / "saved"
        self.run("image", "save", "disk", "--file", str(saved))
        expect(saved.read_bytes() == content, "the image was saved otherwise than it was uploaded")
        expect(self.json("image", "show", "disk", "--human-readable")["size"].lower().endswith("k"), "a size to read")
        self.run("image", "create", "empty")
        self.shows("empty", status="queued", disk_format="raw", container_format="bare")
        self.run("image", "create", "given", "--id", "6f2f4f6e-21a5-4f51-9d0f-3c1e0e6cbb6b", "--community", "--project", "museum")
        self.shows("6f2f4f6e-21a5-4f51-9d0f-3c1e0e6cbb6b", visibility="community")
        self.run("image", "create", "again", "--id", "6f2f4f6e-21a5-4f51-9d0f-3c1e0e6cbb6b", fails="409")

    def formats(self):
        """Every format is taken where it is sound; what reads other files, or is not what it is declared as, becomes no
        image."""
        manifest = pathlib.Path(image_formats.make(self.program.directory / "formats"))
        taken = 0
        for entry in json.loads(manifest.read_text())["images"]:
            if entry["format"] in ("gpt", "qed"):
                continue
            command = ("image", "create", entry["name"], "--disk-format", entry["format"], "--file",
                       str(manifest.parent / entry["filename"]))
            self.run(*command, fails=None if entry["usable"] else "415")
            if entry["usable"]:
                expected = image_formats.SIZE if entry["filename"].startswith(("q", "v")) else None
                self.shows(entry["name"], status="active", **({"virtual_size": expected} if expected else {}))
                self.run("image", "delete", entry["name"])
                taken += 1
        expect(taken > 3, f"{taken} formats were tried; is qemu-img missing?")
        wrong = self.file("wrong.iso", bytes(40000))
        self.run("image", "create", "wrong", "--disk-format", "iso", "--file", wrong, fails="415")
        hidden = self.file("hidden", qcow2(1 << 30))
        self.run("image", "create", "hidden", "--disk-format", "raw", "--file", hidden, fails="415")

    def lists(self):
        expect({"disk", "empty"} <= self.names("image", "list"), "images")
        row = next(row for row in self.json("image", "list", "--long") if row["Name"] == "disk")
        expect(row["Hash Algorithm"] == "sha512" and row["Protected"] is True, f"the long list: {row}")
        queries = {
            ("--name", "disk"): {"disk"}, ("--status", "queued"): {"empty"}, ("--tag", "blue", "--tag", "old"): {"disk"},
            ("--property", "hw_disk_bus=virtio"): {"disk"}, ("--community",): {"given"}, ("--project", "museum"): set(),
            ("--hidden",): set(), ("--public",): set(), ("--private",): set(), ("--all", "--name", "given"): {"given"},
            ("--limit", "1", "--sort", "name:asc", "--name", "disk"): {"disk"},
        }
        for options, expected in queries.items():
            found = self.names("image", "list", *options)
            expect(found == expected, f"image list {' '.join(options)}: {found}")
        every = [row["ID"] for row in self.json("image", "list")]
        expect(len(every) == len(set(every)), f"the list repeats itself: {every}")
        self.run("image", "list", "--sort", "created_at:desc,name:asc", "--marker", "disk")

    def changes(self):
        self.run("image", "set", "disk", "--name", "platter", "--min-disk", "2", "--property", "os_admin_user=mia", "--tag", "new",
                 "--os-distro", "debian", "--os-version", "13", "--architecture", "x86_64", "--unprotected", "--private")
        shown = self.shows("platter", name="platter", min_disk=2, protected=False, visibility="private")
        expect(sorted(shown["tags"]) == ["blue", "new", "old"], f"tags: {shown['tags']}")
        expect(shown["properties"]["os_distro"] == "debian" and shown["properties"]["os_admin_user"] == "mia",
               f"properties: {shown['properties']}")
        self.run("image", "unset", "platter", "--tag", "old", "--property", "os_admin_user", "--property", "os_version")
        shown = self.shows("platter")
        expect(sorted(shown["tags"]) == ["blue", "new"], f"tags: {shown['tags']}")
        expect(not {"os_admin_user", "os_version"} & set(shown["properties"]), f"properties: {shown['properties']}")
        self.run("image", "unset", "platter", "--tag", "none", fails="1 of 1 tags")
        self.run("image", "set", "platter", "--hidden")
        expect(self.names("image", "list", "--hidden") == {"platter"}, "hidden images")
        expect("platter" not in self.names("image", "list"), "a hidden image is listed")
        self.run("image", "set", "platter", "--unhidden")
        self.run("image", "set", "platter", "--deactivate")
        self.shows("platter", status="deactivated")
        self.run("image", "set", "platter", "--activate")
        self.shows("platter", status="active")
        self.run("image", "set", "platter", "--disk-format", "raw", fails="403")
        self.run("image", "set", "empty", "--disk-format", "qcow2", "--container-format", "ovf")
        self.shows("empty", disk_format="qcow2", container_format="ovf")
        self.run("image", "set", "platter", "--protected")
        self.run("image", "delete", "platter", fails="1 of 1")
        self.run("image", "set", "platter", "--unprotected", "--shared")

    def members(self):
        museum = self.json("project", "show", "museum")["id"]
        added = self.json("image", "add", "project", "platter", "museum")
        expect(added["status"] == "pending", f"the new member: {added}")
        expect([row["Member ID"] for row in self.json("image", "member", "list", "platter")] == [museum], "members")
        expect(self.json("image", "member", "get", "platter", museum)["status"] == "pending", "the member")
        image = self.json("image", "show", "platter")["id"]
        expect("platter" not in self.run(*self.as_user("image", "list")), "an image is listed before it was accepted")
        self.run(*self.as_user("image", "set", image, "--accept"))
        expect("platter" in self.run(*self.as_user("image", "list")), "an accepted image is not listed")
        self.run(*self.as_user("image", "set", image, "--reject"))
        expect("platter" in self.run(*self.as_user("image", "list", "--shared", "--member-status", "rejected")), "rejected images")
        self.run(*self.as_user("image", "set", image, "--pending"))
        self.run(*self.as_user("image", "set", image, "--name", "mine"), fails="403")
        self.run("image", "remove", "project", "platter", "museum")
        expect(self.json("image", "member", "list", "platter") == [], "members after their end")
        self.run(*self.as_user("image", "show", image), fails="")

    def becomes_active(self, image):
        wait_for(f"image {image} becomes active", lambda: self.json("image", "show", image)["status"] == "active", deadline=30)

    def imports(self):
        methods = self.json("image", "import", "info")["import-methods"]
        expect({"glance-direct", "web-download"} <= set(methods), f"import methods: {methods}")
        self.run("image", "create", "staged", "--disk-format", "qcow2")
        self.run("image", "stage", "staged", "--file", self.file("staged.qcow2", qcow2(2 << 30)))
        self.shows("staged", status="uploading")
        self.run("image", "import", "staged", "--method", "glance-direct")
        self.becomes_active("staged")
        self.shows("staged", virtual_size=2 << 30)
        folder = self.program.directory / "web"
        folder.mkdir()
        (folder / "disk").write_bytes(qcow2(3 << 30))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietServer, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            self.run("image", "create", "fetched", "--disk-format", "qcow2")
            self.run("image", "import", "fetched", "--method", "web-download", "--uri",
                     f"http://127.0.0.1:{server.server_address[1]}/disk")
            self.becomes_active("fetched")
        finally:
            server.shutdown()
        self.shows("fetched", virtual_size=3 << 30)

    def stores(self):
        rows = self.json("image", "stores", "list")
        expect(any(row["Default"] in ("true", True) for row in rows), f"stores: {rows}")
        self.run("image", "stores", "list", "--detail")
        other = [row["ID"] for row in rows if row["Default"] not in ("true", True)][0]
        self.run("image", "import", "platter", "--method", "copy-image", "--store", other)
        wait_for("the copy", lambda: other in self.json("image", "show", "platter")["properties"]["stores"].split(","), deadline=30)
        self.run("image", "save", "platter", "--file", str(self.program.directory / "copy"), "--store-preference", other)
        self.run("image", "delete", "platter", "--store", other)
        expect(other not in self.json("image", "show", "platter")["properties"]["stores"], "the store that was left")

    def tasks(self):
        expect(self.json("image", "task", "list", "--type", "import") == [], "tasks that nobody asked for")
        rows = self.json("image", "task", "list", "--status", "success")
        expect(rows and all(row["Status"] == "success" for row in rows), f"tasks: {rows}")
        shown = self.json("image", "task", "show", rows[0]["ID"])
        expect(shown["id"] == rows[0]["ID"] and shown["status"] == "success", f"task: {shown}")
        self.run("image", "task", "show", "no-task", fails="")

    def cache(self):
        self.run("cached", "image", "queue", "platter")
        image = self.json("image", "show", "platter")["id"]
        expect(image in self.names("cached", "image", "list", column="ID"), "the cache does not list what was queued")
        self.run("cached", "image", "delete", "platter")
        expect(image not in self.names("cached", "image", "list", column="ID"), "the cache lists what was deleted")
        self.run("cached", "image", "clear", "--cache")
        self.run("cached", "image", "clear", "--queue")
        self.run("cached", "image", "clear")

    def namespaces(self):
        self.run("image", "metadef", "namespace", "create", "paint", "--display-name", "Paint", "--description", "Colours",
                 "--private", "--protected")
        shown = self.json("image", "metadef", "namespace", "show", "paint")
        expect(shown["display_name"] == "Paint" and shown["visibility"] == "private", f"namespace: {shown}")
        expect("paint" in self.names("image", "metadef", "namespace", "list", column="namespace"), "namespaces")
        self.run("image", "metadef", "namespace", "delete", "paint", fails="")
        self.run("image", "metadef", "namespace", "set", "paint", "--display-name", "Paints", "--public", "--unprotected", "--tag",
                 "oil", "--tag", "water", "--tag", "wax")
        shown = self.json("image", "metadef", "namespace", "show", "paint")
        expect(shown["display_name"] == "Paints" and shown["visibility"] == "public", f"namespace: {shown}")
        expect("paint" in self.names("image", "metadef", "namespace", "list", "--visibility", "public", column="namespace"),
               "public namespaces")
        self.run("image", "metadef", "namespace", "unset", "paint", "--tag", "oil")
        self.run("image", "metadef", "namespace", "unset", "paint", "--tag", "oil", fails="1 of 1 tags")
        self.run("image", "metadef", "namespace", "unset", "paint", "--all-tags")
        status, _, answer = self.client.http("GET", "/image/v2/metadefs/namespaces/paint/tags")
        expect(status == 200 and answer["tags"] == [], f"tags after their end: {answer}")

    def properties(self):
        of = ("image", "metadef", "property")
        schema = json.dumps({"enum": ["red", "blue"], "default": "red"})
        self.run(*of, "create", "paint", "--name", "colour", "--title", "Colour", "--type", "string", "--schema", schema)
        self.run(*of, "create", "paint", "--name", "size", "--title", "Size", "--type", "integer", "--schema", '{"minimum": 1}')
        shown = self.json(*of, "show", "paint", "colour")
        expect(shown["enum"] == ["red", "blue"] and shown["title"] == "Colour", f"property: {shown}")
        expect(self.names(*of, "list", "paint", column="name") == {"colour", "size"}, "properties")
        self.run(*of, "set", "paint", "colour", "--title", "Hue", "--schema", '{"default": "blue"}')
        shown = self.json(*of, "show", "paint", "colour")
        expect(shown["title"] == "Hue" and shown["default"] == "blue" and shown["enum"] == ["red", "blue"], f"property: {shown}")
        self.run(*of, "delete", "paint", "size")
        self.run(*of, "delete", "paint", "size", fails="")
        self.run(*of, "delete", "paint")
        expect(self.json(*of, "list", "paint") == [], "properties after their end")

    def objects(self):
        of = ("image", "metadef", "object")
        self.run(*of, "create", "brush", "--namespace", "paint")
        expect(self.names(*of, "list", "paint", column="name") == {"brush"}, "objects")
        self.run(*of, "update", "paint", "brush", "--name", "broom")
        expect(self.json(*of, "show", "paint", "broom")["name"] == "broom", "the object")
        body = {"name": "broom", "properties": {"width": {"title": "Width", "type": "integer"}}}
        status, _, answer = self.client.http("PUT", "/image/v2/metadefs/namespaces/paint/objects/broom", body)
        expect(status == 200, f"an object's property: {answer}")
        expect(self.json(*of, "property", "show", "paint", "broom", "width")["title"] == "Width", "the object's property")
        self.run(*of, "property", "show", "paint", "broom", "none", fails="not found")
        self.run(*of, "delete", "paint", "broom")
        self.run(*of, "create", "knife", "--namespace", "paint")
        self.run(*of, "delete", "paint")
        expect(self.json(*of, "list", "paint") == [], "objects after their end")

    def resource_types(self):
        of = ("image", "metadef", "resource", "type", "association")
        self.run(*of, "create", "paint", "OS::Glance::Image", "--properties-target", "image")
        self.run(*of, "create", "paint", "OS::Nova::Canvas")
        expect({"OS::Glance::Image", "OS::Nova::Canvas"} <= self.names("image", "metadef", "resource", "type", "list"), "types")
        expect(self.names(*of, "list", "paint") == {"OS::Glance::Image", "OS::Nova::Canvas"}, "associations")
        self.run(*of, "delete", "paint", "OS::Nova::Canvas")
        self.run("image", "metadef", "namespace", "set", "paint", "--protected")
        self.run(*of, "delete", "paint", "OS::Glance::Image", "--force")
        expect(self.json(*of, "list", "paint") == [], "associations after their end")
        self.run("image", "metadef", "namespace", "set", "paint", "--unprotected")
        self.run("image", "metadef", "namespace", "delete", "paint")
        expect("paint" not in self.names("image", "metadef", "namespace", "list", column="namespace"), "a deleted namespace")

    def clean(self):
        self.run("image", "delete", *{row["ID"] for row in self.json("image", "list", "--all")})
        expect(self.json("image", "list", "--all") == [], "images after their end")
        left = [path for path in pathlib.Path(self.program.directory).rglob("*") if path.is_file() and "images" in path.parts]
        wait_for("the images' files go", lambda: not [path for path in left if path.exists()], deadline=30)


def check(program, options):
    shell = Shell(program, options.venv, "openstack.image.v2")
    flow = ImageCommands(shell, program, options.venv)
    run_parts([flow.others, flow.images, flow.formats, flow.lists, flow.changes, flow.members, flow.imports, flow.stores, flow.tasks,
               flow.cache, flow.namespaces, flow.properties, flow.objects, flow.resource_types, flow.clean])
    shell.conclude()


if __name__ == "__main__":
    run_check(check, settings=SETTINGS)
