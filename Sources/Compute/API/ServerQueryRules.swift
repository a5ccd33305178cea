import CloudAPI
import CloudCore

/// Which parameters a list of servers knows, and for whom (nova's schemas.servers.index_query and its successors).
enum ServerQueryRules {
    private static let exact = [
        "user_id", "project_id", "tenant_id", "launch_index", "image_ref", "image", "vm_state", "task_state", "host", "uuid",
        "sort_dir", "all_tenants", "soft_deleted", "deleted", "status", "block_device_mapping", "services", "metadata",
        "system_metadata", "info_cache", "security_groups", "pci_devices",
    ]
    private static let expressions = [
        "kernel_id", "ramdisk_id", "hostname", "key_name", "power_state", "node", "flavor", "reservation_id", "launched_at",
        "terminated_at", "availability_zone", "name", "display_name", "description", "display_description", "locked_by",
        "root_device_name", "config_drive", "access_ip_v4", "access_ip_v6", "auto_disk_config", "progress", "ip", "ip6",
        "created_at",
    ]
    private static let tags = ["tags", "tags-any", "not-tags", "not-tags-any"]

    private static let sorted = [
        "access_ip_v4", "access_ip_v6", "auto_disk_config", "availability_zone", "config_drive", "created_at",
        "display_description", "display_name", "host", "hostname", "image_ref", "instance_type_id", "kernel_id", "key_name",
        "launch_index", "launched_at", "locked_by", "node", "power_state", "progress", "project_id", "ramdisk_id",
        "root_device_name", "task_state", "terminated_at", "updated_at", "user_id", "uuid", "vm_state",
    ]
    private static let unheeded = [
        "architecture", "cell_name", "cleaned", "default_ephemeral_device", "default_swap_device", "deleted", "deleted_at",
        "disable_terminate", "ephemeral_gb", "ephemeral_key_uuid", "id", "key_data", "launched_on", "locked", "memory_mb",
        "os_type", "reservation_id", "root_gb", "shutdown_terminate", "user_data", "vcpus", "vm_mode",
    ]

    /// The keys that are read and make no order.
    static func unheededSortKeys(at version: Microversion) -> Set<String> {
        var keys = Set(unheeded)
        if version >= Microversion(2, 73) { keys.remove("locked") }
        return keys
    }

    private static func members(at version: Microversion) -> [(name: String, schema: Schema)] {
        func isFrom(_ minor: Int) -> Bool { version >= Microversion(2, minor) }
        var keys = sorted
        if isFrom(73) { keys.append("locked") }
        if !isFrom(75) { keys += unheeded }
        let moment: Schema = .string(format: .dateTime)
        var members = (exact + expressions).map { (name: $0, schema: Schema.string()) } + QueryRules.paging
        members += [("sort_key", .oneOf(keys.map { .string($0) })), ("changes-since", moment)]
        if isFrom(26) { members += tags.map { ($0, .string()) } }
        if isFrom(66) { members.append(("changes-before", moment)) }
        if isFrom(73) { members.append(("locked", .string())) }
        return members
    }

    /// - Throws: 400.
    static func check(_ request: APIRequest) throws {
        // Administrators are told of internal attributes in words of their own.
        let query = QueryItems(request.query.items.filter { !$0.name.hasPrefix("_") })
        do {
            try Schema.object(members(at: request.microversion), additional: request.microversion >= Microversion(2, 75) ? nil : .any)
                .validate(query: query)
        } catch {
            throw Refusal.invalidQuery(error)
        }
    }

    /// The filters that everybody may use; others of users are left unheeded.
    static func userOptions(at version: Microversion) -> Set<String> {
        func isFrom(_ minor: Int) -> Bool { version >= Microversion(2, minor) }
        var options: Set = ["reservation_id", "name", "status", "image", "flavor", "ip", "changes-since", "all_tenants"]
        if isFrom(5) { options.insert("ip6") }
        if isFrom(26) { options.formUnion(tags) }
        if isFrom(66) { options.insert("changes-before") }
        if isFrom(73) { options.insert("locked") }
        if isFrom(83) {
            options.formUnion([
                "availability_zone", "config_drive", "key_name", "created_at", "launched_at", "terminated_at", "power_state",
                "task_state", "vm_state", "progress", "user_id",
            ])
        }
        if isFrom(90) { options.insert("hostname") }
        return options
    }
}
