import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// `GET /os-migrations`: every kind of move.
struct MigrationEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [Endpoint(.get, "/v2.1/os-migrations", "List migrations", access: .rule("os_compute_api:os-migrations:index"), handler: list)]
    }

    private static let names = ["hidden", "host", "instance_uuid", "source_compute", "status", "migration_type"]
    private static let sortKeys: Set = ["created_at", "id"]

    /// What the query may hold from a microversion on.
    private static func query(_ minor: Int) -> Schema {
        var members: [(name: String, schema: Schema)] = names.map { ($0, .string()) }
        guard minor >= 59 else { return .object(members, additional: .any) }
        members += QueryRules.paging + [("changes-since", .string(format: .dateTime))]
        if minor >= 66 { members.append(("changes-before", .string(format: .dateTime))) }
        if minor >= 80 { members += [("user_id", .string()), ("project_id", .string())] }
        return .object(members)
    }

    private func check(_ request: APIRequest) throws {
        let minor = [80, 66, 59].first { request.microversion >= Microversion(2, $0) } ?? 1
        do {
            try Self.query(minor).validate(query: request.query)
        } catch {
            throw Refusal.invalidQuery(error)
        }
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try check(request)
        let project = request.query["project_id"]
        if project == nil || project != request.token?.projectID {
            try request.require("os_compute_api:os-migrations:index:all_projects", request.callerTarget)
        }
        let isPaged = request.microversion >= Microversion(2, 59)
        let maximum = compute.options.maximumListLength
        let page = try request.page(
            PageRules(
                .nova, maximumLimit: maximum, sortKeys: Self.sortKeys,
                defaultSort: [SortKey("created_at", .descending), SortKey("id", .descending)]))
        let filter = try filter(request, limit: isPaged ? page.fetchCount : maximum, isPaged: isPaged)
        let rows = try await compute.database.read { [filter, marker = isPaged ? page.marker : nil] reader in
            var filter = filter
            if let marker {
                guard let found = try MigrationRecords.find(uuid: marker, in: reader) else {
                    throw ComputeError.badRequest("Marker \(marker) could not be found.")
                }
                filter.marker = found
            }
            return try MigrationRecords.list(filter, in: reader)
        }
        let (migrations, hasMore) = isPaged ? page.cut(rows) : (rows, false)
        let view = MigrationView(request, rule: "os_compute_api:os-migrations:index:host")
        return .json {
            $0.object { json in
                json.member("migrations") { json in json.array { json in for item in migrations { view.writeListed(item, to: &json) } } }
                if isPaged {
                    PageLinks(request, page, ids: migrations.map(\.uuid), hasMore: hasMore).writeNext("migrations_links", to: &json)
                }
            }
        }
    }

    private func filter(_ request: APIRequest, limit: Int, isPaged: Bool) throws -> MigrationFilter {
        let query = request.query
        var filter = MigrationFilter(limit: limit)
        filter.isNewestFirst = isPaged
        (filter.host, filter.sourceHost) = (query["host"], query["source_compute"])
        (filter.serverID, filter.kind, filter.statuses) = (query["instance_uuid"], query["migration_type"], query.all("status"))
        // No migration is ever hidden.
        if let hidden = query["hidden"], LenientBoolean.parse(hidden) == true { filter.statuses = [""] }
        if request.microversion >= Microversion(2, 80) { (filter.userID, filter.projectID) = (query["user_id"], query["project_id"]) }
        if isPaged { filter.changedSince = query["changes-since"].flatMap { Timestamp(iso8601: $0) } }
        if request.microversion >= Microversion(2, 66) { filter.changedBefore = query["changes-before"].flatMap { Timestamp(iso8601: $0) } }
        if let since = filter.changedSince, let before = filter.changedBefore, before < since {
            throw ComputeError.badRequest("The value of changes-since must be less than or equal to changes-before.")
        }
        return filter
    }
}

/// How migrations are shown in a microversion.
struct MigrationView: Sendable {
    private let version: Microversion
    private let root: String
    /// Whether hosts are shown; their fields are null otherwise.
    private let showsHosts: Bool

    /// - Parameter rule: the rule that lets the caller see hosts.
    init(_ request: APIRequest, rule: String, target: PolicyTarget? = nil) {
        version = request.microversion
        root = request.serviceURL
        showsHosts = request.allows(rule, target ?? request.callerTarget)
    }

    private func has(_ minor: Int) -> Bool { version >= Microversion(2, minor) }

    private func writeHosts(_ migration: ServerMigration, to json: inout JSONWriter) {
        let source = showsHosts ? migration.sourceHost : nil
        let target = showsHosts ? migration.targetHost : nil
        json.member("source_compute", source)
        json.member("source_node", source)
        json.member("dest_compute", target)
        json.member("dest_node", target)
        json.member("dest_host", String?.none)
    }

    private func writeOwner(_ migration: ServerMigration, to json: inout JSONWriter) {
        if has(59) { json.member("uuid", migration.uuid) }
        guard has(80) else { return }
        json.member("user_id", migration.userID)
        json.member("project_id", migration.projectID)
    }

    /// As in the list of all. Flavors are numbers there, which only flavors with a number for an id have.
    func writeListed(_ migration: ServerMigration, to json: inout JSONWriter) {
        json.object {
            $0.member("id", migration.id)
            writeOwner(migration, to: &$0)
            writeHosts(migration, to: &$0)
            $0.member("instance_uuid", migration.serverID)
            $0.member("status", migration.status.rawValue)
            $0.member("old_instance_type_id", migration.oldFlavorID.flatMap { Int($0) })
            $0.member("new_instance_type_id", migration.newFlavorID.flatMap { Int($0) })
            $0.member("created_at", migration.createdAt.iso8601Naive)
            $0.member("updated_at", migration.updatedAt.iso8601Naive)
            guard has(23) else { return }
            $0.member("migration_type", migration.kind.rawValue)
            if migration.isLiveInProgress { writeLinks(migration, to: &$0) }
        }
    }

    private func writeLinks(_ migration: ServerMigration, to json: inout JSONWriter) {
        let path = "servers/\(migration.serverID)/migrations/\(migration.id)"
        json.member("links") {
            $0.array {
                for (relation, address) in [("self", "\(root)/v2.1/\(path)"), ("bookmark", "\(root)/\(path)")] {
                    $0.object {
                        $0.member("rel", relation)
                        $0.member("href", address)
                    }
                }
            }
        }
    }

    /// As one of a server's live migrations.
    func writeLive(_ migration: ServerMigration, to json: inout JSONWriter) {
        json.object {
            $0.member("id", migration.id)
            writeOwner(migration, to: &$0)
            writeHosts(migration, to: &$0)
            $0.member("server_uuid", migration.serverID)
            $0.member("status", migration.status.rawValue)
            $0.member("created_at", migration.createdAt.iso8601Naive)
            $0.member("updated_at", migration.updatedAt.iso8601Naive)
            for (name, progress) in [("memory", migration.memory), ("disk", migration.disk)] {
                $0.member("\(name)_total_bytes", progress?.total)
                $0.member("\(name)_processed_bytes", progress?.processed)
                $0.member("\(name)_remaining_bytes", progress?.remaining)
            }
        }
    }
}
