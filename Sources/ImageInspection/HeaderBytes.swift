/// Bytes of an untrusted file, read only where they are: every look outside answers nil.
struct HeaderBytes: Sendable {
    let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }
    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    var count: Int { bytes.count }

    /// The bytes of a range, counted from the first.
    func slice(_ offset: Int, _ count: Int) -> ArraySlice<UInt8>? {
        guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else { return nil }
        let first = bytes.startIndex + offset
        return bytes[first..<first + count]
    }

    /// A part of the bytes as bytes of their own.
    func part(_ offset: Int, _ count: Int) -> HeaderBytes? { slice(offset, count).map { HeaderBytes($0) } }

    /// An unsigned number with its most significant byte first.
    func big<Number: FixedWidthInteger & UnsignedInteger>(_ offset: Int, _: Number.Type = Number.self) -> Number? {
        slice(offset, Number.bitWidth / 8)?.reduce(0) { $0 << 8 | Number($1) }
    }

    /// An unsigned number with its least significant byte first.
    func little<Number: FixedWidthInteger & UnsignedInteger>(_ offset: Int, _: Number.Type = Number.self) -> Number? {
        big(offset, Number.self)?.byteSwapped
    }

    func byte(_ offset: Int) -> UInt8? { slice(offset, 1)?.first }

    /// Whether a signature stands at an offset.
    func holds(_ signature: some Collection<UInt8>, at offset: Int = 0) -> Bool {
        slice(offset, signature.count)?.elementsEqual(signature) ?? false
    }
}

extension Int {
    /// A number of a header as a count of bytes; nil when no disk is that large.
    init?(bytes number: UInt64?, times unit: Int = 1) {
        guard let number, let count = Int(exactly: number) else { return nil }
        let (product, overflows) = count.multipliedReportingOverflow(by: unit)
        guard !overflows else { return nil }
        self = product
    }
}
