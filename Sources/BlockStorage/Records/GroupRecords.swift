import CloudCore
import CloudStore

extension Group.Status: SQLConvertible {}
extension GroupSnapshot.Status: SQLConvertible {}

/// The rows of group types.
enum GroupTypeRecords {
    private static let columns: SQL = "id, name, description, is_public, specs, created_at, updated_at"

    private static func type(_ row: borrowing Row) throws -> GroupType {
        let specs: JSON = try row[4]
        return GroupType(
            id: try row[0], name: try row[1], description: try row[2], isPublic: try row[3], specs: specs.stringDictionary,
            createdAt: try row[5], updatedAt: try row[6])
    }

    static func find(_ id: String, in reader: any Reader) throws -> GroupType? {
        try reader.first("SELECT \(columns) FROM volume_group_types WHERE id = \(id)", type)
    }

    static func find(name: String, in reader: any Reader) throws -> GroupType? {
        try reader.first("SELECT \(columns) FROM volume_group_types WHERE name = \(name)", type)
    }

    /// Whether a project may use a type.
    /// - Parameter projectID: the project; nil for an administrator.
    static func isUsable(_ type: GroupType, by projectID: String?, in reader: any Reader) throws -> Bool {
        guard !type.isPublic, let projectID else { return true }
        return try reader.scalar(
            "SELECT 1 FROM volume_group_type_access WHERE type_id = \(type.id) AND project_id = \(projectID)", as: Int.self) != nil
    }

    static let table = ListTable(
        "volume_group_types",
        keys: [
            "id": "id", "name": "name", "description": "COALESCE(description, '')", "created_at": "created_at",
            "updated_at": "COALESCE(updated_at, 0)", "is_public": "is_public",
        ])

    static func list(_ selection: ListSelection, in reader: any Reader) throws -> [GroupType] {
        try reader.all("SELECT \(columns) FROM volume_group_types\(try selection.clause(table, in: reader))", type)
    }

    static func insert(_ type: GroupType, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_group_types (\(columns)) VALUES (\(type.id), \(type.name), \(type.description), \(type.isPublic),
                \(JSON(type.specs)), \(type.createdAt), \(type.updatedAt))
            """)
    }

    static func update(_ type: GroupType, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE volume_group_types SET name = \(type.name), description = \(type.description), is_public = \(type.isPublic),
                specs = \(JSON(type.specs)), updated_at = \(Timestamp.now)
            WHERE id = \(type.id)
            """)
    }

    /// Whether a group has a type.
    static func isUsed(_ id: String, in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM volume_groups WHERE type_id = \(id) LIMIT 1", as: Int.self) != nil
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_group_types WHERE id = \(id)")
    }
}

/// The rows of groups.
enum GroupRecords {
    private static let columns: SQL = """
        id, project_id, user_id, name, description, type_id, status, availability_zone, host, group_snapshot_id, source_group_id, \
        volume_types, is_settling, created_at, updated_at
        """

    private static func group(_ row: borrowing Row) throws -> Group {
        Group(
            id: try row[0], projectID: try row[1], userID: try row[2], name: try row[3], description: try row[4], typeID: try row[5],
            status: try row[6], availabilityZone: try row[7], host: try row[8], groupSnapshotID: try row[9],
            sourceGroupID: try row[10], volumeTypeIDs: try (row[11] as Stored<[String]>).value, isSettling: try row[12],
            createdAt: try row[13], updatedAt: try row[14])
    }

    static func find(_ id: String, in reader: any Reader) throws -> Group? {
        try reader.first("SELECT \(columns) FROM volume_groups WHERE id = \(id)", group)
    }

    static let table = ListTable(
        "volume_groups",
        keys: [
            "id": "id", "name": "COALESCE(name, '')", "description": "COALESCE(description, '')", "status": "status",
            "created_at": "created_at", "updated_at": "COALESCE(updated_at, 0)", "availability_zone": "availability_zone",
            "group_type_id": "type_id", "host": "COALESCE(host, '')", "project_id": "project_id", "user_id": "user_id",
        ])

    static func list(_ selection: ListSelection, in reader: any Reader) throws -> [Group] {
        try reader.all("SELECT \(columns) FROM volume_groups\(try selection.clause(table, in: reader))", group)
    }

    static func count(project id: String, in reader: any Reader) throws -> Int {
        try reader.scalar("SELECT COUNT(*) FROM volume_groups WHERE project_id = \(id)") ?? 0
    }

    static func insert(_ group: Group, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_groups (\(columns)) VALUES (\(group.id), \(group.projectID), \(group.userID), \(group.name),
                \(group.description), \(group.typeID), \(group.status), \(group.availabilityZone), \(group.host),
                \(group.groupSnapshotID), \(group.sourceGroupID), \(Stored(group.volumeTypeIDs)), \(group.isSettling),
                \(group.createdAt), \(group.updatedAt))
            """)
        for type in group.volumeTypeIDs {
            try transaction.execute("INSERT INTO volume_group_volume_types (group_id, type_id) VALUES (\(group.id), \(type))")
        }
    }

    /// Reads a group, changes it and saves what may change of it.
    @discardableResult
    static func change(_ id: String, in transaction: any Transaction, _ change: (inout Group) throws -> Void) throws -> Group? {
        guard var group = try find(id, in: transaction) else { return nil }
        try change(&group)
        try transaction.execute(
            """
            UPDATE volume_groups SET name = \(group.name), description = \(group.description), status = \(group.status),
                host = \(group.host), availability_zone = \(group.availabilityZone), updated_at = \(Timestamp.now)
            WHERE id = \(id)
            """)
        return group
    }

    /// Removes a group; its volumes belong to none afterwards.
    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("UPDATE volumes SET group_id = NULL WHERE group_id = \(id)")
        try transaction.execute("DELETE FROM volume_groups WHERE id = \(id)")
    }

    // MARK: Settling

    /// Begins something that ends when the group's volumes are made or gone.
    static func settle(_ id: String, _ status: Group.Status, in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE volume_groups SET status = \(status), is_settling = 1, updated_at = \(Timestamp.now) WHERE id = \(id)")
    }

    /// Ends it, or gives it a status that somebody wants it to have.
    static func end(_ id: String, _ status: Group.Status, in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE volume_groups SET status = \(status), is_settling = 0, updated_at = \(Timestamp.now) WHERE id = \(id)")
    }

    /// The ids of the groups whose volumes are being made or removed.
    static func settling(in reader: any Reader) throws -> [String] {
        try reader.all("SELECT id FROM volume_groups WHERE is_settling = 1") { try $0[0] }
    }

    /// Whether a group is being made of a group's snapshot.
    static func isBeingMade(ofSnapshot id: String, in reader: any Reader) throws -> Bool {
        try reader.scalar(
            """
            SELECT 1 FROM volume_groups WHERE group_snapshot_id = \(id) AND status = \(Group.Status.creating) AND is_settling = 1 LIMIT 1
            """, as: Int.self) != nil
    }

    // MARK: Volumes

    /// Whether a group has volumes.
    static func hasVolumes(_ id: String, in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM volumes WHERE group_id = \(id) LIMIT 1", as: Int.self) != nil
    }

    /// The ids of the volumes of groups, by group.
    static func volumeIDs(_ groups: [String], in reader: any Reader) throws -> [String: [String]] {
        var volumes: [String: [String]] = [:]
        guard !groups.isEmpty else { return volumes }
        try reader.forEach("SELECT group_id, id FROM volumes WHERE group_id IN \(in: groups) ORDER BY created_at, id") { row in
            let group: String = try row[0]
            volumes[group, default: []].append(try row[1])
        }
        return volumes
    }
}

/// The rows of groups' snapshots.
enum GroupSnapshotRecords {
    private static let columns: SQL = """
        id, group_id, group_type_id, project_id, user_id, name, description, status, is_settling, created_at, updated_at
        """

    private static func snapshot(_ row: borrowing Row) throws -> GroupSnapshot {
        GroupSnapshot(
            id: try row[0], groupID: try row[1], groupTypeID: try row[2], projectID: try row[3], userID: try row[4],
            name: try row[5], description: try row[6], status: try row[7], isSettling: try row[8],
            createdAt: try row[9], updatedAt: try row[10])
    }

    static func find(_ id: String, in reader: any Reader) throws -> GroupSnapshot? {
        try reader.first("SELECT \(columns) FROM volume_group_snapshots WHERE id = \(id)", snapshot)
    }

    /// Whether a group has snapshots.
    static func exist(group id: String, in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM volume_group_snapshots WHERE group_id = \(id) LIMIT 1", as: Int.self) != nil
    }

    static let table = ListTable(
        "volume_group_snapshots",
        keys: [
            "id": "id", "name": "COALESCE(name, '')", "description": "COALESCE(description, '')", "status": "status",
            "created_at": "created_at", "updated_at": "COALESCE(updated_at, 0)", "group_id": "group_id",
            "group_type_id": "group_type_id", "project_id": "project_id", "user_id": "user_id",
        ])

    static func list(_ selection: ListSelection, in reader: any Reader) throws -> [GroupSnapshot] {
        try reader.all("SELECT \(columns) FROM volume_group_snapshots\(try selection.clause(table, in: reader))", snapshot)
    }

    static func insert(_ snapshot: GroupSnapshot, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_group_snapshots (\(columns)) VALUES (\(snapshot.id), \(snapshot.groupID), \(snapshot.groupTypeID),
                \(snapshot.projectID), \(snapshot.userID), \(snapshot.name), \(snapshot.description), \(snapshot.status),
                \(snapshot.isSettling), \(snapshot.createdAt), \(snapshot.updatedAt))
            """)
    }

    /// Begins something that ends when its snapshots are made or gone.
    static func settle(_ id: String, _ status: GroupSnapshot.Status, in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE volume_group_snapshots SET status = \(status), is_settling = 1, updated_at = \(Timestamp.now) WHERE id = \(id)")
    }

    /// Ends it, or gives it a status that somebody wants it to have.
    static func end(_ id: String, _ status: GroupSnapshot.Status, in transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE volume_group_snapshots SET status = \(status), is_settling = 0, updated_at = \(Timestamp.now) WHERE id = \(id)")
    }

    /// The ids of those whose snapshots are being made or removed.
    static func settling(in reader: any Reader) throws -> [String] {
        try reader.all("SELECT id FROM volume_group_snapshots WHERE is_settling = 1") { try $0[0] }
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_group_snapshots WHERE id = \(id)")
    }
}
