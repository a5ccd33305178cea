import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow

/// Backups: making, listing, showing, changing, restoring and removing them, and their records.
struct BackupEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let one = "/backups/{backup_id}"
        let storage = storage
        let actions = ActionTable(storage: storage, BackupActions.all) { request, rule in
            try await storage.backup(request["backup_id"], for: request, rule: rule)
        }
        return [
            Endpoint(.get, "/backups", "List backups", access: .rule("backup:get_all")) { try await list($0, isDetailed: false) },
            Endpoint(.get, "/backups/detail", "List backups in detail", access: .rule("backup:get_all")) {
                try await list($0, isDetailed: true)
            },
            Endpoint(
                .post, "/backups", "Back a volume up", access: .ruleOnResource("backup:create"), body: Self.creation, success: .accepted,
                handler: create),
            Endpoint(
                .post, "/backups/import_record", "Import a backup's record", access: .rule("backup:backup-import"),
                body: .json(Self.record), success: .created, handler: importRecord),
            Endpoint(.get, one, "Show a backup", access: .ruleOnResource("backup:get"), handler: show),
            Endpoint(
                .put, one, "Change a backup", microversions: .from(3, 9), access: .ruleOnResource("backup:update"), body: Self.change,
                handler: update),
            Endpoint(.delete, one, "Delete a backup", access: .ruleOnResource("backup:delete"), success: .accepted, handler: delete),
            Endpoint(
                .post, one + "/restore", "Restore a backup", access: .ruleOnResource("backup:restore"), body: .json(Self.restoration),
                success: .accepted
            ) { request in try await BackupRestoration(storage: storage, request: request).restore() },
            Endpoint(
                .get, one + "/export_record", "Export a backup's record", access: .ruleOnResource("backup:export-import"),
                handler: exportRecord),
            actions.endpoint(one + "/action", "Act on a backup"),
        ]
    }

    // MARK: Bodies

    private static let base: [(name: String, schema: Schema)] = [
        ("volume_id", .uuid), ("container", FieldSchemas.optionalName), ("description", FieldSchemas.text),
        ("incremental", FieldSchemas.boolean), ("force", FieldSchemas.boolean), ("name", FieldSchemas.optionalName),
        ("snapshot_id", FieldSchemas.optionalID),
    ]
    private static let metadata: [(name: String, schema: Schema)] = [("metadata", .nullable(FieldSchemas.metadata))]
    private static let zone: [(name: String, schema: Schema)] = [("availability_zone", FieldSchemas.optionalName)]

    private static let creation: RequestBody = .versioned([
        (Microversion(3, 0), creation(base)),
        (Microversion(3, 43), creation(base + metadata)),
        (Microversion(3, 51), creation(base + metadata + zone)),
    ])

    private static func creation(_ members: [(name: String, schema: Schema)]) -> Schema {
        .object([("backup", .object(members, required: ["volume_id"]))], required: ["backup"])
    }

    private static let named: [(name: String, schema: Schema)] = [
        ("name", FieldSchemas.optionalName), ("description", FieldSchemas.text),
    ]
    private static let change: RequestBody = .versioned([
        (Microversion(3, 9), .object([("backup", .nullable(.object(named)))], required: ["backup"])),
        (
            Microversion(3, 43),
            .object([("backup", .nullable(.object(named + [("metadata", FieldSchemas.metadata)])))], required: ["backup"])
        ),
    ])

    private static let restoration: Schema = .object(
        [("restore", .nullable(.object([("name", FieldSchemas.optionalName), ("volume_id", FieldSchemas.optionalID)])))],
        required: ["restore"])

    private static let record: Schema = .object(
        [
            (
                "backup-record",
                .object(
                    [("backup_service", .string(length: 0...255)), ("backup_url", .string(length: 1...1_000_000, format: .base64))],
                    required: ["backup_service", "backup_url"])
            )
        ], required: ["backup-record"])

    // MARK: Showing

    private func list(_ request: APIRequest, isDetailed: Bool) async throws -> APIResponse {
        let query = try ListQuery(
            request, resource: "backup", table: BackupRecords.table, beyond: ["id", "host", "user_id", "snapshot_id", "parent_id"],
            maximum: storage.options.maximumListLength)
        var selection = query.selection { .backupNotFound($0) }
        for filter in query.filters {
            let column: SQL = switch filter.name {
            case "name": "COALESCE(name, '')"
            case "status": "status"
            case "volume_id": "volume_id"
            case "id": "id"
            case "host": "COALESCE(host, '')"
            case "user_id": "user_id"
            case "snapshot_id": "COALESCE(snapshot_id, '')"
            default: "COALESCE(parent_id, '')"
            }
            selection.conditions.append(ListSelection.match(column, filter))
        }
        let (backups, count, parents) = try await storage.database.read { [selection] reader in
            let backups = try BackupRecords.list(selection, in: reader)
            let count = query.wantsCount ? try BackupRecords.count(selection, in: reader) : nil
            return (backups, count, isDetailed ? try BackupRecords.parents(among: backups.map(\.id), in: reader) : [])
        }
        let view = BackupView(request: request, parents: parents)
        return .json {
            $0.object {
                $0.member("backups") { json in
                    json.array { json in
                        for backup in backups {
                            if isDetailed { view.write(backup, to: &json) } else { view.writeSummary(backup, to: &json) }
                        }
                    }
                }
                request.writeNextLink("backups_links", query, ids: backups.map(\.id), to: &$0)
                if let count { $0.member("count", count) }
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let backup = try await storage.authorizedBackup(request)
        let parents = try await storage.database.read { try BackupRecords.parents(among: [backup.id], in: $0) }
        let view = BackupView(request: request, parents: parents)
        return .json { $0.object { $0.member("backup") { view.write(backup, to: &$0) } } }
    }

    private func summary(_ backup: Backup, _ request: APIRequest) -> APIResponse {
        let view = BackupView(request: request, parents: [])
        return .json { $0.object { $0.member("backup") { view.writeSummary(backup, to: &$0) } } }
    }

    // MARK: Making and changing

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["backup"] ?? .null
        let volume = try await storage.volume(body["volume_id"]?.string ?? "", for: request)
        try request.authorize(volume.target)
        let snapshotID = body["snapshot_id"]?.string
        if let snapshotID { _ = try await storage.snapshot(snapshotID, for: request) }
        guard let token = request.token, let projectID = token.projectID else {
            throw BlockStorageError.badRequest("A backup belongs to a project: the token has none.")
        }
        var backup = Backup(
            id: Identifier.uuid(), projectID: projectID, userID: token.userID, name: body["name"]?.string?.trimmed,
            description: body["description"]?.string?.trimmed, volumeID: volume.id, snapshotID: snapshotID, status: .creating,
            size: volume.size, container: body["container"]?.string, availabilityZone: body["availability_zone"]?.string, driver: "",
            createdAt: .now)
        if request.isFrom(43) { backup.metadata = body["metadata"]?.stringDictionary ?? [:] }
        let making = BackupMaking(
            storage: storage, backup: backup, isIncremental: body.lenientBool("incremental") ?? false,
            isForced: body.lenientBool("force") ?? false, requestID: request.requestID)
        return summary(try await making.make(volume), request)
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        let backup = try await storage.authorizedBackup(request)
        let body = request.body["backup"] ?? .null
        guard let members = body.object, !members.isEmpty else {
            throw BlockStorageError.badRequest("Missing required element 'backup' in request body.")
        }
        let changed = try await storage.database.write { transaction in
            try BackupRecords.change(backup.id, in: transaction) { backup in
                if let name = body["name"] { backup.name = name.string?.trimmed }
                if let description = body["description"] { backup.description = description.string?.trimmed }
                if let metadata = body["metadata"] { backup.metadata = metadata.stringDictionary }
            }
        }
        guard let changed else { throw BlockStorageError.backupNotFound(backup.id) }
        return summary(changed, request)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        let backup = try await storage.authorizedBackup(request)
        let (storage, requestID) = (storage, request.requestID)
        try await storage.database.write { transaction in
            try storage.beginBackupRemoval(backup.id, isForced: false, requestID: requestID, in: transaction)
        }
        return .empty()
    }

    // MARK: Records

    @Sendable private func exportRecord(_ request: APIRequest) async throws -> APIResponse {
        let backup = try await storage.authorizedBackup(request)
        guard backup.status == .available else {
            throw BlockStorageError.invalidBackup("Backup status must be available and not \(backup.status.rawValue).")
        }
        return .json {
            $0.object {
                $0.member("backup-record") {
                    $0.object {
                        $0.member("backup_service", BackupRecord.service(of: backup.driver))
                        $0.member("backup_url", BackupRecord.text(of: backup))
                    }
                }
            }
        }
    }

    @Sendable private func importRecord(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["backup-record"] ?? .null
        guard let token = request.token, let projectID = token.projectID else {
            throw BlockStorageError.badRequest("A backup belongs to a project: the token has none.")
        }
        let service = body["backup_service"]?.string ?? ""
        let driver = BackupRecord.driver(of: service)
        let imported = try BackupRecord.backup(
            body["backup_url"]?.string ?? "", driver: driver ?? service, projectID: projectID, userID: token.userID)
        let storage = storage
        let backup = try await storage.database.write { transaction in
            guard try BackupRecords.find(imported.id, in: transaction) == nil else {
                throw BlockStorageError.invalidBackup("Backup already exists in database.")
            }
            try storage.checkBackupQuota(project: projectID, gigabytes: imported.size, in: transaction)
            var backup = imported
            backup.host = try driver.flatMap { try BackupRecords.hosts(keeping: $0, in: transaction).first }
            if backup.host == nil {
                (backup.status, backup.failReason) = (.error, "Import record failed, no host keeps backups with \(service).")
            }
            try BackupRecords.insert(backup, in: transaction)
            return backup
        }
        return summary(backup, request)
    }
}

extension BlockStorageError {
    static func backupNotFound(_ id: String) -> BlockStorageError { .notFound("Backup \(id) could not be found.") }
    /// Cinder's InvalidBackup.
    static func invalidBackup(_ reason: String) -> BlockStorageError { .badRequest("Invalid backup: \(reason)") }
}

extension BlockStorage.Parts {
    /// A backup that the caller may see, once `backup:get` and the given rule admit the caller to it.
    /// - Throws: 404 when there is none, or it is another project's; 403.
    func backup(_ id: String, for request: APIRequest, rule: String? = nil) async throws -> Backup {
        let found = try await database.read { try BackupRecords.find(id, in: $0) }
        return try admit(request, to: found, project: found?.projectID, user: found?.userID, rules: ["backup:get", rule]) {
            .backupNotFound(id)
        }
    }

    /// The backup of a request under `.ruleOnResource`, once its rule has admitted the caller.
    func authorizedBackup(_ request: APIRequest) async throws -> Backup {
        let backup = try await backup(request["backup_id"], for: request)
        try request.authorize(backup.target)
        return backup
    }

    /// Begins a backup's removal.
    /// - Parameter isForced: whether its status does not matter.
    /// - Throws: 400 for a status that does not allow it, or when others add to it.
    func beginBackupRemoval(_ id: String, isForced: Bool, requestID: String?, in transaction: any Transaction) throws {
        guard let backup = try BackupRecords.find(id, in: transaction) else { throw BlockStorageError.backupNotFound(id) }
        guard isForced || [.available, .error].contains(backup.status) else {
            throw BlockStorageError.invalidBackup("Backup status must be available or error")
        }
        guard try BackupRecords.parents(among: [id], in: transaction).isEmpty else {
            throw BlockStorageError.invalidBackup("Incremental backups exist for this backup.")
        }
        try BackupRecords.change(id, in: transaction) { $0.status = .deleting }
        if isForced { return try forceDeletion(of: backup, requestID: requestID, in: transaction) }
        try begin(
            DeleteBackupWorkflow(storage: self).workflow, BackupState(backupID: id), subject: backup.subject, requestID: requestID,
            in: transaction)
    }
}

/// What administrators do to backups.
enum BackupActions {
    static let all: [ResourceAction<Backup>] = [
        ResourceAction(
            "os-reset_status", rule: "volume_extension:backup_admin_actions:reset_status",
            .object([("status", .string(pattern: "(?i)(available|error)"))], required: ["status"]), handler: resetStatus),
        ResourceAction("os-force_delete", rule: "volume_extension:backup_admin_actions:force_delete", handler: forceDelete),
    ]

    @Sendable private static func resetStatus(_ call: ActionCall<Backup>) async throws -> APIResponse {
        guard let status = call.value["status"]?.string.flatMap({ Backup.Status(rawValue: $0.lowercased()) }) else {
            throw BlockStorageError.badRequest("There is no such status.")
        }
        try await call.storage.database.write { transaction in
            try BackupRecords.change(call.resource.id, in: transaction) { $0.status = status }
        }
        return .empty()
    }

    @Sendable private static func forceDelete(_ call: ActionCall<Backup>) async throws -> APIResponse {
        try call.request.require("backup:delete", call.resource.target)
        try await call.storage.database.write { transaction in
            try call.storage.beginBackupRemoval(
                call.resource.id, isForced: true, requestID: call.request.requestID, in: transaction)
        }
        return .empty()
    }
}
