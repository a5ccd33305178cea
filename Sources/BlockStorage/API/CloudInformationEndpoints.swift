import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// What clients ask to find out what there is: zones, extensions, filters, clusters.
struct CloudInformationEndpoints: Sendable {
    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        let open: Access = .authenticated(because: "upstream registers no rule")
        return [
            Endpoint(.get, "/os-availability-zone", "List availability zones", access: open, handler: zones),
            Endpoint(.get, "/extensions", "List extensions", access: open, handler: extensions),
            Endpoint(.get, "/extensions/{alias}", "Show an extension", access: open, handler: showExtension),
            Endpoint(
                .get, "/resource_filters", "List the filters of lists", microversions: .from(3, 33), access: open, handler: filters),
            Endpoint(
                .get, "/clusters", "List clusters", microversions: .from(3, 7), access: .rule("clusters:get_all"), handler: clusters),
            Endpoint(
                .get, "/clusters/detail", "List clusters in detail", microversions: .from(3, 7), access: .rule("clusters:get_all"),
                handler: clusters),
            Endpoint(
                .get, "/clusters/{name}", "Show a cluster", microversions: .from(3, 7), access: .rule("clusters:get"),
                handler: noCluster),
            Endpoint(
                .put, "/clusters/enable", "Enable a cluster", microversions: .from(3, 7), access: .rule("clusters:update"),
                body: .json(ServiceSchemas.cluster), handler: noCluster),
            Endpoint(
                .put, "/clusters/disable", "Disable a cluster", microversions: .from(3, 7), access: .rule("clusters:update"),
                body: .json(ServiceSchemas.cluster), handler: noCluster),
            Endpoint(
                .post, "/workers/cleanup", "Clean up what stopped services left", microversions: .from(3, 24),
                access: .rule("workers:cleanup"), body: .json(ServiceSchemas.cleanup), success: .accepted, handler: cleanup),
        ]
    }

    // MARK: Zones

    /// The zones of back ends; a zone is available while one of its services is enabled.
    @Sendable private func zones(_ request: APIRequest) async throws -> APIResponse {
        let services = try await storage.database.read { try StorageServiceRecords.all(in: $0) }.filter { $0.binary == .volume }
        var zones: [String: Bool] = [:]
        for service in services { zones[service.availabilityZone] = (zones[service.availabilityZone] ?? false) || !service.isDisabled }
        return .json {
            $0.object {
                $0.member("availabilityZoneInfo") { json in
                    json.array { json in
                        for (name, isAvailable) in zones.sorted(by: { $0.key < $1.key }) {
                            json.object {
                                $0.member("zoneName", name)
                                $0.member("zoneState") { $0.object { $0.member("available", isAvailable) } }
                            }
                        }
                    }
                }
            }
        }
    }

    // MARK: Extensions

    private func write(_ known: CinderExtension, to json: inout JSONWriter) {
        json.object {
            $0.member("name", known.name)
            $0.member("alias", known.alias)
            $0.member("description", known.description)
            $0.member("updated", known.updated)
            $0.member("links") { $0.array { _ in } }
        }
    }

    @Sendable private func extensions(_ request: APIRequest) async throws -> APIResponse {
        .json {
            $0.object {
                $0.member("extensions") { json in json.array { json in for known in CinderExtension.all { write(known, to: &json) } } }
            }
        }
    }

    @Sendable private func showExtension(_ request: APIRequest) async throws -> APIResponse {
        guard let known = CinderExtension.all.first(where: { $0.alias == request["alias"] }) else {
            throw BlockStorageError.notFound("The resource could not be found.")
        }
        return .json { $0.object { $0.member("extension") { write(known, to: &$0) } } }
    }

    // MARK: Filters

    @Sendable private func filters(_ request: APIRequest) async throws -> APIResponse {
        let resource = request.query["resource"] ?? ""
        let chosen = ResourceFilters.all.filter { resource.isEmpty || $0.resource == resource }
        return .json {
            $0.object {
                $0.member("resource_filters") { json in
                    json.array { json in
                        for entry in chosen {
                            json.object {
                                $0.member("resource", entry.resource)
                                $0.member("filters", array: entry.names)
                            }
                        }
                    }
                }
            }
        }
    }

    // MARK: Clusters

    private static let clusterFilters: Set = ["name", "binary", "is_up", "disabled", "num_hosts", "num_down_hosts"]
    private static let replicationFilters: Set = ["replication_status", "frozen", "active_backend_id"]

    /// Storage hosts don't share back ends here, so no cluster is ever made.
    @Sendable private func clusters(_ request: APIRequest) async throws -> APIResponse {
        let known = request.isFrom(26) ? Self.clusterFilters.union(Self.replicationFilters) : Self.clusterFilters
        let unknown = Set(request.query.items.map(\.name)).subtracting(known)
        guard unknown.isEmpty else {
            throw BlockStorageError.invalidInput("Invalid filter keys: \(unknown.sorted().joined(separator: ", "))")
        }
        for name in ["disabled", "is_up"] { _ = try ListQuery.boolean(name, request.query) }
        return .json { $0.object { $0.member("clusters") { $0.array { _ in } } } }
    }

    @Sendable private func noCluster(_ request: APIRequest) async throws -> APIResponse {
        let name = request.body["name"]?.string ?? request["name"]
        throw BlockStorageError.notFound("Cluster \(name) could not be found.")
    }

    // MARK: Workers

    /// What a stopped program leaves is taken up again by its workflows, so nothing waits for a request. As upstream, the services
    /// that match are named: those that are up clean up after themselves, the others can't be reached.
    @Sendable private func cleanup(_ request: APIRequest) async throws -> APIResponse {
        let body = request.body
        if let type = body["resource_type"]?.string, !type.isEmpty, !["volume", "snapshot"].contains(type.lowercased()) {
            throw BlockStorageError.invalidInput("Resource type \(type) not valid, must be Snapshot or Volume")
        }
        if let id = body["resource_id"]?.string, !id.isEmpty, body["service_id"] == nil, body["cluster_name"] == nil, body["host"] == nil {
            throw BlockStorageError.invalidInput("There is no resource with UUID \(id) pending cleanup.")
        }
        let services = try await storage.database.read { try StorageServiceRecords.all(in: $0) }
        let wanted = services.filter { matches($0, body) && !storage.isUp($0) }
        return .json {
            $0.object {
                $0.member("cleaning") { $0.array { _ in } }
                $0.member("unavailable") { json in
                    json.array { json in
                        for service in wanted {
                            json.object {
                                $0.member("id", service.id)
                                $0.member("host", service.host)
                                $0.member("binary", service.binary.rawValue)
                                $0.member("cluster_name", String?.none)
                            }
                        }
                    }
                }
            }
        }
    }

    private func matches(_ service: StorageService, _ body: JSON) -> Bool {
        if let host = body["host"]?.string, service.host != host { return false }
        if let binary = body["binary"]?.string, service.binary.rawValue != binary { return false }
        if let isDisabled = body["disabled"]?.lenientBool, service.isDisabled != isDisabled { return false }
        return body["cluster_name"]?.string == nil && body["is_up"]?.lenientBool != true
    }
}

/// The extensions that upstream lists.
struct CinderExtension: Sendable {
    let name: String
    let alias: String
    let description: String
    let updated: String

    private init(_ name: String, _ alias: String, _ updated: String, _ description: String) {
        (self.name, self.alias, self.updated, self.description) = (name, alias, updated, description)
    }

    static let all = [
        CinderExtension("AdminActions", "os-admin-actions", "2012-08-25T00:00:00+00:00", "Administrators' actions."),
        CinderExtension("AvailabilityZones", "os-availability-zone", "2013-06-27T00:00:00+00:00", "Availability zones."),
        CinderExtension("Backups", "backups", "2012-12-12T00:00:00+00:00", "Backups of volumes."),
        CinderExtension("Capabilities", "capabilities", "2015-08-31T00:00:00+00:00", "What back ends can do."),
        CinderExtension("Cgsnapshots", "cgsnapshots", "2014-08-18T00:00:00+00:00", "Snapshots of consistency groups."),
        CinderExtension("Consistencygroups", "consistencygroups", "2014-08-18T00:00:00+00:00", "Consistency groups."),
        CinderExtension("ExtendedServices", "os-extended-services", "2014-01-10T00:00:00-00:00", "Why services are disabled."),
        CinderExtension(
            "ExtendedSnapshotAttributes", "os-extended-snapshot-attributes", "2012-06-19T00:00:00+00:00",
            "The project and the progress of snapshots."),
        CinderExtension("Hosts", "os-hosts", "2011-06-29T00:00:00+00:00", "Hosts, for administrators."),
        CinderExtension("Qos_specs_manage", "qos-specs", "2013-08-02T00:00:00+00:00", "QoS specs."),
        CinderExtension("QuotaClasses", "os-quota-class-sets", "2012-03-12T00:00:00+00:00", "Classes of quotas."),
        CinderExtension("Quotas", "os-quota-sets", "2011-08-08T00:00:00+00:00", "Quotas of projects."),
        CinderExtension("SchedulerHints", "OS-SCH-HNT", "2013-04-18T00:00:00+00:00", "Hints for the scheduler."),
        CinderExtension("Scheduler_stats", "scheduler-stats", "2014-09-07T00:00:00+00:00", "The pools that the scheduler knows."),
        CinderExtension("Services", "os-services", "2012-10-28T00:00:00-00:00", "Block storage's services."),
        CinderExtension("SnapshotActions", "os-snapshot-actions", "2013-07-16T00:00:00+00:00", "Actions on snapshots."),
        CinderExtension("SnapshotManage", "os-snapshot-manage", "2014-12-31T00:00:00+00:00", "Taking snapshots over."),
        CinderExtension("SnapshotUnmanage", "os-snapshot-unmanage", "2014-12-31T00:00:00+00:00", "Letting snapshots go."),
        CinderExtension("TypesExtraSpecs", "os-types-extra-specs", "2011-08-24T00:00:00+00:00", "Extra specs of volume types."),
        CinderExtension("TypesManage", "os-types-manage", "2011-08-24T00:00:00+00:00", "Creating volume types."),
        CinderExtension("UsedLimits", "os-used-limits", "2013-10-03T00:00:00+00:00", "What is used, beside limits."),
        CinderExtension("VolumeActions", "os-volume-actions", "2012-05-31T00:00:00+00:00", "Actions on volumes."),
        CinderExtension(
            "VolumeEncryptionMetadata", "os-volume-encryption-metadata", "2013-07-10T00:00:00+00:00", "How volumes are encrypted."),
        CinderExtension("VolumeHostAttribute", "os-vol-host-attr", "2011-11-03T00:00:00+00:00", "The hosts of volumes."),
        CinderExtension("VolumeImageMetadata", "os-vol-image-meta", "2012-12-07T00:00:00+00:00", "Metadata of volumes' images."),
        CinderExtension("VolumeManage", "os-volume-manage", "2014-02-10T00:00:00+00:00", "Taking volumes over."),
        CinderExtension(
            "VolumeMigStatusAttribute", "os-vol-mig-status-attr", "2013-08-08T00:00:00+00:00", "The migrations of volumes."),
        CinderExtension("VolumeTenantAttribute", "os-vol-tenant-attr", "2011-11-03T00:00:00+00:00", "The projects of volumes."),
        CinderExtension("VolumeTransfer", "os-volume-transfer", "2013-05-29T00:00:00+00:00", "Handing volumes over."),
        CinderExtension("VolumeTypeAccess", "os-volume-type-access", "2014-06-26T00:00:00Z", "Who may use volume types."),
        CinderExtension("VolumeTypeEncryption", "encryption", "2013-07-01T00:00:00+00:00", "How volume types are encrypted."),
        CinderExtension("VolumeUnmanage", "os-volume-unmanage", "2012-05-31T00:00:00+00:00", "Letting volumes go."),
    ]
}
