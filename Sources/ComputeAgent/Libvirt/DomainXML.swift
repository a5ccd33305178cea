import ComputeMessages

/// A guest in libvirt's words (libvirt.org/formatdomain.html).
struct DomainXML {
    /// The XML namespace of our element in a domain's metadata. A domain that has it is ours.
    static let namespace = "urn:altostack:guest:1"

    /// What the host can do.
    struct Host: Sendable, Hashable {
        /// Whether guests run on the processor rather than on its emulation.
        var hasKVM: Bool
        /// Whether disks can be opened past the page cache.
        var hasDirectIO: Bool
    }

    private let definition: GuestDefinition
    private let machine: MachineProperties
    private let host: Host
    private var guest: GuestSpecification { definition.guest }

    /// A definition for a host.
    /// - Throws: `GuestFailure` when a property asks for what no machine has.
    init(_ definition: GuestDefinition, host: Host) throws {
        (self.definition, self.host) = (definition, host)
        machine = try MachineProperties(definition.guest.properties)
    }

    /// The XML text.
    var text: String {
        Markup("domain", ["type": host.hasKVM ? "kvm" : "qemu"], [
            Markup("name", text: guest.domainName),
            Markup("uuid", text: guest.id),
            Markup("metadata", [:], [metadata]),
            Markup("memory", ["unit": "MiB"], text: "\(guest.memoryMiB)"),
            Markup("vcpu", text: "\(guest.vcpus)"),
            systemInformation,
            Markup("os", [:], [
                Markup("type", ["arch": "x86_64", "machine": machine.type], text: "hvm"),
                Markup("boot", ["dev": "hd"]),
                Markup("smbios", ["mode": "sysinfo"]),
            ]),
            Markup("features", [:], [Markup("acpi"), Markup("apic"), Markup("vmcoreinfo", ["state": "on"])]),
            cpu,
            clock,
            // A guest that reboots keeps its process; one that powers off or crashes is off.
            Markup("on_poweroff", text: "destroy"),
            Markup("on_reboot", text: "restart"),
            Markup("on_crash", text: "destroy"),
            devices,
        ]).text
    }

    private var metadata: Markup {
        Markup("altostack:guest", [
            "xmlns:altostack": Self.namespace, "name": guest.name, "project": guest.projectID,
            "console": definition.disks.console,
        ])
    }

    /// Guests such as cloud-init know by the product's name that metadata is to be had.
    private var systemInformation: Markup {
        Markup("sysinfo", ["type": "smbios"], [
            Markup("system", [:], [
                Markup("entry", ["name": "manufacturer"], text: "Altostack"),
                Markup("entry", ["name": "product"], text: "OpenStack Nova"),
                Markup("entry", ["name": "serial"], text: guest.id),
                Markup("entry", ["name": "uuid"], text: guest.id),
                Markup("entry", ["name": "family"], text: "Virtual Machine"),
            ])
        ])
    }

    private var cpu: Markup? {
        let topology = machine.topology(vcpus: guest.vcpus)
        let element = Markup("topology", [
            "sockets": "\(topology.sockets)", "dies": "1", "cores": "\(topology.cores)", "threads": "\(topology.threads)",
        ])
        return host.hasKVM
            ? Markup("cpu", ["mode": "host-model", "check": "partial"], [element])
            : Markup("cpu", [:], [element])
    }

    private var clock: Markup {
        Markup("clock", ["offset": "utc"], [
            Markup("timer", ["name": "rtc", "tickpolicy": "catchup"]),
            Markup("timer", ["name": "pit", "tickpolicy": "delay"]),
            Markup("timer", ["name": "hpet", "present": "no"]),
        ])
    }

    // MARK: Devices

    private var devices: Markup {
        var devices = disks
        if machine.diskBus == .scsi { devices.append(Markup("controller", ["type": "scsi", "model": "virtio-scsi"])) }
        devices += definition.interfaces.map(interface)
        devices += [
            serial,
            Markup("console", ["type": "pty"], [Markup("target", ["type": "serial", "port": "0"])]),
            Markup("rng", ["model": "virtio"], [
                Markup("backend", ["model": "random"], text: "/dev/urandom"),
            ]),
            Markup("memballoon", ["model": "virtio", "autodeflate": "on"], [Markup("stats", ["period": "10"])]),
        ]
        if machine.videoModel != "none" {
            devices.append(Markup("graphics", ["type": "vnc", "autoport": "yes", "listen": "127.0.0.1"]))
        }
        devices.append(Markup("video", [:], [Markup("model", ["type": machine.videoModel])]))
        return Markup("devices", [:], devices)
    }

    private var disks: [Markup?] {
        let all = [definition.disks.root, definition.disks.ephemeral, definition.disks.swap].compactMap { $0 }
        return zip(all, "abc").map { disk, letter in
            Markup("disk", ["type": "file", "device": "disk"], [
                Markup("driver", [
                    "name": "qemu", "type": disk.format, "cache": host.hasDirectIO ? "none" : "writeback", "discard": "unmap",
                ]),
                Markup("source", ["file": disk.path]),
                Markup("target", ["dev": machine.diskBus.devicePrefix + String(letter), "bus": machine.diskBus.rawValue]),
            ])
        }
    }

    private func interface(_ device: GuestDevice) -> Markup {
        Markup("interface", ["type": "ethernet"], [
            Markup("mac", ["address": device.interface.mac]),
            Markup("target", ["dev": device.device, "managed": "no"]),
            Markup("model", ["type": machine.interfaceModel]),
            machine.interfaceModel == "virtio" && !device.offload ? Self.withoutOffload : nil,
            Markup("mtu", ["size": "\(device.interface.mtu)"]),
        ])
    }

    /// A userspace data path leaves checksums as the guest sent them, which with offload is: not at all.
    private static let withoutOffload = Markup("driver", ["name": "qemu"], [
        Markup("host", ["csum": "off", "gso": "off", "tso4": "off", "tso6": "off", "ecn": "off", "ufo": "off", "mrg_rxbuf": "off"]),
        Markup("guest", ["csum": "off", "tso4": "off", "tso6": "off", "ecn": "off", "ufo": "off"]),
    ])

    /// A terminal for whoever connects, and a file of all that was ever printed: QEMU appends to it, so that the log
    /// outlives a restart and can be cut under it.
    private var serial: Markup {
        Markup("serial", ["type": "pty"], [
            Markup("log", ["file": definition.disks.console, "append": "on"]),
            Markup("target", ["type": "isa-serial", "port": "0"], [Markup("model", ["name": "isa-serial"])]),
        ])
    }
}
