import CloudCore
import CloudStore

extension ImageMember.Status: SQLConvertible {}

/// The rows of the projects that images are shared with. They go with their image.
enum MemberRecords {
    private static let columns: SQL = "image_id, member_id, status, created_at, updated_at"

    private static func member(_ row: borrowing Row) throws -> ImageMember {
        ImageMember(imageID: try row[0], memberID: try row[1], status: try row[2], createdAt: try row[3], updatedAt: try row[4])
    }

    static func find(_ memberID: String, of imageID: String, in reader: any Reader) throws -> ImageMember? {
        try reader.first(
            "SELECT \(columns) FROM image_members WHERE image_id = \(imageID) AND member_id = \(memberID)", member)
    }

    /// An image's members, the oldest first.
    /// - Parameter memberID: the only one to look for; nil for all.
    static func list(of imageID: String, only memberID: String?, in reader: any Reader) throws -> [ImageMember] {
        let restriction: SQL = memberID.map { " AND member_id = \($0)" } ?? ""
        return try reader.all(
            "SELECT \(columns) FROM image_members WHERE image_id = \(imageID)\(restriction) ORDER BY created_at, member_id", member)
    }

    static func count(of imageID: String, in reader: any Reader) throws -> Int {
        try reader.scalar("SELECT COUNT(*) FROM image_members WHERE image_id = \(imageID)", as: Int.self) ?? 0
    }

    static func insert(_ member: ImageMember, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO image_members (\(columns))
            VALUES (\(member.imageID), \(member.memberID), \(member.status), \(member.createdAt), \(member.updatedAt))
            """)
    }

    static func update(_ member: ImageMember, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE image_members SET status = \(member.status), updated_at = \(member.updatedAt)
            WHERE image_id = \(member.imageID) AND member_id = \(member.memberID)
            """)
    }

    static func delete(_ member: ImageMember, in transaction: any Transaction) throws {
        try transaction.execute(
            "DELETE FROM image_members WHERE image_id = \(member.imageID) AND member_id = \(member.memberID)")
    }
}
