import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import VolumeMessages

/// The pools that volumes are scheduled to, and what back ends can do.
struct PoolEndpoints: Sendable {
    /// Who makes the drivers, as far as `vendor_name` says; upstream's word for drivers without a vendor.
    static let vendor = "Open Source"
    /// The version of the drivers.
    static let driverVersion = "1.0.0"

    let storage: BlockStorage.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/scheduler-stats/get_pools", "List the pools of all back ends",
                access: .rule("scheduler_extension:scheduler_stats:get_pools"), handler: list),
            Endpoint(
                .get, "/capabilities/{host}", "Show what a back end can do", access: .rule("volume_extension:capabilities"),
                handler: capabilities),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let showsDetail = try ListQuery.boolean("detail", request.query)
        let filters = try filters(request)
        let pools = try await storage.database.read { reader -> [KnownPool] in
            var pools = try StorageServiceRecords.pools(in: reader).filter { storage.isUp($0.service) && !$0.service.isDisabled }
            if let name = filters["name"] { pools = pools.filter { $0.name.text == name } }
            if let text = filters["volume_type"] {
                let type = try VolumeTypeRecords.find(named: text, usableBy: nil, in: reader)
                pools = pools.filter { pool in type.map { CapabilityMatch.admits(pool.report, $0) } ?? false }
            }
            return pools
        }
        return .json {
            $0.object {
                $0.member("pools") { json in
                    json.array { json in
                        for pool in pools {
                            json.object {
                                $0.member("name", pool.name.text)
                                if showsDetail { $0.member("capabilities") { write(pool, to: &$0) } }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Pools can be asked for by name from 3.28 on, by volume type from 3.35 on; other filters are refused from 3.31 on.
    private func filters(_ request: APIRequest) throws -> [String: String] {
        guard request.isFrom(28) else { return [:] }
        let items = request.query.removing(["detail"]).items
        let unknown = items.map(\.name).filter { !["name", "volume_type"].contains($0) }
        guard unknown.isEmpty || !request.isFrom(31) else {
            throw BlockStorageError.badRequest("Invalid filters \(unknown.joined(separator: ",")) are found in query options.")
        }
        var filters = Dictionary(items.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        if !request.isFrom(35) { filters["volume_type"] = nil }
        return filters
    }

    private func write(_ pool: KnownPool, to json: inout JSONWriter) {
        let report = pool.report
        json.object {
            $0.member("pool_name", report.pool.isEmpty ? report.backend : report.pool)
            $0.member("volume_backend_name", report.backendName)
            $0.member("vendor_name", Self.vendor)
            $0.member("driver_version", Self.driverVersion)
            $0.member("storage_protocol", report.storageProtocol)
            Self.write("total_capacity_gb", report.totalGiB, to: &$0)
            Self.write("free_capacity_gb", report.freeGiB, to: &$0)
            $0.member("provisioned_capacity_gb", report.provisionedGiB)
            $0.member("allocated_capacity_gb", report.provisionedGiB)
            $0.member("reserved_percentage", report.reservedPercent)
            $0.member("max_over_subscription_ratio", String(report.oversubscription))
            $0.member("thin_provisioning_support", report.isThin)
            $0.member("thick_provisioning_support", !report.isThin)
            $0.member("multiattach", report.supportsMultiattach)
            $0.member("online_extend_support", report.supportsOnlineExtend)
            $0.member("QoS_support", report.capabilities["QoS_support"] == "True")
            $0.member("replication_enabled", false)
            $0.member("backend_state", pool.service.failure == nil ? "up" : "down")
            $0.member("timestamp", pool.service.seenAt.iso8601Naive)
            for member in report.capabilities.sorted(by: { $0.key < $1.key }) where member.key != "QoS_support" {
                $0.member(member.key, member.value)
            }
        }
    }

    /// A capacity, or "infinite".
    private static func write(_ name: String, _ capacity: Double?, to json: inout JSONWriter) {
        if let capacity { json.member(name, capacity) } else { json.member(name, "infinite") }
    }

    // MARK: Capabilities

    /// - Throws: 404 for a name that is no back end's; a pool's is taken as its back end's, as upstream does.
    @Sendable private func capabilities(_ request: APIRequest) async throws -> APIResponse {
        let host = request["host"]
        let service = VolumeHostName(host)?.service ?? host
        let pools = try await storage.database.read { try StorageServiceRecords.pools(in: $0) }
        guard let pool = pools.first(where: { $0.name.service == service || $0.name.host == host }) else {
            throw BlockStorageError.notFound("Can't find service: \(host)")
        }
        return .json { write(pool, namespace: service, to: &$0) }
    }

    private func write(_ pool: KnownPool, namespace: String, to json: inout JSONWriter) {
        let report = pool.report
        json.object {
            $0.member("namespace", "OS::Storage::Capabilities::\(namespace)")
            $0.member("vendor_name", Self.vendor)
            $0.member("volume_backend_name", report.backendName)
            $0.member("pool_name", report.pool.isEmpty ? nil : report.pool)
            $0.member("driver_version", Self.driverVersion)
            $0.member("storage_protocol", report.storageProtocol)
            $0.member("display_name", String?.none)
            $0.member("description", String?.none)
            $0.member("visibility", String?.none)
            $0.member("replication_targets") { $0.array { _ in } }
            $0.member("properties") { json in
                json.object { json in
                    for property in Self.properties {
                        json.member(property.name) {
                            $0.object {
                                $0.member("title", property.title)
                                $0.member("description", property.text)
                                $0.member("type", "boolean")
                            }
                        }
                    }
                }
            }
        }
    }

    /// What volume types can ask of every driver.
    private static let properties = [
        (name: "thin_provisioning", title: "Thin Provisioning", text: "Whether volumes take only what is written to them."),
        (name: "compression", title: "Compression", text: "Whether the back end compresses what is written."),
        (name: "qos", title: "QoS", text: "Whether the back end keeps promises of throughput."),
        (name: "replication_enabled", title: "Replication", text: "Whether the back end replicates volumes."),
    ]
}
