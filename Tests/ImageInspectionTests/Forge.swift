@testable import ImageInspection

/// Makes small images byte by byte; every argument is a way for one to be wrong.
enum Forge {
    static func big(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    static func little(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

    static func zeros(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }

    static func qcow2(
        version: UInt32 = 3, size: UInt64 = 1 << 30, backing: UInt64 = 0, features: UInt64 = 0, length: Int = 65536
    ) -> [UInt8] {
        var image = zeros(length)
        image.put([0x51, 0x46, 0x49, 0xFB] + big(version) + big(backing), at: 0)
        image.put(big(UInt32(16)) + big(size), at: 20)
        image.put(big(features), at: 72)
        image.put(big(UInt32(104)), at: 100)
        return image
    }

    static func qed() -> [UInt8] { Array("QED\0".utf8) + zeros(4092) }

    static func vhd(size: UInt64 = 2 << 30, kind: UInt32 = 3) -> [UInt8] {
        var image = zeros(2048)
        image.put(Array("conectix".utf8), at: 0)
        image.put(big(size), at: 40)
        image.put(big(kind), at: 60)
        return image
    }

    static func vdi(size: UInt64 = 3 << 30, kind: UInt32 = 1) -> [UInt8] {
        var image = zeros(4096)
        image.put(little(UInt32(0xBEDA_107F)), at: 0x40)
        image.put(little(kind), at: 0x4C)
        image.put(little(size), at: 0x170)
        return image
    }

    static func vhdx(
        size: UInt64 = 4 << 30, metadata: UInt64 = 1 << 20, item: UInt32 = 1 << 16, regions: UInt32 = 2, flags: UInt32 = 0
    ) -> [UInt8] {
        var image = zeros((1 << 20) + (1 << 17))
        image.put(Array("vhdxfile".utf8), at: 0)
        image.put(Array("regi".utf8) + zeros(4) + little(regions), at: 192 << 10)
        image.put(VHDX.metadataRegion + little(metadata) + little(UInt32(1 << 20)), at: (192 << 10) + 16 + 32)
        let table = 1 << 20
        image.put(Array("metadata".utf8) + zeros(2) + little(UInt16(2)), at: table)
        image.put(VHDX.fileParameters + little(item &+ 8) + little(UInt32(8)), at: table + 32)
        image.put(VHDX.virtualDiskSize + little(item) + little(UInt32(8)), at: table + 64)
        image.put(little(size) + little(UInt32(1 << 20)) + little(flags), at: table + (1 << 16))
        return image
    }

    static func iso(blocks: UInt32 = 1000, blockSize: UInt16 = 2048, kind: UInt8 = 1, mark: String = "CD001") -> [UInt8] {
        var image = zeros(40960)
        image.put([kind] + Array(mark.utf8) + [1], at: 32768)
        image.put(little(blocks) + big(blocks), at: 32768 + 80)
        image.put(little(blockSize) + big(blockSize), at: 32768 + 128)
        return image
    }

    /// A partition table's entry.
    struct Partition {
        var boot: UInt8 = 0
        var start: [UInt8] = [0, 2, 0]
        var kind: UInt8 = 0xEE
        var firstSector: UInt32 = 1
    }

    static func disk(_ partitions: [Partition] = [Partition()], length: Int = 65536) -> [UInt8] {
        var image = zeros(length)
        for (index, entry) in partitions.enumerated() {
            let bytes = [entry.boot] + entry.start + [entry.kind, 0xFF, 0xFF, 0xFF] + little(entry.firstSector) + little(UInt32(127))
            image.put(bytes, at: 446 + index * 16)
        }
        image.put([0x55, 0xAA], at: 510)
        return image
    }

    static func luks(version: UInt16 = 1, payload: UInt32 = 8) -> [UInt8] {
        var image = zeros(8192)
        image.put(Array("LUKS".utf8) + [0xBA, 0xBE] + big(version), at: 0)
        image.put(big(payload), at: 104)
        return image
    }

    // MARK: VMDK

    static func descriptor(
        _ type: String = "monolithicSparse", extent: String = "RW 2048 SPARSE \"disk.vmdk\"", more: String = ""
    ) -> String {
        """
        # Disk DescriptorFile
        version=1
        CID=7a2b1f8e
        parentCID=ffffffff
        createType="\(type)"

        # Extent description
        \(extent)

        # The Disk Data Base
        #DDB
        ddb.virtualHWVersion = "4"
        ddb.adapterType = "ide"
        \(more)
        """
    }

    static func sparseHeader(
        version: UInt32 = 1, sectors: UInt64 = 2048, descriptor: UInt64 = 1, length: UInt64 = 20, directory: UInt64 = 21
    ) -> [UInt8] {
        let head = Array("KDMV".utf8) + little(version) + little(UInt32(3)) + little(sectors) + little(UInt64(128))
        let places = little(descriptor) + little(length) + little(UInt32(512)) + little(UInt64(0)) + little(directory)
        return head + places + zeros(512 - 64)
    }

    static func vmdk(_ header: [UInt8] = sparseHeader(), _ text: String = descriptor()) -> [UInt8] {
        var image = zeros(65536)
        image.put(header, at: 0)
        image.put(Array(text.utf8), at: 512)
        return image
    }

    static func streamOptimized(footer: [UInt8] = sparseHeader(), marker: UInt32 = 3, end: UInt64 = 0) -> [UInt8] {
        vmdk(sparseHeader(directory: .max), descriptor("streamOptimized"))
            + little(UInt64(1)) + little(UInt32(0)) + little(marker) + zeros(496) + footer + little(end) + zeros(504)
    }
}

extension [UInt8] {
    mutating func put(_ bytes: [UInt8], at offset: Int) { replaceSubrange(offset..<offset + bytes.count, with: bytes) }

    /// What an inspector makes of the bytes, fed in chunks of a size.
    func inspected(chunk: Int = 65536) -> InspectionReport {
        var inspector = ImageInspector()
        var rest = self[...]
        while !rest.isEmpty {
            inspector.consume(rest.prefix(chunk))
            rest = rest.dropFirst(chunk)
        }
        return inspector.report()
    }
}
