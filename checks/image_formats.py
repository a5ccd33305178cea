"""Makes small images in every format, and a manifest of them such as tempest's test of image formats reads. Those with a
structure worth the name come from qemu-img; the others are written byte by byte, the same each time."""

import json
import pathlib
import shutil
import struct
import subprocess
import sys

SIZE = 4 << 20


def qemu_image(path, options):
    subprocess.run(["qemu-img", "create", "-q", *options, str(path), str(SIZE)], check=True, cwd=path.parent)


def qcow2_header(backing=0, features=0):
    head = b"QFI\xfb" + struct.pack(">IQIIQ", 3, backing, 0, 16, SIZE)
    return head.ljust(72, b"\0") + struct.pack(">Q", features).ljust(28, b"\0") + struct.pack(">I", 104) + bytes(65432)


def partitioned(first, others=b""):
    """A disk whose first sector holds these partitions."""
    return bytes(446) + (first + others).ljust(64, b"\0") + b"\x55\xaa" + bytes(65536 - 512)


def protective():
    return bytes([0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF]) + struct.pack("<II", 1, 127)


def iso():
    volume = b"\x01CD001\x01".ljust(80, b"\0") + struct.pack("<I", 20) + struct.pack(">I", 20)
    return bytes(32768) + (volume.ljust(128, b"\0") + struct.pack("<H", 2048) + struct.pack(">H", 2048)).ljust(8192, b"\0")


DESCRIPTOR = b"""# Disk DescriptorFile
version=1
CID=7a2b1f8e
parentCID=ffffffff
createType="monolithicFlat"

# Extent description
RW 8192 FLAT "/etc/hostname" 0
"""

# Name, format, whether it may be used, and qemu-img's options or the bytes.
IMAGES = [
    ("raw", "raw", True, bytes(65536)),
    ("qcow2", "qcow2", True, ["-f", "qcow2"]),
    ("qcow2-old", "qcow2", True, ["-f", "qcow2", "-o", "compat=0.10"]),
    ("vmdk-sparse", "vmdk", True, ["-f", "vmdk"]),
    ("vmdk-stream", "vmdk", True, ["-f", "vmdk", "-o", "subformat=streamOptimized"]),
    ("vdi", "vdi", True, ["-f", "vdi"]),
    ("vhd", "vhd", True, ["-f", "vpc", "-o", "force_size=on"]),
    ("vhdx", "vhdx", True, ["-f", "vhdx"]),
    ("iso", "iso", True, iso()),
    ("iso-bootable", "iso", True, partitioned(protective())[:512] + iso()[512:]),
    ("gpt", "gpt", True, partitioned(protective())),
    ("qcow2-backing", "qcow2", False, qcow2_header(backing=512)),
    ("qcow2-data-file", "qcow2", False, qcow2_header(features=4)),
    ("qcow2-unknown-feature", "qcow2", False, qcow2_header(features=1 << 40)),
    ("vmdk-flat", "vmdk", False, DESCRIPTOR),
    ("qed", "qed", False, b"QED\0" + bytes(4092)),
    ("gpt-extra-partition", "gpt", False, partitioned(protective(), bytes([0, 0, 2, 0, 0x83, 0, 0, 0]) + struct.pack("<II", 1, 9))),
]


def make(folder):
    """Writes the images and their manifest into a folder; returns the manifest's path."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, image_format, usable, source in IMAGES:
        path = folder / f"{name}.{image_format}"
        if isinstance(source, bytes):
            path.write_bytes(source)
        elif shutil.which("qemu-img"):
            qemu_image(path, source)
        else:
            continue
        entries.append({"name": name, "format": image_format, "filename": path.name, "usable": usable})
    manifest = folder / "manifest.yaml"
    # JSON is YAML.
    manifest.write_text(json.dumps({"images": entries}, indent=1))
    return str(manifest)


if __name__ == "__main__":
    print(make(sys.argv[1]))
