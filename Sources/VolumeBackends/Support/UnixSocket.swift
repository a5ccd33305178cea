import Foundation
import Glibc

/// A connected Unix socket whose calls block; it is closed with the value that holds it.
final class UnixSocket: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Connects.
    init(path: String) throws {
        self.path = path
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
        descriptor = number
    }

    deinit { Glibc.close(descriptor) }

    /// Sends all bytes.
    func send(_ bytes: some ContiguousBytes) throws {
        try bytes.withUnsafeBytes { buffer in
            var sent = 0
            while sent < buffer.count {
                // No signal when the other side is gone: an error says so.
                let result = Glibc.send(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
                if result < 0, errno == EINTR { continue }
                guard result > 0 else { throw FileError(operation: "write to \(path)", code: errno) }
                sent += result
            }
        }
    }

    /// Receives so many bytes; fewer are an error.
    func receive(_ count: Int) throws -> [UInt8] {
        var failure: Int32?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let result = recv(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, 0)
                if result < 0, errno == EINTR { continue }
                guard result > 0 else {
                    failure = result == 0 ? ECONNRESET : errno
                    return
                }
                filled += result
            }
        }
        if let failure { throw FileError(operation: "read from \(path)", code: failure) }
        return bytes
    }

    /// Lets no call wait longer than this.
    func limit(seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }
}
