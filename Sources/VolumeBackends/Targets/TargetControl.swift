import Foundation
import VolumeMessages

/// What is asked of tgtd on its control socket (tgt's usr/tgtadm.h). Its command line tool would show passwords to whoever lists
/// processes.
struct TargetRequest: Sendable, Equatable {
    /// What a request is about (enum tgtadm_mode).
    enum Mode: UInt32, Sendable { case system = 0, target, device, portal, session = 5, connection, account }
    /// What shall happen (enum tgtadm_op).
    enum Operation: UInt32, Sendable { case new = 0, delete, show, bind, unbind, update }

    var mode: Mode
    var operation: Operation
    /// The target's number; -1 for all.
    var target: Int32 = 0
    var session: UInt64 = 0
    var lun: UInt64 = 0
    var connection: UInt32 = 0
    var force = false
    /// "key=value,…"; empty for none.
    var parameters = ""

    /// A struct tgtadm_req in the machine's own byte order, and the parameters with the zero that ends them.
    var bytes: [UInt8] {
        func number(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
        let text = parameters.isEmpty ? [] : Array(parameters.utf8) + [0]
        let driver = Array("iscsi".utf8) + [UInt8](repeating: 0, count: 59)
        let head = number(mode.rawValue) + number(operation.rawValue) + driver + number(UInt32(120 + text.count)) + number(target)
        let units = number(session) + number(lun) + number(connection)
        // Host number, kind of device (0 is a disk), direction of an account (0 is incoming), and the compiler's alignment.
        return head + units + [UInt8](repeating: 0, count: 16) + number(UInt32(force ? 1 : 0)) + text
    }
}

/// Why tgtd refused a request (enum tgtadm_errno).
struct TargetError: Error, Sendable, Equatable, CustomStringConvertible {
    var code: UInt32
    var request: String

    /// The codes that say that all is as it was to become.
    static let existing: Set<UInt32> = [9, 10, 11, 12, 14]
    static let missing: Set<UInt32> = [4, 5, 6, 7, 8, 13, 15]
    static let active: Set<UInt32> = [19, 20]

    var description: String { "tgtd refused \(request) with the code \(code)" }
}

/// tgtd's control socket: one connection for each request.
struct TargetControl: Sendable {
    let path: String

    /// Sends a request and returns the answer's text. Blocks.
    /// - Throws: `FileError` when nobody listens; `TargetError`.
    @discardableResult
    func send(_ request: TargetRequest, allowing allowed: Set<UInt32> = []) throws -> String {
        let socket = try UnixSocket(path: path)
        socket.limit(seconds: 30)
        try socket.send(request.bytes)
        let reply = try socket.receive(8)
        let (code, length) = (Self.number(reply[0..<4]), Int(Self.number(reply[4..<8])))
        guard code == 0 || allowed.contains(code) else {
            // Without the parameters: there may be a password among them.
            throw TargetError(code: code, request: "\(request.operation) \(request.mode) \(request.target)")
        }
        guard code == 0, length > 8, length < 64 << 20 else { return "" }
        return String(decoding: try socket.receive(length - 8), as: UTF8.self)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
}
