import ComputeMessages
import FoundationXML
import Testing

@testable import ComputeAgent

/// What of the host guests are bound to.
@Suite(.timeLimit(.minutes(2))) struct DomainPlacementTests {
    private let cells = [
        HostCell(id: 0, memoryMiB: 1024, boundMiB: 512, dedicated: [2, 3], shared: [0, 1]),
        HostCell(id: 1, memoryMiB: 1024, dedicated: [6, 7], shared: [4, 5]),
    ]

    private func text(_ properties: [String: String], vcpus: Int = 2, bindsMemory: Bool = true, cells: [HostCell]? = nil) throws -> String {
        var guest = specification(properties: properties)
        guest.vcpus = vcpus
        var host = DomainXML.Host(hasKVM: false, hasDirectIO: true)
        (host.cells, host.bindsMemory) = (cells ?? self.cells, bindsMemory)
        let disks = GuestDisks(root: .init(path: "/data/disk", format: "qcow2"), console: "/data/console.log")
        return try DomainXML(GuestDefinition(guest: guest, disks: disks, interfaces: []), host: host).text
    }

    private func values(_ path: String, _ text: String) throws -> [String] {
        try XMLDocument(xmlString: text).nodes(forXPath: path).compactMap(\.stringValue)
    }

    private func placement(_ text: String) throws -> GuestPlacement { try #require(MarkupNode(text)).placement }

    @Test func aGuestWithoutATopologyIsBoundToNothing() throws {
        let text = try text([:])
        #expect(try values("//numatune | //cputune", text).isEmpty)
        #expect(try placement(text) == GuestPlacement())
    }

    @Test func memoryAndProcessorsOfACellComeFromOneOfTheHosts() throws {
        let text = try text(["hw:numa_nodes": "1"])
        #expect(try values("//numatune/memory/@nodeset", text) == ["1"])
        #expect(try values("//numatune/memory/@mode", text) == ["strict"])
        #expect(try values("//numatune/memnode/@nodeset", text) == ["1"])
        #expect(try values("//vcpupin/@cpuset", text) == ["4-5", "4-5"])
        #expect(try values("//emulatorpin/@cpuset", text) == ["4-5"])
        // Processors that float in their cell are nobody's own.
        #expect(try placement(text) == GuestPlacement(cells: [0: 1]))
        let node = try #require(MarkupNode(text))
        #expect(node.ownProcessors.isEmpty)
        #expect(node.boundMemory == [1: 128])
    }

    @Test func eachOfTheGuestsCellsIsAnotherOfTheHosts() throws {
        let text = try text(["hw:numa_nodes": "2", "hw:cpu_policy": "dedicated"], vcpus: 4)
        #expect(try values("//numatune/memory/@nodeset", text) == ["0-1"])
        #expect(try placement(text) == GuestPlacement(processors: [0: 6, 1: 7, 2: 2, 3: 3], cells: [0: 1, 1: 0]))
        #expect(try #require(MarkupNode(text)).boundMemory == [0: 64, 1: 64])
        #expect(throws: GuestFailure.self) { try self.text(["hw:numa_nodes": "4"], vcpus: 4) }
    }

    @Test func aPinnedGuestIsOneCell() throws {
        let text = try text(["hw:cpu_policy": "dedicated"])
        #expect(try values("//numatune/memnode", text).isEmpty)
        #expect(try placement(text) == GuestPlacement(processors: [0: 6, 1: 7], cells: [0: 1]))
        #expect(try #require(MarkupNode(text)).ownProcessors == [6, 7])
        #expect(try #require(MarkupNode(text)).boundMemory == [1: 128])
    }

    @Test func whereNothingCanBeBoundMemoryIsNot() throws {
        let text = try text(["hw:cpu_policy": "dedicated"], bindsMemory: false)
        #expect(try values("//numatune", text).isEmpty)
        #expect(try placement(text) == GuestPlacement(processors: [0: 6, 1: 7]))
        #expect(try placement(try self.text(["hw:numa_nodes": "1"], cells: [])) == GuestPlacement())
    }

    @Test func aCellThatIsTooSmallIsNone() {
        let small = [HostCell(id: 0, memoryMiB: 64, shared: [0, 1])]
        #expect(throws: GuestFailure.self) { try text(["hw:numa_nodes": "1"], cells: small) }
    }

    @Test func definitionsOfBeforeSayOfAllPinsThatTheyAreTheGuestsOwn() throws {
        let node = try #require(MarkupNode("""
            <domain><memory unit='KiB'>131072</memory><metadata><altostack:guest name='a'/></metadata>
            <cputune><vcpupin vcpu='0' cpuset='5'/><emulatorpin cpuset='7'/></cputune>
            <numatune><memory mode='strict' nodeset='0'/><memnode cellid='0' mode='strict' nodeset='0'/></numatune>
            <cpu><numa><cell id='0' cpus='0' memory='131072' unit='KiB'/></numa></cpu></domain>
            """))
        #expect(node.ownProcessors == [5, 7])
        #expect(node.placement == GuestPlacement(processors: [0: 5], cells: [0: 0]))
        #expect(node.boundMemory == [0: 128])
    }
}
