import ImageStores
import NIOCore

/// The only file of a ZIP archive, as its central directory describes it (PKWARE's APPNOTE 6.3.10, with ZIP64).
struct ZIPEntry: Sendable, Hashable {
    /// Where the packed bytes are.
    let data: Range<Int>
    /// How many bytes come out.
    let size: Int
    let checksum: CRC32
    /// Whether the bytes are deflated; they are stored as they are otherwise.
    let isDeflated: Bool

    /// - Throws: `UnpackingError`.
    init(only content: any ImageContent) async throws {
        let directory = try await Directory(content)
        guard directory.count == 1 else { throw UnpackingError.severalFiles }
        let entry = Fields(try await content.read(at: directory.offset, count: Self.entryLength + 2 * 0xFFFF))
        guard try entry.four(0) == 0x0201_4B50 else { throw UnpackingError.damaged }
        let (flags, method) = (try entry.two(8), try entry.two(10))
        guard flags & Self.encrypted == 0, method == 0 || method == Self.deflate else { throw UnpackingError.unsupported }
        isDeflated = method == Self.deflate
        checksum = CRC32(try entry.four(16))
        let numbers = try Self.numbers(entry)
        size = numbers.size
        data = try await Self.data(at: numbers.offset, packed: numbers.packed, content)
    }

    private static let entryLength = 46
    private static let encrypted: UInt16 = 1
    private static let deflate: UInt16 = 8

    /// The sizes and the place of the file; what exceeds 32 bits is in the extra field 1, in this order.
    private static func numbers(_ entry: Fields) throws -> (size: Int, packed: Int, offset: Int) {
        let short = [try entry.four(24), try entry.four(20), try entry.four(42)]
        var long: [Int] = []
        var position = entryLength + Int(try entry.two(28))
        let end = position + Int(try entry.two(30))
        while long.isEmpty, position + 4 <= end {
            let (kind, length) = (try entry.two(position), Int(try entry.two(position + 2)))
            if kind == 1 { long = try (0..<length / 8).map { try entry.eight(position + 4 + 8 * $0) } }
            position += 4 + length
        }
        let numbers = try short.map { number in
            guard number == .max else { return Int(number) }
            guard !long.isEmpty else { throw UnpackingError.damaged }
            return long.removeFirst()
        }
        return (numbers[0], numbers[1], numbers[2])
    }

    /// The bytes follow the file's own header, whose names and extra field may differ from the directory's.
    private static func data(at offset: Int, packed: Int, _ content: any ImageContent) async throws -> Range<Int> {
        guard offset < content.size, packed <= content.size else { throw UnpackingError.damaged }
        let header = Fields(try await content.read(at: offset, count: 30))
        guard try header.four(0) == 0x0403_4B50 else { throw UnpackingError.damaged }
        let start = offset + 30 + Int(try header.two(26)) + Int(try header.two(28))
        guard start + packed <= content.size else { throw UnpackingError.damaged }
        return start..<(start + packed)
    }

    /// Where the archive's directory is.
    private struct Directory {
        let count: Int
        let offset: Int

        private static let endLength = 22
        private static let locatorLength = 20

        init(_ content: any ImageContent) async throws {
            let length = min(content.size, Self.endLength + Self.locatorLength + 0xFFFF)
            let tail = Fields(try await content.read(at: content.size - length, count: length))
            guard let end = tail.last(0x0605_4B50, before: length - Self.endLength) else { throw UnpackingError.damaged }
            let short = (count: Int(try tail.two(end + 10)), offset: try tail.four(end + 16))
            guard short.offset == .max || short.count == 0xFFFF else {
                (count, offset) = (short.count, Int(short.offset))
                return
            }
            guard try tail.four(end - Self.locatorLength) == 0x0706_4B50 else { throw UnpackingError.damaged }
            let place = try tail.eight(end - Self.locatorLength + 8)
            let record = Fields(try await content.read(at: place, count: 56))
            guard try record.four(0) == 0x0606_4B50 else { throw UnpackingError.damaged }
            (count, offset) = (try record.eight(32), try record.eight(48))
        }
    }

    /// Little-endian numbers at places that the file names, which may be anywhere.
    private struct Fields {
        private let bytes: ByteBuffer

        init(_ bytes: ByteBuffer) { self.bytes = bytes }

        func two(_ offset: Int) throws -> UInt16 { try number(offset) }
        func four(_ offset: Int) throws -> UInt32 { try number(offset) }

        /// A number that counts or places bytes of a file, so that arithmetic with it can't overflow.
        func eight(_ offset: Int) throws -> Int {
            guard let value = Int(exactly: try number(offset) as UInt64), value < 1 << 53 else { throw UnpackingError.damaged }
            return value
        }

        private func number<Number: FixedWidthInteger>(_ offset: Int) throws -> Number {
            guard offset >= 0, let value = bytes.getInteger(at: offset, endianness: .little, as: Number.self) else {
                throw UnpackingError.damaged
            }
            return value
        }

        /// The last place of a signature, from a place on backwards.
        func last(_ signature: UInt32, before start: Int) -> Int? {
            guard start >= 0 else { return nil }
            return stride(from: start, through: 0, by: -1).first {
                bytes.getInteger(at: $0, endianness: .little, as: UInt32.self) == signature
            }
        }
    }
}
