import CloudCore
import CloudStore

/// Images' tables.
enum ImageSchema {
    static let migrations = MigrationSet(module: "images", [
        Migration(1, "images", [
            """
            CREATE TABLE images (
                id TEXT PRIMARY KEY, name TEXT, owner TEXT, status TEXT NOT NULL, visibility TEXT NOT NULL, disk_format TEXT,
                container_format TEXT, min_disk BIGINT NOT NULL, min_ram BIGINT NOT NULL, size BIGINT, virtual_size BIGINT,
                md5 TEXT, sha512 TEXT, protected BIGINT NOT NULL, hidden BIGINT NOT NULL, tags TEXT NOT NULL,
                properties TEXT NOT NULL, location TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)
            """,
            "CREATE INDEX images_by_owner ON images (owner, created_at, id)",
            "CREATE INDEX images_by_time ON images (created_at, id)",
            // Bytes to remove: written in the transaction that lets go of them, gone when the store has removed them.
            "CREATE TABLE image_garbage (location TEXT PRIMARY KEY)",
        ])
    ])
}

extension Image.Status: SQLConvertible {}
extension Image.Visibility: SQLConvertible {}

/// The images' rows.
enum ImageRecords {
    private static let columns: SQL = """
        id, name, owner, status, visibility, disk_format, container_format, min_disk, min_ram, size, virtual_size, md5, \
        sha512, protected, hidden, tags, properties, location, created_at, updated_at
        """

    private static func image(_ row: borrowing Row) throws -> Image {
        let (tags, properties): (JSON, JSON) = (try row[15], try row[16])
        return Image(
            id: try row[0], name: try row[1], owner: try row[2], status: try row[3], visibility: try row[4],
            diskFormat: try row[5], containerFormat: try row[6], minimumDiskGiB: try row[7], minimumMemoryMiB: try row[8],
            size: try row[9], virtualSize: try row[10], md5: try row[11], sha512: try row[12], isProtected: try row[13],
            isHidden: try row[14], tags: tags.array?.compactMap(\.string) ?? [], properties: properties.stringDictionary,
            location: try row[17], createdAt: try row[18], updatedAt: try row[19])
    }

    static func find(_ id: String, in reader: any Reader) throws -> Image? {
        try reader.first("SELECT \(columns) FROM images WHERE id = \(id)", image)
    }

    static func insert(_ image: Image, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO images (\(columns)) VALUES (\(image.id), \(image.name), \(image.owner), \(image.status),
                \(image.visibility), \(image.diskFormat), \(image.containerFormat), \(image.minimumDiskGiB),
                \(image.minimumMemoryMiB), \(image.size), \(image.virtualSize), \(image.md5), \(image.sha512),
                \(image.isProtected), \(image.isHidden), \(JSON.array(image.tags.map { .string($0) })),
                \(JSON(image.properties)), \(image.location), \(image.createdAt), \(image.updatedAt))
            """)
    }

    static func update(_ image: Image, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE images SET name = \(image.name), owner = \(image.owner), status = \(image.status),
                visibility = \(image.visibility), disk_format = \(image.diskFormat),
                container_format = \(image.containerFormat), min_disk = \(image.minimumDiskGiB),
                min_ram = \(image.minimumMemoryMiB), size = \(image.size), virtual_size = \(image.virtualSize),
                md5 = \(image.md5), sha512 = \(image.sha512), protected = \(image.isProtected), hidden = \(image.isHidden),
                tags = \(JSON.array(image.tags.map { .string($0) })), properties = \(JSON(image.properties)),
                location = \(image.location), updated_at = \(image.updatedAt)
            WHERE id = \(image.id)
            """)
    }

    /// Removes an image; its bytes become garbage in the same transaction.
    static func delete(_ image: Image, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM images WHERE id = \(image.id)")
        if let location = image.location { try discard(location, in: transaction) }
    }

    /// Marks bytes for removal.
    static func discard(_ location: String, in transaction: any Transaction) throws {
        try transaction.execute(
            "INSERT INTO image_garbage (location) VALUES (\(location)) ON CONFLICT (location) DO NOTHING")
    }

    /// The images that match, the newest first.
    static func list(_ filter: ImageFilter, in reader: any Reader) throws -> [Image] {
        try reader.all("SELECT \(columns) FROM images\(filter.clause)", image)
    }

    /// Uploads that a crash cut off go back to waiting for their bytes.
    static func resetInterruptedUploads(in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE images SET status = \(Image.Status.queued) WHERE status = \(Image.Status.saving)")
    }

    static func garbage(in reader: any Reader) throws -> [String] {
        try reader.all("SELECT location FROM image_garbage") { try $0[0] }
    }

    static func forget(garbage location: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM image_garbage WHERE location = \(location)")
    }

    /// The locations that images refer to.
    static func locations(in reader: any Reader) throws -> [String] {
        try reader.all("SELECT location FROM images WHERE location IS NOT NULL") { try $0[0] }
    }
}

/// Which images a list holds.
struct ImageFilter: Sendable {
    /// The project that asks; its own and the public ones are seen.
    var viewer: String?
    /// Whether every project's images are seen.
    var seesAll = false
    var name: String?
    var status: String?
    var visibility: Image.Visibility?
    var owner: String?
    var diskFormat: String?
    var containerFormat: String?
    var isHidden = false
    var ids: [String]?
    var tags: [String] = []
    var marker: Image?
    /// The order, which always ends with the id so that it is total.
    var order = ImageOrder.newestFirst
    var limit: Int

    init(limit: Int) { self.limit = limit }

    var clause: SQL {
        var conditions: [SQL] = ["hidden = \(isHidden)"]
        if !seesAll { conditions.append("(owner = \(viewer) OR visibility = \(Image.Visibility.public)\(community))") }
        if let name { conditions.append("name = \(name)") }
        if let status { conditions.append("status = \(status)") }
        if let visibility { conditions.append("visibility = \(visibility)") }
        if let owner { conditions.append("owner = \(owner)") }
        if let diskFormat { conditions.append("disk_format = \(diskFormat)") }
        if let containerFormat { conditions.append("container_format = \(containerFormat)") }
        if let ids { conditions.append("id IN \(in: ids)") }
        for tag in tags { conditions.append("tags LIKE \(Self.pattern(tag: tag)) ESCAPE '\\'") }
        if let marker { conditions.append(after(marker)) }
        let columns = order.map { order -> SQL in "\(order.key.column) \(order.isAscending ? "ASC" as SQL : "DESC")" }
        return " WHERE \(conditions.joined(separator: " AND ")) ORDER BY \(columns.joined(separator: ", ")) LIMIT \(limit)"
    }

    /// The rows behind the marker: equal to it in the first columns of the order and behind it in the next.
    private func after(_ marker: Image) -> SQL {
        let cases = order.indices.map { position -> SQL in
            var parts = order[..<position].map { order -> SQL in "\(order.key.column) = \(order.key.value(of: marker))" }
            let (key, comparison) = (order[position].key, order[position].isAscending ? ">" as SQL : "<")
            parts.append("\(key.column) \(comparison) \(key.value(of: marker))")
            return "(\(parts.joined(separator: " AND ")))"
        }
        return "(\(cases.joined(separator: " OR ")))"
    }

    /// Community images are listed only where they are asked for.
    private var community: SQL {
        visibility == .community ? " OR visibility = \(Image.Visibility.community)" : ""
    }

    /// A LIKE pattern for a JSON list of texts that holds this one.
    private static func pattern(tag: String) -> String {
        let escaped = JSON.string(tag).text.map { "%_\\".contains($0) ? "\\\($0)" : "\($0)" }.joined()
        return "%\(escaped)%"
    }
}
