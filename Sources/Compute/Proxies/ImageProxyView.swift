import CloudAPI
import CloudCore

/// An image of Glance's as nova showed it before 2.36.
struct ImageProxyView: JSONWritable {
    let image: JSON
    let address: ServiceAddress
    /// Whether only its id, its name and its links are shown.
    let isBrief: Bool

    private var id: String { image["id"]?.string ?? "" }

    /// The members of Glance's images that are no properties.
    private static let attributes: Set = [
        "id", "name", "visibility", "status", "protected", "tags", "container_format", "disk_format", "created_at",
        "updated_at", "self", "file", "schema", "checksum", "size", "min_ram", "min_disk", "owner", "os_hash_algo",
        "os_hash_value", "virtual_size", "locations", "direct_url", "os_hidden", "stores",
    ]

    /// An image's properties, which nova calls metadata.
    static func properties(of image: JSON) -> [String: String] {
        image.stringDictionary.filter { !attributes.contains($0.key) }
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            json.member("name", image["name"]?.string)
            if !isBrief { writeDetails(to: &json) }
            json.member("links") {
                $0.array {
                    writeLink("self", "\(address.versioned)/images/\(id)", to: &$0)
                    writeLink("bookmark", "\(address.root)/images/\(id)", to: &$0)
                    $0.object {
                        $0.member("rel", "alternate")
                        $0.member("type", "application/vnd.openstack.image")
                        $0.member("href", "\(imageService)/images/\(id)")
                    }
                }
            }
        }
    }

    /// The image service has its path beside compute's.
    private var imageService: String {
        address.root.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/image"
    }

    private func writeDetails(to json: inout JSONWriter) {
        let properties = Self.properties(of: image)
        json.member("minRam", image["min_ram"]?.int ?? 0)
        json.member("minDisk", image["min_disk"]?.int ?? 0)
        json.member("metadata", properties)
        json.member("created", image["created_at"]?.string)
        json.member("updated", image["updated_at"]?.string)
        json.member("status", status)
        json.member("progress", ["queued": 25, "saving": 50, "active": 100][image["status"]?.string ?? ""] ?? 0)
        json.member("OS-EXT-IMG-SIZE:size", image["size"]?.int)
        if let server = properties["instance_uuid"] {
            json.member("server") {
                $0.object {
                    $0.member("id", server)
                    writeLinks("servers", server, address, to: &$0)
                }
            }
        }
        if let automatic = properties["auto_disk_config"] {
            json.member("OS-DCF:diskConfig", LenientBoolean.parse(automatic) == true ? "AUTO" : "MANUAL")
        }
    }

    private var status: String {
        switch image["status"]?.string {
        case "active": "ACTIVE"
        case "queued", "saving": "SAVING"
        case "deleted", "pending_delete": "DELETED"
        case "killed": "ERROR"
        default: "UNKNOWN"
        }
    }
}
