import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// What projects may have: quota sets, classes of them, and limits.
struct QuotaSetEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let (one, group) = ("/os-quota-sets/{quota_project_id}", "/os-quota-class-sets/{quota_class}")
        func body(_ name: String) -> RequestBody {
            .json(CatalogueSchemas.wrapped(name, .object([], additional: .any)))
        }
        return [
            Endpoint(.get, one, "Show a project's quotas", access: .ruleOnResource("volume_extension:quotas:show"), handler: show),
            Endpoint(
                .put, one, "Change a project's quotas", access: .ruleOnResource("volume_extension:quotas:update"),
                body: body("quota_set"), handler: update),
            Endpoint(
                .delete, one, "Set a project's quotas back to the defaults", access: .ruleOnResource("volume_extension:quotas:delete"),
                handler: reset),
            Endpoint(
                .get, "\(one)/defaults", "Show the default quotas", access: .ruleOnResource("volume_extension:quotas:show"),
                handler: defaults),
            Endpoint(.get, group, "Show a quota class", access: .rule("volume_extension:quota_classes:get"), handler: showClass),
            Endpoint(
                .put, group, "Change a quota class", access: .rule("volume_extension:quota_classes:update"),
                body: body("quota_class_set"), handler: updateClass),
            Endpoint(
                .get, "/limits", "Show what a project may have and has",
                access: .authenticated(because: "upstream registers no rule for limits; what is used has one of its own"), handler: limits),
        ]
    }

    /// The project of the path, once the rule admits the caller to it.
    private func project(_ request: APIRequest) throws -> String {
        let project = request["quota_project_id"]
        try request.authorize(["project_id": .string(project)])
        return project
    }

    // MARK: Projects

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let project = try project(request)
        let showsUsage = try ListQuery.boolean("usage", request.query)
        let sheet = try await storage.quotaSheet(project: project)
        return .json {
            $0.object {
                $0.member("quota_set") { json in
                    json.object { json in
                        json.member("id", project)
                        for name in sheet.names {
                            let limit = sheet.limits[name] ?? -1
                            guard showsUsage else {
                                json.member(name, limit)
                                continue
                            }
                            json.member(name) {
                                $0.object {
                                    $0.member("limit", limit)
                                    $0.member("in_use", sheet.usage[name] ?? 0)
                                    $0.member("reserved", 0)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private func answer(_ member: String, id: String?, _ names: [String], _ limits: [String: Int]) -> APIResponse {
        .json {
            $0.object {
                $0.member(member) { json in
                    json.object { json in
                        if let id { json.member("id", id) }
                        for name in names { json.member(name, limits[name] ?? -1) }
                    }
                }
            }
        }
    }

    @Sendable private func defaults(_ request: APIRequest) async throws -> APIResponse {
        let (project, configured) = (try project(request), storage.options.quota)
        let (names, limits) = try await storage.database.read { reader in
            (try QuotaSheet.names(in: reader), try QuotaSheet.defaults(configured, in: reader))
        }
        return answer("quota_set", id: project, names, limits)
    }

    /// The limits of a body.
    /// - Throws: 400 for resources that there are not, and values that are no numbers from -1 on.
    private static func wanted(_ body: JSON?, _ kind: String, _ names: [String]) throws -> [String: Int] {
        let members = (body?.object ?? [:]).members
        guard !members.isEmpty else { throw BlockStorageError.badRequest("Invalid input for field/attribute \(kind). {} is too short") }
        let relevant = members.filter { !["tenant_id", "id"].contains($0.name) }
        let unknown = relevant.map(\.name).filter { !names.contains($0) }
        guard unknown.isEmpty else {
            throw BlockStorageError.invalidInput(
                "Bad key(s) in \(kind.split(separator: "_").joined(separator: " ")): \(unknown.joined(separator: ", "))")
        }
        var limits: [String: Int] = [:]
        for member in relevant {
            guard let value = member.value.lenientInt else { throw BlockStorageError.badRequest("\(member.name) must be an integer") }
            guard (-1...CatalogueSchemas.maximum).contains(value) else {
                let bound = value < -1 ? ">= -1" : "<= \(CatalogueSchemas.maximum)"
                throw BlockStorageError.badRequest("\(member.name) must be \(bound)")
            }
            limits[member.name] = value
        }
        return limits
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let project = try project(request)
        guard (1...255).contains(project.count) else {
            throw BlockStorageError.invalidInput("quota_set_name has \(project.count) characters, more than 255.")
        }
        let (body, parts) = (request.body["quota_set"], storage)
        let sheet = try await storage.database.write { transaction -> QuotaSheet in
            let sheet = try QuotaSheet(project: project, parts, in: transaction)
            for (name, limit) in try Self.wanted(body, "quota_set", sheet.names) {
                let used = name == "per_volume_gigabytes" ? 0 : sheet.usage[name] ?? 0
                guard limit == -1 || limit >= used else {
                    throw BlockStorageError.badRequest(
                        "Quota \(name) limit must be equal or greater than existing resources. Current usage is \(used) and the "
                            + "requested limit is \(limit).")
                }
                try VolumeQuotaRecords.set(name, limit, project: project, in: transaction)
            }
            return try QuotaSheet(project: project, parts, in: transaction)
        }
        return answer("quota_set", id: nil, sheet.names, sheet.limits)
    }

    @Sendable private func reset(_ request: APIRequest) async throws -> APIResponse {
        let project = try project(request)
        try await storage.database.write { try VolumeQuotaRecords.reset(project: project, in: $0) }
        return .empty()
    }

    // MARK: Classes

    @Sendable private func showClass(_ request: APIRequest) async throws -> APIResponse {
        let (name, configured) = (request["quota_class"], storage.options.quota)
        let (names, limits) = try await storage.database.read { reader in
            (try QuotaSheet.names(in: reader), try QuotaSheet.limits(class: name, configured, in: reader))
        }
        return answer("quota_class_set", id: name, names, limits)
    }

    @Sendable private func updateClass(_ request: APIRequest) async throws -> APIResponse {
        let (name, configured, body) = (request["quota_class"], storage.options.quota, request.body["quota_class_set"])
        guard (1...255).contains(name.count) else {
            throw BlockStorageError.invalidInput("quota_class_name has \(name.count) characters, more than 255.")
        }
        let (names, limits) = try await storage.database.write { transaction in
            let names = try QuotaSheet.names(in: transaction)
            for (resource, limit) in try Self.wanted(body, "quota_class_set", names) {
                try VolumeQuotaRecords.set(resource, limit, class: name, in: transaction)
            }
            return (names, try QuotaSheet.limits(class: name, configured, in: transaction))
        }
        return answer("quota_class_set", id: nil, names, limits)
    }

    // MARK: Limits

    private static let limitNames = [
        ("volumes", "maxTotalVolumes", "totalVolumesUsed"),
        ("gigabytes", "maxTotalVolumeGigabytes", "totalGigabytesUsed"),
        ("snapshots", "maxTotalSnapshots", "totalSnapshotsUsed"),
        ("backups", "maxTotalBackups", "totalBackupsUsed"),
        ("backup_gigabytes", "maxTotalBackupGigabytes", "totalBackupGigabytesUsed"),
    ]

    /// From 3.39 on administrators can name a project.
    @Sendable private func limits(_ request: APIRequest) async throws -> APIResponse {
        let named = request.query["project_id"] ?? request.query["tenant_id"]
        let project = (request.isFrom(39) && request.isAdmin ? named : nil) ?? request.token?.projectID ?? ""
        let sheet = try await storage.quotaSheet(project: project)
        let showsUsage = request.allows("limits_extension:used_limits", request.callerTarget)
        return .json {
            $0.object {
                $0.member("limits") {
                    $0.object {
                        $0.member("rate") { $0.array { _ in } }
                        $0.member("absolute") { json in
                            json.object { json in
                                for (name, limit, used) in Self.limitNames {
                                    json.member(limit, sheet.limits[name] ?? -1)
                                    if showsUsage { json.member(used, sheet.usage[name] ?? 0) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The limits of a project beside what it has.
struct QuotaSheet: Sendable {
    /// The resources, in the order in which they are shown.
    let names: [String]
    let limits: [String: Int]
    let usage: [String: Int]

    private static let general = [
        "volumes", "per_volume_gigabytes", "snapshots", "gigabytes", "backups", "backup_gigabytes", "groups",
    ]

    /// Every resource: those that there always are, and three for each volume type.
    static func names(in reader: any Reader) throws -> [String] {
        let types = try VolumeTypeRecords.names(in: reader)
        return general + types.flatMap { type in ["volumes", "gigabytes", "snapshots"].map { "\($0)_\(type)" } }
    }

    /// What projects have that set nothing.
    static func defaults(_ configured: VolumeQuota, in reader: any Reader) throws -> [String: Int] {
        try limits(class: VolumeQuotaRecords.defaultClass, configured, in: reader)
    }

    /// A class's limits: its own, else the default class's, else the operator's.
    static func limits(class name: String, _ configured: VolumeQuota, in reader: any Reader) throws -> [String: Int] {
        let defaults = try VolumeQuotaRecords.limits(class: VolumeQuotaRecords.defaultClass, in: reader)
        return configured.limits.merging(defaults) { $1 }.merging(try VolumeQuotaRecords.limits(class: name, in: reader)) { $1 }
    }

    init(project: String, _ storage: BlockStorage.Parts, in reader: any Reader) throws {
        names = try Self.names(in: reader)
        limits = try VolumeQuotaRecords.effective(project: project, configured: storage.options.quota, in: reader)
        var usage = try VolumeQuotaRecords.usage(
            project: project, countsSnapshots: storage.options.countsSnapshotGigabytes, in: reader)
        usage["groups"] = try GroupRecords.count(project: project, in: reader)
        usage.merge(try BackupRecords.usage(project: project, in: reader)) { $1 }
        self.usage = usage
    }
}

extension BlockStorage.Parts {
    /// A project's limits and what it has.
    func quotaSheet(project: String) async throws -> QuotaSheet {
        try await database.read { try QuotaSheet(project: project, self, in: $0) }
    }
}
