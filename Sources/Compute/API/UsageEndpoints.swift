import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// What projects' servers have used in a period (os-simple-tenant-usage).
struct UsageEndpoints: Sendable {
    let compute: Compute.Parts

    private static let times: [(name: String, schema: Schema)] = [("start", .string()), ("end", .string())]

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/os-simple-tenant-usage", "Show what all projects have used",
                access: .rule("os_compute_api:os-simple-tenant-usage:list"), handler: list),
            Endpoint(
                .get, "/v2.1/os-simple-tenant-usage/{project_id}", "Show what a project has used",
                access: .ruleOnResource("os_compute_api:os-simple-tenant-usage:show"), handler: show),
        ]
    }

    private static func isPaged(_ request: APIRequest) -> Bool { request.microversion >= Microversion(2, 40) }

    private static func check(_ request: APIRequest, _ others: [(name: String, schema: Schema)]) throws {
        try QueryRules(times + others + (isPaged(request) ? QueryRules.paging : []), strictFrom: 75).check(request)
    }

    /// A page of servers' usage with what belongs to it.
    private struct UsagePage {
        let period: UsagePeriod
        let servers: [ServerUsage]
        let links: PageLinks
    }

    private func page(_ request: APIRequest, projectID: String?) async throws -> UsagePage {
        let period = try UsagePeriod(request.query)
        let maximum = compute.options.maximumListLength
        let query = Self.isPaged(request) ? request.query : QueryItems.empty
        let page = try PageRequest(query, PageRules(.nova, maximumLimit: maximum))
        let found = try await compute.database.read { reader in
            try UsageRecords.list(
                from: period.begin, to: period.end, projectID: projectID, after: page.marker, limit: page.fetchCount, in: reader)
        }
        let (servers, hasMore) = page.cut(found)
        return UsagePage(
            period: period, servers: servers, links: PageLinks(request, page, ids: servers.map(\.id), hasMore: hasMore))
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try Self.check(request, [("detailed", .string())])
        let page = try await page(request, projectID: nil)
        let isDetailed = request.query.all("detailed").first == "1"
        var projects: [(id: String, servers: [ServerUsage])] = []
        for server in page.servers {
            if projects.last?.id != server.projectID { projects.append((server.projectID, [])) }
            projects[projects.count - 1].servers.append(server)
        }
        return .json {
            $0.object {
                $0.member("tenant_usages") { json in
                    json.array { json in
                        for project in projects {
                            json.object {
                                UsageSummary(page.period, project.servers).write(project.id, isDetailed: isDetailed, to: &$0)
                            }
                        }
                    }
                }
                if Self.isPaged(request) { page.links.writeNext("tenant_usages_links", to: &$0) }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let projectID = request["project_id"]
        try request.authorize(["project_id": .string(projectID)])
        try Self.check(request, [])
        let page = try await page(request, projectID: projectID)
        return .json {
            $0.object {
                $0.member("tenant_usage") {
                    $0.object { json in
                        guard !page.servers.isEmpty else { return }
                        UsageSummary(page.period, page.servers).write(projectID, isDetailed: true, to: &json)
                    }
                }
                if Self.isPaged(request) { page.links.writeNext("tenant_usage_links", to: &$0) }
            }
        }
    }
}

/// The period that a request asks about; it ends now at the latest.
struct UsagePeriod: Sendable, Hashable {
    let begin: Timestamp
    let end: Timestamp

    /// - Throws: 400 for texts that are no moments, or a begin that is not before the end.
    init(_ query: QueryItems) throws {
        let begin = try Self.moment(query.all("start").first)
        let end = try Self.moment(query.all("end").first)
        let now = Timestamp.now
        self.begin = begin ?? now
        self.end = min(end ?? now, now)
        // Without either, the period is the moment of the request.
        guard end == nil && begin == nil || self.begin < end ?? now else {
            throw ComputeError.badRequest("Invalid start time. The start time cannot occur after the end time.")
        }
    }

    /// Upstream takes a date and a time with a `T` and maybe a fraction, or with a space and a fraction; without a zone.
    static func moment(_ text: String?) throws -> Timestamp? {
        guard let text, !text.isEmpty else { return nil }
        let form = /\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?| \d{2}:\d{2}:\d{2}\.\d{1,6})/
        guard text.wholeMatch(of: form) != nil,
            let moment = Timestamp(iso8601: text.replacing(" ", with: "T") + "Z")
        else { throw ComputeError.badRequest("Datetime is in invalid format") }
        return moment
    }
}

/// What the servers of one project add up to.
struct UsageSummary {
    private let period: UsagePeriod
    private let servers: [ServerUsage]

    init(_ period: UsagePeriod, _ servers: [ServerUsage]) { (self.period, self.servers) = (period, servers) }

    private func hours(_ server: ServerUsage) -> Double { server.hours(from: period.begin, to: period.end) }

    private func total(_ amount: (ServerUsage) -> Int) -> Double {
        servers.reduce(0) { $0 + hours($1) * Double(amount($1)) }
    }

    func write(_ projectID: String, isDetailed: Bool, to json: inout JSONWriter) {
        json.member("tenant_id", projectID)
        if isDetailed {
            json.member("server_usages") { json in
                json.array { json in for server in servers { json.object { write(server, to: &$0) } } }
            }
        }
        json.member("total_local_gb_usage", total { $0.flavor.diskGiB + $0.flavor.ephemeralGiB })
        json.member("total_vcpus_usage", total(\.flavor.vcpus))
        json.member("total_memory_mb_usage", total(\.flavor.memoryMiB))
        json.member("total_hours", total { _ in 1 })
        json.member("start", period.begin.iso8601Naive)
        json.member("stop", period.end.iso8601Naive)
    }

    private func write(_ server: ServerUsage, to json: inout JSONWriter) {
        let launched = server.launchedAt ?? period.begin
        json.member("hours", hours(server))
        json.member("flavor", server.flavor.name)
        json.member("instance_id", server.id)
        json.member("name", server.name)
        json.member("tenant_id", server.projectID)
        json.member("memory_mb", server.flavor.memoryMiB)
        json.member("local_gb", server.flavor.diskGiB + server.flavor.ephemeralGiB)
        json.member("vcpus", server.flavor.vcpus)
        json.member("started_at", launched.iso8601Naive)
        json.member("ended_at", server.endedAt?.iso8601Naive)
        json.member("state", server.endedAt == nil ? server.state : "terminated")
        json.member("uptime", max(0, ((server.endedAt ?? .now).microseconds - launched.microseconds) / 1_000_000))
    }
}
