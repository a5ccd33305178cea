import ComputeMessages
import FoundationXML
import Testing

@testable import ComputeAgent

@Suite(.timeLimit(.minutes(2))) struct DomainXMLTests {
    private let host = DomainXML.Host(hasKVM: false, hasDirectIO: true)

    private func definition(_ guest: GuestSpecification, offload: Bool = false, hasQueues: Bool = false) -> GuestDefinition {
        let folder = "/data/instances/\(guest.id)"
        return GuestDefinition(
            guest: guest,
            disks: GuestDisks(
                root: .init(path: folder + "/disk", format: "qcow2"),
                swap: guest.swapMiB > 0 ? .init(path: folder + "/disk.swap", format: "raw") : nil, console: folder + "/console.log"),
            interfaces: guest.interfaces.map { GuestDevice(interface: $0, device: "tap0", offload: offload, hasQueues: hasQueues) })
    }

    private func document(
        _ guest: GuestSpecification, offload: Bool = false, hasQueues: Bool = false, host: DomainXML.Host? = nil
    ) throws -> XMLDocument {
        try XMLDocument(xmlString: try DomainXML(definition(guest, offload: offload, hasQueues: hasQueues), host: host ?? self.host).text)
    }

    private func values(_ path: String, _ document: XMLDocument) throws -> [String] {
        try document.nodes(forXPath: path).compactMap(\.stringValue)
    }

    @Test func saysWhatTheGuestIs() throws {
        let guest = specification(swapMiB: 8)
        let document = try document(guest)
        #expect(try values("/domain/@type", document) == ["qemu"])
        #expect(try values("/domain/uuid", document) == [guest.id])
        #expect(try values("/domain/sysinfo/system/entry[@name='product']", document) == ["OpenStack Nova"])
        #expect(try values("/domain/sysinfo/system/entry[@name='uuid']", document) == [guest.id])
        let folder = "/data/instances/\(guest.id)/"
        #expect(try values("//disk/source/@file", document) == [folder + "disk", folder + "disk.swap"])
        #expect(try values("//disk/target/@dev", document) == ["vda", "vdb"])
        #expect(try values("//disk/driver/@cache", document) == ["none", "none"])
        #expect(try values("//interface/target/@managed", document) == ["no"])
        #expect(try values("//interface/mtu/@size", document) == ["1442"])
        #expect(try values("//graphics/@listen", document) == ["127.0.0.1"])
        #expect(try values("//serial/log/@append", document) == ["on"])
        #expect(try values("/domain/@type", try self.document(guest, host: .init(hasKVM: true, hasDirectIO: false))) == ["kvm"])
    }

    @Test func offloadIsCutWhereTheDataPlaneNeedsIt() throws {
        #expect(try values("//interface/driver/guest/@csum", try document(specification())) == ["off"])
        #expect(try values("//interface/driver", try document(specification(), offload: true)).isEmpty)
        #expect(try values("//interface/driver", try document(specification(properties: ["hw_vif_model": "e1000"]))).isEmpty)
    }

    @Test func aDeviceWithQueuesHasOneForEachProcessor() throws {
        var guest = specification()
        guest.vcpus = 4
        #expect(try values("//interface/driver/@queues", try document(guest, offload: true, hasQueues: true)) == ["4"])
        #expect(try values("//interface/driver/@name", try document(guest, offload: true, hasQueues: true)).isEmpty)
        #expect(try values("//interface/driver/@queues", try document(guest, hasQueues: true)) == ["4"])
        #expect(try values("//interface/driver/@name", try document(guest, hasQueues: true)) == ["qemu"])
        guest.vcpus = 1000
        #expect(try values("//interface/driver/@queues", try document(guest, hasQueues: true)) == ["256"])
        #expect(try values("//interface/driver/@queues", try document(guest)).isEmpty)
    }

    @Test func namesCannotBreakOut() throws {
        let name = "\"/><disk type='file'>&amp;\u{1}\u{0}é\n"
        let document = try document(specification(name: name))
        #expect(try values("//disk", document).count == 1)
        let attribute = try document.nodes(forXPath: "/domain/metadata/*/@name").first?.stringValue
        #expect(attribute == "\"/><disk type='file'>&amp;\u{fffd}\u{fffd}é\n")
    }

    @Test func theConsolesPathIsReadBackFromTheMetadata() {
        let element = Markup("a:guest", ["name": " console=\"/x\"", "console": "/data/it's & <so>/console.log"]).text
        #expect(Markup.attribute("console", in: element) == "/data/it's & <so>/console.log")
        #expect(Markup.attribute("console", in: "<a:guest console='/x&#x41;&#66;'/>") == "/xAB")
        #expect(Markup.attribute("console", in: "<a/>") == nil)
    }

    @Test(arguments: [
        ("hw_disk_bus", "scsi", "//disk/target/@dev", "sda"), ("hw_disk_bus", "ide", "//disk/target/@dev", "hda"),
        ("hw_disk_bus", "sata", "//disk/target/@bus", "sata"), ("hw_vif_model", "e1000", "//interface/model/@type", "e1000"),
        ("hw_machine_type", "q35", "//os/type/@machine", "q35"), ("hw_machine_type", "pc-q35-7.2", "//os/type/@machine", "pc-q35-7.2"),
        ("hw_video_model", "vga", "//video/model/@type", "vga"), ("hw_disk_bus", "scsi", "//controller/@model", "virtio-scsi"),
    ])
    func propertiesShapeTheMachine(property: String, value: String, path: String, expected: String) throws {
        #expect(try values(path, try document(specification(properties: [property: value, "os_distro": "debian"]))) == [expected])
    }

    @Test(arguments: [
        ("hw_disk_bus", "floppy"), ("hw_vif_model", "../x"), ("hw_machine_type", "pc-<x>"), ("hw_firmware_type", "uefi"),
        ("hw_cpu_cores", "0"), ("hw_architecture", "aarch64"),
    ])
    func whatNoMachineHasIsRefused(property: String, value: String) throws {
        let failure = #expect(throws: GuestFailure.self) { try document(specification(properties: [property: value])) }
        #expect(failure?.code == .hypervisorError)
        #expect(failure?.message.contains(property) == true)
    }

    @Test func withoutADisplayThereIsNoServerForIt() throws {
        #expect(try values("//graphics", try document(specification(properties: ["hw_video_model": "none"]))).isEmpty)
    }

    @Test(arguments: [
        (4, [:], [4, 1, 1]), (4, ["hw_cpu_sockets": "1"], [1, 4, 1]), (8, ["hw_cpu_threads": "2", "hw_cpu_cores": "2"], [2, 2, 2]),
        (3, ["hw_cpu_sockets": "2"], [3, 1, 1]),
    ])
    func processorsAreArranged(vcpus: Int, properties: [String: String], expected: [Int]) throws {
        let topology = try MachineProperties(properties).layout.topology(vcpus: vcpus)
        #expect([topology.sockets, topology.cores, topology.threads] == expected)
    }
}

@Suite(.timeLimit(.minutes(2))) struct HostFactsTests {
    @Test func processorsAreDescribedAsNovaDoes() {
        let fields = ProcessorDescription.fields(of: "processor\t: 0\nmodel name\t: Some CPU @ 2GHz\nflags\t\t: fpu sse\n\nprocessor\t: 1\nmodel name\t: Other\n")
        #expect(fields["model name"] == "Some CPU @ 2GHz")
        #expect(fields["flags"] == "fpu sse")
    }

    @Test(.enabled(if: isContinuousIntegration || programExists("qemu-system-x86_64"), "QEMU is needed"))
    func theProbesGuestAnswersAndTheAnswerIsRemembered() async throws {
        let folder = try TemporaryFolder()
        var probe = KVMProbe(directory: folder.path, deadline: .seconds(60))
        #expect(try await probe.guestAnswers(accelerator: "tcg"))
        #expect(try FileSystem.names(in: folder.path).isEmpty)
        probe.deadline = .seconds(5)
        let first = await probe.run()
        probe.emulator = "no-such-program"
        #expect(await probe.run() == first)
        probe.directory = folder.path + "/elsewhere"
        #expect(await probe.run() == false)
    }

    @Test func libvirtdListensToRootAlone() {
        let text = LibvirtDaemon.daemonConfiguration(hostUUID: "d8e02d56-2648-49a3-bf97-6be8f1204f38")
        #expect(text.contains("unix_sock_rw_perms = \"0700\""))
        #expect(text.contains("listen_tcp = 0"))
        let odd = LibvirtDaemon(directory: "/data/a&b c#d")
        #expect(odd.uri == "qemu+unix:///system?socket=/data/a%26b%20c%23d/run/libvirt-sock")
    }
}
