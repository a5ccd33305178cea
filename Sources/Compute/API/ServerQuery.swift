import CloudAPI
import CloudCore

/// What a list of servers is asked for, from the query.
struct ServerQuery: Sendable {
    var filter: ServerFilter
    var marker: String?

    /// - Throws: 400 for values that make no sense, 403 for all projects or deleted servers without the right to them.
    init(_ request: APIRequest, allProjectsRule: String, maximum: Int) throws {
        let query = request.query
        filter = ServerFilter(limit: try ListLimit.read(request, maximum: maximum))
        marker = query["marker"]
        filter.order = try Self.order(query)
        let isAdmin = request.token?.isAdmin ?? false
        let all = try Self.asksForAllProjects(query)
        if all { try request.require(allProjectsRule, request.callerTarget) }
        filter.projectID = all ? query["project_id"] ?? query["tenant_id"] : request.token?.projectID
        filter.name = query["name"] ?? query["display_name"]
        filter.imageID = query["image"]
        filter.flavorID = query["flavor"]
        filter.changedSince = try Self.moment(query, "changes-since")
        filter.changedBefore = try Self.moment(query, "changes-before")
        if let since = filter.changedSince, let before = filter.changedBefore, before < since {
            throw ComputeError.badRequest("The value of changes-since must be less than or equal to changes-before.")
        }
        // Whoever asks for changes learns of deletions as well.
        if filter.changedSince != nil || filter.changedBefore != nil { filter.deleted = nil }
        if let uuid = query["uuid"] { filter.uuids = [uuid] }
        if isAdmin {
            filter.userID = query["user_id"]
            filter.host = query["host"]
            if let deleted = query["deleted"] { filter.deleted = LenientBoolean.parse(deleted) ?? false }
        }
        let statuses = query.all("status")
        if !statuses.isEmpty { try apply(statuses, at: request.microversion, isAdmin: isAdmin) }
    }

    private mutating func apply(_ statuses: [String], at version: Microversion, isAdmin: Bool) throws {
        let states = statuses.flatMap(Self.states)
        if states.isEmpty, version >= Microversion(2, 38) { throw ComputeError.badRequest("Invalid status value") }
        if states == [.deleted] {
            guard isAdmin else { throw ComputeError.forbidden("Only administrators may list deleted instances") }
            filter.deleted = true
        }
        // No server is in no state: an unknown status of an early microversion matches nothing.
        if states.isEmpty { filter.uuids = [] } else { filter.state = states }
    }

    /// The order asked for: keys with their directions, and always the id at the end.
    private static func order(_ query: QueryItems) throws -> [ServerOrder] {
        let (names, directions) = (query.all("sort_key"), query.all("sort_dir"))
        let isAscending = try directions.map { direction in
            switch direction {
            case "asc": true
            case "desc": false
            default:
                throw ComputeError.badRequest("Invalid input for query parameters sort_dir. '\(direction)' is not one of ['asc', 'desc']")
            }
        }
        guard directions.count <= max(names.count, 1) else {
            throw ComputeError.badRequest("Sort direction size exceeds sort key size")
        }
        let fallback = isAscending.first ?? false
        let keys = names.isEmpty ? [ServerOrder.Key.createdAt] : try names.map(key)
        var order = keys.enumerated().map { position, key in
            ServerOrder(key: key, isAscending: isAscending.indices.contains(position) ? isAscending[position] : fallback)
        }
        if !keys.contains(.id) { order.append(ServerOrder(key: .id, isAscending: order.first?.isAscending ?? false)) }
        return order
    }

    private static func key(_ name: String) throws -> ServerOrder.Key {
        guard let key = ServerOrder.Key(rawValue: name) else {
            throw ComputeError.badRequest("Invalid input for query parameters sort_key. '\(name)' is no attribute that servers are sorted by.")
        }
        return key
    }

    /// `all_tenants` counts when it stands alone or holds a true value.
    private static func asksForAllProjects(_ query: QueryItems) throws -> Bool {
        guard let text = query["all_tenants"], !text.isEmpty else { return query["all_tenants"] != nil }
        guard let value = LenientBoolean.parse(text) else {
            throw ComputeError.badRequest("Invalid value '\(text)' for all_tenants.")
        }
        return value
    }

    private static func moment(_ query: QueryItems, _ name: String) throws -> Timestamp? {
        guard let text = query[name] else { return nil }
        guard let moment = Timestamp(iso8601: text) else {
            throw ComputeError.badRequest("Invalid input for query parameters \(name). Value: \(text). It is not a 'date-time'.")
        }
        return moment
    }

    /// The states behind a status of the API; none for a status that does not exist.
    private static func states(_ status: String) -> [Server.State] {
        switch status.uppercased() {
        case "ACTIVE", "REBOOT", "HARD_REBOOT": [.active]
        case "BUILD": [.building]
        case "SHUTOFF": [.stopped]
        case "ERROR": [.error]
        case "PAUSED": [.paused]
        case "SUSPENDED": [.suspended]
        case "DELETED": [.deleted]
        case "SOFT_DELETED": [.softDeleted]
        default: []
        }
    }
}
