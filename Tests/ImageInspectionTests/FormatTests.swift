import ImageInspection
import Testing

/// Each format is told, with the size of its disk.
@Suite struct FormatTests {
    static let images: [(ImageFormat, size: Int?, bytes: [UInt8])] = [
        (.qcow2, 1 << 30, Forge.qcow2()),
        (.qcow2, 5 << 30, Forge.qcow2(version: 2, size: 5 << 30)),
        (.qed, nil, Forge.qed()),
        (.vhd, 2 << 30, Forge.vhd()),
        (.vdi, 3 << 30, Forge.vdi()),
        (.vhdx, 4 << 30, Forge.vhdx()),
        (.vmdk, 1 << 20, Forge.vmdk()),
        (.vmdk, 1 << 20, Forge.streamOptimized()),
        (.iso, 1000 * 2048, Forge.iso()),
        (.iso, nil, Forge.iso(kind: 0, mark: "NSR02")),
        (.gpt, 65536, Forge.disk()),
        (.gpt, 65536, Forge.disk([Forge.Partition(boot: 0x80, kind: 0x83, firstSector: 2048)])),
        (.luks, 4096, Forge.luks()),
    ]

    @Test(arguments: images) func isTold(format: ImageFormat, size: Int?, bytes: [UInt8]) throws {
        let found = try bytes.inspected().format()
        #expect(found.format == format)
        #expect(found.virtualSize == size)
        #expect(found.failures.isEmpty == (format != .qed))
    }

    /// How the bytes are cut into chunks changes nothing.
    @Test(arguments: images) func chunksDoNotMatter(format: ImageFormat, size: Int?, bytes: [UInt8]) {
        let whole = bytes.inspected(chunk: bytes.count)
        for chunk in [1021, 4096, 100_000] { #expect(bytes.inspected(chunk: chunk) == whole) }
        if bytes.count < 100_000 { #expect(bytes.inspected(chunk: 1) == whole) }
    }

    @Test func anythingElseIsRaw() throws {
        for bytes in [[], [7], Forge.zeros(100_000), Array("#!/bin/sh\necho createType=7\n".utf8)] {
            let found = try bytes.inspected().format()
            #expect(found.format == .raw)
            #expect(found.virtualSize == bytes.count)
            #expect(found.failures.isEmpty)
        }
    }

    /// A FAT volume bears a boot sector's signature too.
    @Test func aVolumeIsNoPartitionTable() throws {
        var volume = Forge.disk()
        volume.put([2], at: 0x10)
        volume.put([0xF8], at: 0x15)
        #expect(try volume.inspected().format().format == .raw)
    }

    /// A cut-off image is either not recognised or not let in, and never crashes.
    @Test(arguments: images) func cutOff(format: ImageFormat, size: Int?, bytes: [UInt8]) {
        for length in [0, 1, 4, 8, 63, 64, 100, 511, 512, 591, 1000, 33000, 200_000] where length < bytes.count {
            let report = Array(bytes.prefix(length)).inspected()
            for match in report.matches where match.virtualSize == nil && size != nil {
                #expect(!match.failures.isEmpty, "\(match) of \(length) bytes")
            }
        }
    }

    @Test func memoryIsBounded() {
        var inspector = ImageInspector()
        inspector.consume(Forge.vmdk(Forge.sparseHeader(length: .max, directory: .max), Forge.descriptor("streamOptimized")))
        for _ in 0..<20 { inspector.consume(Forge.zeros(1 << 20)) }
        #expect(inspector.footprint < (1 << 20) + 4096)
        inspector = ImageInspector()
        for _ in 0..<20 { inspector.consume(Array(repeating: 0x20, count: 1 << 20)) }
        #expect(inspector.footprint < 1 << 20)
    }
}
