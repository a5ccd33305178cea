import CloudCore

/// What a client wants of a database.
struct OVSDBMonitor: Sendable {
    struct Table: Sendable {
        /// The wanted columns.
        var columns: [String]
        /// Which rows; all of them if empty.
        var conditions: [OVSDBCondition] = []
    }

    /// The database's name, such as `OVN_Northbound`.
    var database: String
    /// The wanted tables by name.
    var tables: [String: Table]
    /// The `external_ids` key by whose value the replica finds rows fast, if any.
    var indexKey: String?

    /// The parameters of `monitor_cond` (ovsdb-server(7), 4.1.12).
    var parameters: JSON {
        var requests = JSONObject()
        for (name, table) in tables.sorted(by: { $0.key < $1.key }) {
            var request: JSONObject = ["columns": .array(table.columns.map(JSON.string))]
            if !table.conditions.isEmpty { request["where"] = .array(table.conditions.map(\.json)) }
            requests[name] = .array([.object(request)])
        }
        return [.string(database), "replica", .object(requests)]
    }
}

/// The conversation on one connection, without its I/O: messages in, actions out. It first fetches the schema, then
/// starts the monitor, and from then on is ready and keeps the replica.
struct OVSDBSession: Sendable {
    enum Action: Sendable, Equatable {
        /// Send this message.
        case send(JSON)
        /// The replica is complete now: calls may go out.
        case ready
        /// The replica changed.
        case changed
        /// The call with this number has its answer.
        case answer(Int, Result<JSON, OVSDBError>)
    }

    private enum Phase: Sendable { case idle, schema, monitor(OVSDBSchema), ready }

    private let monitor: OVSDBMonitor
    private var phase = Phase.idle
    private var lastID = 0
    /// The copy of the wanted tables, once complete.
    private(set) var replica: OVSDBReplica?

    init(monitor: OVSDBMonitor) { self.monitor = monitor }

    /// Whether calls may go out.
    var isReady: Bool { if case .ready = phase { true } else { false } }

    /// The first message of the connection.
    mutating func start() -> [Action] {
        phase = .schema
        return [.send(request("get_schema", [.string(monitor.database)]).message)]
    }

    /// A call's message and the number under which its answer will come.
    mutating func request(_ method: String, _ parameters: JSON) -> (id: Int, message: JSON) {
        lastID += 1
        return (lastID, ["id": .int(lastID), "method": .string(method), "params": parameters])
    }

    /// Takes in a message of the server.
    /// - Throws: `OVSDBError` where the connection cannot be used any longer.
    mutating func receive(_ message: JSON) throws(OVSDBError) -> [Action] {
        switch message["method"]?.string {
        case "echo":
            return [.send(["id": message["id"] ?? .null, "result": message["params"] ?? [], "error": .null])]
        case "update2":
            guard replica != nil, let updates = message["params"]?[1] else { throw .malformed("an update before the replica") }
            try replica?.apply(updates)
            return [.changed]
        case "monitor_canceled":
            throw .malformed("the server canceled the monitor")
        case .some:
            return []
        case nil:
            return try receiveReply(message)
        }
    }

    private mutating func receiveReply(_ message: JSON) throws(OVSDBError) -> [Action] {
        guard let id = message["id"]?.int else { throw .malformed("a reply without a number") }
        let result = reply(message)
        switch phase {
        case .idle, .ready:
            return [.answer(id, result)]
        case .schema:
            let schema = try OVSDBSchema(json: result.get())
            phase = .monitor(schema)
            return [.send(request("monitor_cond", monitor.parameters).message)]
        case .monitor(let schema):
            var replica = try OVSDBReplica(
                schema: schema, wanted: monitor.tables.mapValues(\.columns), indexKey: monitor.indexKey)
            try replica.apply(result.get())
            self.replica = replica
            phase = .ready
            return [.ready]
        }
    }

    private func reply(_ message: JSON) -> Result<JSON, OVSDBError> {
        switch message["error"] {
        case nil, .null?: .success(message["result"] ?? .null)
        case let error?:
            .failure(.refused(error: error["error"]?.string ?? error.text, details: error["details"]?.string ?? ""))
        }
    }
}
