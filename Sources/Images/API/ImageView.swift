import CloudAPI
import CloudCore

/// An image as the API shows it (image API v2).
struct ImageView: JSONWritable {
    let image: Image
    /// The stores that hold its bytes, in the order they are preferred.
    let stores: [String]
    /// All the places of its bytes, in the order they are preferred; nil where the operator keeps them to the cloud.
    var locations: [LocationView]?
    /// The preferred place; nil where there is none or it is not told.
    var directURL: String?

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", image.id)
            json.member("name", image.name)
            json.member("status", image.status.rawValue)
            json.member("visibility", image.visibility.rawValue)
            json.member("owner", image.owner)
            json.member("disk_format", image.diskFormat)
            json.member("container_format", image.containerFormat)
            json.member("min_disk", image.minimumDiskGiB)
            json.member("min_ram", image.minimumMemoryMiB)
            json.member("size", image.size)
            json.member("virtual_size", image.virtualSize)
            json.member("checksum", image.md5)
            json.member("os_hash_algo", image.hashAlgorithm)
            json.member("os_hash_value", image.hash)
            json.member("protected", image.isProtected)
            json.member("os_hidden", image.isHidden)
            json.member("tags", image.tags)
            json.member("created_at", image.createdAt.iso8601)
            json.member("updated_at", image.updatedAt.iso8601)
            json.member("self", "/v2/images/\(image.id)")
            json.member("file", "/v2/images/\(image.id)/file")
            json.member("schema", "/v2/schemas/image")
            if let directURL { json.member("direct_url", directURL) }
            if let locations { json.member("locations", array: locations) }
            if !stores.isEmpty { json.member("stores", stores.joined(separator: ",")) }
            for (name, value) in image.properties.sorted(by: { $0.key < $1.key }) where !ImageSchemas.hidden.contains(name) {
                json.member(name, value)
            }
        }
    }
}

extension Images.Parts {
    /// An image as a request's caller is shown it.
    func view(_ image: Image, _ request: APIRequest) -> ImageView {
        let names = stores.preferred(image.stores)
        guard options.showsLocations || options.showsDirectURL else { return ImageView(image: image, stores: names) }
        let places = shownLocations(image, request)
        return ImageView(
            image: image, stores: names,
            locations: options.showsLocations ? places.map { LocationView(place: $0, stores: stores) } : nil,
            directURL: options.showsDirectURL ? places.first.map(stores.url(of:)) : nil)
    }
}
