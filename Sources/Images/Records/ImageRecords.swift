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
        ]),
        Migration(2, "image members", [
            """
            CREATE TABLE image_members (
                image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE, member_id TEXT NOT NULL,
                status TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (image_id, member_id))
            """,
            "CREATE INDEX image_members_by_project ON image_members (member_id, status)",
        ]),
        ImageLocationRecords.migration,
        tasks,
    ])
}

extension Image.Status: SQLConvertible {}
extension Image.Visibility: SQLConvertible {}

/// The images' rows.
enum ImageRecords {
    private static let columns: SQL = """
        id, name, owner, status, visibility, disk_format, container_format, min_disk, min_ram, size, virtual_size, md5, \
        hash_algorithm, hash_value, protected, hidden, tags, properties, created_at, updated_at
        """

    private static func image(_ row: borrowing Row) throws -> Image {
        let (tags, properties): (JSON, JSON) = (try row[16], try row[17])
        return Image(
            id: try row[0], name: try row[1], owner: try row[2], status: try row[3], visibility: try row[4],
            diskFormat: try row[5], containerFormat: try row[6], minimumDiskGiB: try row[7], minimumMemoryMiB: try row[8],
            size: try row[9], virtualSize: try row[10], md5: try row[11], hashAlgorithm: try row[12], hash: try row[13],
            isProtected: try row[14], isHidden: try row[15], tags: tags.array?.compactMap(\.string) ?? [],
            properties: properties.stringDictionary, locations: [], createdAt: try row[18], updatedAt: try row[19])
    }

    static func find(_ id: String, in reader: any Reader) throws -> Image? {
        guard var image = try reader.first("SELECT \(columns) FROM images WHERE id = \(id)", image) else { return nil }
        image.locations = try ImageLocationRecords.of([id], in: reader)[id] ?? []
        return image
    }

    /// Those of the ids that are images.
    static func existing(_ ids: [String], in reader: any Reader) throws -> Set<String> {
        Set(try reader.all("SELECT id FROM images WHERE id IN \(in: ids)") { try $0[0] })
    }

    static func insert(_ image: Image, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO images (\(columns)) VALUES (\(image.id), \(image.name), \(image.owner), \(image.status),
                \(image.visibility), \(image.diskFormat), \(image.containerFormat), \(image.minimumDiskGiB),
                \(image.minimumMemoryMiB), \(image.size), \(image.virtualSize), \(image.md5), \(image.hashAlgorithm),
                \(image.hash), \(image.isProtected), \(image.isHidden), \(JSON.array(image.tags.map { .string($0) })),
                \(JSON(image.properties)), \(image.createdAt), \(image.updatedAt))
            """)
        if !image.locations.isEmpty { try ImageLocationRecords.replace(image.locations, of: image.id, in: transaction) }
    }

    static func update(_ image: Image, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE images SET name = \(image.name), owner = \(image.owner), status = \(image.status),
                visibility = \(image.visibility), disk_format = \(image.diskFormat),
                container_format = \(image.containerFormat), min_disk = \(image.minimumDiskGiB),
                min_ram = \(image.minimumMemoryMiB), size = \(image.size), virtual_size = \(image.virtualSize),
                md5 = \(image.md5), hash_algorithm = \(image.hashAlgorithm), hash_value = \(image.hash),
                protected = \(image.isProtected), hidden = \(image.isHidden),
                tags = \(JSON.array(image.tags.map { .string($0) })), properties = \(JSON(image.properties)),
                updated_at = \(image.updatedAt)
            WHERE id = \(image.id)
            """)
        try ImageLocationRecords.replace(image.locations, of: image.id, in: transaction)
    }

    /// Removes an image; its bytes become garbage in the same transaction.
    static func delete(_ image: Image, in transaction: any Transaction) throws {
        for location in image.locations { try ImageLocationRecords.discard(location, in: transaction) }
        try transaction.execute("DELETE FROM image_locations WHERE image_id = \(image.id)")
        try transaction.execute("DELETE FROM images WHERE id = \(image.id)")
    }

    /// The images that match, the newest first.
    static func list(_ filter: ImageFilter, in reader: any Reader) throws -> [Image] {
        var images = try reader.all("SELECT \(columns) FROM images\(filter.clause)", image)
        let locations = try ImageLocationRecords.of(images.map(\.id), in: reader)
        for position in images.indices { images[position].locations = locations[images[position].id] ?? [] }
        return images
    }
}
