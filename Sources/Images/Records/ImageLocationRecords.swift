import CloudCore
import CloudStore

extension ImageLocation.Status: SQLConvertible {}

/// The rows of images' locations, and of bytes that wait to be removed.
enum ImageLocationRecords {
    /// Several locations an image, each in a store; digests by any algorithm.
    static let migration = Migration(3, "locations", [
        """
        CREATE TABLE image_locations (
            image_id TEXT NOT NULL, position BIGINT NOT NULL, store TEXT NOT NULL, location TEXT NOT NULL,
            status TEXT NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY (image_id, position))
        """,
        "CREATE INDEX image_locations_by_place ON image_locations (store, location)",
        """
        INSERT INTO image_locations SELECT id, 0, \(StoreNames.first), location, 'active', '{}' FROM images
            WHERE location IS NOT NULL
        """,
        "ALTER TABLE images DROP COLUMN location",
        "ALTER TABLE images RENAME COLUMN sha512 TO hash_value",
        "ALTER TABLE images ADD COLUMN hash_algorithm TEXT",
        "UPDATE images SET hash_algorithm = 'sha512' WHERE hash_value IS NOT NULL",
        // Bytes to remove: written in the transaction that lets go of them, gone when the store has removed them.
        "CREATE TABLE image_discards (store TEXT NOT NULL, location TEXT NOT NULL, PRIMARY KEY (store, location))",
        "INSERT INTO image_discards SELECT \(StoreNames.first), location FROM image_garbage",
        "DROP TABLE image_garbage",
    ])

    private static func location(_ row: borrowing Row) throws -> ImageLocation {
        let metadata: JSON = try row[4]
        return ImageLocation(
            store: try row[1], location: try row[2], status: try row[3], metadata: metadata.object ?? [:])
    }

    /// The locations of images, by the image's id, in their order.
    static func of(_ images: [String], in reader: any Reader) throws -> [String: [ImageLocation]] {
        var found: [String: [ImageLocation]] = [:]
        try reader.forEach(
            """
            SELECT image_id, store, location, status, metadata FROM image_locations WHERE image_id IN \(in: images)
            ORDER BY image_id, position
            """
        ) { row in found[try row[0], default: []].append(try location(row)) }
        return found
    }

    /// Makes these the image's locations. The bytes of those that go become garbage.
    static func replace(_ locations: [ImageLocation], of image: String, in transaction: any Transaction) throws {
        let before = try of([image], in: transaction)[image] ?? []
        guard before != locations else { return }
        try transaction.execute("DELETE FROM image_locations WHERE image_id = \(image)")
        for (position, place) in locations.enumerated() {
            try transaction.execute(
                """
                INSERT INTO image_locations (image_id, position, store, location, status, metadata)
                VALUES (\(image), \(position), \(place.store), \(place.location), \(place.status), \(JSON.object(place.metadata)))
                """)
        }
        let kept = Set(locations.map { [$0.store, $0.location] })
        for place in before where !kept.contains([place.store, place.location]) { try discard(place, in: transaction) }
    }

    /// Marks bytes for removal.
    static func discard(_ place: ImageLocation, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO image_discards (store, location) VALUES (\(place.store), \(place.location))
            ON CONFLICT (store, location) DO NOTHING
            """)
    }

    /// The bytes that wait to be removed and that no image refers to. An image made of another's location shares it.
    static func garbage(in reader: any Reader) throws -> [(store: String, location: String)] {
        try reader.all(
            """
            SELECT store, location FROM image_discards WHERE NOT EXISTS (SELECT 1 FROM image_locations
                WHERE image_locations.store = image_discards.store AND image_locations.location = image_discards.location)
            """
        ) { (try $0[0], try $0[1]) }
    }

    static func forget(garbage: (store: String, location: String), in transaction: any Transaction) throws {
        try transaction.execute(
            "DELETE FROM image_discards WHERE store = \(garbage.store) AND location = \(garbage.location)")
    }

    /// The locations in a store that images refer to.
    static func known(store: String, in reader: any Reader) throws -> Set<String> {
        Set(try reader.all("SELECT location FROM image_locations WHERE store = \(store)") { try $0[0] })
    }
}

/// Names of stores that the program itself knows.
enum StoreNames {
    /// The store that is there when the operator names none, and was the only one before stores had names.
    static let first = "file"
}
