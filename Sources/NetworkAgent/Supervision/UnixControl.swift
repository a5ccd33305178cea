import CloudCore
import NIOCore

/// The command socket of Open vSwitch's and OVN's daemons (ovs-appctl(8)): JSON-RPC with arguments that are strings.
enum UnixControl {
    /// Calls a command.
    /// - Throws: `OVSDBError` if the daemon refuses it or does not answer in time, and the connection's errors.
    @discardableResult
    static func call(_ path: String, _ method: String, _ arguments: [String] = [], limit: Duration = .seconds(5)) async throws -> String {
        try await withThrowingTaskGroup(of: String.self) { group in
            group.addTask { try await converse(path, method, arguments) }
            group.addTask {
                try await Task.sleep(for: limit)
                throw OVSDBError.deadlineExceeded
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw OVSDBError.closed }
            return answer
        }
    }

    private static func converse(_ path: String, _ method: String, _ arguments: [String]) async throws -> String {
        let connection = try await SocketConnection.connect(toUnixSocket: path, limit: .seconds(2))
        defer { connection.close() }
        let request: JSON = ["id": 0, "method": .string(method), "params": .array(arguments.map(JSON.string))]
        connection.send(request.bytes)
        var splitter = JSONStreamSplitter(limit: 1 << 20)
        while let buffer = try await connection.next() {
            guard let text = try splitter.feed(buffer.readableBytesView).first else { continue }
            let answer = try JSON(parsing: text)
            if let error = answer["error"], !error.isNull {
                throw OVSDBError.refused(error: method, details: error.string ?? error.text)
            }
            return answer["result"]?.string ?? ""
        }
        try Task.checkCancellation()
        throw OVSDBError.disconnected
    }
}
