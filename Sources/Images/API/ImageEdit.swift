import CloudAPI
import CloudCore

/// Sets an image's members by their names in the API, for creation and for patches alike.
struct ImageEdit {
    var image: Image
    /// Whether the caller is an administrator, who alone may give an image to another project.
    let isAdmin: Bool

    /// Sets one member.
    /// - Throws: `ImageError` for a read-only member or a value that it can't have.
    mutating func set(_ name: String, _ value: JSON) throws {
        guard !ImageSchemas.readOnly.contains(name), name != "id" else {
            throw ImageError.forbidden("Attribute '\(name)' is read-only.")
        }
        if let schema = ImageSchemas.settable.first(where: { $0.name == name })?.schema {
            try check(name, value, schema)
            return try setBase(name, value)
        }
        try check(name, value, .string(length: 0...65535))
        image.properties[name] = value.string
    }

    private func check(_ name: String, _ value: JSON, _ schema: Schema) throws {
        do {
            try schema.validate(value)
        } catch {
            throw ImageError.badRequest("Invalid value for '\(name)': \(error.reason)")
        }
    }

    private mutating func setBase(_ name: String, _ value: JSON) throws {
        switch name {
        case "name": image.name = value.string
        case "visibility": image.visibility = value.string.flatMap(Image.Visibility.init) ?? image.visibility
        case "min_disk": image.minimumDiskGiB = value.int ?? 0
        case "min_ram": image.minimumMemoryMiB = value.int ?? 0
        case "protected": image.isProtected = value.bool ?? false
        case "os_hidden": image.isHidden = value.bool ?? false
        case "tags": image.tags = Set(value.array?.compactMap(\.string) ?? []).sorted()
        case "owner":
            guard isAdmin || value.string == image.owner else {
                throw ImageError.forbidden("You are not permitted to change the owner of this image.")
            }
            image.owner = value.string
        case "disk_format", "container_format":
            guard image.status == .queued else {
                throw ImageError.forbidden("Attribute \(name) can be only replaced for a queued image.")
            }
            if name == "disk_format" { image.diskFormat = value.string } else { image.containerFormat = value.string }
        default: throw ImageError.badRequest("Unknown attribute '\(name)'.")
        }
    }

    /// Applies one operation of a patch.
    mutating func apply(_ operation: JSON) throws {
        let path = operation["path"]?.string ?? ""
        guard path.hasPrefix("/"), !path.dropFirst().contains("/") else {
            throw ImageError.badRequest("Invalid JSON pointer for this resource: '\(path)'")
        }
        let name = String(path.dropFirst()).replacing("~1", with: "/").replacing("~0", with: "~")
        guard operation["op"]?.string != "remove" else { return try remove(name) }
        guard let value = operation["value"] else {
            throw ImageError.badRequest("Operation \"\(operation["op"]?.string ?? "")\" requires a member named \"value\".")
        }
        let isBase = ImageSchemas.settable.contains { $0.name == name } || ImageSchemas.readOnly.contains(name)
        if operation["op"]?.string == "replace", !isBase, image.properties[name] == nil {
            throw ImageError.conflict("Property \(name) does not exist.")
        }
        try set(name, value)
    }

    private mutating func remove(_ name: String) throws {
        guard !ImageSchemas.settable.contains(where: { $0.name == name }), !ImageSchemas.readOnly.contains(name) else {
            throw ImageError.forbidden("Property '\(name)' may not be removed.")
        }
        guard image.properties.removeValue(forKey: name) != nil else {
            throw ImageError.conflict("Property \(name) does not exist.")
        }
    }
}
