import CloudCore
import ComputeMessages
import Foundation
import FoundationXML
import Testing

@testable import ComputeAgent

/// Disks, devices and layouts in libvirt's words.
@Suite(.timeLimit(.minutes(2))) struct DomainDevicesTests {
    private let rootDisk = RootDisk(imageID: Identifier.uuid(), format: "raw", checksum: nil, sizeGiB: 1)

    private func host(_ change: (inout DomainXML.Host) -> Void = { _ in }) -> DomainXML.Host {
        var host = DomainXML.Host(hasKVM: false, hasDirectIO: true)
        change(&host)
        return host
    }

    private func document(
        _ guest: GuestSpecification, host: DomainXML.Host? = nil, _ change: (inout GuestDisks) -> Void = { _ in }
    ) throws -> XMLDocument {
        let folder = "/data/instances/\(guest.id)"
        var disks = GuestDisks(
            root: guest.root == nil ? nil : .init(path: folder + "/disk", format: "qcow2"),
            rescue: guest.rescue == nil ? nil : .init(path: folder + "/disk.rescue", format: "qcow2"),
            configDrive: guest.configDrive == nil ? nil : .init(path: folder + "/disk.config", format: "raw"),
            console: folder + "/console.log")
        change(&disks)
        let definition = GuestDefinition(guest: guest, disks: disks, interfaces: [])
        return try XMLDocument(xmlString: try DomainXML(definition, host: host ?? self.host()).text)
    }

    private func values(_ path: String, _ document: XMLDocument) throws -> [String] {
        try document.nodes(forXPath: path).compactMap(\.stringValue)
    }

    private func volume(_ number: Int, _ change: (inout GuestVolume) -> Void = { _ in }) -> GuestVolume {
        var volume = GuestVolume(
            id: "00000000-0000-4000-8000-00000000000\(number)", connection: .file(path: "/volumes/\(number)", format: "raw"))
        change(&volume)
        return volume
    }

    @Test func aConfigDriveIsACDOrADisk() throws {
        var guest = specification(root: rootDisk)
        guest.configDrive = ConfigDrive(files: [])
        let optical = try document(guest)
        #expect(try values("//disk[@device='cdrom']/target/@dev", optical) == ["hdd"])
        #expect(try values("//disk[@device='cdrom']/readonly", optical).count == 1)
        guest.properties["hw_machine_type"] = "q35"
        #expect(try values("//disk[@device='cdrom']/target/@bus", try document(guest)) == ["sata"])
        guest.configDrive?.format = .vfat
        #expect(try values("//disk/target/@dev", try document(guest)) == ["vda", "vdb"])
    }

    @Test func volumesTakeTheNamesThatWereChosen() throws {
        var guest = specification(root: rootDisk)
        guest.volumes = [volume(1), volume(2) { $0.deviceName = "/dev/vdb" }, volume(3) { ($0.deviceName, $0.isReadOnly) = ("/dev/vda", true) }]
        let document = try document(guest)
        #expect(try values("//disk/source/@file", document).suffix(3) == ["/volumes/2", "/volumes/3", "/volumes/1"])
        #expect(try values("//disk/target/@dev", document) == ["vda", "vdb", "vdc", "vdd"])
        #expect(try values("//disk/serial", document).first == guest.volumes[1].id)
        #expect(try values("//disk/readonly", document).count == 1)
        #expect(try values("//disk[boot]/target/@dev", document) == ["vda"])
    }

    @Test func aGuestBootsFromItsVolume() throws {
        var guest = specification(root: rootDisk, ephemeralGiB: 1)
        guest.root = nil
        guest.volumes = [volume(1) { ($0.bootIndex, $0.deviceName) = (0, "/dev/vda") }, volume(2) { $0.bootIndex = 1 }]
        let document = try document(guest) { $0.ephemerals = ["/e", "/f"].map { .init(path: $0, format: "qcow2") } }
        #expect(try values("//disk[boot/@order='1']/source/@file", document) == ["/volumes/1"])
        #expect(try values("//disk[boot/@order='2']/source/@file", document) == ["/volumes/2"])
        #expect(try values("//disk[source/@file='/e' or source/@file='/f']/target/@dev", document) == ["vdb", "vdc"])
    }

    @Test func rescueTakesTheRootsPlaceOrItsOwn() throws {
        var guest = specification(root: rootDisk)
        guest.rescue = rootDisk
        let legacy = try document(guest)
        #expect(try values("//disk[boot]/source/@file", legacy).first?.hasSuffix("/disk.rescue") == true)
        #expect(try values("//disk/target/@dev", legacy) == ["vda", "vdb"])
        guest.properties = ["hw_rescue_bus": "usb", "hw_rescue_device": "disk"]
        let stable = try document(guest)
        #expect(try values("//disk[target/@dev='vda']/source/@file", stable).first?.hasSuffix("/disk") == true)
        #expect(try values("//disk[boot]/target/@bus", stable) == ["usb"])
        #expect(try values("//controller[@type='usb']/@model", stable) == ["qemu-xhci"])
    }

    @Test(arguments: [
        GuestVolume.Connection.file(path: "../etc/shadow", format: "raw"), .file(path: "/a/../b", format: "raw"),
        .file(path: "/a", format: "vmdk"), .nfs(export: "h", name: "n", format: "raw"), .nfs(export: "h:/x", name: "../n", format: "raw"),
        .rbd(pool: "", image: "i", monitors: [], user: nil, secret: nil),
        .iscsi(portals: [], iqn: "iqn.2010-10.org:v", lun: 1, user: nil, password: nil),
        .iscsi(portals: ["h:x"], iqn: "iqn.2010-10.org:v", lun: 1, user: nil, password: nil),
    ])
    func volumesThatCannotBeAttachedAreRefused(connection: GuestVolume.Connection) {
        var guest = specification(root: rootDisk)
        guest.volumes = [volume(1) { $0.connection = connection }]
        let failure = #expect(throws: GuestFailure.self) { try document(guest) }
        #expect(failure?.code == .volumeUnavailable)
    }

    @Test func hostileTextsStayTexts() throws {
        var guest = specification(root: rootDisk, properties: ["os_admin_user": "'/><x y='"])
        guest.volumes = [volume(1) { ($0.connection, $0.serial) = (.file(path: "/v/<&'\"", format: "raw"), "</serial><x/>") }]
        let document = try document(guest)
        #expect(try values("//disk[2]/source/@file", document) == ["/v/<&'\""])
        #expect(try values("//disk[2]/serial", document) == ["</serial><x/>"])
        #expect(try values("//x", document).isEmpty)
    }

    @Test(arguments: [
        ("hw_qemu_guest_agent", "yes", "//channel/target/@name", "org.qemu.guest_agent.0"),
        ("hw_watchdog_action", "reset", "//watchdog/@action", "reset"), ("hw:watchdog_action", "pause", "//watchdog/@action", "pause"),
        ("hw_pointer_model", "usbtablet", "//input/@bus", "usb"), ("hw_time_hpet", "true", "//timer[@name='hpet']/@present", "yes"),
        ("hw_boot_menu", "true", "//bootmenu/@enable", "yes"), ("hw_scsi_model", "lsilogic", "//disk/target/@bus", "virtio"),
        ("hw_rng_model", "virtio", "//rng/@model", "virtio"), ("hw:numa_nodes", "1", "//cpu/numa/cell/@memory", "128"),
        ("hw:mem_page_size", "small", "//memory/@unit", "MiB"), ("hw_video_ram", "16", "//video/model/@vram", "16384"),
    ])
    func propertiesGiveDevices(property: String, value: String, path: String, expected: String) throws {
        #expect(try values(path, try document(specification(root: rootDisk, properties: [property: value]))) == [expected])
    }

    @Test func aFlavorMayForbidRandomNumbers() throws {
        #expect(try values("//rng/@model", try document(specification(root: rootDisk))) == ["virtio"])
        for properties in [["hw_rng:allowed": "False"], ["hw_rng:allowed": "false", "hw_rng_model": "virtio"]] {
            #expect(try values("//rng", try document(specification(root: rootDisk, properties: properties))).isEmpty)
        }
        #expect(throws: GuestFailure.self) { try document(specification(root: rootDisk, properties: ["hw_rng_model": "dice"])) }
    }

    @Test func firmwareComesFromTheHost() throws {
        let uefi = host { $0.firmware = Firmware(code: "/f/code", variables: "/f/vars") }
        let guest = specification(root: rootDisk, properties: ["hw_firmware_type": "uefi"])
        let document = try document(guest, host: uefi)
        #expect(try values("/domain/os/loader", document) == ["/f/code"])
        #expect(try values("/domain/os/nvram/@template", document) == ["/f/vars"])
        let secure = specification(
            root: rootDisk, properties: ["hw_firmware_type": "uefi", "os_secure_boot": "required", "hw_machine_type": "q35"])
        #expect(throws: GuestFailure.self) { try self.document(secure, host: uefi) }
        let signing = host { $0.secureFirmware = Firmware(code: "/s/code", variables: "/s/vars") }
        #expect(try values("/domain/os/loader/@secure", try self.document(secure, host: signing)) == ["yes"])
        #expect(try values("/domain/features/smm/@state", try self.document(secure, host: signing)) == ["on"])
    }

    @Test(arguments: [
        ["hw:mem_page_size": "large"], ["hw:mem_page_size": "2MB"], ["hw:cpu_policy": "dedicated"], ["hw:cpu_policy": "mixed"],
        ["hw:tpm_version": "2.0"], ["hw:numa_nodes": "3"], ["hw:mem_page_size": "7"], ["hw_tpm_version": "1.2", "hw_tpm_model": "tpm-crb"],
        ["hw:numa_nodes": "2", "hw:numa_cpus.0": "0-9999999999"], ["hw_watchdog_action": "explode"], ["hw_qemu_guest_agent": "perhaps"],
    ])
    func whatTheHostLacksIsRefused(properties: [String: String]) {
        #expect(throws: GuestFailure.self) { try document(specification(root: rootDisk, properties: properties)) }
    }

    @Test func whatTheHostHasIsGiven() throws {
        let rich = host { ($0.hugePages, $0.cells, $0.hasTPM) = ([2048], [HostCell(id: 0, memoryMiB: 1024, dedicated: [5, 7])], true) }
        let guest = specification(
            root: rootDisk, properties: ["hw:mem_page_size": "2MB", "hw:cpu_policy": "dedicated", "hw:tpm_version": "2.0", "hw:tpm_model": "tpm-crb"])
        let document = try document(guest, host: rich)
        #expect(try values("//hugepages/page/@size", document) == ["2048"])
        #expect(try values("//vcpupin/@cpuset", document) == ["5"])
        #expect(try values("//tpm/backend/@version", document) == ["2.0"])
    }

    @Test func processorsOfMixedGuestsArePinnedByTheirMask() throws {
        let cells = [HostCell(id: 0, memoryMiB: 1024, dedicated: [4]), HostCell(id: 1, memoryMiB: 1024, dedicated: [5, 6, 7])]
        let host = host { ($0.cells, $0.shared) = (cells, [0, 1, 3]) }
        let properties = ["hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0", "hw:emulator_threads_policy": "isolate"]
        var guest = specification(root: rootDisk, properties: properties)
        guest.vcpus = 3
        let document = try document(guest, host: host)
        #expect(try values("//vcpupin/@vcpu", document) == ["1", "2"])
        #expect(try values("//vcpupin/@cpuset", document) == ["5", "6"])
        #expect(try values("//emulatorpin/@cpuset", document) == ["7"])
        #expect(try values("/domain/vcpu/@cpuset", document) == ["0-1,3"])
        guest.vcpus = 4
        #expect(throws: GuestFailure.self) { try self.document(guest, host: host) }
    }

    @Test func devicesArePassedByTheirNames() throws {
        let (nic, other) = (PCIDevice(address: "0000:3b:00.1", product: "8086:1572"), PCIDevice(address: "0000:05:00.0", product: "10de:1eb8"))
        let host = host { ($0.pci, $0.freeDevices) = (PCIDevices(offered: [], aliases: ["nic": nic.product]), [other, nic]) }
        let document = try document(specification(root: rootDisk, properties: ["pci_passthrough:alias": "nic:1"]), host: host)
        #expect(try values("//hostdev/source/address/@bus", document) == ["0x3b"])
        #expect(try values("//hostdev/source/address/@function", document) == ["0x1"])
        for wish in ["nic:2", "gpu:1"] {
            let guest = specification(root: rootDisk, properties: ["pci_passthrough:alias": wish])
            #expect(throws: GuestFailure.self) { try self.document(guest, host: host) }
        }
        let node = try #require(MarkupNode("<domain><devices>\(nic.markup.text)</devices></domain>"))
        #expect(node.hostDevices == [nic.address])
    }

    @Test func cellsAddUpToTheGuest() throws {
        let layout = try MachineProperties([
            "hw:numa_nodes": "2", "hw:numa_cpus.0": "0,2-3", "hw:numa_cpus.1": "1", "hw:numa_mem.0": "100", "hw:numa_mem.1": "28",
        ]).layout
        #expect(try layout.cells(vcpus: 4, memoryMiB: 128).map(\.processors) == [[0, 2, 3], [1]])
        #expect(throws: GuestFailure.self) { try layout.cells(vcpus: 5, memoryMiB: 128) }
        #expect(throws: GuestFailure.self) { try layout.cells(vcpus: 4, memoryMiB: 256) }
    }

    @Test func libvirtsDescriptionsAreRead() throws {
        let text = """
            <?xml version='1.0'?>
            <!-- written by <libvirt> -->
            <domain type='kvm' id='3'><name>a &amp; b</name><devices>
              <disk type='file' device='disk'><source file='/x &lt;y&gt;/disk.config'/><target dev='vda'/><serial>s-1</serial></disk>
              <interface type='ethernet'><mac address='fa:16:3e:00:00:01'/><target dev='tap1'/></interface>
              <graphics type='vnc' port='5901' listen='127.0.0.1'><listen type='address'/></graphics>
              <serial type='unix'><source mode='bind' path='/run/s'/></serial>
            </devices></domain>
            """
        let node = try #require(MarkupNode(text))
        #expect(node.nodes("name").first?.text == "a & b")
        #expect(node.disks.map(\.serial) == ["s-1"])
        #expect(node.hasConfigDrive)
        #expect(!node.hasAgentChannel)
        #expect(node.screen("vnc") == .tcp(host: "127.0.0.1", port: 5901, tlsPort: nil))
        #expect(node.screen("spice") == nil)
        #expect(node.serialSocket == "/run/s")
        let interface = try #require(node.interface(mac: "FA:16:3E:00:00:01"))
        #expect(interface.source == "<interface type='ethernet'><mac address='fa:16:3e:00:00:01'/><target dev='tap1'/></interface>")
        for broken in ["", "<a>", "<a></b>", "<a b=c/>", "<a b='c/>", "text", String(repeating: "<a>", count: 1000)] {
            #expect(MarkupNode(broken) == nil)
        }
    }
}
