import CloudAPI
import CloudCore

/// Sets an image's attributes by their names in the API, for creation and for patches alike. Values have been checked
/// against their schema before.
struct ImageEdit {
    var image: Image
    /// Whether the caller is an administrator, who alone may give an image to another project.
    let isAdmin: Bool
    let limits: ImageOptions.Limits

    /// Sets one attribute or custom property.
    mutating func set(_ name: String, _ value: JSON) throws {
        switch name {
        case "name": image.name = value.string
        case "visibility": image.visibility = value.string.flatMap(Image.Visibility.init) ?? image.visibility
        case "min_disk": image.minimumDiskGiB = value.int ?? 0
        case "min_ram": image.minimumMemoryMiB = value.int ?? 0
        case "protected": image.isProtected = value.bool ?? false
        case "os_hidden": image.isHidden = value.bool ?? false
        case "tags": try setTags(value.array?.compactMap(\.string) ?? [])
        case "owner":
            guard isAdmin || value.string == image.owner else { throw ImageError.forbidden("Owner can't be updated by non admin.") }
            image.owner = value.string
        case "disk_format":
            try checkFormatIsOpen(name)
            image.diskFormat = value.string
        case "container_format":
            try checkFormatIsOpen(name)
            image.containerFormat = value.string
        default: image.properties[name] = value.string
        }
    }

    private func checkFormatIsOpen(_ name: String) throws {
        // An import in progress may still learn the format, as upstream lets it.
        guard ["queued", "importing"].contains(image.status.rawValue) else {
            throw ImageError.forbidden("Attribute \(name) can be only replaced for a queued image.")
        }
    }

    /// Sets the tags.
    /// - Throws: 413 for too many.
    mutating func setTags(_ tags: [String]) throws {
        let unique = Set(tags)
        try ImageOptions.Limits.check(unique.count, limits.tags, "tags")
        image.tags = unique.sorted()
    }

    /// - Throws: 413 for more custom properties than an image may have.
    func checkProperties() throws {
        let own = image.properties.keys.filter { !$0.hasPrefix(ImageSchemas.reservedPrefix) }
        try ImageOptions.Limits.check(own.count, limits.properties, "properties")
    }

    /// Applies one operation of a patch that is not about locations.
    mutating func apply(_ change: ImageChange) throws {
        let name = change.name
        let isAttribute = ImageSchemas.attributes.contains { $0.name == name }
        let exists = isAttribute || image.properties[name] != nil
        switch change.operation {
        case .remove:
            guard !isAttribute else { throw ImageError.forbidden("Property \(name) may not be removed.") }
            guard exists else { throw ImageError.conflict("Property \(name) does not exist.") }
            image.properties[name] = nil
        case .replace:
            guard exists else { throw ImageError.conflict("Property \(name) does not exist.") }
            try set(name, change.value)
        case .add:
            guard !change.isFirstForm || !exists else { throw ImageError.conflict("Property \(name) already present.") }
            try set(name, change.value)
            if !exists { try checkProperties() }
        }
    }
}
