import CloudAPI
import CloudCore
import CloudStore
import ComputeMessages

/// What a list of servers is asked for, from the query.
struct ServerQuery: Sendable {
    var filter: ServerFilter
    /// What tables can't be searched by: each server that they give is put to these.
    var patterns: [ServerPattern] = []
    let page: PageRequest
    /// Whether the limit is zero.
    let isForNone: Bool

    private static let newestFirst = [ServerOrder.Key.createdAt, .id].map { SortKey($0.rawValue, .descending) }
    /// Filters by other tables' columns, which administrators are told of.
    private static let joined: Set = [
        "block_device_mapping", "services", "metadata", "system_metadata", "info_cache", "security_groups", "pci_devices",
    ]

    /// - Throws: 400 for values that make no sense, 403 for all projects, deleted servers or an order without the right to them.
    init(_ request: APIRequest, allProjectsRule: String, maximum: Int) throws {
        try ServerQueryRules.check(request)
        let isAdmin = request.token?.isAdmin ?? false
        let items = try Self.options(request)
        isForNone = request.query["limit"] == "0"
        page = try PageRequest(
            Self.sortable(request.query, at: request.microversion, isAdmin: isAdmin),
            PageRules(
                .nova, maximumLimit: maximum, sortKeys: Set(ServerOrder.Key.allCases.map(\.rawValue)), defaultSort: Self.newestFirst))
        filter = ServerFilter(limit: page.fetchCount)
        filter.order = page.fetchSort.compactMap { sort in
            ServerOrder.Key(rawValue: sort.name).map { ServerOrder(key: $0, isAscending: sort.direction == .ascending) }
        }
        try applyProject(items, request, allProjectsRule)
        try applyTimes(items)
        try applyExact(items)
        filter.tags = ServerTagFilter(items, at: request.microversion)
        try applyStates(items, request.query.all("status"), at: request.microversion, isAdmin: isAdmin)
        patterns = try ServerPattern.all(items)
        // A name without special signs needs no look at every server.
        if let position = patterns.firstIndex(where: { $0.attribute == .name && $0.pattern.literal != nil }) {
            filter.name = patterns.remove(at: position).pattern.literal
        }
    }

    /// The options that count: all for those who may use every filter, else those that upstream knows for users.
    private static func options(_ request: APIRequest) throws -> QueryItems {
        guard request.allows("os_compute_api:servers:allow_all_filters", request.callerTarget) else {
            let allowed = ServerQueryRules.userOptions(at: request.microversion)
            return QueryItems(request.query.items.filter { allowed.contains($0.name) })
        }
        for item in request.query.items where joined.contains(item.name) || item.name.hasPrefix("_") {
            throw ComputeError.badRequest("Invalid filter field: \(item.name).")
        }
        return request.query
    }

    // MARK: The order

    /// The query without keys that upstream leaves unheeded, each with its direction.
    private static func sortable(_ query: QueryItems, at version: Microversion, isAdmin: Bool) throws -> QueryItems {
        var (keys, directions) = (query.all("sort_key"), query.all("sort_dir"))
        for key in keys {
            if ServerQueryRules.unheededSortKeys(at: version).contains(key), let place = keys.firstIndex(of: key) {
                keys.remove(at: place)
                if place < directions.count { directions.remove(at: place) }
            } else if key == "host" || key == "node", !isAdmin {
                throw ComputeError.forbidden("Only administrators can sort servers by \(key)")
            }
        }
        var items = query.items.filter { item in
            // A limit of zero asks for as many as there may be.
            item.name != "sort_key" && item.name != "sort_dir" && !(item.name == "limit" && item.value == "0")
        }
        items += keys.map { ("sort_key", $0) } + directions.map { ("sort_dir", $0) }
        return QueryItems(items)
    }

    // MARK: Filters

    private mutating func applyProject(_ items: QueryItems, _ request: APIRequest, _ allProjectsRule: String) throws {
        let all = try Self.asksForAllProjects(items)
        if all { try request.require(allProjectsRule, request.callerTarget) }
        filter.projectID = all ? items["project_id"] ?? items["tenant_id"] : request.token?.projectID
    }

    /// `all_tenants` counts when it stands alone or holds a true value.
    private static func asksForAllProjects(_ items: QueryItems) throws -> Bool {
        guard let text = items["all_tenants"], !text.isEmpty else { return items["all_tenants"] != nil }
        guard let value = LenientBoolean.parse(text) else {
            throw ComputeError.badRequest("Invalid value '\(text)' for all_tenants.")
        }
        return value
    }

    private mutating func applyTimes(_ items: QueryItems) throws {
        filter.changedSince = items["changes-since"].flatMap { Timestamp(iso8601: $0) }
        filter.changedBefore = items["changes-before"].flatMap { Timestamp(iso8601: $0) }
        if let since = filter.changedSince, let before = filter.changedBefore, before < since {
            throw ComputeError.badRequest("The value of changes-since must be less than or equal to changes-before.")
        }
        // Whoever asks for changes learns of deletions as well.
        if filter.changedSince != nil || filter.changedBefore != nil { filter.deleted = nil }
        if let deleted = items["deleted"] { filter.deleted = LenientBoolean.parse(deleted) ?? false }
        filter.softDeleted = items["soft_deleted"].flatMap(LenientBoolean.parse)
    }

    private mutating func applyExact(_ items: QueryItems) throws {
        filter.imageID = items["image"] ?? items["image_ref"]
        filter.flavorID = items["flavor"]
        filter.host = items["host"]
        filter.userID = items["user_id"]
        filter.launchIndex = items["launch_index"].flatMap { Int($0) }
        if let uuid = items["uuid"] { filter.uuids = [uuid] }
        if let text = items["locked"] {
            guard let value = LenientBoolean.parse(text) else { throw ComputeError.badRequest("Invalid value '\(text)' for locked.") }
            filter.isLocked = value
        }
        if let text = items["config_drive"] { filter.configDrive = LenientBoolean.parse(text) ?? false }
        let addresses = ["ip", "ip6"].compactMap { items[$0] }.filter { !$0.isEmpty }
        if !addresses.isEmpty { filter.addressParts = addresses }
    }

    private mutating func applyStates(
        _ items: QueryItems, _ statuses: [String], at version: Microversion, isAdmin: Bool
    ) throws {
        if let state = items["vm_state"] { filter.states = [state.lowercased()] }
        if let task = items["task_state"] { filter.tasks = [task.lowercased()] }
        guard !statuses.isEmpty else { return try checkDeleted(isAdmin: isAdmin) }
        let meanings = statuses.flatMap(ServerStatus.meanings)
        guard !meanings.isEmpty else {
            guard version < Microversion(2, 38) else { throw ComputeError.badRequest("Invalid status value") }
            // No server is in no state: an unknown status of an early microversion matches nothing.
            return filter.uuids = []
        }
        filter.states = Array(Set(meanings.map(\.state.rawValue))).sorted()
        let tasks = meanings.compactMap(\.task?.rawValue)
        // A meaning without a task stands for every task.
        filter.tasks = tasks.count == meanings.count ? Array(Set(tasks)).sorted() : nil
        try checkDeleted(isAdmin: isAdmin)
    }

    private mutating func checkDeleted(isAdmin: Bool) throws {
        guard filter.states == [Server.State.deleted.rawValue] else { return }
        guard isAdmin else { throw ComputeError.forbidden("Only administrators may list deleted instances") }
        filter.deleted = true
    }
}

extension ServerQuery {
    /// How many servers are looked at for expressions with one statement.
    private static let batch = 500

    /// The servers of the page, and one more where more follow.
    /// - Throws: 400 for a marker that is no server of the projects that are listed.
    func servers(networking: any ComputeNetworking, zones: AvailabilityZones, in reader: any Reader) throws -> [Server] {
        var filter = filter
        if let marker = page.marker {
            // Another project's server would tell that it exists, and between which of the caller's own it was made.
            guard let server = try ServerRecords.find(marker, deleted: true, in: reader),
                filter.projectID == nil || server.projectID == filter.projectID
            else {
                throw ComputeError.badRequest("marker [\(marker)] not found")
            }
            filter.marker = server
        }
        if !filter.addressParts.isEmpty {
            let found = try networking.servers(withAddressesContaining: filter.addressParts, projectID: filter.projectID, in: reader)
            // Upstream unites the two, which no other pair of filters does.
            filter.uuids = filter.uuids.map { named in named.filter(Set(found).contains) } ?? found
        }
        guard !patterns.isEmpty else { return try ServerRecords.list(filter, in: reader) }
        return try matching(&filter, zones, in: reader)
    }

    /// Goes through the servers that the tables give until enough match.
    private func matching(_ filter: inout ServerFilter, _ zones: AvailabilityZones, in reader: any Reader) throws -> [Server] {
        let wanted = filter.limit
        filter.limit = Self.batch
        var matching: [Server] = []
        while true {
            let servers = try ServerRecords.list(filter, in: reader)
            for server in servers where patterns.allSatisfy({ $0.matches(server, zones) }) {
                matching.append(server)
                guard matching.count < wanted else { return matching }
            }
            guard servers.count == Self.batch, let last = servers.last else { return matching }
            filter.marker = last
        }
    }
}

/// A filter by an expression.
struct ServerPattern: Sendable, Hashable {
    /// What it looks at, under upstream's names.
    enum Attribute: String, Sendable, CaseIterable {
        case name, hostname, node, progress, description
        case displayName = "display_name"
        case displayDescription = "display_description"
        case keyName = "key_name"
        case powerState = "power_state"
        case reservationID = "reservation_id"
        case createdAt = "created_at"
        case launchedAt = "launched_at"
        case terminatedAt = "terminated_at"
        case availabilityZone = "availability_zone"
        case lockedBy = "locked_by"
        case rootDeviceName = "root_device_name"
        case accessIPv4 = "access_ip_v4"
        case accessIPv6 = "access_ip_v6"
        case autoDiskConfig = "auto_disk_config"
        case kernelID = "kernel_id"
        case ramdiskID = "ramdisk_id"

        /// What a server has there; nil where it has nothing, which no expression matches.
        func text(of server: Server, _ zones: AvailabilityZones) -> String? {
            switch self {
            case .name, .displayName: server.name
            case .hostname: server.hostName
            case .node: server.host
            case .progress: String(server.progress)
            case .description, .displayDescription: server.description
            case .keyName: server.keyName
            case .powerState: String(server.power.rawValue)
            case .reservationID: server.reservationID
            case .createdAt: Self.moment(server.createdAt)
            case .launchedAt: server.launchedAt.map(Self.moment)
            case .terminatedAt: server.deletedAt.map(Self.moment)
            case .availabilityZone: server.host.map(zones.zone) ?? server.availabilityZone
            case .lockedBy: server.isLocked ? (server.details.lock?.isByAdministrator == true ? "admin" : "owner") : nil
            case .rootDeviceName: server.details.rootDeviceName ?? "/dev/vda"
            case .accessIPv4: server.details.accessIPv4
            case .accessIPv6: server.details.accessIPv6
            case .autoDiskConfig: server.details.diskConfig == "AUTO" ? "1" : "0"
            case .kernelID, .ramdiskID: ""
            }
        }

        /// A moment as databases write it, and as clients do.
        private static func moment(_ moment: Timestamp) -> String {
            "\(moment.iso8601Naive) \(moment.iso8601Naive.replacing("T", with: " "))"
        }
    }

    let attribute: Attribute
    let pattern: TextPattern

    func matches(_ server: Server, _ zones: AvailabilityZones) -> Bool { attribute.text(of: server, zones).map(pattern.matches) ?? false }

    /// The expressions of a query.
    /// - Throws: 400 for one that is none.
    static func all(_ items: QueryItems) throws -> [ServerPattern] {
        var patterns: [ServerPattern] = []
        for attribute in Attribute.allCases {
            guard let text = items[attribute.rawValue] else { continue }
            do {
                patterns.append(ServerPattern(attribute: attribute == .displayName ? .name : attribute, pattern: try TextPattern(text)))
            } catch {
                throw ComputeError.badRequest(
                    "Invalid input for query parameters \(attribute.rawValue). Value: \(text). '\(text)' is not a 'regex'")
            }
        }
        return patterns
    }
}
