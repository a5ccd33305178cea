import CloudAPI
import CloudCore
import CloudCrypto
import ImageStores

/// A URL that a client names, once its store has been asked.
struct FoundPlace: Sendable, Hashable {
    let store: String
    let location: String
    /// The size of what is there in bytes.
    let size: Int
}

/// Changes where an image's bytes are, as patches of `/locations` ask for. What clients say about the bytes is believed
/// of images that have none yet, and must agree with what is known of others.
struct ImageLocationEdit: Sendable {
    let options: ImageOptions
    let stores: StoreRegistry
    /// The URLs of the patch that were looked at before.
    let found: [String: FoundPlace]

    /// Applies one operation of a patch.
    func apply(_ change: ImageChange, to image: inout Image) throws {
        let statuses: [Image.Status] = change.operation == .remove ? [.active] : [.active, .queued]
        guard statuses.contains(image.status) else {
            throw ImageError.conflict(
                "It's not allowed to \(change.operation.rawValue) locations if image status is \(image.status.rawValue).")
        }
        switch change.operation {
        case .add: try add(change.value, at: change.path[1], to: &image)
        case .remove: try remove(at: change.path[1], from: &image)
        case .replace: try replace(change.value.array ?? [], of: &image)
        }
    }

    // MARK: Operations

    private func add(_ value: JSON, at position: String, to image: inout Image) throws {
        let proof = try LocationProof([value], of: image, algorithm: options.hashAlgorithm)
        let place = try place(value)
        guard let index = Self.index(position, count: image.locations.count) else {
            throw ImageError.badRequest("Invalid position for adding a location.")
        }
        try ImageOptions.Limits.check(image.locations.count + 1, options.limits.locations, "locations")
        guard !image.locations.contains(place) else { throw Self.duplicate(value) }
        image.locations.insert(place, at: index)
        try activate(&image, proof, [value])
    }

    private func remove(at position: String, from image: inout Image) throws {
        guard image.locations.count != 1 else { throw ImageError.forbidden("Cannot remove last location in the image.") }
        guard let index = Self.index(position, count: image.locations.count - 1) else {
            throw ImageError.badRequest("Invalid position for removing a location.")
        }
        image.locations.remove(at: index)
    }

    /// Locations cannot be exchanged for others: either there were none, or only what is noted about them changes.
    private func replace(_ values: [JSON], of image: inout Image) throws {
        let proof = try LocationProof(values, of: image, algorithm: options.hashAlgorithm)
        try ImageOptions.Limits.check(values.count, options.limits.locations, "locations")
        let known = Dictionary(image.locations.map { (url(of: $0), $0) }, uniquingKeysWith: { first, _ in first })
        let urls = values.compactMap { $0["url"]?.string }
        guard image.locations.isEmpty || urls.sorted() == image.locations.map(url(of:)).sorted() else {
            throw ImageError.badRequest("Original locations is not empty.")
        }
        image.locations = try values.map { value in
            guard var place = known[value["url"]?.string ?? ""] else { return try place(value) }
            place.metadata = Self.metadata(value)
            return place
        }
        guard Set(image.locations).count == image.locations.count else { throw Self.duplicate(values.first ?? .null) }
        try activate(&image, proof, values)
    }

    /// An image that gets its first location has bytes, and with them becomes active.
    private func activate(_ image: inout Image, _ proof: LocationProof, _ values: [JSON]) throws {
        if image.size == nil { image.size = values.lazy.compactMap { found[$0["url"]?.string ?? ""]?.size }.first { $0 > 0 } }
        guard image.status == .queued else { return }
        guard image.diskFormat != nil, image.containerFormat != nil else {
            throw ImageError.badRequest("Properties disk_format, container_format must be set prior to saving data.")
        }
        proof.apply(to: &image)
        image.status = .active
    }

    // MARK: Places

    private func url(of place: ImageLocation) -> String { stores.url(of: place) }

    private func place(_ value: JSON) throws -> ImageLocation {
        guard let url = value["url"]?.string, let found = found[url] else { throw ImageError.invalidLocation }
        return ImageLocation(store: found.store, location: found.location, metadata: Self.metadata(value))
    }

    /// What is noted beside the store, which the service says itself.
    private static func metadata(_ value: JSON) -> JSONObject {
        var metadata = value["metadata"]?.object ?? [:]
        metadata["store"] = nil
        return metadata
    }

    private static func duplicate(_ value: JSON) -> ImageError {
        .badRequest("The location \(value["url"]?.string ?? "") already exists")
    }

    /// The place in the list that the last part of a pointer names: a number, or `-` for the end.
    private static func index(_ text: String, count: Int) -> Int? {
        guard text != "-" else { return count }
        guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let index = Int(text) else { return nil }
        return index <= count ? index : nil
    }
}

/// What a client says about the bytes at a location: `validation_data`.
struct LocationProof: Sendable, Hashable {
    private var checksum: String?
    private var algorithm: String?
    private var hash: String?

    /// Gathers what several locations say.
    /// - Throws: 409 where they contradict each other or the image, or are no digests.
    init(_ values: [JSON], of image: Image, algorithm: Digest.Algorithm) throws {
        var said: [String: String] = [:]
        for member in values.compactMap({ $0["validation_data"]?.object }).joined() {
            guard let value = member.value.string else { continue }
            guard said[member.name, default: value] == value else {
                throw ImageError.conflict("Conflicting values for \(member.name)")
            }
            said[member.name] = value
        }
        let known = ["checksum": image.md5, "os_hash_algo": image.hashAlgorithm, "os_hash_value": image.hash]
        for (name, value) in said {
            guard let current = known[name] ?? nil, current != value else { continue }
            throw ImageError.conflict("\(name) is already set with a different value")
        }
        let new = said.filter { known[$0.key] != $0.value }
        guard !new.isEmpty else { return }
        guard image.status == .queued else {
            throw ImageError.conflict(
                "New value(s) for \(new.keys.sorted().joined(separator: ", ")) may only be provided when image status is 'queued'")
        }
        (checksum, self.algorithm, hash) = (new["checksum"], new["os_hash_algo"], new["os_hash_value"])
        try check(algorithm)
    }

    private func check(_ wanted: Digest.Algorithm) throws {
        if let checksum, !Self.isDigest(checksum, .md5) {
            throw ImageError.conflict("checksum (\(checksum)) is not a valid MD5 in hexadecimal")
        }
        guard algorithm == wanted.rawValue else {
            throw ImageError.conflict("os_hash_algo must be \(wanted.rawValue), not \(algorithm ?? "None")")
        }
        guard let hash, Self.isDigest(hash, wanted) else {
            throw ImageError.conflict("os_hash_value (\(hash ?? "")) is not a valid \(wanted.rawValue) in hexadecimal")
        }
    }

    /// Whether a text is a digest of that kind in hexadecimal.
    static func isDigest(_ text: String, _ algorithm: Digest.Algorithm) -> Bool {
        text.utf8.count == algorithm.byteCount * 2 && text.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    }

    func apply(to image: inout Image) {
        guard let hash else { return }
        (image.hashAlgorithm, image.hash, image.md5) = (algorithm, hash, checksum ?? image.md5)
    }
}

extension StoreRegistry {
    /// How a location looks from outside; for one whose store is not there any more, as the store itself called it.
    func url(of place: ImageLocation) -> String { self[place.store]?.store.url(of: place.location) ?? place.location }

    /// Locations as they are preferred: by the stores' weights, and else in their own order.
    func preferred(_ places: [ImageLocation]) -> [ImageLocation] { preferred(places, by: \.store) }

    /// Stores as they are preferred, in the same way.
    func preferred(_ ids: [String]) -> [String] { preferred(ids, by: \.self) }

    private func preferred<Element>(_ elements: [Element], by id: (Element) -> String) -> [Element] {
        elements.enumerated().sorted { left, right in
            let (first, second) = (self[id(left.element)]?.weight ?? 0, self[id(right.element)]?.weight ?? 0)
            return first == second ? left.offset < right.offset : first > second
        }.map(\.element)
    }
}
