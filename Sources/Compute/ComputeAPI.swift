import CloudAPI
import CloudPolicy

extension Compute {
    /// The service's default policy.
    public static var rules: [PolicyRule] { ComputePolicies.rules }

    /// The service's front: Nova's API under `/compute/v2.1`, and its old form under `/compute/v2`.
    public var api: ServiceAPI {
        let endpoints = currentEndpoints.map(\.refusingEmptyParameters)
        let all = endpoints + LegacyAPI.volumeBoot(endpoints)
        return ServiceAPI(
            type: "compute", name: "nova", path: "/compute", envelope: .compute, microversions: ComputeVersions.policy,
            endpoints: ComputeVersions.endpoints + all + LegacyAPI.endpoints(all),
            rules: Self.rules, requestIDHeader: HTTPField.Name("x-compute-request-id"), conventions: conventions)
    }

    /// As upstream's routes have it, `/servers/` is a server without id, which there is none of, and not the list.
    private var conventions: HTTPConventions {
        var conventions = HTTPConventions.standard
        conventions.readsEmptyEnds = true
        return conventions
    }

    private var currentEndpoints: [Endpoint] {
        let tables: [[Endpoint]] = [
            FlavorEndpoints(compute: parts).table,
            FlavorAccessEndpoints(compute: parts).table,
            FlavorExtraSpecEndpoints(compute: parts).table,
            KeyPairEndpoints(compute: parts).table,
            ServerEndpoints(compute: parts).table,
            ServerActionEndpoints(compute: parts).table,
            ServerSecurityGroupEndpoints(compute: parts).table,
            ServerMetadataEndpoints(compute: parts).table,
            ServerAddressEndpoints(compute: parts).table,
            ServerTagEndpoints(compute: parts).table,
            ServerAccessEndpoints(compute: parts).table,
            ConsoleEndpoints(compute: parts).table,
            InstanceActionEndpoints(compute: parts).table,
            MigrationEndpoints(compute: parts).table,
            ServerMigrationEndpoints(compute: parts).table,
            InterfaceEndpoints(compute: parts).table,
            VolumeAttachmentEndpoints(compute: parts).table,
            DiagnosticsEndpoints(compute: parts).table,
            ServerShareEndpoints(compute: parts).table,
            AggregateEndpoints(compute: parts).table,
            AvailabilityZoneEndpoints(compute: parts).table,
            HypervisorEndpoints(compute: parts).table,
            ServiceEndpoints(compute: parts).table,
            LegacyHostEndpoints(compute: parts).table,
            ServerGroupEndpoints(compute: parts).table,
            ExternalEventEndpoints(compute: parts).table,
            AssistedSnapshotEndpoints(compute: parts).table,
            ServerTopologyEndpoints(compute: parts).table,
            QuotaEndpoints(compute: parts).table,
            QuotaClassEndpoints(compute: parts).table,
            LimitEndpoints(compute: parts).table,
            UsageEndpoints(compute: parts).table,
            UsageAuditEndpoints(compute: parts).table,
            ExtensionEndpoints().table,
            NetworkProxyEndpoints(compute: parts).table,
            FloatingIPProxyEndpoints(compute: parts).table,
            SecurityGroupProxyEndpoints(compute: parts).table,
            SecurityGroupRuleProxyEndpoints(compute: parts).table,
            ImageProxyEndpoints(compute: parts).table,
            ImageMetadataProxyEndpoints(compute: parts).table,
            VolumeProxyEndpoints(compute: parts).table,
            AbsentServiceEndpoints.table,
            RemovedEndpoints.table,
        ]
        return tables.flatMap { $0 }
    }
}
