import CloudAPI
import CloudCore

/// What a list of servers is asked for, from the query.
struct ServerQuery: Sendable {
    var filter: ServerFilter
    var marker: String?

    /// - Throws: 400 for values that make no sense, 403 for all projects without the right to them.
    init(_ request: APIRequest, allProjectsRule: String, maximum: Int) throws {
        filter = ServerFilter(limit: try ListLimit.read(request, maximum: maximum))
        marker = request.query["marker"]
        let isAdmin = request.token?.isAdmin ?? false
        let all = try Self.flag(request.query["all_tenants"] ?? request.query["all_projects"], isPresent: request.query.items.contains { $0.name == "all_tenants" })
        if all { try request.require(allProjectsRule, request.callerTarget) }
        let project = request.query["project_id"] ?? request.query["tenant_id"]
        filter.projectID = all ? project : request.token?.projectID
        filter.name = request.query["name"]
        filter.imageID = request.query["image"]
        filter.flavorID = request.query["flavor"]
        if let status = request.query["status"] { filter.state = try Self.states(status) }
        filter.changedSince = try Self.moment(request.query["changes-since"], "changes-since")
        filter.changedBefore = try Self.moment(request.query["changes-before"], "changes-before")
        if let uuid = request.query["uuid"] { filter.uuids = [uuid] }
        filter.newestFirst = request.query["sort_dir"] != "asc"
        guard isAdmin else { return }
        filter.userID = request.query["user_id"]
        filter.host = request.query["host"]
        filter.deleted = try Self.flag(request.query["deleted"], isPresent: false)
    }

    private static func flag(_ text: String?, isPresent: Bool) throws -> Bool {
        guard let text, !text.isEmpty else { return isPresent }
        guard let value = LenientBoolean.parse(text) else {
            throw ComputeError.badRequest("Invalid value '\(text)' for a truth value.")
        }
        return value
    }

    private static func moment(_ text: String?, _ name: String) throws -> Timestamp? {
        guard let text else { return nil }
        guard let moment = Timestamp(iso8601: text) else {
            throw ComputeError.badRequest("Invalid input for query parameters \(name). Value: \(text). It is not a 'date-time'.")
        }
        return moment
    }

    /// The states behind a status of the API; an unknown status matches no server.
    private static func states(_ status: String) throws -> [Server.State] {
        switch status.uppercased() {
        case "ACTIVE", "REBOOT", "HARD_REBOOT": [.active]
        case "BUILD": [.building]
        case "SHUTOFF": [.stopped]
        case "ERROR": [.error]
        case "PAUSED": [.paused]
        case "SUSPENDED": [.suspended]
        case "DELETED": [.deleted]
        case "SOFT_DELETED": [.softDeleted]
        default: throw ComputeError.badRequest("Invalid server status: \(status)")
        }
    }
}
