import CloudCore
import Foundation

/// One HTTP request of the command line to a cloud on this machine: a connection of its own, without TLS. The program's
/// own commands need no more, and so need no client library.
struct HTTPCall {
    var method = "GET"
    /// The address, such as `http://127.0.0.1:9000`.
    let address: String
    let path: String
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// How long each read and write may wait, in seconds.
    var patience = 60

    /// What came back.
    struct Answer: Sendable, Equatable {
        let status: Int
        /// The headers, names in lower case.
        let headers: [String: String]
        let body: [UInt8]

        /// The body as JSON; null when it is none.
        var json: JSON { (try? JSON(parsing: body)) ?? .null }
    }

    /// Sends the request and reads the whole answer.
    /// - Throws: `ProgramError` when nobody answers, or not with HTTP.
    func send() throws -> Answer {
        let (host, port) = try target()
        let descriptor = try Self.connect(host, port, patience: patience, address: address)
        defer { close(descriptor) }
        try write(Array(head(host, port).utf8) + body, to: descriptor)
        return try Self.parse(try read(descriptor), from: address)
    }

    private func target() throws -> (String, String) {
        guard let url = URLComponents(string: address), url.scheme == "http", let host = url.host else {
            throw ProgramError("\(address) is not an address of this machine's cloud")
        }
        return (host.trimmingCharacters(in: CharacterSet(charactersIn: "[]")), String(url.port ?? 80))
    }

    private func head(_ host: String, _ port: String) -> String {
        let name = host.contains(":") ? "[\(host)]" : host
        var lines = ["\(method) \(path) HTTP/1.1", "Host: \(name):\(port)", "Connection: close", "Accept: application/json"]
        lines += headers.map { "\($0.name): \($0.value)" }
        if !body.isEmpty || method != "GET" { lines.append("Content-Length: \(body.count)") }
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }

    private static func connect(_ host: String, _ port: String, patience: Int, address: String) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, port, &hints, &found) == 0 else { throw ProgramError("\(host) has no address") }
        defer { freeaddrinfo(found) }
        var candidate = found
        while let info = candidate?.pointee {
            let descriptor = socket(info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), info.ai_protocol)
            var time = timeval(tv_sec: patience, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
            if descriptor >= 0, Foundation.connect(descriptor, info.ai_addr, info.ai_addrlen) == 0 { return descriptor }
            if descriptor >= 0 { close(descriptor) }
            candidate = info.ai_next
        }
        throw ProgramError("nobody answers at \(address)")
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw ProgramError("\(address) does not take the request: \(String(cString: strerror(errno)))") }
            rest = rest.dropFirst(count)
        }
    }

    private func read(_ descriptor: Int32) throws -> [UInt8] {
        var answer: [UInt8] = [], chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = chunk.withUnsafeMutableBytes { Foundation.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw ProgramError("\(address) does not answer: \(String(cString: strerror(errno)))") }
            guard count > 0 else { return answer }
            answer += chunk[..<count]
            if Self.isComplete(answer) { return answer }
        }
    }

    private static let headEnd: [UInt8] = [13, 10, 13, 10]

    /// Where an answer's head ends; nil before all of it is there.
    private static func end(ofHead bytes: [UInt8]) -> Int? { bytes.indices.first { bytes[$0...].starts(with: headEnd) } }

    /// Whether the answer says by itself that it is over, so that nobody need wait for the connection's end.
    static func isComplete(_ bytes: [UInt8]) -> Bool {
        guard let end = end(ofHead: bytes) else { return false }
        let head = String(decoding: bytes[..<end], as: UTF8.self).lowercased()
        if let length = head.firstMatch(of: /content-length:\s*(\d+)/) { return bytes.count >= end + headEnd.count + (Int(length.1) ?? .max) }
        if head.contains("transfer-encoding: chunked") { return bytes.suffix(5).elementsEqual(Array("0\r\n\r\n".utf8)) }
        return head.hasPrefix("http/1.1 204") || head.hasPrefix("http/1.1 304")
    }

    /// Takes an answer apart.
    static func parse(_ bytes: [UInt8], from address: String) throws -> Answer {
        guard let end = end(ofHead: bytes) else {
            throw ProgramError("\(address) gives no answer in HTTP")
        }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).components(separatedBy: "\r\n")
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), let status = Int(words[1]) else {
            throw ProgramError("\(address) gives no answer in HTTP")
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let rest = bytes[(end + headEnd.count)...]
        let isChunked = headers["transfer-encoding"]?.lowercased() == "chunked"
        return Answer(status: status, headers: headers, body: isChunked ? joined(rest) : Array(rest))
    }

    /// The content of chunks (RFC 9112, section 7.1).
    private static func joined(_ chunks: ArraySlice<UInt8>) -> [UInt8] {
        var (rest, content) = (chunks, [UInt8]())
        while let end = rest.firstIndex(of: 10) {
            let line = String(decoding: rest[..<end], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            guard let size = Int(line.prefix { $0 != ";" }, radix: 16), size > 0 else { break }
            let begin = end + 1
            content += rest[begin..<min(begin + size, rest.endIndex)]
            rest = rest[min(begin + size + 2, rest.endIndex)...]
        }
        return content
    }
}
