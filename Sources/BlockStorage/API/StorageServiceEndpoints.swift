import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import Logging
import VolumeMessages

/// Block storage's services: the scheduler, the storage hosts' back ends, and backups.
struct StorageServiceEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let update: Access = .rule("volume_extension:services:update")
        func put(_ action: String, _ summary: String, _ body: Schema, _ handler: @escaping Endpoint.Handler) -> Endpoint {
            Endpoint(.put, "/os-services/\(action)", summary, access: update, body: .json(body), handler: handler)
        }
        return [
            Endpoint(.get, "/os-services", "List services", access: .rule("volume_extension:services:index"), handler: list),
            put("enable", "Enable a service", ServiceSchemas.enable, enable),
            put("disable", "Disable a service", ServiceSchemas.enable, disable),
            put("disable-log-reason", "Disable a service and say why", ServiceSchemas.disable, disableWithReason),
            put("freeze", "Freeze a back end", ServiceSchemas.freeze) { try await freeze($0, true) },
            put("thaw", "Thaw a back end", ServiceSchemas.freeze) { try await freeze($0, false) },
            put("failover_host", "Fail a back end over", ServiceSchemas.failover, failover),
            put("get-log", "Show how much services log", ServiceSchemas.log, showLog),
            put("set-log", "Set how much services log", ServiceSchemas.setLog, setLog),
        ]
    }

    // MARK: Listing

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let (host, binary) = (request.query["host"], request.query["binary"])
        let services = try await storage.database.read { try StorageServiceRecords.all(in: $0) }.filter { service in
            let isThere = host.map { service.host == $0 || service.host.hasPrefix($0 + "@") } ?? true
            return isThere && (binary.map { service.binary.rawValue == $0 } ?? true)
        }
        return .json {
            $0.object {
                $0.member("services") { json in json.array { json in for service in services { write(service, request, to: &json) } } }
            }
        }
    }

    private func write(_ service: StorageService, _ request: APIRequest, to json: inout JSONWriter) {
        let isUp = storage.isUp(service)
        json.object {
            $0.member("binary", service.binary.rawValue)
            $0.member("host", service.host)
            $0.member("zone", service.availabilityZone)
            $0.member("status", service.isDisabled ? "disabled" : "enabled")
            $0.member("state", isUp ? "up" : "down")
            $0.member("updated_at", service.seenAt.iso8601Naive)
            if request.isFrom(49), service.binary == .volume { $0.member("backend_state", service.failure == nil ? "up" : "down") }
            if request.isFrom(7) { $0.member("cluster", String?.none) }
            $0.member("disabled_reason", service.disabledReason)
            if service.binary == .volume {
                $0.member("replication_status", "disabled")
                $0.member("active_backend_id", String?.none)
                $0.member("frozen", service.isFrozen)
            }
        }
    }

    // MARK: Changing

    /// The service that a body names by host and program; "service" is an older name for "binary".
    private func change(_ request: APIRequest, _ change: @escaping @Sendable (inout StorageService) -> Void) async throws {
        let host = try host(request)
        let binary = request.body["binary"]?.string ?? request.body["service"]?.string ?? ""
        try await storage.database.write { transaction in
            let known = StorageService.Binary(rawValue: binary)
            guard var service = try known.flatMap({ try StorageServiceRecords.find($0, host: host, in: transaction) }) else {
                throw BlockStorageError.notFound("Service \(binary) could not be found on host \(host).")
            }
            change(&service)
            try StorageServiceRecords.update(service, in: transaction)
        }
    }

    private func host(_ request: APIRequest) throws -> String {
        guard let host = request.body["host"]?.string, !host.isEmpty else {
            throw BlockStorageError.invalidInput("Host field is missing.")
        }
        return host
    }

    private func answer(_ request: APIRequest, isDisabled: Bool, reason: String? = nil, showsReason: Bool = false) -> APIResponse {
        .json {
            $0.object {
                $0.member("host", request.body["host"]?.string ?? "")
                $0.member("service", request.body["service"]?.string ?? "")
                $0.member("binary", request.body["binary"]?.string ?? "")
                $0.member("status", isDisabled ? "disabled" : "enabled")
                $0.member("disabled", isDisabled)
                if showsReason { $0.member("disabled_reason", reason) }
            }
        }
    }

    @Sendable private func enable(_ request: APIRequest) async throws -> APIResponse {
        try await change(request) { ($0.isDisabled, $0.disabledReason) = (false, nil) }
        return answer(request, isDisabled: false)
    }

    @Sendable private func disable(_ request: APIRequest) async throws -> APIResponse {
        try await change(request) { ($0.isDisabled, $0.disabledReason) = (true, nil) }
        return answer(request, isDisabled: true)
    }

    @Sendable private func disableWithReason(_ request: APIRequest) async throws -> APIResponse {
        let reason = request.body["disabled_reason"]?.string
        try await change(request) { ($0.isDisabled, $0.disabledReason) = (true, reason) }
        return answer(request, isDisabled: true, reason: reason, showsReason: true)
    }

    /// The back ends of a host, which may be named with the back end or without.
    private static func backends(_ host: String, in reader: any Reader) throws -> [StorageService] {
        let all = try StorageServiceRecords.all(in: reader)
        let found = all.filter { $0.binary == .volume && ($0.host == host || $0.host.hasPrefix(host + "@")) }
        guard !found.isEmpty else { throw BlockStorageError.invalidInput("Service could not be found on host \(host).") }
        return found
    }

    @Sendable private func freeze(_ request: APIRequest, _ isFrozen: Bool) async throws -> APIResponse {
        let host = try host(request)
        try request.require(isFrozen ? "volume:freeze_host" : "volume:thaw_host", request.callerTarget)
        try await storage.database.write { transaction in
            let wrong = try Self.backends(host, in: transaction).filter { $0.isFrozen != isFrozen }
            guard !wrong.isEmpty else {
                throw BlockStorageError.invalidInput("No service could be changed: frozen in \(host) must be \(!isFrozen) to failover.")
            }
            for var service in wrong {
                service.isFrozen = isFrozen
                try StorageServiceRecords.update(service, in: transaction)
            }
        }
        return .empty()
    }

    /// No back end replicates its volumes, so none can be failed over; upstream refuses those alike.
    @Sendable private func failover(_ request: APIRequest) async throws -> APIResponse {
        let host = try host(request)
        try request.require("volume:failover_host", request.callerTarget)
        _ = try await storage.database.read { try Self.backends(host, in: $0) }
        throw BlockStorageError.invalidInput(
            "No service could be changed: replication_status in \(host) must be one of enabled and failed-over, and it must be up, "
                + "to failover.")
    }

    // MARK: Logs

    /// All services of a controller log at one level, which the settings say.
    @Sendable private func showLog(_ request: APIRequest) async throws -> APIResponse {
        let (binary, server) = (request.body["binary"]?.string ?? "", request.body["server"]?.string ?? "")
        let prefix = request.body["prefix"]?.string ?? ""
        let services = try await storage.database.read { try StorageServiceRecords.all(in: $0) }
        var places = services.filter { $0.binary == .scheduler && storage.isUp($0) }.map { ($0.host, $0.binary.rawValue) }
        places.insert((storage.options.controllerHostName, "cinder-api"), at: 0)
        let chosen = places.filter { place in
            (binary.isEmpty || binary == "*" || binary == place.1) && (server.isEmpty || server == place.0)
        }
        let (name, level) = (storage.logger.label, storage.logger.logLevel.rawValue.uppercased())
        return .json {
            $0.object {
                $0.member("log_levels") { json in
                    json.array { json in
                        for place in chosen {
                            json.object {
                                $0.member("host", place.0)
                                $0.member("binary", place.1)
                                $0.member("levels") { $0.object { if name.hasPrefix(prefix) { $0.member(name, level) } } }
                            }
                        }
                    }
                }
            }
        }
    }

    @Sendable private func setLog(_ request: APIRequest) async throws -> APIResponse {
        let level = request.body["level"]?.string?.uppercased() ?? ""
        guard ["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"].contains(level) else {
            throw BlockStorageError.invalidInput("level must be one of CRITICAL, ERROR, WARNING, INFO and DEBUG.")
        }
        throw BlockStorageError.notImplemented("How much is logged is set in the cloud's settings (telemetry.log_level).")
    }
}

extension BlockStorage.Parts {
    /// Whether a service has been heard of lately.
    func isUp(_ service: StorageService) -> Bool { service.isUp(at: .now, downTime: options.serviceDownTime) }
}

/// What requests about services and hosts may say (cinder.api.schemas.services, hosts, clusters, workers).
enum ServiceSchemas {
    private static let program: Schema = .string(length: 1...255)
    private static let place: [(name: String, schema: Schema)] = [
        ("binary", program), ("host", CatalogueSchemas.host), ("cluster", FieldSchemas.optionalName), ("service", program),
    ]
    /// A program's name, in one of two members.
    private static func named(_ members: [(name: String, schema: Schema)]) -> Schema {
        .anyOf([.object(members, required: ["binary"]), .object(members, required: ["service"])])
    }
    static let enable: Schema = named(place)
    static let disable: Schema = named(place + [("disabled_reason", .string(length: 1...255, pattern: #"[\s\S]*\S[\s\S]*"#))])
    static let freeze: Schema = .object([("cluster", FieldSchemas.optionalName), ("host", CatalogueSchemas.host)])
    static let failover: Schema = .object([
        ("host", CatalogueSchemas.host), ("backend_id", FieldSchemas.optionalName), ("cluster", FieldSchemas.optionalName),
    ])
    private static let logMembers: [(name: String, schema: Schema)] = [
        ("binary", .oneOf(["cinder-scheduler", "cinder-volume", "cinder-backup", "cinder-api", "", "*"].map { .string($0) })),
        ("server", FieldSchemas.optionalName), ("prefix", FieldSchemas.optionalName),
    ]
    static let log: Schema = .object(logMembers)
    static let setLog: Schema = .object(logMembers + [("level", .nullable(.string()))])
    static let cluster: Schema = .object(
        [("name", CatalogueSchemas.name), ("binary", FieldSchemas.optionalName), ("disabled_reason", FieldSchemas.optionalName)],
        required: ["name"])
    /// Clients say null of what they don't ask for, which upstream takes of some of these alone.
    static let cleanup: Schema = .object([
        ("cluster_name", hostName), ("disabled", .nullable(FieldSchemas.boolean)), ("host", hostName),
        ("is_up", .nullable(FieldSchemas.boolean)),
        ("binary", .nullable(.oneOf(["cinder-volume", "cinder-scheduler"].map { .string($0) }))), ("resource_id", FieldSchemas.optionalID),
        ("resource_type", .nullable(.string(length: 0...40))),
        ("service_id", .anyOf([.integer(), .string(length: 0...11, pattern: "[0-9]*"), .null])),
    ])
    private static let hostName: Schema = .nullable(.string(length: 1...255, pattern: #"[a-zA-Z0-9\-._#@:/+]*"#))
}
