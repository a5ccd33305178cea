import CloudAPI
import CloudCore

/// What a list of servers is asked for, from the query.
struct ServerQuery: Sendable {
    var filter: ServerFilter
    let page: PageRequest

    private static let sortKeys = Set(ServerOrder.Key.allCases.map(\.rawValue))
    private static let newestFirst = [ServerOrder.Key.createdAt, .id].map { SortKey($0.rawValue, .descending) }

    /// - Throws: 400 for values that make no sense, 403 for all projects or deleted servers without the right to them.
    init(_ request: APIRequest, allProjectsRule: String, maximum: Int) throws {
        let query = request.query
        page = try request.page(
            PageRules(.nova, maximumLimit: maximum, sortKeys: Self.sortKeys, defaultSort: Self.newestFirst))
        filter = ServerFilter(limit: page.fetchCount)
        filter.order = page.fetchSort.compactMap { sort in
            ServerOrder.Key(rawValue: sort.name).map { ServerOrder(key: $0, isAscending: sort.direction == .ascending) }
        }
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
        filter.tags = ServerTagFilter(query, at: request.microversion)
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
