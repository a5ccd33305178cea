/// Hyper-V's format (MS-VHDX). The disk's size stands in an item of the metadata region, whose table is found through
/// the region table at 192 KiB: three looks, each at a place that the one before tells.
enum VHDX {
    /// Where the first region table ends.
    static let regionTableEnd = 256 << 10
    static let regionTableStart = 192 << 10
    /// The header and up to 2,047 entries of 32 bytes, of the region table and of the metadata table.
    static let tableLength = 64 << 10
    static let entryLength = 32
    static let mostEntries = 2047
    static let metadataRegion = guid(0x8B7C_A206, 0x4790, 0x4B9A, [0xB8, 0xFE, 0x57, 0x5F, 0x05, 0x0F, 0x88, 0x6E])
    static let virtualDiskSize = guid(0x2FA5_4224, 0xCD1B, 0x4876, [0xB2, 0x11, 0x5D, 0xBE, 0xD8, 0x3B, 0xF4, 0xB8])
    static let fileParameters = guid(0xCAA1_6737, 0xFA36, 0x4D43, [0xB3, 0xB6, 0x33, 0xF0, 0xAA, 0x44, 0xE7, 0x6B])

    static func isNamed(in head: [UInt8]) -> Bool { HeaderBytes(head).holds("vhdxfile".utf8) }

    static func match(_ head: HeaderBytes, _ trail: VHDXTrail?) -> FormatMatch? {
        guard head.holds("vhdxfile".utf8) else { return nil }
        guard let trail else { return .malformed(.vhdx, "its header is cut off") }
        let found = trail.read()
        guard let size = Int(bytes: found.size) else { return .malformed(.vhdx, "its metadata can't be read") }
        let failures = found.hasParent ? [SafetyFailure(.backingFile, "it differs from another file")] : []
        return FormatMatch(.vhdx, virtualSize: size, failures: failures)
    }

    /// A GUID as Microsoft writes it: its first three parts with their least significant byte first.
    private static func guid(_ first: UInt32, _ second: UInt16, _ third: UInt16, _ rest: [UInt8]) -> [UInt8] {
        func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
        return bytes(first) + bytes(second) + bytes(third) + rest
    }

    /// The entry of a table that a GUID names.
    static func entry(_ guid: [UInt8], of table: HeaderBytes, after header: Int, count: Int) -> HeaderBytes? {
        for index in 0..<min(count, mostEntries) {
            guard let entry = table.part(header + index * entryLength, entryLength) else { return nil }
            if entry.holds(guid) { return entry }
        }
        return nil
    }
}

/// A part of a stream that is kept when it passes.
struct StreamRegion: Sendable {
    let offset: Int
    let length: Int
    private(set) var bytes: [UInt8] = []

    /// A region; nil when it can't be in any file.
    init?(offset: Int?, length: Int) {
        guard let offset, offset >= 0, !offset.addingReportingOverflow(length).overflow else { return nil }
        (self.offset, self.length) = (offset, length)
    }

    var isComplete: Bool { bytes.count == length }

    /// Takes its part of a chunk. What has passed already is lost, and with it the region.
    mutating func take(_ chunk: UnsafeRawBufferPointer, at start: Int) {
        let next = offset + bytes.count
        guard !isComplete, next >= start, next - start < chunk.count else { return }
        bytes += chunk.dropFirst(next - start).prefix(length - bytes.count)
    }
}

/// Follows a VHDX's tables through the stream.
struct VHDXTrail: Sendable {
    private var metadata: StreamRegion?
    private var size: StreamRegion?
    private var parameters: StreamRegion?

    init(head: HeaderBytes) {
        guard let table = head.part(VHDX.regionTableStart, VHDX.tableLength), table.holds("regi".utf8),
            let count = table.little(8, UInt32.self), count <= VHDX.mostEntries,
            let entry = VHDX.entry(VHDX.metadataRegion, of: table, after: 16, count: Int(count))
        else { return }
        metadata = StreamRegion(offset: Int(bytes: entry.little(16)), length: VHDX.tableLength)
    }

    var footprint: Int { [metadata, size, parameters].reduce(0) { $0 + ($1?.bytes.count ?? 0) } }

    mutating func consume(_ chunk: UnsafeRawBufferPointer, at start: Int) {
        if let table = metadata, !table.isComplete {
            metadata?.take(chunk, at: start)
            guard let table = metadata, table.isComplete else { return }
            size = item(VHDX.virtualDiskSize, length: 8, in: table)
            parameters = item(VHDX.fileParameters, length: 8, in: table)
        }
        size?.take(chunk, at: start)
        parameters?.take(chunk, at: start)
    }

    /// Where an item is; items begin after the table (MS-VHDX 2.6.1.2).
    private func item(_ guid: [UInt8], length: Int, in region: StreamRegion) -> StreamRegion? {
        let table = HeaderBytes(region.bytes)
        guard table.holds("metadata".utf8), let count = table.little(10, UInt16.self), count <= VHDX.mostEntries,
            let entry = VHDX.entry(guid, of: table, after: 32, count: Int(count)),
            let offset = entry.little(16, UInt32.self), offset >= VHDX.tableLength
        else { return nil }
        let (place, overflows) = region.offset.addingReportingOverflow(Int(offset))
        return StreamRegion(offset: overflows ? nil : place, length: length)
    }

    /// The disk's size in bytes, and whether its parameters say that it has a parent.
    func read() -> (size: UInt64?, hasParent: Bool) {
        let flags: UInt32? = parameters.flatMap { HeaderBytes($0.bytes).little(4) }
        return (size.flatMap { HeaderBytes($0.bytes).little(0) }, (flags ?? 0) & 2 != 0)
    }
}
