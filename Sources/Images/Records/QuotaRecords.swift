import CloudCore
import CloudStore

/// What projects have, counted from the rows.
enum QuotaRecords {
    /// Upstream marks an image that is being copied to further stores with their names.
    private static let isCopied: SQL = """
        (properties LIKE '%"os!_glance!_importing!_to!_stores":"%' ESCAPE '!' \
        AND properties NOT LIKE '%"os!_glance!_importing!_to!_stores":""%' ESCAPE '!')
        """

    static func storedBytes(of projectID: String, in reader: any Reader) throws -> Int {
        try reader.scalar(
            """
            SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM images JOIN image_locations ON image_locations.image_id = images.id
            WHERE owner = \(projectID)
            """, as: Int.self) ?? 0
    }

    static func stagedBytes(of projectID: String, in reader: any Reader) throws -> Int {
        try reader.scalar(
            """
            SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM images
            WHERE owner = \(projectID) AND (status IN ('uploading', 'importing') OR \(isCopied))
            """, as: Int.self) ?? 0
    }

    /// Whether bytes of any image are on their way into a store.
    static func isAnyStored(in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM images WHERE status IN ('saving', 'importing') OR \(isCopied) LIMIT 1", as: Int.self) != nil
    }

    static func images(of projectID: String, in reader: any Reader) throws -> Int {
        try reader.scalar("SELECT COUNT(*) FROM images WHERE owner = \(projectID)", as: Int.self) ?? 0
    }

    static func uploads(of projectID: String, in reader: any Reader) throws -> Int {
        try reader.scalar(
            """
            SELECT COUNT(*) FROM images
            WHERE owner = \(projectID) AND (status IN ('saving', 'uploading', 'importing') OR \(isCopied))
            """, as: Int.self) ?? 0
    }
}
