import CloudCore
import CloudStore

/// The rows of networks' segments. They keep every segment, so that no two networks share one.
enum SegmentRecords {
    static let columns: SQL = """
        id, network_id, name, network_type, physical_network, segmentation_id, segment_index, \
        description, created_at, updated_at, revision_number
        """

    static let listing = Listing("network_segments", [
        "network_id": .column("network_id"), "network_type": .column("network_type"),
        "physical_network": .column("physical_network"), "segmentation_id": .sorted(by: "COALESCE(segmentation_id, -1)"),
    ], without: ["project_id", "tenant_id"], isTagged: true)

    static func segment(_ row: borrowing Row) throws -> NetworkSegment {
        NetworkSegment(
            id: try row[0], networkID: try row[1], name: try row[2],
            segment: Segment(type: try row[3], physicalNetwork: try row[4], id: try row[5]), index: try row[6],
            standard: try StandardAttributes(row, at: 7))
    }

    static func insert(_ segment: NetworkSegment, in transaction: any Transaction) throws {
        let (place, standard) = (segment.segment, segment.standard)
        try transaction.execute(
            """
            INSERT INTO network_segments (id, network_id, name, network_type, physical_network, segmentation_id,
                segment_key, segment_index, description, created_at, updated_at, revision_number)
            VALUES (\(segment.id), \(segment.networkID), \(segment.name), \(place.type), \(place.physicalNetwork),
                \(place.id), \(place.uniqueKey), \(segment.index), \(standard.description), \(standard.createdAt),
                \(standard.updatedAt), \(standard.revision))
            """)
    }

    static func update(_ segment: NetworkSegment, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE network_segments SET name = \(segment.name), description = \(segment.standard.description),
                updated_at = \(segment.standard.updatedAt), revision_number = \(segment.standard.revision)
            WHERE id = \(segment.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM network_segments WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> NetworkSegment? {
        try reader.first("SELECT \(columns) FROM network_segments WHERE id = \(id)", segment)
    }

    static func list(_ request: ListRequest, in reader: any Reader) throws -> [NetworkSegment] {
        try reader.page(columns, listing, request, visibility: nil, segment)
    }

    /// The networks' segments by network, in their order.
    static func all(networks: [String], in reader: any Reader) throws -> [String: [NetworkSegment]] {
        try reader.grouped(
            networks, { "SELECT \(columns) FROM network_segments WHERE network_id IN \(in: $0) ORDER BY segment_index" }
        ) { row in
            let segment = try segment(row)
            return (segment.networkID, segment)
        }
    }

    /// Whether a subnet is on a segment.
    static func isUsed(_ id: String, in reader: any Reader) throws -> Bool {
        try reader.exists("SELECT 1 FROM subnets WHERE segment_id = \(id) LIMIT 1")
    }

    /// Whether a network has the segment.
    static func isTaken(_ segment: Segment, in reader: any Reader) throws -> Bool {
        guard let key = segment.uniqueKey else { return false }
        return try reader.exists("SELECT 1 FROM network_segments WHERE segment_key = \(key)")
    }

    /// The numbers of a type that are taken within a range, in rising order, with the projects that have them.
    static func taken(
        _ type: NetworkType, physical: String?, in range: ClosedRange<Int>, reader: any Reader
    ) throws -> [(number: Int, projectID: String)] {
        let label: SQL = physical.map { "s.physical_network = \($0)" } ?? "s.physical_network IS NULL"
        return try reader.all(
            """
            SELECT s.segmentation_id, n.project_id FROM network_segments s JOIN networks n ON n.id = s.network_id
            WHERE s.network_type = \(type) AND \(label)
                AND s.segmentation_id BETWEEN \(range.lowerBound) AND \(range.upperBound)
            ORDER BY s.segmentation_id
            """
        ) { (number: try $0[0] as Int, projectID: try $0[1] as String) }
    }

    /// The lowest free number of a type within a range; nil when all are taken.
    static func lowestFree(
        _ type: NetworkType, physical: String?, in range: ClosedRange<Int>, reader: any Reader
    ) throws -> Int? {
        var next = range.lowerBound
        for (number, _) in try taken(type, physical: physical, in: range, reader: reader) {
            if number > next { break }
            next = number + 1
        }
        return range.contains(next) ? next : nil
    }
}

/// The rows of ranges of segment numbers.
enum SegmentRangeRecords {
    static let columns: SQL = """
        id, project_id, name, is_default, shared, network_type, physical_network, minimum, maximum, \
        description, created_at, updated_at, revision_number
        """

    static let listing = Listing("network_segment_ranges", [
        "network_type": .column("network_type", isSorted: false),
        "physical_network": .column("physical_network", isSorted: false),
    ], isTagged: true)

    static func range(_ row: borrowing Row) throws -> SegmentRange {
        SegmentRange(
            id: try row[0], projectID: try row[1], name: try row[2], isDefault: try row[3], isShared: try row[4],
            type: try row[5], physicalNetwork: try row[6], minimum: try row[7], maximum: try row[8],
            standard: try StandardAttributes(row, at: 9))
    }

    static func insert(_ range: SegmentRange, in transaction: any Transaction) throws {
        let standard = range.standard
        try transaction.execute(
            """
            INSERT INTO network_segment_ranges (id, project_id, name, description, is_default, shared, network_type,
                physical_network, minimum, maximum, created_at, updated_at, revision_number)
            VALUES (\(range.id), \(range.projectID), \(range.name), \(standard.description), \(range.isDefault),
                \(range.isShared), \(range.type), \(range.physicalNetwork), \(range.minimum), \(range.maximum),
                \(standard.createdAt), \(standard.updatedAt), \(standard.revision))
            """)
    }

    static func update(_ range: SegmentRange, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE network_segment_ranges SET name = \(range.name), description = \(range.standard.description),
                minimum = \(range.minimum), maximum = \(range.maximum), updated_at = \(range.standard.updatedAt),
                revision_number = \(range.standard.revision)
            WHERE id = \(range.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM network_segment_ranges WHERE id = \(id)")
    }

    static func find(_ id: String, in reader: any Reader) throws -> SegmentRange? {
        try reader.first("SELECT \(columns) FROM network_segment_ranges WHERE id = \(id)", range)
    }

    static func list(_ request: ListRequest, in reader: any Reader) throws -> [SegmentRange] {
        try reader.page(columns, listing, request, visibility: nil, range)
    }

    /// The ranges of a type that the settings know nothing of.
    static func added(_ type: NetworkType, in reader: any Reader) throws -> [SegmentRange] {
        try reader.all(
            """
            SELECT \(columns) FROM network_segment_ranges WHERE network_type = \(type) AND is_default = \(false) ORDER BY id
            """, range)
    }

    /// The ranges of the settings.
    static func defaults(in reader: any Reader) throws -> [SegmentRange] {
        try reader.all("SELECT \(columns) FROM network_segment_ranges WHERE is_default = \(true) ORDER BY id", range)
    }
}
