import CloudAPI
import CloudCore
import CloudStore

/// Hypervisors: what hosts are made of and what of it is used.
struct HypervisorEndpoints: Sendable {
    let compute: Compute.Parts

    private static let earlyList = QueryRules(strictFrom: .max)
    private static let pagedList = QueryRules(QueryRules.paging, strictFrom: .max)
    private static let list = QueryRules(
        QueryRules.paging + [("hypervisor_hostname_pattern", HostSchemas.hostName), ("with_servers", TextSchemas.boolean)], strictFrom: 53)
    private static let show = QueryRules([("with_servers", TextSchemas.boolean)], strictFrom: 53)

    var table: [Endpoint] {
        let path = "/v2.1/os-hypervisors"
        return [
            Endpoint(.get, path, "List hypervisors", access: .rule("os_compute_api:os-hypervisors:list"), handler: shortList),
            Endpoint(
                .get, path + "/detail", "List hypervisors in detail", access: .rule("os_compute_api:os-hypervisors:list-detail"),
                handler: detailedList),
            Endpoint(
                .get, path + "/statistics", "Sum up all hypervisors", microversions: .through(2, 87),
                access: .rule("os_compute_api:os-hypervisors:statistics"), handler: statistics),
            Endpoint(
                .get, path + "/{hypervisor_id}", "Show a hypervisor", access: .rule("os_compute_api:os-hypervisors:show"), handler: show),
            Endpoint(
                .get, path + "/{hypervisor_id}/uptime", "Show how long a hypervisor has been up", microversions: .through(2, 87),
                access: .rule("os_compute_api:os-hypervisors:uptime"), handler: uptime),
            Endpoint(
                .get, path + "/{hypervisor_id}/search", "Find hypervisors by a part of their names", microversions: .through(2, 52),
                access: .rule("os_compute_api:os-hypervisors:search"), handler: search),
            Endpoint(
                .get, path + "/{hypervisor_id}/servers", "List the servers of hypervisors by a part of their names",
                microversions: .through(2, 52), access: .rule("os_compute_api:os-hypervisors:servers"), handler: servers),
        ]
    }

    // MARK: Lists

    @Sendable private func shortList(_ request: APIRequest) async throws -> APIResponse { try await list(request, detailed: false) }
    @Sendable private func detailedList(_ request: APIRequest) async throws -> APIResponse { try await list(request, detailed: true) }

    private func list(_ request: APIRequest, detailed: Bool) async throws -> APIResponse {
        let rules = request.isAtLeast(53) ? Self.list : request.isAtLeast(33) ? Self.pagedList : Self.earlyList
        try rules.check(request)
        guard request.isAtLeast(33) else { return try await answer(request, detailed: detailed) { $0 } }
        let page = try request.page(PageRules(.nova, maximumLimit: compute.options.maximumListLength))
        if request.isAtLeast(53), let pattern = request.query["hypervisor_hostname_pattern"] {
            guard !page.hasExplicitLimit, page.marker == nil else {
                throw ComputeError.badRequest(
                    "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.")
            }
            return try await answer(request, detailed: detailed) { try Self.matching(pattern, in: $0) }
        }
        return try await answer(request, detailed: detailed, page: page) { try Self.after(page.marker, request, in: $0) }
    }

    private static func matching(_ pattern: String, in hosts: [ComputeHost]) throws -> [ComputeHost] {
        let found = hosts.filter { $0.hypervisorHostName.contains(pattern) }
        guard !found.isEmpty else { throw ComputeError.notFound("No hypervisor matching '\(pattern)' could be found.") }
        return found
    }

    private static func after(_ marker: String?, _ request: APIRequest, in hosts: [ComputeHost]) throws -> [ComputeHost] {
        guard let marker else { return hosts }
        let place = hosts.firstIndex { request.isAtLeast(53) ? $0.id == marker : String($0.number) == marker }
        guard let place else { throw ComputeError.badRequest("marker [\(marker)] not found") }
        return Array(hosts[(place + 1)...])
    }

    private struct Answer: Sendable {
        var hosts: [ComputeHost]
        var hasMore = false
        var usage: HypervisorUsage?
        var servers: [String: [(id: String, name: String)]]?
    }

    /// - Parameter select: which of the hosts, in the order of their numbers.
    private func answer(
        _ request: APIRequest, detailed: Bool, page: PageRequest? = nil, withServers: Bool = false,
        _ select: @escaping @Sendable ([ComputeHost]) throws -> [ComputeHost]
    ) async throws -> APIResponse {
        let showsServers = withServers || request.showsServers
        let answer = try await compute.database.read { [compute] reader -> Answer in
            var answer = Answer(hosts: try select(try HostRecords.all(in: reader).sorted { $0.number < $1.number }))
            if let page { (answer.hosts, answer.hasMore) = page.cut(Array(answer.hosts.prefix(page.fetchCount))) }
            if detailed { answer.usage = try HypervisorUsage(answer.hosts, compute, in: reader) }
            if showsServers { answer.servers = try HostLoadRecords.servers(on: answer.hosts.map(\.name), in: reader) }
            return answer
        }
        let view = HypervisorView(request: request, isUp: compute.isUp, usage: answer.usage, servers: answer.servers)
        return .json {
            $0.object {
                $0.member("hypervisors") { json in json.array { json in for host in answer.hosts { view.write(host, to: &json) } } }
                if let page {
                    let ids = answer.hosts.map { request.isAtLeast(53) ? $0.id : String($0.number) }
                    PageLinks(request, page, ids: ids, hasMore: answer.hasMore).writeNext("hypervisors_links", to: &$0)
                }
            }
        }
    }

    @Sendable private func search(_ request: APIRequest) async throws -> APIResponse {
        let pattern = request["hypervisor_id"]
        return try await answer(request, detailed: false) { try Self.matching(pattern, in: $0) }
    }

    @Sendable private func servers(_ request: APIRequest) async throws -> APIResponse {
        let pattern = request["hypervisor_id"]
        return try await answer(request, detailed: false, withServers: true) { try Self.matching(pattern, in: $0) }
    }

    @Sendable private func statistics(_ request: APIRequest) async throws -> APIResponse {
        let (count, totals) = try await compute.database.read { [compute] reader in
            let hosts = try HostRecords.all(in: reader).filter { !$0.isDisabled }
            return (hosts.count, HypervisorTotals(hosts, try HypervisorUsage(hosts, compute, in: reader)))
        }
        return .json {
            $0.object {
                $0.member("hypervisor_statistics") {
                    $0.object { json in
                        json.member("count", count)
                        for (name, amount) in totals.members { json.member(name, amount) }
                        json.member("disk_available_least", totals.leastFreeDisk ?? 0)
                    }
                }
            }
        }
    }

    // MARK: One

    /// The hypervisor that the path names: by its UUID from 2.53 on, before by its number.
    private func find(_ request: APIRequest) async throws -> ComputeHost {
        let id = request["hypervisor_id"]
        if request.isAtLeast(53) {
            guard Schema.isUUID(id) else { throw ComputeError.badRequest("Invalid uuid \(id)") }
        }
        let byUUID = request.isAtLeast(53)
        let found = try await compute.database.read { reader -> ComputeHost? in
            if byUUID { return try HostRecords.find(id: id.lowercased(), in: reader) }
            return try Int(id).flatMap { try HostRecords.find(number: $0, in: reader) }
        }
        guard let found else { throw ComputeError.notFound("Hypervisor with ID '\(id)' could not be found.") }
        return found
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try Self.show.check(request)
        let host = try await find(request)
        let (usage, servers) = try await compute.database.read { [compute] reader in
            (
                try HypervisorUsage([host], compute, in: reader),
                request.showsServers ? try HostLoadRecords.servers(on: [host.name], in: reader) : nil
            )
        }
        let view = HypervisorView(request: request, isUp: compute.isUp, usage: usage, servers: servers)
        return .json { $0.object { $0.member("hypervisor") { view.write(host, to: &$0) } } }
    }

    @Sendable private func uptime(_ request: APIRequest) async throws -> APIResponse {
        let host = try await find(request)
        guard compute.isUp(host) else { throw ComputeError.badRequest("Compute service of \(host.name) is unavailable at this time.") }
        guard host.details.uptime != nil else {
            throw Fault(.notImplemented, "The requested functionality is not supported.")
        }
        let view = HypervisorView(request: request, isUp: compute.isUp)
        return .json { $0.object { $0.member("hypervisor") { view.write(host, uptime: true, to: &$0) } } }
    }
}

extension APIRequest {
    /// Whether hypervisors are wanted with their servers.
    fileprivate var showsServers: Bool {
        isAtLeast(53) && query["with_servers"].flatMap(LenientBoolean.parse) == true
    }
}

extension Schema {
    /// Whether a text is a UUID in either form.
    static func isUUID(_ text: String) -> Bool {
        do {
            try Schema.uuid.validate(.string(text))
            return true
        } catch {
            return false
        }
    }
}
