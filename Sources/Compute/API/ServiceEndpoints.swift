import CloudAPI
import CloudCore
import CloudStore

/// Compute services: the hosts' agents and the controllers' own.
struct ServiceEndpoints: Sendable {
    let compute: Compute.Parts

    private static let listQuery = QueryRules([("host", .string()), ("binary", .string())], strictFrom: 75)

    var table: [Endpoint] {
        [
            Endpoint(.get, "/v2.1/os-services", "List compute services", access: .rule("os_compute_api:os-services:list"), handler: list),
            Endpoint(
                .put, "/v2.1/os-services/{service_id}", "Enable, disable or force down a compute service",
                access: .rule("os_compute_api:os-services:update"), body: .versioned(HostSchemas.updateService), handler: update),
            Endpoint(
                .delete, "/v2.1/os-services/{service_id}", "Delete a compute service",
                access: .rule("os_compute_api:os-services:delete"), success: .noContent, handler: delete),
        ]
    }

    // MARK: Listing

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try Self.listQuery.check(request)
        func matches(_ name: String, _ value: String) -> Bool {
            guard let wanted = request.query[name], !wanted.isEmpty else { return true }
            return wanted == value
        }
        let services = try await compute.services().filter { matches("host", $0.host) && matches("binary", $0.binary) }
        return .json {
            $0.object {
                $0.member("services") { json in json.array { json in for service in services { write(service, request, to: &json) } } }
            }
        }
    }

    private func write(_ service: ServiceState, _ request: APIRequest, to json: inout JSONWriter) {
        json.object {
            $0.member("binary", service.binary)
            $0.member("host", service.host)
            if request.isAtLeast(53) { $0.member("id", service.id) } else { $0.member("id", service.number) }
            $0.member("zone", service.zone)
            $0.member("status", service.isDisabled ? "disabled" : "enabled")
            $0.member("state", service.isUp ? "up" : "down")
            $0.member("updated_at", service.seenAt.iso8601Naive)
            $0.member("disabled_reason", service.disabledReason)
            if request.isAtLeast(11) { $0.member("forced_down", service.isForcedDown) }
        }
    }

    // MARK: Changing

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        request.isAtLeast(53) ? try await updateByID(request) : try await updateByAction(request)
    }

    private func updateByID(_ request: APIRequest) async throws -> APIResponse {
        let (id, body) = (request["service_id"], request.body)
        guard Schema.isUUID(id) else { throw ComputeError.badRequest("Invalid uuid \(id)") }
        let zones = try await compute.database.write { [compute] transaction -> AvailabilityZones in
            guard var host = try HostRecords.find(service: id, in: transaction) else {
                throw try Self.refusal(id, in: transaction)
            }
            guard body["status"] != nil || body["forced_down"] != nil else {
                throw ComputeError.badRequest("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
            }
            try Self.apply(body, to: &host)
            try compute.save(host, in: transaction)
            return try compute.zones(in: transaction)
        }
        guard let host = zones.snapshot.hosts.first(where: { $0.serviceID == id }) else {
            throw ComputeError.notFound("Service \(id) could not be found.")
        }
        let service = ServiceState(host, zone: zones.zone(of: host.name), isUp: compute.isUp(host))
        return .json { $0.object { $0.member("service") { write(service, request, to: &$0) } } }
    }

    private static func apply(_ body: JSON, to host: inout ComputeHost) throws {
        switch body["status"]?.string {
        case "enabled":
            guard body["disabled_reason"] == nil else {
                throw ComputeError.badRequest("Specifying 'disabled_reason' with status 'enabled' is invalid.")
            }
            (host.isDisabled, host.disabledReason) = (false, nil)
        case "disabled": (host.isDisabled, host.disabledReason) = (true, body["disabled_reason"]?.string)
        default: break
        }
        if let down = body.lenientBool("forced_down") { host.isForcedDown = down }
    }

    /// What is wrong with the id of a service that is no host's.
    private static func refusal(_ id: String, in reader: any Reader) throws -> ComputeError {
        guard let other = try ControllerRecords.all(in: reader).first(where: { $0.id == id }) else {
            return .notFound("Service \(id) could not be found.")
        }
        return .badRequest("Updating a \(other.binary) service is not supported. Only nova-compute services can be updated.")
    }

    /// Before 2.53 the path names what is done, and the body the service.
    private func updateByAction(_ request: APIRequest) async throws -> APIResponse {
        let (action, body) = (request["service_id"], request.body)
        let (name, binary) = (body["host"]?.string ?? "", body["binary"]?.string ?? "")
        var (status, down, reason) = (String?.none, Bool?.none, String?.none)
        switch action {
        case "enable": status = "enabled"
        case "disable": status = "disabled"
        case "disable-log-reason":
            guard let text = body["disabled_reason"]?.string else { throw ComputeError.badRequest("Missing disabled reason field") }
            (status, reason) = ("disabled", text)
        case "force-down" where request.isAtLeast(11):
            guard let value = body.lenientBool("forced_down") else { throw ComputeError.badRequest("Missing forced_down field") }
            down = value
        default: throw ComputeError.notFound("Unknown action")
        }
        guard binary == "nova-compute" else {
            throw ComputeError.badRequest("Updating a \(binary) service is not supported. Only nova-compute services can be updated.")
        }
        let (wanted, why, isDown) = (status, reason, down)
        try await compute.database.write { [compute] transaction in
            guard var host = try HostRecords.find(name: name, in: transaction) else {
                throw ComputeError.notFound("Could not find binary \(binary) on host \(name).")
            }
            if let wanted { (host.isDisabled, host.disabledReason) = (wanted == "disabled", why) }
            if let isDown { host.isForcedDown = isDown }
            try compute.save(host, in: transaction)
        }
        return .json {
            $0.object {
                $0.member("service") {
                    $0.object {
                        $0.member("host", name)
                        $0.member("binary", binary)
                        if let wanted { $0.member("status", wanted) }
                        if let why { $0.member("disabled_reason", why) }
                        if let isDown { $0.member("forced_down", isDown) }
                    }
                }
            }
        }
    }

    // MARK: Deleting

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let id = request["service_id"]
        if request.isAtLeast(53) {
            guard Schema.isUUID(id) else { throw ComputeError.badRequest("Invalid uuid \(id)") }
        } else {
            _ = try request.integer("service_id")
        }
        let byUUID = request.isAtLeast(53)
        try await compute.database.write { [compute] transaction in
            let found = byUUID
                ? try HostRecords.find(service: id, in: transaction)
                : try Int(id).flatMap { try HostRecords.find(number: $0, in: transaction) }
            if let host = found { return try compute.remove(host, in: transaction) }
            let other = try ControllerRecords.all(in: transaction).first { byUUID ? $0.id == id : String($0.number) == id }
            guard let other else { throw ComputeError.notFound("Service \(id) not found.") }
            try ControllerRecords.delete(other.id, in: transaction)
        }
        return .empty()
    }
}

/// A service as the API lists it.
struct ServiceState: Sendable {
    let id: String
    let number: Int
    let host: String
    let binary: String
    let zone: String
    let topic: String
    let isUp: Bool
    let isDisabled: Bool
    let disabledReason: String?
    let isForcedDown: Bool
    let seenAt: Timestamp

    /// A host's service.
    init(_ host: ComputeHost, zone: String, isUp: Bool) {
        (id, number, self.host, binary, topic) = (host.serviceID, host.number, host.name, "nova-compute", "compute")
        (self.zone, self.isUp, isDisabled, disabledReason) = (zone, isUp, host.isDisabled, host.disabledReason)
        (isForcedDown, seenAt) = (host.isForcedDown, host.seenAt)
    }

    /// A controller's service.
    init(_ service: ControllerService, zone: String, isUp: Bool) {
        (id, number, host, binary, topic) = (service.id, service.number, service.host, service.binary, service.topic)
        (self.zone, self.isUp, isDisabled, disabledReason, isForcedDown) = (zone, isUp, false, nil, false)
        seenAt = service.seenAt
    }
}

extension Compute.Parts {
    /// Every service with its zone, in the order in which they were first heard of.
    func services() async throws -> [ServiceState] {
        try await database.read { [self] reader in
            let zones = try zones(in: reader)
            var all: [ServiceState] = []
            for host in zones.snapshot.hosts {
                all.append(ServiceState(host, zone: zones.zone(of: host.name), isUp: isUp(host)))
            }
            for service in try ControllerRecords.all(in: reader) {
                let isAlive = service.seenAt + options.serviceDownTime > .now
                all.append(ServiceState(service, zone: options.internalAvailabilityZone, isUp: isAlive))
            }
            return all.sorted { $0.number < $1.number }
        }
    }

    /// Saves a change of a host's service, and tells placement when nothing may be put there any more, or may again.
    func save(_ host: ComputeHost, in transaction: any Transaction) throws {
        try HostRecords.update(host, in: transaction)
        try placement.setTrait(HostTrait.disabled, host.isDisabled, of: host.id, in: transaction)
    }

    /// Removes a host that nothing is on: from its aggregates, from placement, and its rows. An agent that still runs
    /// there makes it known again.
    /// - Throws: 409 when servers or claims are there.
    func remove(_ host: ComputeHost, in transaction: any Transaction) throws {
        guard try HostLoadRecords.loads(of: [host.name], in: transaction).isEmpty else {
            throw ComputeError.conflict(
                "Unable to delete compute service that is hosting instances. Migrate or delete the instances first.")
        }
        let moving = ComputeError.conflict(
            "Unable to delete compute service that has in-progress migrations. Complete the migrations or delete the instances first.")
        guard try MigrationRecords.servers(movingAt: host.name, in: transaction).isEmpty else { throw moving }
        for aggregate in try AggregateRecords.all(in: transaction) where aggregate.hosts.contains(host.name) {
            _ = try AggregateRecords.remove(host.name, from: aggregate.id, in: transaction)
        }
        do {
            try transaction.savepoint { try placement.remove(provider: host.id, in: transaction) }
        } catch is HostInUse {
            throw moving
        }
        try HostRecords.delete(host, in: transaction)
    }
}
