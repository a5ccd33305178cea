import CloudAPI
import CloudCore
import CloudPolicy

/// The list of extensions. Since 2.1 the API is whole, and upstream answers the same list whatever a cloud has: what once
/// were extensions are operations, or were removed and answer 410.
struct ExtensionEndpoints: Sendable {
    var table: [Endpoint] {
        [
            Endpoint(.get, "/v2.1/extensions", "List extensions", access: .rule("os_compute_api:extensions"), handler: list),
            Endpoint(
                .get, "/v2.1/extensions/{alias}", "Show an extension", access: .rule("os_compute_api:extensions"), handler: show),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        return .json {
            $0.object { $0.member("extensions") { json in json.array { json in for one in Self.all { json.write(one) } } } }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        try QueryRules.none.check(request)
        guard let found = Self.all.first(where: { $0.alias == request["alias"] }) else {
            throw ComputeError.notFound("There is no extension \(request["alias"]).")
        }
        return .json("extension", found)
    }

    private struct Extension: JSONWritable {
        let alias: String
        let name: String

        func write(to json: inout JSONWriter) {
            json.object {
                $0.member("alias", alias)
                $0.member("name", name)
                $0.member("description", "\(name), which is a part of API 2.1.")
                $0.member("namespace", "http://docs.openstack.org/compute/ext/fake_xml")
                $0.member("updated", "2014-12-03T00:00:00Z")
                $0.member("links") { $0.array { _ in } }
            }
        }
    }

    private static let all: [Extension] = aliases.split(separator: "\n").compactMap { line in
        let words = line.split(separator: " ")
        return words.count == 2 ? Extension(alias: String(words[0]), name: String(words[1])) : nil
    }

    /// Each alias with its name.
    private static let aliases = """
        NMN Multinic
        OS-DCF DiskConfig
        OS-EXT-AZ ExtendedAvailabilityZone
        OS-EXT-IMG-SIZE ImageSize
        OS-EXT-IPS ExtendedIps
        OS-EXT-IPS-MAC ExtendedIpsMac
        OS-EXT-SRV-ATTR ExtendedServerAttributes
        OS-EXT-STS ExtendedStatus
        OS-FLV-DISABLED FlavorDisabled
        OS-FLV-EXT-DATA FlavorExtraData
        OS-SCH-HNT SchedulerHints
        OS-SRV-USG ServerUsage
        os-access-ips AccessIPs
        os-admin-actions AdminActions
        os-admin-password AdminPassword
        os-agents Agents
        os-aggregates Aggregates
        os-assisted-volume-snapshots AssistedVolumeSnapshots
        os-attach-interfaces AttachInterfaces
        os-availability-zone AvailabilityZone
        os-baremetal-ext-status BareMetalExtStatus
        os-baremetal-nodes BareMetalNodes
        os-block-device-mapping BlockDeviceMapping
        os-block-device-mapping-v2-boot BlockDeviceMappingV2Boot
        os-cell-capacities CellCapacities
        os-cells Cells
        os-certificates Certificates
        os-cloudpipe Cloudpipe
        os-cloudpipe-update CloudpipeUpdate
        os-config-drive ConfigDrive
        os-console-auth-tokens ConsoleAuthTokens
        os-console-output ConsoleOutput
        os-consoles Consoles
        os-create-backup CreateBackup
        os-create-server-ext Createserverext
        os-deferred-delete DeferredDelete
        os-evacuate Evacuate
        os-extended-evacuate-find-host ExtendedEvacuateFindHost
        os-extended-floating-ips ExtendedFloatingIps
        os-extended-hypervisors ExtendedHypervisors
        os-extended-networks ExtendedNetworks
        os-extended-quotas ExtendedQuotas
        os-extended-rescue-with-image ExtendedRescueWithImage
        os-extended-services ExtendedServices
        os-extended-services-delete ExtendedServicesDelete
        os-extended-status ExtendedStatus
        os-extended-volumes ExtendedVolumes
        os-fixed-ips FixedIPs
        os-flavor-access FlavorAccess
        os-flavor-extra-specs FlavorExtraSpecs
        os-flavor-manage FlavorManage
        os-flavor-rxtx FlavorRxtx
        os-flavor-swap FlavorSwap
        os-floating-ip-dns FloatingIpDns
        os-floating-ip-pools FloatingIpPools
        os-floating-ips FloatingIps
        os-floating-ips-bulk FloatingIpsBulk
        os-fping Fping
        os-hide-server-addresses HideServerAddresses
        os-hosts Hosts
        os-hypervisor-status HypervisorStatus
        os-hypervisors Hypervisors
        os-instance-actions InstanceActions
        os-instance_usage_audit_log OSInstanceUsageAuditLog
        os-keypairs Keypairs
        os-lock-server LockServer
        os-migrate-server MigrateServer
        os-migrations Migrations
        os-multiple-create MultipleCreate
        os-networks Networks
        os-networks-associate NetworkAssociationSupport
        os-pause-server PauseServer
        os-personality Personality
        os-preserve-ephemeral-rebuild PreserveEphemeralOnRebuild
        os-quota-class-sets QuotaClasses
        os-quota-sets Quotas
        os-rescue Rescue
        os-security-group-default-rules SecurityGroupDefaultRules
        os-security-groups SecurityGroups
        os-server-diagnostics ServerDiagnostics
        os-server-external-events ServerExternalEvents
        os-server-group-quotas ServerGroupQuotas
        os-server-groups ServerGroups
        os-server-list-multi-status ServerListMultiStatus
        os-server-password ServerPassword
        os-server-sort-keys ServerSortKeys
        os-server-start-stop ServerStartStop
        os-services Services
        os-shelve Shelve
        os-simple-tenant-usage SimpleTenantUsage
        os-suspend-server SuspendServer
        os-tenant-networks OSTenantNetworks
        os-used-limits UsedLimits
        os-used-limits-for-admin UsedLimitsForAdmin
        os-user-data UserData
        os-user-quotas UserQuotas
        os-virtual-interfaces VirtualInterfaces
        os-volume-attachment-update VolumeAttachmentUpdate
        os-volumes Volumes
        """
}
