import CloudAPI
import CloudBus
import CloudCore
import CloudPolicy
import CloudStore
import ComputeMessages
import Logging

/// Aggregates: groups of hosts with metadata.
struct AggregateEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2.1/os-aggregates", "List aggregates", access: .rule("os_compute_api:os-aggregates:index"), handler: list),
            Endpoint(
                .post, "/v2.1/os-aggregates", "Create an aggregate", access: .rule("os_compute_api:os-aggregates:create"),
                body: .json(HostSchemas.createAggregate), handler: create),
            Endpoint(
                .get, "/v2.1/os-aggregates/{aggregate_id}", "Show an aggregate", access: .rule("os_compute_api:os-aggregates:show"),
                handler: show),
            Endpoint(
                .put, "/v2.1/os-aggregates/{aggregate_id}", "Change an aggregate",
                access: .rule("os_compute_api:os-aggregates:update"), body: .json(HostSchemas.updateAggregate), handler: update),
            Endpoint(
                .delete, "/v2.1/os-aggregates/{aggregate_id}", "Delete an aggregate",
                access: .rule("os_compute_api:os-aggregates:delete"), handler: delete),
            Endpoint(
                .post, "/v2.1/os-aggregates/{aggregate_id}/action", "Change an aggregate's hosts or metadata",
                access: .authenticated(because: "each action has a rule of its own, which the handler requires"),
                body: .json(HostSchemas.aggregateAction), handler: act),
            Endpoint(
                .post, "/v2.1/os-aggregates/{aggregate_id}/images", "Bring images to an aggregate's hosts",
                microversions: .from(2, 81), access: .rule("compute:aggregates:images"), body: .json(HostSchemas.cacheImages),
                success: .accepted, handler: cacheImages),
        ]
    }

    // MARK: Reading

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let aggregates = try await compute.database.read { try AggregateRecords.all(in: $0) }
        return .json {
            $0.object {
                $0.member("aggregates") { json in
                    json.array { json in for aggregate in aggregates { write(aggregate, request, to: &json) } }
                }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        let id = try request.integer("aggregate_id")
        return answer(try await compute.database.read { try Self.find(id, in: $0) }, request)
    }

    private static func find(_ id: Int, in reader: any Reader) throws -> Aggregate {
        guard let aggregate = try AggregateRecords.find(id, in: reader) else {
            throw ComputeError.notFound("Aggregate \(id) could not be found.")
        }
        return aggregate
    }

    private func answer(_ aggregate: Aggregate, _ request: APIRequest, whole: Bool = true) -> APIResponse {
        .json { $0.object { $0.member("aggregate") { write(aggregate, request, whole: whole, to: &$0) } } }
    }

    /// - Parameter whole: whether hosts and metadata are shown; the answer to a creation leaves them out.
    private func write(_ aggregate: Aggregate, _ request: APIRequest, whole: Bool = true, to json: inout JSONWriter) {
        json.object {
            $0.member("id", aggregate.id)
            if request.isAtLeast(41) { $0.member("uuid", aggregate.uuid) }
            $0.member("name", aggregate.name)
            $0.member("availability_zone", aggregate.zone)
            if whole {
                $0.member("hosts", array: aggregate.hosts)
                $0.member("metadata", JSON(aggregate.metadata))
            }
            $0.member("created_at", aggregate.createdAt.iso8601Naive)
            $0.member("updated_at", aggregate.updatedAt?.iso8601Naive)
            $0.member("deleted", false)
            $0.member("deleted_at", String?.none)
        }
    }

    // MARK: Creating and changing

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["aggregate"] ?? .null
        let (name, zone) = (body["name"]?.string ?? "", body["availability_zone"]?.string)
        let aggregate = try await compute.database.write { transaction -> Aggregate in
            try Self.checkName(name, in: transaction)
            let aggregate = Aggregate(
                id: try NumberRecords.next("aggregate", in: transaction), uuid: Identifier.uuid(), name: name,
                metadata: zone.map { [Aggregate.zoneKey: $0] } ?? [:], hosts: [], createdAt: .now, updatedAt: nil)
            try AggregateRecords.insert(aggregate, in: transaction)
            return aggregate
        }
        return answer(aggregate, request, whole: false)
    }

    private static func checkName(_ name: String, of id: Int? = nil, in reader: any Reader) throws {
        guard let other = try AggregateRecords.id(named: name, in: reader), other != id else { return }
        throw ComputeError.conflict("Aggregate \(name) already exists.")
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let (id, body) = (try request.integer("aggregate_id"), request.body["aggregate"] ?? .null)
        let aggregate = try await compute.database.write { transaction -> Aggregate in
            var aggregate = try Self.find(id, in: transaction)
            if let name = body["name"]?.string?.trimmed {
                try Self.checkName(name, of: id, in: transaction)
                aggregate.name = name
            }
            if let zone = body["availability_zone"] {
                try Self.merge([Aggregate.zoneKey: zone.string], into: &aggregate, action: "update", in: transaction)
            }
            aggregate.updatedAt = .now
            try AggregateRecords.update(aggregate, in: transaction)
            return aggregate
        }
        return answer(aggregate, request)
    }

    /// Merges metadata, if that does not move servers from one availability zone to another.
    private static func merge(
        _ changes: [String: String?], into aggregate: inout Aggregate, action: String, in transaction: any Transaction
    ) throws {
        let rules = try rules(aggregate, hosts: aggregate.hosts, in: transaction)
        do {
            try rules.checkUpdate(changes, action: action)
        } catch {
            throw ComputeError.badRequest("Cannot \(action) aggregate \(aggregate.id). Reason: \(error.reason).")
        }
        for (key, value) in changes { aggregate.metadata[key] = value }
    }

    private static func rules(_ aggregate: Aggregate, hosts: [String], in reader: any Reader) throws -> AggregateRules {
        AggregateRules(
            aggregate: aggregate, all: try AggregateRecords.all(in: reader),
            servers: try HostLoadRecords.loads(of: hosts, in: reader).mapValues(\.servers))
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let id = try request.integer("aggregate_id")
        try await compute.database.write { transaction in
            let aggregate = try Self.find(id, in: transaction)
            guard aggregate.hosts.isEmpty else {
                throw ComputeError.badRequest("Cannot remove host from aggregate \(id). Reason: Host aggregate is not empty.")
            }
            try AggregateRecords.delete(id, in: transaction)
        }
        return .empty()
    }

    // MARK: Actions

    @Sendable private func act(_ request: APIRequest) async throws -> APIResponse {
        let action = request.body.object?.names.first ?? ""
        try request.require("os_compute_api:os-aggregates:\(action)", request.callerTarget)
        let (id, body) = (try request.integer("aggregate_id"), request.body[action] ?? .null)
        let host = body["host"]?.string ?? ""
        let aggregate = try await compute.database.write { [compute] transaction -> Aggregate in
            switch action {
            case "add_host": try Self.add(host, to: id, compute, in: transaction)
            case "remove_host": try Self.remove(host, from: id, compute, in: transaction)
            default: try Self.setMetadata(body["metadata"]?.object ?? [:], of: id, in: transaction)
            }
            return try Self.find(id, in: transaction)
        }
        return answer(aggregate, request)
    }

    private static func add(
        _ name: String, to id: Int, _ compute: Compute.Parts, in transaction: any Transaction
    ) throws {
        guard let host = try HostRecords.find(name: name, in: transaction) else {
            throw ComputeError.notFound("Compute host \(name) could not be found.")
        }
        var aggregate = try find(id, in: transaction)
        do {
            try rules(aggregate, hosts: [name], in: transaction).checkAddition(of: name)
        } catch let refusal as AggregateRefusal {
            throw ComputeError.conflict("Cannot add host to aggregate \(id). Reason: \(refusal.reason).")
        }
        guard try AggregateRecords.add(name, to: id, in: transaction) else {
            throw ComputeError.conflict("Aggregate \(id) already has host \(name).")
        }
        try touch(&aggregate, in: transaction)
        try compute.placement.setMembership(true, of: host.id, inAggregate: aggregate.uuid, in: transaction)
    }

    private static func remove(
        _ name: String, from id: Int, _ compute: Compute.Parts, in transaction: any Transaction
    ) throws {
        let missing = ComputeError.notFound("Cannot remove host \(name) in aggregate \(id)")
        guard let host = try HostRecords.find(name: name, in: transaction),
            var aggregate = try AggregateRecords.find(id, in: transaction), aggregate.hosts.contains(name)
        else { throw missing }
        do {
            try rules(aggregate, hosts: [name], in: transaction).checkRemoval(of: name)
        } catch let refusal as AggregateRefusal {
            throw ComputeError.conflict("Cannot remove host from aggregate \(id). Reason: \(refusal.reason).")
        }
        guard try AggregateRecords.remove(name, from: id, in: transaction) else { throw missing }
        try touch(&aggregate, in: transaction)
        try compute.placement.setMembership(false, of: host.id, inAggregate: aggregate.uuid, in: transaction)
    }

    private static func touch(_ aggregate: inout Aggregate, in transaction: any Transaction) throws {
        aggregate.updatedAt = .now
        try AggregateRecords.update(aggregate, in: transaction)
    }

    private static func setMetadata(_ metadata: JSONObject, of id: Int, in transaction: any Transaction) throws {
        var aggregate = try find(id, in: transaction)
        var changes: [String: String?] = [:]
        for (key, value) in metadata { changes.updateValue(value.string, forKey: key) }
        try merge(changes, into: &aggregate, action: "update metadata of", in: transaction)
        try touch(&aggregate, in: transaction)
    }

    // MARK: Images

    /// Asks the hosts to fetch images; upstream answers before they have.
    @Sendable private func cacheImages(_ request: APIRequest) async throws -> APIResponse {
        let id = try request.integer("aggregate_id")
        let ids = (request.body["cache"]?.array ?? []).compactMap { $0["id"]?.string }
        guard Set(ids).count == ids.count else { throw ComputeError.badRequest("Duplicate images in request") }
        let hosts = try await compute.database.read { [compute] reader in
            let names = Set(try Self.find(id, in: reader).hosts)
            return try HostRecords.all(in: reader).filter { names.contains($0.name) && !$0.isDisabled && compute.isUp($0) }
        }
        guard let token = request.token else { throw ComputeError.forbidden("A token is needed.") }
        var images: [RootDisk] = []
        for id in ids {
            guard let image = try await compute.images.image(id, for: token) else {
                throw ComputeError.badRequest("Image \(id) could not be found.")
            }
            images.append(RootDisk(imageID: image.id, format: image.diskFormat, checksum: image.checksum, sizeGiB: 0))
        }
        for host in hosts { await cache(images, on: host.name) }
        return .empty()
    }

    private func cache(_ images: [RootDisk], on host: String) async {
        do {
            try await compute.bus.cast(
                CacheImages(images: images), to: BusAddress(topic: ComputeTopic.agent, host: host), deadline: .seconds(3600))
        } catch {
            // An image that is not there ahead of need is fetched when it is needed.
            compute.logger.notice("images are not brought to a host", metadata: ["host": "\(host)", "error": "\(error)"])
        }
    }
}
