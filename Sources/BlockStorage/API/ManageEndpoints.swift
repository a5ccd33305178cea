import CloudAPI
import CloudBus
import CloudCore
import CloudStore
import CloudWorkflow
import VolumeMessages

/// Taking over what back ends keep already, and listing it: `os-volume-manage`, `os-snapshot-manage`, and from 3.8 on
/// `manageable_volumes` and `manageable_snapshots`.
struct ManageEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        table(volumes: "/os-volume-manage", snapshots: "/os-snapshot-manage", .all)
            + table(volumes: "/manageable_volumes", snapshots: "/manageable_snapshots", .from(3, 8))
    }

    private func table(volumes: String, snapshots: String, _ versions: MicroversionRange) -> [Endpoint] {
        let list: [Endpoint] = [(volumes, false), (snapshots, true)].flatMap { path, isSnapshots -> [Endpoint] in
            let rule = isSnapshots ? "snapshot_extension:list_manageable" : "volume_extension:list_manageable"
            return [
                Endpoint(.get, path, "List what a back end keeps", microversions: versions, access: .rule(rule)) {
                    try await self.list($0, snapshots: isSnapshots, isDetailed: false)
                },
                Endpoint(.get, path + "/detail", "List what a back end keeps, in detail", microversions: versions, access: .rule(rule)) {
                    try await self.list($0, snapshots: isSnapshots, isDetailed: true)
                },
            ]
        }
        return list + [
            Endpoint(
                .post, volumes, "Take a volume over", microversions: versions, access: .rule("volume_extension:volume_manage"),
                body: Self.volumeBody, success: .accepted, handler: manageVolume),
            Endpoint(
                .post, snapshots, "Take a snapshot over", microversions: versions,
                access: .ruleOnResource("snapshot_extension:snapshot_manage"), body: .json(Self.snapshotBody), success: .accepted,
                handler: manageSnapshot),
        ]
    }

    private static let reference: Schema = .anyOf([.object([], additional: .any), .string()])
    private static let members: [(name: String, schema: Schema)] = [
        ("description", FieldSchemas.text), ("availability_zone", FieldSchemas.optionalName), ("bootable", .nullable(FieldSchemas.boolean)),
        ("volume_type", FieldSchemas.optionalName), ("name", FieldSchemas.optionalName), ("host", .nullable(.string(length: 0...255))),
        ("ref", reference), ("metadata", .nullable(FieldSchemas.metadata)),
    ]
    private static let volumeBody: RequestBody = .versioned([
        (Microversion(3, 0), .object([("volume", .object(members, required: ["ref"]))], required: ["volume"])),
        (
            Microversion(3, 16),
            .object(
                [("volume", .object(members + [("cluster", FieldSchemas.optionalName)], required: ["ref"]))], required: ["volume"])
        ),
    ])
    private static let snapshotBody: Schema = .object(
        [
            (
                "snapshot",
                .object(
                    [
                        ("description", FieldSchemas.text), ("metadata", .nullable(FieldSchemas.metadata)),
                        ("name", FieldSchemas.optionalName), ("volume_id", .uuid), ("ref", .nullable(reference)),
                    ], required: ["ref", "volume_id"])
            )
        ], required: ["snapshot"])

    // MARK: Listing

    /// A find with what the API knows of it.
    private struct Find {
        let found: FoundVolume
        let gigabytes: Int
        /// The volume or snapshot that it is already.
        let knownID: String?

        init(_ found: FoundVolume, knownID: String?) {
            (self.found, self.knownID) = (found, knownID)
            gigabytes = Int((found.bytes + (1 << 30) - 1) >> 30)
        }
    }

    private func list(_ request: APIRequest, snapshots: Bool, isDetailed: Bool) async throws -> APIResponse {
        guard let place = request.query["host"].flatMap(VolumeHostName.init) else {
            throw BlockStorageError.badRequest("Invalid input received: either host or cluster must be given.")
        }
        let page = try PageRequest(
            request.query.removing(["host"]),
            PageRules(
                .cinder, maximumLimit: storage.options.maximumListLength, sortKeys: ["reference", "size"],
                defaultSort: [SortKey("reference", .descending)]))
        try await storage.requireService(place)
        let found: [FoundVolume]
        do {
            found = try await storage.ask(
                place, ListBackendVolumes(backend: place.backend, pool: place.pool, snapshots: snapshots), within: 60)
        } catch let error as BusError {
            throw BlockStorageError.unavailable("The back end can't be listed: \(error.summary)")
        }
        let known = try await storage.database.read { reader in
            snapshots ? try SnapshotRecords.names(on: place, in: reader) : try VolumeRecords.names(on: place, in: reader)
        }
        let finds = Self.cut(found.map { Find($0, knownID: known[$0.name]) }, page, request.query)
        return .json {
            $0.object {
                $0.member(snapshots ? "manageable-snapshots" : "manageable-volumes") { json in
                    json.array { json in for find in finds { write(find, isDetailed, to: &json) } }
                }
            }
        }
    }

    private static func cut(_ finds: [Find], _ page: PageRequest, _ query: QueryItems) -> [Find] {
        let isBySize = page.sort.first?.name == "size"
        let isAscending = page.sort.first?.direction == .ascending
        let sorted = finds.sorted { left, right in
            let isBefore = isBySize && left.gigabytes != right.gigabytes
                ? left.gigabytes < right.gigabytes : left.found.name < right.found.name
            return isBefore == isAscending
        }
        let marker = page.marker.flatMap { marker in sorted.firstIndex { $0.found.name == marker } }
        let offset = max(0, query["offset"].flatMap { Int($0) } ?? 0)
        return Array(sorted.dropFirst(marker.map { $0 + 1 } ?? 0).dropFirst(offset).prefix(page.limit))
    }

    private func write(_ find: Find, _ isDetailed: Bool, to json: inout JSONWriter) {
        let isSafe = find.found.isManageable && find.knownID == nil
        json.object {
            $0.member("reference", JSON.object(["source-name": .string(find.found.name)]))
            $0.member("size", find.gigabytes)
            $0.member("safe_to_manage", isSafe)
            if let volume = find.found.volumeName {
                $0.member("source_reference", JSON.object(["source-name": .string(volume)]))
            }
            guard isDetailed else { return }
            $0.member("reason_not_safe", isSafe ? nil : find.found.reason ?? (find.knownID == nil ? nil : "already managed"))
            $0.member("cinder_id", find.knownID)
            $0.member("extra_info", String?.none)
        }
    }

    // MARK: Taking over

    /// The back end's name of what a body refers to.
    private static func sourceName(_ reference: JSON?) throws -> String {
        guard let name = reference?["source-name"]?.string ?? reference?.string, !name.isEmpty, !name.contains("/") else {
            throw BlockStorageError.badRequest("Failed to manage existing volume: the reference needs a source-name.")
        }
        return name
    }

    @Sendable private func manageVolume(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["volume"] ?? .null
        guard let token = request.token, let projectID = token.projectID else {
            throw BlockStorageError.badRequest("A volume belongs to a project: the token has none.")
        }
        guard let text = body["host"]?.string, let place = VolumeHostName(text) else {
            throw BlockStorageError.badRequest("Invalid input received: a host of the form host@backend#pool is needed.")
        }
        let name = try Self.sourceName(body["ref"])
        let service = try await storage.requireService(place)
        let (storage, requestID) = (storage, request.requestID)
        let volume = try await storage.database.write { transaction in
            guard try VolumeRecords.names(on: place, in: transaction)[name] == nil else {
                throw BlockStorageError.invalidVolume("Unable to manage existing volume. The volume is already managed")
            }
            let type = try Self.type(body["volume_type"]?.string, projectID, storage, in: transaction)
            guard type.encryption == nil else {
                throw BlockStorageError.badRequest("Invalid volume type: Managing to an encrypted volume type is not supported.")
            }
            // Its size, and with it what quotas count, is known once the back end has handed it over.
            try storage.checkQuota(project: projectID, type: type.id, volumes: 1, in: transaction)
            var volume = Volume(
                id: Identifier.uuid(), projectID: projectID, userID: token.userID, name: body["name"]?.string?.trimmed,
                description: body["description"]?.string?.trimmed, size: 0, status: .managing, typeID: type.id,
                availabilityZone: body["availability_zone"]?.string ?? service.availabilityZone,
                metadata: body["metadata"]?.stringDictionary ?? [:], createdAt: .now)
            (volume.host, volume.isBootable) = (place.text, body.lenientBool("bootable") ?? false)
            volume.isMultiattach = type.isMultiattach
            try VolumeRecords.insert(volume, in: transaction)
            try storage.begin(
                ManageWorkflow(storage: storage).workflow,
                ManageState(volumeID: volume.id, place: place, name: name, newName: volume.backendName), subject: volume.subject,
                requestID: requestID, in: transaction)
            return volume
        }
        let view = try await storage.database.read { try VolumeView([volume], for: request, in: $0) }
        return .json { json in json.object { $0.member("volume") { view.write(volume, extended: false, to: &$0) } } }
    }

    private static func type(
        _ name: String?, _ projectID: String, _ storage: BlockStorage.Parts, in reader: any Reader
    ) throws -> VolumeType {
        if let name, !name.isEmpty {
            guard let type = try VolumeTypeRecords.find(named: name, usableBy: nil, in: reader) else {
                throw BlockStorageError.badRequest("Invalid volume type: Cannot find requested '\(name)' volume type")
            }
            return type
        }
        let fallback = storage.options.defaultVolumeType
        guard let type = try VolumeTypeRecords.defaultType(projectID: projectID, name: fallback, in: reader) else {
            throw BlockStorageError.typeNotFound(fallback)
        }
        return type
    }

    @Sendable private func manageSnapshot(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body["snapshot"] ?? .null
        let volume = try await storage.volume(body["volume_id"]?.string ?? "", for: request)
        try request.authorize(volume.target)
        guard let place = volume.place, let token = request.token else { throw BlockStorageError.invalidVolume("the volume has no host") }
        let name = try Self.sourceName(body["ref"])
        try await storage.requireService(place)
        let (storage, requestID) = (storage, request.requestID)
        let snapshot = try await storage.database.write { transaction in
            guard let volume = try VolumeRecords.find(volume.id, in: transaction) else {
                throw BlockStorageError.volumeNotFound(volume.id)
            }
            let known = try SnapshotRecords.of(volume: volume.id, in: transaction).contains { $0.backendName == name }
            guard !known else { throw BlockStorageError.invalidSnapshot("the snapshot is already managed") }
            let gigabytes = storage.options.countsSnapshotGigabytes ? volume.size : 0
            try storage.checkQuota(project: volume.projectID, type: volume.typeID, snapshots: 1, gigabytes: gigabytes, in: transaction)
            var snapshot = Snapshot(
                id: Identifier.uuid(), projectID: volume.projectID, userID: token.userID, name: body["name"]?.string?.trimmed,
                description: body["description"]?.string?.trimmed, volumeID: volume.id, volumeSize: volume.size, status: .creating,
                progress: "0%", metadata: body["metadata"]?.stringDictionary ?? [:], typeID: volume.typeID, createdAt: .now)
            snapshot.details.encryptionKeyID = volume.encryptionKeyID
            (snapshot.details.imageMetadata, snapshot.details.isBootable) = (volume.imageMetadata, volume.isBootable)
            try SnapshotRecords.insert(snapshot, in: transaction)
            try storage.begin(
                ManageWorkflow(storage: storage).workflow,
                ManageState(
                    volumeID: volume.id, snapshotID: snapshot.id, place: place, name: name, newName: snapshot.backendName,
                    volumeName: volume.backendName),
                subject: snapshot.subject, requestID: requestID, in: transaction)
            return snapshot
        }
        let view = SnapshotView(request: request)
        return .json { json in json.object { $0.member("snapshot") { view.write(snapshot, extended: false, to: &$0) } } }
    }
}

extension BlockStorage.Parts {
    /// The back end that a name is of, which must be there and at work.
    /// - Throws: 400 for one that is not known, 503 for one that is down.
    @discardableResult
    func requireService(_ place: VolumeHostName) async throws -> StorageService {
        let found = try await database.read { try StorageServiceRecords.find(.volume, host: place.service, in: $0) }
        guard let service = found else {
            throw BlockStorageError.badRequest("Service \(place.service) could not be found.")
        }
        guard service.isUp(at: .now, downTime: options.serviceDownTime), !service.isDisabled else {
            throw BlockStorageError.unavailable("Service is unavailable at this time: \(place.service).")
        }
        return service
    }
}

extension VolumeRecords {
    /// The volumes of a back end by the names that it has for them.
    static func names(on place: VolumeHostName, in reader: any Reader) throws -> [String: String] {
        let pattern = place.service + "#"
        let all = try all(where: "host = \(place.service) OR SUBSTR(host, 1, \(pattern.count)) = \(pattern)", in: reader)
        return Dictionary(all.map { ($0.backendName, $0.id) }) { first, _ in first }
    }
}

extension SnapshotRecords {
    /// The snapshots of a back end's volumes by the names that it has for them.
    static func names(on place: VolumeHostName, in reader: any Reader) throws -> [String: String] {
        let volumes = Array(try VolumeRecords.names(on: place, in: reader).values)
        let all = try all(where: "volume_id IN \(in: volumes)", in: reader)
        return Dictionary(all.map { ($0.backendName, $0.id) }) { first, _ in first }
    }
}

/// Letting volumes and snapshots go: their rows are removed, their bytes stay.
enum UnmanageActions {
    static let volumes: [ResourceAction<Volume>] = [
        ResourceAction("os-unmanage", rule: "volume_extension:volume_unmanage", handler: unmanageVolume)
    ]
    static let snapshots: [ResourceAction<Snapshot>] = [
        ResourceAction("os-unmanage", rule: "snapshot_extension:snapshot_unmanage", handler: unmanageSnapshot)
    ]

    @Sendable private static func unmanageVolume(_ call: ActionCall<Volume>) async throws -> APIResponse {
        let id = call.resource.id
        try await call.storage.database.write { transaction in
            guard let volume = try VolumeRecords.find(id, in: transaction) else { throw BlockStorageError.volumeNotFound(id) }
            guard !volume.isEncrypted else { throw BlockStorageError.invalidVolume("Unmanaging encrypted volumes is not supported.") }
            let isFree = [.available, .error, .errorManaging, .errorRestoring, .errorExtending].contains(volume.status)
                && volume.attachStatus != .attached && volume.groupID == nil
                && !volume.isMigrating
            guard isFree, try SnapshotRecords.of(volume: id, in: transaction).isEmpty else {
                throw BlockStorageError.invalidVolume(
                    "Volume status must be available or error or error_restoring or error_extending or error_managing and must not be "
                        + "migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from "
                        + "snapshots after volume transfer.")
            }
            try VolumeRecords.delete(id, in: transaction)
        }
        return .empty()
    }

    @Sendable private static func unmanageSnapshot(_ call: ActionCall<Snapshot>) async throws -> APIResponse {
        let id = call.resource.id
        try await call.storage.database.write { transaction in
            guard let snapshot = try SnapshotRecords.find(id, in: transaction) else { throw BlockStorageError.snapshotNotFound(id) }
            guard [.available, .error].contains(snapshot.status), snapshot.groupSnapshotID == nil else {
                throw BlockStorageError.invalidSnapshot("Snapshot status must be available or error.")
            }
            try SnapshotRecords.delete(id, in: transaction)
        }
        return .empty()
    }
}
