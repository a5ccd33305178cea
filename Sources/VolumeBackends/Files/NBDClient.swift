import Foundation
import Glibc
import Synchronization

/// The client's side of the NBD protocol (fixed newstyle handshake, simple replies), on a Unix socket. Requests go one at a time.
final class NBDClient: Sendable {
    private let socket: Mutex<UnixSocket?>
    /// The export's size in bytes.
    let size: Int64

    private enum Command: UInt16 { case read = 0, write = 1, disconnect = 2, flush = 3, writeZeroes = 6 }

    /// Connects and asks for the unnamed export. Blocks.
    init(path: String) throws {
        let connected = try UnixSocket(path: path)
        size = try Self.greet(connected)
        socket = Mutex(connected)
    }

    deinit { close() }

    private static let option: [UInt8] = Array("IHAVEOPT".utf8)

    /// Returns the export's size.
    private static func greet(_ socket: UnixSocket) throws -> Int64 {
        let hello = try socket.receive(18)
        guard hello.starts(with: Array("NBDMAGIC".utf8) + option) else { throw FileError(operation: "greet NBD", code: EPROTO) }
        // Fixed newstyle, no padding; then NBD_OPT_GO for the export without a name.
        try socket.send(bytes(UInt32(3)) + option + bytes(UInt32(7)) + bytes(UInt32(6)) + bytes(UInt32(0)) + bytes(UInt16(0)))
        var size: Int64?
        while true {
            let reply = try socket.receive(20)
            let (type, length) = (integer(reply[12..<16]), Int(integer(reply[16..<20])))
            guard length <= 65_536, type < 0x8000_0000 else { throw FileError(operation: "open NBD export", code: EPROTO) }
            let data = try socket.receive(length)
            if type == 3, data.count >= 10, integer(data[0..<2]) == 0 { size = Int64(integer(data[2..<10])) }
            if type == 1 { break }
        }
        guard let size else { throw FileError(operation: "open NBD export", code: EPROTO) }
        return size
    }

    /// Bytes of a range. Blocks.
    func read(_ range: Range<Int64>) throws -> [UInt8] {
        try request(.read, range.lowerBound, range.count, receiving: range.count)
    }

    /// Writes bytes. Blocks.
    func write(_ bytes: ArraySlice<UInt8>, at offset: Int64) throws {
        _ = try request(.write, offset, bytes.count, sending: bytes)
    }

    /// Makes a range read as zeros. Blocks.
    func zero(_ range: Range<Int64>) throws {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = Int(min(1 << 30, range.upperBound - offset))
            _ = try request(.writeZeroes, offset, count)
            offset += Int64(count)
        }
    }

    /// Returns when all that was written is on the disk. Blocks.
    func flush() throws { _ = try request(.flush, 0, 0) }

    /// Says goodbye, and closes the socket.
    func close() {
        socket.withLock { socket in
            try? socket?.send(Self.header(.disconnect, 0, 0))
            socket = nil
        }
    }

    private func request(
        _ command: Command, _ offset: Int64, _ count: Int, sending data: ArraySlice<UInt8> = [], receiving: Int = 0
    ) throws -> [UInt8] {
        try socket.withLock { socket in
            guard let socket else { throw FileError(operation: "use NBD export", code: EBADF) }
            try socket.send(Self.header(command, offset, count))
            if !data.isEmpty { try socket.send(data) }
            let reply = try socket.receive(16)
            guard Self.integer(reply[0..<4]) == 0x6744_6698 else { throw FileError(operation: "read NBD reply", code: EPROTO) }
            let failure = Self.integer(reply[4..<8])
            guard failure == 0 else { throw FileError(operation: "\(command) NBD export", code: Int32(failure)) }
            return try socket.receive(receiving)
        }
    }

    private static func header(_ command: Command, _ offset: Int64, _ count: Int) -> [UInt8] {
        bytes(UInt32(0x2560_9513)) + bytes(UInt16(0)) + bytes(command.rawValue) + bytes(UInt64(1)) + bytes(UInt64(offset))
            + bytes(UInt32(count))
    }

    // MARK: Bytes

    private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
}
