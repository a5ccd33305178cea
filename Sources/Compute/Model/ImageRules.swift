import CloudCore

/// Whether a flavor can run an image (nova.compute.api's _validate_flavor_image and nova.virt.hardware).
struct ImageRules: Sendable {
    let image: ServerImage
    let flavor: Flavor
    /// The root disk's device; nil for a disk made from the image.
    var root: BlockDevice?

    /// - Parameter mayLackDisk: whether the caller may use a flavor whose disk is as large as the image.
    /// - Throws: 400; 403 for a flavor without a disk where that is not allowed.
    func check(mayLackDisk: Bool) throws {
        if image.properties["cinder_encryption_key_id"] != nil {
            throw ComputeError.badRequest(
                "Image \(image.id) is unacceptable: Direct booting of an image uploaded from an encrypted volume is unsupported.")
        }
        guard image.status == "active" else { throw ComputeError.badRequest("Image \(image.id) is not active.") }
        if let drive = image.properties["img_config_drive"], drive != "optional", drive != "mandatory" {
            throw ComputeError.badRequest("Image's config drive option '\(drive)' is invalid.")
        }
        guard flavor.memoryMiB >= image.minMemoryMiB else {
            throw ComputeError.badRequest("Flavor's memory is too small for requested image.")
        }
        if root?.destination != .volume { try checkDisk(mayLackDisk: mayLackDisk) }
        try checkProperties()
    }

    private func checkDisk(mayLackDisk: Bool) throws {
        guard flavor.diskGiB > 0 else {
            guard mayLackDisk else {
                throw ComputeError.forbidden("Only volume-backed servers are allowed for flavors with zero disk.")
            }
            return
        }
        let size = flavor.diskGiB << 30
        guard image.sizeBytes <= size else {
            throw ComputeError.badRequest(
                "Flavor's disk is too small for requested image. Flavor disk is \(size) bytes, image is \(image.sizeBytes) bytes.")
        }
        guard image.minDiskGiB << 30 <= size else {
            throw ComputeError.badRequest(
                "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is \(size) bytes, "
                    + "minimum size is \(image.minDiskGiB << 30) bytes.")
        }
    }

    // MARK: hw_ properties

    private static let choices: [(property: String, values: Set<String>)] = [
        ("hw_cpu_policy", ["dedicated", "shared", "mixed"]), ("hw_cpu_thread_policy", ["prefer", "isolate", "require"]),
        ("hw_disk_bus", ["fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml"]),
        ("hw_cdrom_bus", ["fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml"]),
        ("hw_rescue_bus", ["fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml"]),
        ("hw_firmware_type", ["bios", "uefi"]), ("os_secure_boot", ["required", "disabled", "optional"]),
        ("hw_tpm_version", ["1.2", "2.0"]), ("hw_watchdog_action", ["none", "pause", "poweroff", "reset", "disabled"]),
        ("hw_video_model", ["bochs", "cirrus", "gop", "none", "qxl", "vga", "virtio", "vmvga", "xen"]),
    ]

    private func checkProperties() throws {
        for (property, values) in Self.choices {
            guard let value = image.properties[property], !values.contains(value) else { continue }
            throw ComputeError.badRequest("Invalid image metadata. Error: Field value \(value) of \(property) is invalid")
        }
        try checkConflicts()
        try checkNUMA()
    }

    /// What both the image and the flavor say may not differ.
    private func checkConflicts() throws {
        if let pages = image.properties["hw_mem_page_size"], flavor.extraSpecs["hw:mem_page_size"] == nil, pages != "small" {
            throw ComputeError.badRequest("Page size \(pages) forbidden against ''")
        }
        if image.properties["hw_cpu_policy"] == "dedicated", flavor.extraSpecs["hw:cpu_policy"] == "shared" {
            throw ComputeError.badRequest(
                "Image property 'hw_cpu_policy' is not permitted to override CPU pinning policy set against the flavor")
        }
        for (property, spec) in [("hw_machine_type", "hw:machine_type"), ("hw_viommu_model", "hw:viommu_model")] {
            guard let ours = image.properties[property], let theirs = flavor.extraSpecs[spec], ours != theirs else { continue }
            throw ComputeError.badRequest(
                "Conflicting values of \(spec) found in the flavor (\(theirs)) and the image (\(ours)).")
        }
        try Self.checkQueues(flavor, image.properties)
    }

    /// Whether interfaces have a queue for each processor, the flavor and the image may not say differently. With one processor
    /// neither means anything (`get_vif_multiqueue_constraint`).
    /// - Throws: 400.
    static func checkQueues(_ flavor: Flavor, _ properties: [String: String]) throws {
        let spec = "hw:vif_multiqueue_enabled"
        guard flavor.vcpus > 1, let ours = properties["hw_vif_multiqueue_enabled"], let theirs = flavor.extraSpecs[spec] else { return }
        guard (LenientBoolean.parse(ours) ?? false) != (LenientBoolean.parse(theirs) ?? false) else { return }
        throw ComputeError.badRequest("Conflicting values of \(spec) found in the flavor (\(theirs)) and the image (\(ours)).")
    }

    private func checkNUMA() throws {
        guard let text = flavor.extraSpecs["hw:numa_nodes"] ?? image.properties["hw_numa_nodes"] else { return }
        if flavor.extraSpecs["hw:numa_nodes"] != nil, image.properties["hw_numa_nodes"] != nil {
            throw ComputeError.badRequest(
                "Image property 'hw_numa_nodes' is not permitted to override NUMA configuration set against the flavor")
        }
        guard let nodes = Int(text), nodes > 0 else {
            throw ComputeError.badRequest("The property 'numa_nodes' cannot be '\(text)'. It must be a number greater than 0")
        }
        let isExplicit = flavor.extraSpecs.keys.contains { $0.hasPrefix("hw:numa_cpus.") }
            || image.properties.keys.contains { $0.hasPrefix("hw_numa_cpus.") }
        guard isExplicit || flavor.vcpus % nodes == 0 && flavor.memoryMiB % nodes == 0 else {
            throw ComputeError.badRequest(
                "Asymmetric NUMA topologies require explicit assignment of CPUs and memory to nodes in image or flavor")
        }
    }
}
