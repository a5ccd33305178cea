import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// Messages to users about requests that failed after they had been accepted.
struct MessageEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/messages", "List messages", microversions: .from(3, 3), access: .rule("message:get_all"), handler: list),
            Endpoint(
                .get, "/messages/{message_id}", "Show a message", microversions: .from(3, 3), access: .ruleOnResource("message:get"),
                handler: show),
            Endpoint(
                .delete, "/messages/{message_id}", "Delete a message", microversions: .from(3, 3),
                access: .ruleOnResource("message:delete"), success: .noContent, handler: delete),
        ]
    }

    /// Pages, filters and orders came with 3.5.
    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let query = try ListQuery(
            request, resource: "message", table: MessageRecords.table, beyond: ["detail_id", "action_id", "id"],
            maximum: storage.options.maximumListLength)
        var selection = query.selection(missing: Self.notFound)
        if request.isFrom(5) {
            for filter in query.filters {
                let column: SQL = switch filter.name {
                case "resource_uuid": "resource_id"
                case "event_id": MessageRecords.event
                case "message_level": "level"
                case "detail_id": "detail"
                case "action_id": "action"
                default: SQL(stringLiteral: filter.name)
                }
                selection.conditions.append(ListSelection.match(column, filter))
            }
        }
        let messages = try await storage.database.read { [selection] in try MessageRecords.list(selection, in: $0) }
        return .json {
            $0.object {
                $0.member("messages") { json in
                    json.array { json in for message in messages { write(message, request, to: &json) } }
                }
                request.writeNextLink("messages_links", query, ids: messages.map(\.id), to: &$0)
            }
        }
    }

    private func write(_ message: Message, _ request: APIRequest, to json: inout JSONWriter) {
        json.object {
            $0.member("id", message.id)
            $0.member("event_id", message.eventID)
            $0.member("user_message", message.text)
            $0.member("message_level", message.level)
            $0.member("created_at", message.createdAt.iso8601Naive)
            $0.member("guaranteed_until", message.expiresAt.iso8601Naive)
            $0.member("request_id", message.requestID)
            request.writeLinks("messages", message.id, to: &$0)
            $0.member("resource_type", message.resource.rawValue)
            if let id = message.resourceID { $0.member("resource_uuid", id) }
        }
    }

    private static func notFound(_ id: String) -> BlockStorageError { .notFound("Message \(id) could not be found.") }

    /// The message of the path, once the rule admits the caller to it.
    private func message(_ request: APIRequest) async throws -> Message {
        let id = request["message_id"]
        let found = try await storage.database.read { try MessageRecords.find(id, in: $0) }
        guard let message = found, message.projectID == request.token?.projectID || request.isAdmin else { throw Self.notFound(id) }
        try request.authorize(["project_id": .string(message.projectID)])
        return message
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let message = try await message(request)
        return .json { $0.object { $0.member("message") { write(message, request, to: &$0) } } }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let message = try await message(request)
        try await storage.database.write { try MessageRecords.delete(message.id, in: $0) }
        return .empty()
    }
}
