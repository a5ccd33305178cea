import CloudAPI
import CloudPolicy

extension BlockStorage {
    /// The service's default policy.
    public static var rules: [PolicyRule] { VolumePolicies.rules }

    /// The service's front: Cinder's API under `/volume/v3`, with the project's id in the path and, as upstream since 3.67, without.
    public var api: ServiceAPI {
        ServiceAPI(
            type: "block-storage", name: "cinder", path: "/volume", envelope: .blockStorage,
            microversions: BlockStorageVersions.policy,
            endpoints: BlockStorageVersions.endpoints + tables.flatMap { $0 }.flatMap(\.underBothPaths), rules: Self.rules,
            requestIDHeader: HTTPField.Name("x-compute-request-id"), conventions: conventions)
    }

    private var conventions: HTTPConventions {
        var conventions = HTTPConventions.standard
        conventions.readsEmptyEnds = true
        return conventions
    }

    /// The tables of operations, their paths below `/v3` and below `/v3/{project_id}`. One entry a line.
    private var tables: [[Endpoint]] {
        [
            VolumeEndpoints(storage: parts).table,
            VolumeActionEndpoints(storage: parts).table,
            MetadataEndpoints.volumes(parts).table,
            VolumeEncryptionEndpoints(storage: parts).table,
            SnapshotEndpoints(storage: parts).table,
            MetadataEndpoints.snapshots(parts).table,
            AttachmentEndpoints(storage: parts).table,
            SnapshotActionEndpoints(storage: parts).table,
            BackupEndpoints(storage: parts).table,
            TransferEndpoints(storage: parts).table,
            ManageEndpoints(storage: parts).table,
            VolumeTypeEndpoints(storage: parts).table,
            TypeExtraSpecEndpoints(storage: parts).table,
            TypeAccessEndpoints(storage: parts).table,
            TypeEncryptionEndpoints(storage: parts).table,
            DefaultTypeEndpoints(storage: parts).table,
            QoSEndpoints(storage: parts).table,
            GroupTypeEndpoints(storage: parts).table,
            GroupEndpoints(storage: parts).table,
            GroupSnapshotEndpoints(storage: parts).table,
            ConsistencyGroupEndpoints(storage: parts).table,
            MessageEndpoints(storage: parts).table,
            QuotaSetEndpoints(storage: parts).table,
            PoolEndpoints(storage: parts).table,
            StorageServiceEndpoints(storage: parts).table,
            StorageHostEndpoints(storage: parts).table,
            CloudInformationEndpoints(storage: parts).table,
        ]
    }
}

extension Endpoint {
    /// The operation under its two paths. A project in the path must be the token's own.
    fileprivate var underBothPaths: [Endpoint] {
        let handler = handler
        let whole = Endpoint(
            method, "/v3/{project_id}" + path, summary, microversions: microversions, access: access, body: body, query: query,
            success: success
        ) { request in
            guard request["project_id"] == request.token?.projectID else { throw BlockStorageError.badRequest("Malformed request url") }
            return try await handler(request)
        }
        let short = Endpoint(
            method, "/v3" + path, summary, microversions: microversions, access: access, body: body, query: query, success: success,
            handler: handler)
        return [whole, short]
    }
}
