import ImageInspection
import Testing

/// What is recognised but not let in. The CVEs are the ways in which images have read other people's files.
@Suite struct SafetyTests {
    private func failures(_ bytes: [UInt8]) throws -> Set<SafetyCheck> { Set(try bytes.inspected().format().failures.map(\.check)) }

    // MARK: QCOW2

    /// CVE-2024-32498: a QCOW2 whose data are any file of the host.
    @Test func externalDataFile() throws {
        #expect(try failures(Forge.qcow2(features: 1 << 2)) == [.dataFile])
    }

    /// CVE-2023-2088's kind, and older than all: a QCOW2 that continues in a file of the host.
    @Test(arguments: [2, 3] as [UInt32]) func backingFile(version: UInt32) throws {
        #expect(try failures(Forge.qcow2(version: version, backing: 512)) == [.backingFile])
        #expect(try failures(Forge.qcow2(version: version, backing: .max)) == [.backingFile])
    }

    @Test func features() throws {
        #expect(try failures(Forge.qcow2(features: 0b1011)).isEmpty)
        for bit in 4..<64 { #expect(try failures(Forge.qcow2(features: 1 << bit)) == [.unknownFeatures], "bit \(bit)") }
        #expect(try failures(Forge.qcow2(features: .max)) == [.dataFile, .unknownFeatures])
        // Version 2 ends before the features: what stands there are extensions.
        #expect(try failures(Forge.qcow2(version: 2, features: .max)).isEmpty)
        for version in [0, 1, 4, .max] as [UInt32] { #expect(try failures(Forge.qcow2(version: version)) == [.unknownFeatures]) }
        #expect(try failures(Forge.qcow2(size: .max)) == [.structure])
    }

    // MARK: VMDK

    /// CVE-2022-47951: a descriptor alone, whose extent is a file of the host.
    @Test(arguments: ["monolithicFlat", "twoGbMaxExtentFlat", "monolithicSparse", "vmfs", "custom", "fullDevice"])
    func descriptorAlone(type: String) throws {
        let text = Forge.descriptor(type, extent: "RW 2048 FLAT \"/etc/passwd\" 0")
        #expect(try failures(Array(text.utf8)) == [.descriptor])
        #expect(try Array(text.utf8).inspected().format().subformat == type.lowercased())
        // Padding does not hide it, nor does a length at which no header fits.
        #expect(try failures(Array(text.utf8) + Forge.zeros(4096)) == [.descriptor])
        #expect(try failures(Array("createType=\"\(type)\"".utf8)) == [.descriptor])
        #expect(try failures(Array((text + "# ä").utf8) + Forge.zeros(4096)) == [.descriptor])
    }

    @Test func longDescriptorAlone() throws {
        let text = Forge.descriptor("monolithicFlat") + String(repeating: "# \(String(repeating: "x", count: 1000))\n", count: 1100)
        #expect(try failures(Array(text.utf8)) == [.descriptor])
    }

    @Test(arguments: [
        Forge.descriptor("monolithicFlat"), Forge.descriptor("twoGbMaxExtentSparse"), Forge.descriptor(""),
        Forge.descriptor(String(repeating: "x", count: 64)), Forge.descriptor(String(repeating: "x", count: 5000)),
        Forge.descriptor(extent: "RW 2048 SPARSE \"/etc/passwd\""), Forge.descriptor(extent: "RW 2048 SPARSE \"..\\\\x\""),
        Forge.descriptor(extent: "RW 2048 FLAT \"other\" 0"), Forge.descriptor(extent: "RW"), Forge.descriptor(extent: ""),
        Forge.descriptor(extent: "EXEC 2048 SPARSE \"x\""), Forge.descriptor(more: "what is this"),
        Forge.descriptor(more: "parentFileNameHint=\"/etc/passwd\""), Forge.descriptor(more: "#parentFileNameHint=\"base\""),
        Forge.descriptor(more: "CREATETYPE=\"monolithicFlat\""), Forge.descriptor(more: "a word=1"), "", "version=1",
    ])
    func descriptorInside(text: String) throws {
        #expect(try failures(Forge.vmdk(Forge.sparseHeader(), text)) == [.descriptor])
    }

    @Test func descriptorsThatAreFine() throws {
        for text in [
            Forge.descriptor("MONOLITHICSPARSE"), Forge.descriptor("streamOptimized"),
            Forge.descriptor(extent: "RDONLY 2048 SPARSE \"a b.vmdk\""), Forge.descriptor(more: "parentFileNameHint=\"\""),
            Forge.descriptor().split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n"),
        ] {
            #expect(try failures(Forge.vmdk(Forge.sparseHeader(), text)).isEmpty, "\(text)")
        }
    }

    @Test func sparseHeaders() throws {
        for header in [
            Forge.sparseHeader(version: 0), Forge.sparseHeader(version: 4), Forge.sparseHeader(sectors: .max),
            Forge.sparseHeader(sectors: 0), Forge.sparseHeader(descriptor: 0), Forge.sparseHeader(descriptor: 2),
            Forge.sparseHeader(descriptor: .max), Forge.sparseHeader(length: .max), Forge.sparseHeader(length: 1000),
        ] {
            #expect(try failures(Forge.vmdk(header)) == [.structure])
        }
        #expect(try failures(Forge.vmdk(Forge.sparseHeader(length: 0))) == [.descriptor])
        var binary = Forge.vmdk()
        binary.put([0xC3, 0xA4], at: 600)
        #expect(try failures(binary) == [.structure])
    }

    /// A footer that says something else than the header hides a second image.
    @Test func footers() throws {
        for image in [
            Forge.streamOptimized(footer: Forge.sparseHeader(descriptor: 2)),
            Forge.streamOptimized(footer: Forge.sparseHeader(length: 21)),
            Forge.streamOptimized(footer: Forge.sparseHeader(version: 2)),
            Forge.streamOptimized(footer: Forge.sparseHeader(directory: .max)),
            Forge.streamOptimized(footer: Forge.zeros(512)), Forge.streamOptimized(marker: 2), Forge.streamOptimized(end: 1),
            Forge.streamOptimized() + [0], Array(Forge.streamOptimized().dropLast(512)),
        ] {
            #expect(try failures(image) == [.footer])
        }
    }

    // MARK: The others

    @Test func differencingDisks() throws {
        #expect(try failures(Forge.vhd(kind: 4)) == [.backingFile])
        #expect(try failures(Forge.vdi(kind: 4)) == [.backingFile])
        #expect(try failures(Forge.vhdx(flags: 2)) == [.backingFile])
    }

    @Test func sizesOutOfRange() throws {
        #expect(try failures(Forge.vhd(size: .max)) == [.structure])
        #expect(try failures(Forge.vdi(size: 1 << 63)) == [.structure])
        #expect(try failures(Forge.vhdx(size: .max)) == [.structure])
        #expect(try Forge.luks(payload: .max).inspected().format().virtualSize == 0)
    }

    @Test func trailsThatLeadNowhere() throws {
        for image in [
            Forge.vhdx(metadata: .max), Forge.vhdx(metadata: .max >> 1), Forge.vhdx(metadata: 0), Forge.vhdx(metadata: 1 << 40),
            Forge.vhdx(item: .max), Forge.vhdx(item: 0), Forge.vhdx(regions: 0), Forge.vhdx(regions: 2048), Forge.vhdx(regions: .max),
        ] {
            #expect(try failures(image) == [.structure])
        }
    }

    @Test func neverLetIn() throws {
        #expect(try failures(Forge.qed()) == [.banned])
        #expect(try failures(Forge.luks(version: 2)) == [.version])
        #expect(try failures(Forge.luks(version: 0)) == [.version])
    }

    @Test(arguments: [
        [], [Forge.Partition(kind: 0)], [Forge.Partition(boot: 1)], [Forge.Partition(start: [0, 1, 0])],
        [Forge.Partition(firstSector: 2)], [Forge.Partition(), Forge.Partition(kind: 0x83)],
        [Forge.Partition(kind: 0), Forge.Partition()], [Forge.Partition(kind: 0x83), Forge.Partition(boot: 0x7F, kind: 0)],
    ])
    func partitionTables(partitions: [Forge.Partition]) throws {
        #expect(try failures(Forge.disk(partitions)) == [.mbr])
    }
}
