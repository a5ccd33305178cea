import CloudAPI
import CloudCore
import CloudStore

/// A packet log as the API shows it.
struct PacketLogView: View, Sendable {
    static let names = ResourceNames("log", "logs")

    let log: PacketLog

    var id: String { log.id }
    var subject: PolicySubject { PolicySubject(projectID: log.projectID) }

    func write(to json: inout MemberWriter) {
        json("id", log.id)
        json("name", log.name)
        json.project(log.projectID)
        json("resource_type", log.resourceType)
        json("resource_id", log.resourceID)
        json("target_id", log.targetID)
        json("event", log.event.rawValue)
        json("enabled", log.isEnabled)
        json("description", log.standard.description)
        json("created_at", log.standard.createdAt.iso8601)
        json("updated_at", log.standard.updatedAt.iso8601)
        json("revision_number", log.standard.revision)
    }
}

// Packet logs: decode, authorise, call, encode.
extension NetworkingAPI {
    private static let packetLogs = ResourceKind<PacketLog, PacketLogView>(
        names: PacketLogView.names, listing: PacketLogRecords.listing,
        missing: { .logNotFound($0) },
        find: { try PacketLogRecords.find($0, in: $1) },
        list: { try PacketLogRecords.list($0, $1, in: $2) },
        load: { logs, _ in logs.map { PacketLogView(log: $0) } },
        standard: { $0.standard })

    var packetLogEndpoints: [Endpoint] {
        let (kind, item) = (Self.packetLogs, "/v2.0/log/logs/{log_id}")
        return [
            Endpoint(
                .get, "/v2.0/log/loggable-resources", "List what can be logged", access: .ruleOnResource("get_loggable_resource"),
                handler: listLoggable),
            Endpoint(.get, "/v2.0/log/logs", "List packet logs", access: .listing) { try await list($0, kind) },
            Endpoint(
                .post, "/v2.0/log/logs", "Create a packet log", access: .ruleOnResource("create_log"),
                body: NetworkingSchemas.creation(
                    kind.names, NetworkingSchemas.logCreation, required: ["resource_type"], isBulk: false),
                success: .created, handler: createLog),
            Endpoint(.get, item, "Show a packet log", access: .ruleOnResource("get_log")) { try await show($0, kind) },
            Endpoint(
                .put, item, "Change a packet log", access: .ruleOnResource("update_log"),
                body: NetworkingSchemas.update(kind.names, NetworkingSchemas.logUpdate), handler: updateLog),
            Endpoint(.delete, item, "Delete a packet log", access: .ruleOnResource("delete_log"), success: .noContent) { request in
                try await delete(request, kind) { [operations] in try operations.deletePacketLog($0, in: $1) }
            },
        ]
    }

    private func listLoggable(_ request: APIRequest) throws -> APIResponse {
        try request.authorize(PolicySubject(projectID: request.token?.projectID ?? "").target)
        return .json { json in
            json.object { json in
                json.member("loggable_resources") { json in
                    json.array { json in
                        for type in PacketLog.resourceTypes { json.object { $0.member("type", type) } }
                    }
                }
            }
        }
    }

    private func createLog(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(PacketLogView.names)
        let project = try attributes.project(of: request)
        try request.authorizeCreation(of: "log", PolicySubject(projectID: project))
        let log = PacketLog(
            id: Identifier.uuid(), projectID: project, name: attributes.text("name") ?? "",
            resourceType: attributes.text("resource_type") ?? "", resourceID: attributes.text("resource_id"),
            targetID: attributes.text("target_id"),
            event: attributes.text("event").flatMap(PacketLog.Event.init(rawValue:)) ?? .all, isEnabled: attributes.flag("enabled") ?? true,
            standard: StandardAttributes(description: attributes.text("description") ?? "", createdAt: .now))
        return try await create(request, Self.packetLogs) { [operations] in [try operations.createPacketLog(log, in: $0)] }
    }

    private func updateLog(_ request: APIRequest) async throws -> APIResponse {
        let attributes = request.attributes(PacketLogView.names)
        return try await change(request, Self.packetLogs) { [operations] log, transaction in
            var log = log
            log.name = attributes.text("name") ?? log.name
            log.isEnabled = attributes.flag("enabled") ?? log.isEnabled
            log.standard.description = attributes.text("description") ?? log.standard.description
            log.standard = log.standard.changed()
            try operations.updatePacketLog(log, in: transaction)
            return log
        }
    }
}
