import Foundation
import Synchronization

@testable import NetworkAgent

/// What a guest does on its network, by plain sockets made in its namespace.
enum GuestSockets {
    private static let seconds = 2

    /// Pings an address once.
    static func ping(_ address: String, in namespace: NetworkNamespace) async throws -> Bool {
        try await namespace.run {
            let socket = try make(SOCK_RAW, Int32(IPPROTO_ICMP))
            defer { close(socket) }
            var packet: [UInt8] = [8, 0, 0, 0, 0x41, 0x53, 0, 1] + Array("altostack".utf8) + [0]
            let sum = checksum(packet)
            (packet[2], packet[3]) = (UInt8(sum >> 8), UInt8(sum & 0xFF))
            guard try send(packet, on: socket, to: address, port: 0) else { return false }
            let end = ContinuousClock.now + .seconds(seconds)
            while .now < end {
                var answer = [UInt8](repeating: 0, count: 256)
                let count = recv(socket, &answer, answer.count, 0)
                // An echo reply behind the IP header, with our identifier.
                if count >= 28, answer[20] == 0, answer[24] == 0x41, answer[25] == 0x53 { return true }
                if count < 0 { return false }
            }
            return false
        }
    }

    /// Fetches a path by HTTP; nil if nobody answers.
    static func get(_ path: String, from address: String, port: UInt16 = 80, in namespace: NetworkNamespace) async throws -> String? {
        try await namespace.run { () throws -> String? in
            let socket = try make(SOCK_STREAM)
            defer { close(socket) }
            guard connect(socket, to: address, port: port) else { return nil }
            let request = Array("GET \(path) HTTP/1.0\r\nHost: \(address)\r\n\r\n".utf8)
            guard Glibc.send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return nil }
            var answer: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 16_384)
            while true {
                let count = recv(socket, &buffer, buffer.count, 0)
                if count < 0 { return nil }
                if count == 0 { break }
                answer += buffer.prefix(count)
            }
            return String(decoding: answer, as: UTF8.self)
        }
    }

    /// The DHCP offer and acknowledgment for a MAC address: the address and the options of the latter.
    static func dhcp(mac: String, in namespace: NetworkNamespace) async throws -> (address: String, options: [UInt8: [UInt8]])? {
        try await namespace.run { () throws -> (String, [UInt8: [UInt8]])? in
            let socket = try make(SOCK_DGRAM)
            defer { close(socket) }
            var yes: Int32 = 1
            setsockopt(socket, SOL_SOCKET, SO_BROADCAST, &yes, 4)
            setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4)
            guard bind(socket, port: 68) else { throw HostError.last("bind") }
            var answer: (String, [UInt8: [UInt8]])?
            for kind: UInt8 in [1, 3] {
                let wanted = try answer.map { try NetworkAddress($0.0).bytes } ?? []
                guard try send(DHCP.message(kind, mac: mac, wanted: wanted), on: socket, to: "255.255.255.255", port: 67) else { return nil }
                var buffer = [UInt8](repeating: 0, count: 1500)
                let count = recv(socket, &buffer, buffer.count, 0)
                guard count > 240 else { return nil }
                answer = DHCP.read(Array(buffer.prefix(count)))
            }
            return answer
        }
    }

    // MARK: - Sockets

    static func make(_ kind: __socket_type, _ number: Int32 = 0) throws -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(kind.rawValue), number)
        guard socket >= 0 else { throw HostError.last("socket") }
        var patience = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return socket
    }

    static func withAddress<Result>(_ address: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var value = sockaddr_in()
        value.sin_family = sa_family_t(AF_INET)
        value.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &value.sin_addr)
        return withUnsafePointer(to: &value) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    static func bind(_ socket: Int32, port: UInt16) -> Bool {
        withAddress("0.0.0.0", port) { Glibc.bind(socket, $0, $1) == 0 }
    }

    private static func connect(_ socket: Int32, to address: String, port: UInt16) -> Bool {
        withAddress(address, port) { Glibc.connect(socket, $0, $1) == 0 }
    }

    private static func send(_ bytes: [UInt8], on socket: Int32, to address: String, port: UInt16) throws -> Bool {
        withAddress(address, port) { sendto(socket, bytes, bytes.count, 0, $0, $1) == bytes.count }
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum = stride(from: 0, to: bytes.count, by: 2).reduce(UInt32(0)) { $0 + UInt32(bytes[$1]) << 8 + UInt32(bytes[$1 + 1]) }
        while sum > 0xFFFF { sum = sum & 0xFFFF + sum >> 16 }
        return ~UInt16(sum)
    }
}

/// As much of DHCP (RFC 2131) as a client's first two messages need.
private enum DHCP {
    static func message(_ kind: UInt8, mac: String, wanted: [UInt8]) -> [UInt8] {
        let hardware = mac.split(separator: ":").compactMap { UInt8($0, radix: 16) }
        var bytes: [UInt8] = [1, 1, 6, 0, 0x41, 0x53, 0, 1, 0, 0, 0x80, 0]
        bytes += [UInt8](repeating: 0, count: 16) + hardware + [UInt8](repeating: 0, count: 10 + 192)
        bytes += [0x63, 0x82, 0x53, 0x63, 53, 1, kind]
        if !wanted.isEmpty { bytes += [50, 4] + wanted }
        return bytes + [55, 7, 1, 3, 6, 12, 15, 26, 121, 255]
    }

    static func read(_ bytes: [UInt8]) -> (String, [UInt8: [UInt8]]) {
        var options: [UInt8: [UInt8]] = [:]
        var position = 240
        while position + 1 < bytes.count, bytes[position] != 255 {
            let length = bytes[position] == 0 ? -1 : Int(bytes[position + 1])
            if length >= 0 { options[bytes[position]] = Array(bytes[(position + 2)..<min(bytes.count, position + 2 + length)]) }
            position += 2 + length
        }
        return (bytes[16..<20].map(String.init).joined(separator: "."), options)
    }
}

/// A server in a namespace that answers every TCP connection with its peer's address.
final class GuestServer: Sendable {
    private let isStopped = Atomic(false)
    private let done = DispatchGroup()

    /// Runs a body while the server answers.
    static func with(port: UInt16, in namespace: NetworkNamespace, _ body: () async throws -> Void) async throws {
        let server = try await GuestServer(port: port, in: namespace)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        await server.stop()
        try result.get()
    }

    private init(port: UInt16, in namespace: NetworkNamespace) async throws {
        let socket = try await namespace.run {
            let socket = try GuestSockets.make(SOCK_STREAM)
            var yes: Int32 = 1
            setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
            guard GuestSockets.bind(socket, port: port), listen(socket, 16) == 0 else { throw HostError.last("listen") }
            return socket
        }
        done.enter()
        let thread = Thread { [self] in
            var event = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            while !isStopped.load(ordering: .relaxed) {
                if poll(&event, 1, 50) > 0 { Self.answer(socket) }
            }
            close(socket)
            done.leave()
        }
        thread.start()
    }

    private func stop() async {
        isStopped.store(true, ordering: .relaxed)
        await withCheckedContinuation { continuation in done.notify(queue: .global()) { continuation.resume() } }
    }

    private static func answer(_ socket: Int32) {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let connection = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { accept(socket, $0, &length) }
        }
        guard connection >= 0 else { return }
        defer { close(connection) }
        var request = [UInt8](repeating: 0, count: 4096)
        _ = recv(connection, &request, request.count, 0)
        let peer = withUnsafeBytes(of: address.sin_addr) { NetworkAddress(bytes: Array($0)).description }
        let answer = Array("HTTP/1.0 200 OK\r\n\r\npeer=\(peer)".utf8)
        _ = send(connection, answer, answer.count, Int32(MSG_NOSIGNAL))
    }
}
