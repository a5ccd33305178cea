import CloudAPI

/// The limits of a project or user; -1 means none (nova's quota resources).
public struct ComputeQuota: Sendable, Hashable, Codable {
    /// Servers.
    public var instances = 10
    /// Virtual processors of all servers.
    public var cores = 20
    /// Memory of all servers in MiB.
    public var ram = 51200
    /// Metadata items of a server.
    public var metadataItems = 128
    /// Files put into a server when it is made.
    public var injectedFiles = 5
    /// Bytes of such a file.
    public var injectedFileContentBytes = 10240
    /// Bytes of such a file's path.
    public var injectedFilePathBytes = 255
    /// Key pairs of a user.
    public var keyPairs = 100
    /// Server groups.
    public var serverGroups = 10
    /// Members of a server group.
    public var serverGroupMembers = 10
    /// Fixed IPs: kept and shown as upstream does; networking has quotas of its own.
    public var fixedIPs = -1
    /// Floating IPs, likewise.
    public var floatingIPs = -1
    /// Security groups, likewise.
    public var securityGroups = -1
    /// Rules of a security group, likewise.
    public var securityGroupRules = -1

    /// Upstream's defaults.
    public init() {}

    subscript(resource: QuotaResource) -> Int {
        get { self[keyPath: resource.path] }
        set { self[keyPath: resource.path] = newValue }
    }
}

/// What has a quota, under upstream's names.
enum QuotaResource: String, Sendable, CaseIterable {
    case cores
    case injectedFiles = "injected_files"
    case injectedFileContentBytes = "injected_file_content_bytes"
    case injectedFilePathBytes = "injected_file_path_bytes"
    case instances
    case keyPairs = "key_pairs"
    case metadataItems = "metadata_items"
    case ram
    case serverGroups = "server_groups"
    case serverGroupMembers = "server_group_members"
    case fixedIPs = "fixed_ips"
    case floatingIPs = "floating_ips"
    case securityGroups = "security_groups"
    case securityGroupRules = "security_group_rules"

    var path: any WritableKeyPath<ComputeQuota, Int> & Sendable {
        switch self {
        case .cores: \.cores
        case .injectedFiles: \.injectedFiles
        case .injectedFileContentBytes: \.injectedFileContentBytes
        case .injectedFilePathBytes: \.injectedFilePathBytes
        case .instances: \.instances
        case .keyPairs: \.keyPairs
        case .metadataItems: \.metadataItems
        case .ram: \.ram
        case .serverGroups: \.serverGroups
        case .serverGroupMembers: \.serverGroupMembers
        case .fixedIPs: \.fixedIPs
        case .floatingIPs: \.floatingIPs
        case .securityGroups: \.securityGroups
        case .securityGroupRules: \.securityGroupRules
        }
    }

    /// Whether it is networking's.
    var isOfNetworking: Bool {
        switch self {
        case .fixedIPs, .floatingIPs, .securityGroups, .securityGroupRules: true
        default: false
        }
    }

    /// Whether it is about files put into servers, which ended with 2.56.
    var isOfInjection: Bool {
        switch self {
        case .injectedFiles, .injectedFileContentBytes, .injectedFilePathBytes: true
        default: false
        }
    }

    /// Its name among unified limits; nil for what those don't know, which is unlimited then.
    var unifiedName: String? {
        switch self {
        case .instances: "servers"
        case .cores: "class:VCPU"
        case .ram: "class:MEMORY_MB"
        case .metadataItems: "server_metadata_items"
        case .injectedFiles: "server_injected_files"
        case .injectedFileContentBytes: "server_injected_file_content_bytes"
        case .injectedFilePathBytes: "server_injected_file_path_bytes"
        case .keyPairs: "server_key_pairs"
        case .serverGroups: "server_groups"
        case .serverGroupMembers: "server_group_members"
        case .fixedIPs, .floatingIPs, .securityGroups, .securityGroupRules: nil
        }
    }

    /// The resources of quota sets in a microversion: networking's ended with 2.35, injection's with 2.56.
    static func ofSets(at version: Microversion) -> [QuotaResource] {
        allCases.filter {
            !($0.isOfNetworking && version >= Microversion(2, 36)) && !($0.isOfInjection && version >= Microversion(2, 57))
        }
    }

    /// The resources of quota classes in a microversion: until 2.49 without server groups, from 2.50 on without
    /// networking's, from 2.57 on without injection's.
    static func ofClasses(at version: Microversion) -> [QuotaResource] {
        allCases.filter { resource in
            switch resource {
            case .serverGroups, .serverGroupMembers: version >= Microversion(2, 50)
            case _ where resource.isOfNetworking: version < Microversion(2, 50)
            case _ where resource.isOfInjection: version < Microversion(2, 57)
            default: true
            }
        }
    }
}

/// How much of the counted resources somebody has.
struct QuotaUsage: Sendable, Hashable {
    var instances = 0
    var cores = 0
    var ram = 0
    var serverGroups = 0

    /// As shown in quota sets: what is counted per user or per server shows nothing in use.
    subscript(resource: QuotaResource) -> Int {
        switch resource {
        case .instances: instances
        case .cores: cores
        case .ram: ram
        case .serverGroups: serverGroups
        default: 0
        }
    }
}
