import CloudSettings
import Compute

/// The settings of what projects may have of compute, when nothing else is set for them.
enum QuotaSettingKeys {
    private static let amount = -1...1_000_000
    static let metadataItems = SettingKey(
        "quota.metadata_items", default: 128, in: amount, "Metadata items of a server; -1 for any number.")
    static let injectedFiles = SettingKey(
        "quota.injected_files", default: 5, in: amount, "Files put into a server when it is made; -1 for any number.")
    static let injectedFileContentBytes = SettingKey(
        "quota.injected_file_content_bytes", default: 10240, in: amount, "Bytes of such a file; -1 for any number.")
    static let injectedFilePathLength = SettingKey(
        "quota.injected_file_path_length", default: 255, in: amount, "Bytes of such a file's path; -1 for any number.")
    static let keyPairs = SettingKey("quota.key_pairs", default: 100, in: amount, "Key pairs of a user; -1 for any number.")
    static let serverGroups = SettingKey(
        "quota.server_groups", default: 10, in: amount, "Server groups of a project; -1 for any number.")
    static let serverGroupMembers = SettingKey(
        "quota.server_group_members", default: 10, in: amount, "Servers of a user in a server group; -1 for any number.")
    static let useUnifiedLimits = SettingKey(
        "quota.use_unified_limits", default: false,
        "Whether projects' unified limits hold for servers instead of quota sets. No server can then be made without a registered "
            + "limit on servers.")

    static let all: [any SettingDeclaration] = [
        metadataItems,
        injectedFiles,
        injectedFileContentBytes,
        injectedFilePathLength,
        keyPairs,
        serverGroups,
        serverGroupMembers,
        useUnifiedLimits,
    ]

    static func apply(_ settings: Settings, to options: inout ComputeOptions) {
        options.quota.metadataItems = settings[metadataItems]
        options.quota.injectedFiles = settings[injectedFiles]
        options.quota.injectedFileContentBytes = settings[injectedFileContentBytes]
        options.quota.injectedFilePathBytes = settings[injectedFilePathLength]
        options.quota.keyPairs = settings[keyPairs]
        options.quota.serverGroups = settings[serverGroups]
        options.quota.serverGroupMembers = settings[serverGroupMembers]
        options.usesUnifiedLimits = settings[useUnifiedLimits]
    }
}
