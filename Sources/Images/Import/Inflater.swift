import CZlib
import NIOCore

/// zlib's inflation (RFC 1951) of bytes that come in pieces. Not to be shared between tasks.
final class Inflater {
    /// What is around the deflated bytes.
    enum Wrapping: Int32 {
        /// RFC 1952's header and trailer, which are checked.
        case gzip = 31
        /// Nothing.
        case none = -15
    }

    /// zlib keeps the address, so the stream must not move.
    private let stream: UnsafeMutablePointer<z_stream>

    init(_ wrapping: Wrapping) throws {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard inflateInit2_(stream, wrapping.rawValue, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw UnpackingError.unsupported
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// Begins a new stream of the same kind.
    func reset() throws {
        guard inflateReset(stream) == Z_OK else { throw UnpackingError.damaged }
    }

    /// Takes from the input and adds to the output, until one of them or the stream ends.
    /// - Returns: whether the stream has ended.
    /// - Throws: `UnpackingError.damaged`.
    func inflate(_ input: inout ByteBuffer, into output: inout ByteBuffer, atMost count: Int) throws -> Bool {
        var result = Z_OK
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
            input.readWithUnsafeMutableReadableBytes { bytes in
                stream.pointee.next_in = bytes.bindMemory(to: Bytef.self).baseAddress
                stream.pointee.avail_in = UInt32(bytes.count)
                stream.pointee.next_out = room.bindMemory(to: Bytef.self).baseAddress
                stream.pointee.avail_out = UInt32(count)
                result = CZlib.inflate(stream, Z_NO_FLUSH)
                return bytes.count - Int(stream.pointee.avail_in)
            }
            return count - Int(stream.pointee.avail_out)
        }
        // "No progress" is not an error: the input was used up before.
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { throw UnpackingError.damaged }
        return result == Z_STREAM_END
    }
}

/// The checksum of gzip and ZIP.
struct CRC32: Hashable {
    private var value: UInt32 = 0

    /// The checksum of nothing.
    init() {}

    /// A checksum that a file tells.
    init(_ value: UInt32) { self.value = value }

    mutating func add(_ bytes: ByteBuffer) {
        value = bytes.withUnsafeReadableBytes { bytes in
            UInt32(truncatingIfNeeded: crc32_z(UInt(value), bytes.bindMemory(to: Bytef.self).baseAddress, bytes.count))
        }
    }
}
