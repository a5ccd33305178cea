import ComputeMessages

extension DomainXML {
    var devices: Markup {
        var devices: [Markup?] = layout.disks.map { $0.markup(hasDirectIO: host.hasDirectIO) }
        if layout.needsSCSI { devices.append(Markup("controller", ["type": "scsi", "model": machine.scsiModel])) }
        if layout.needsUSB || machine.hasTablet { devices.append(Markup("controller", ["type": "usb", "model": "qemu-xhci"])) }
        devices += definition.interfaces.map { Self.interface($0, machine, vcpus: guest.vcpus) }
        devices.append(serial)
        if machine.hasAgent {
            devices.append(Markup("channel", ["type": "unix"], [
                Markup("source", ["mode": "bind"]), Markup("target", ["type": "virtio", "name": "org.qemu.guest_agent.0"]),
            ]))
        }
        if machine.hasRandom { devices.append(random) }
        if let action = machine.watchdogAction { devices.append(Markup("watchdog", ["model": "i6300esb", "action": action])) }
        if let tpm = machine.tpm {
            devices.append(Markup("tpm", ["model": tpm.model], [Markup("backend", ["type": "emulator", "version": tpm.version])]))
        }
        devices += devicesPassed.map(\.markup)
        if machine.hasTablet { devices.append(Markup("input", ["type": "tablet", "bus": "usb"])) }
        devices.append(Markup("memballoon", ["model": "virtio", "autodeflate": "on"], [Markup("stats", ["period": "10"])]))
        return Markup("devices", [:], devices + screen)
    }

    private var random: Markup {
        Markup("rng", ["model": "virtio"], [
            machine.randomRate.map { Markup("rate", optional: ["bytes": "\($0.bytes)", "period": $0.period.map { "\($0)" }]) },
            Markup("backend", ["model": "random"], text: "/dev/urandom"),
        ])
    }

    private var screen: [Markup] {
        guard machine.videoModel != "none" else { return [Markup("video", [:], [Markup("model", ["type": "none"])])] }
        let model = machine.videoMemoryMiB.map { Markup("model", ["type": machine.videoModel, "vram": "\($0 * 1024)"]) }
            ?? Markup("model", ["type": machine.videoModel])
        let kinds = host.hasSPICE ? ["vnc", "spice"] : ["vnc"]
        let agent = Markup("channel", ["type": "spicevmc"], [Markup("target", ["type": "virtio", "name": "com.redhat.spice.0"])])
        return kinds.map { Markup("graphics", ["type": $0, "autoport": "yes", "listen": "127.0.0.1"]) } + [Markup("video", [:], [model])]
            + (host.hasSPICE ? [agent] : [])
    }

    /// An interface on a tap device that somebody else has made.
    static func interface(_ device: GuestDevice, _ machine: MachineProperties, vcpus: Int) -> Markup {
        let model = machine.interfaceModel
        return Markup("interface", ["type": "ethernet"], [
            Markup("mac", ["address": device.interface.mac]),
            Markup("target", ["dev": device.device, "managed": "no"]),
            Markup("model", ["type": model]),
            model == "virtio" ? driver(device, vcpus: vcpus) : nil,
            Markup("mtu", ["size": "\(device.interface.mtu)"]),
            machine.limits.interfaceMarkup,
        ])
    }

    /// The most queues that the kernel gives a tap device (Linux's MAX_TAP_QUEUES).
    private static let maximumQueues = 256

    private static func driver(_ device: GuestDevice, vcpus: Int) -> Markup? {
        let queues = device.hasQueues ? "\(min(vcpus, maximumQueues))" : nil
        guard device.offload else { return Markup("driver", optional: ["name": "qemu", "queues": queues], withoutOffload) }
        // By itself libvirt takes the kernel's driver where it is there.
        return queues.map { Markup("driver", ["queues": $0]) }
    }

    /// A userspace data path leaves checksums as the guest sent them, which with offload is: not at all.
    private static let withoutOffload = [
        Markup("host", ["csum": "off", "gso": "off", "tso4": "off", "tso6": "off", "ecn": "off", "ufo": "off", "mrg_rxbuf": "off"]),
        Markup("guest", ["csum": "off", "tso4": "off", "tso6": "off", "ecn": "off", "ufo": "off"]),
    ]

    /// The longest path of a Unix socket (unix(7)), less what may be added to it.
    private static let socketLimit = 100

    /// A socket for whoever connects, and a file of all that was ever printed: QEMU appends to it, so that the log
    /// outlives a restart and can be cut under it.
    private var serial: Markup {
        let socket = definition.disks.console.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/serial.sock"
        let isShort = socket.utf8.count <= Self.socketLimit
        return Markup("serial", ["type": isShort ? "unix" : "pty"], [
            isShort ? Markup("source", ["mode": "bind", "path": socket]) : nil,
            Markup("log", ["file": definition.disks.console, "append": "on"]),
            Markup("target", ["type": "isa-serial", "port": "0"], [Markup("model", ["name": "isa-serial"])]),
        ])
    }
}
