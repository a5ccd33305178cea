import Foundation
import Glibc
import Synchronization

/// The client's side of the NBD protocol (fixed newstyle handshake, simple replies), on a Unix socket. Requests go one at a time.
final class NBDClient: Sendable {
    private let descriptor: Mutex<Int32>
    /// The export's size in bytes.
    let size: Int64

    private enum Command: UInt16 { case read = 0, write = 1, disconnect = 2, flush = 3, writeZeroes = 6 }

    /// Connects and asks for the unnamed export. Blocks.
    init(path: String) throws {
        let number = try Self.connect(path)
        do {
            size = try Self.greet(number)
        } catch {
            Glibc.close(number)
            throw error
        }
        descriptor = Mutex(number)
    }

    deinit { close() }

    private static func connect(_ path: String) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8) + [0]
        guard bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else {
            throw FileError(operation: "connect \(path)", code: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard number >= 0 else { throw FileError(operation: "socket", code: errno) }
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            Glibc.close(number)
            throw FileError(operation: "connect \(path)", code: code)
        }
        return number
    }

    private static let option: [UInt8] = Array("IHAVEOPT".utf8)

    /// Returns the export's size.
    private static func greet(_ number: Int32) throws -> Int64 {
        let hello = try receive(18, number)
        guard hello.starts(with: Array("NBDMAGIC".utf8) + option) else { throw FileError(operation: "greet NBD", code: EPROTO) }
        // Fixed newstyle, no padding; then NBD_OPT_GO for the export without a name.
        try send(bytes(UInt32(3)) + option + bytes(UInt32(7)) + bytes(UInt32(6)) + bytes(UInt32(0)) + bytes(UInt16(0)), number)
        var size: Int64?
        while true {
            let reply = try receive(20, number)
            let (type, length) = (integer(reply[12..<16]), Int(integer(reply[16..<20])))
            guard length <= 65_536, type < 0x8000_0000 else { throw FileError(operation: "open NBD export", code: EPROTO) }
            let data = try receive(length, number)
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
        descriptor.withLock { number in
            guard number >= 0 else { return }
            try? Self.send(Self.header(.disconnect, 0, 0), number)
            Glibc.close(number)
            number = -1
        }
    }

    private func request(
        _ command: Command, _ offset: Int64, _ count: Int, sending data: ArraySlice<UInt8> = [], receiving: Int = 0
    ) throws -> [UInt8] {
        try descriptor.withLock { number in
            guard number >= 0 else { throw FileError(operation: "use NBD export", code: EBADF) }
            try Self.send(Self.header(command, offset, count), number)
            if !data.isEmpty { try Self.send(data, number) }
            let reply = try Self.receive(16, number)
            guard Self.integer(reply[0..<4]) == 0x6744_6698 else { throw FileError(operation: "read NBD reply", code: EPROTO) }
            let failure = Self.integer(reply[4..<8])
            guard failure == 0 else { throw FileError(operation: "\(command) NBD export", code: Int32(failure)) }
            return try Self.receive(receiving, number)
        }
    }

    private static func header(_ command: Command, _ offset: Int64, _ count: Int) -> [UInt8] {
        bytes(UInt32(0x2560_9513)) + bytes(UInt16(0)) + bytes(command.rawValue) + bytes(UInt64(1)) + bytes(UInt64(offset))
            + bytes(UInt32(count))
    }

    // MARK: Bytes

    private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }

    private static func send(_ bytes: some ContiguousBytes, _ number: Int32) throws {
        try bytes.withUnsafeBytes { buffer in
            var sent = 0
            while sent < buffer.count {
                // No signal when the other side is gone: an error says so.
                let result = Glibc.send(number, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
                if result < 0, errno == EINTR { continue }
                guard result > 0 else { throw FileError(operation: "write to NBD server", code: errno) }
                sent += result
            }
        }
    }

    private static func receive(_ count: Int, _ number: Int32) throws -> [UInt8] {
        var failure: Int32?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let result = recv(number, buffer.baseAddress.map { $0 + filled }, count - filled, 0)
                if result < 0, errno == EINTR { continue }
                guard result > 0 else {
                    failure = result == 0 ? ECONNRESET : errno
                    return
                }
                filled += result
            }
        }
        if let failure { throw FileError(operation: "read from NBD server", code: failure) }
        return bytes
    }
}
