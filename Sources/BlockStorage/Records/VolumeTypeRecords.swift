import CloudCore
import CloudStore

/// The rows of volume types, who may use them, and whose default they are.
enum VolumeTypeRecords {
    private static let columns: SQL = """
        id, name, description, is_public, extra_specs, qos_specs_id, encryption, created_at, updated_at
        """

    private static func type(_ row: borrowing Row) throws -> VolumeType {
        let specs: JSON = try row[4]
        let encryption: Stored<TypeEncryption>? = try row[6]
        var type = VolumeType(name: try row[1], description: try row[2], isPublic: try row[3], extraSpecs: specs.stringDictionary)
        (type.id, type.qosSpecsID, type.encryption) = (try row[0], try row[5], encryption?.value)
        (type.createdAt, type.updatedAt) = (try row[7], try row[8])
        return type
    }

    static func find(_ id: String, in reader: any Reader) throws -> VolumeType? {
        try reader.first("SELECT \(columns) FROM volume_types WHERE id = \(id)", type)
    }

    static func find(name: String, in reader: any Reader) throws -> VolumeType? {
        try reader.first("SELECT \(columns) FROM volume_types WHERE name = \(name)", type)
    }

    /// The types with these ids, by id; those that are gone are absent.
    static func find(_ ids: some Collection<String>, in reader: any Reader) throws -> [String: VolumeType] {
        guard !ids.isEmpty else { return [:] }
        let types = try reader.all("SELECT \(columns) FROM volume_types WHERE id IN \(in: Array(Set(ids)))", type)
        return Dictionary(uniqueKeysWithValues: types.map { ($0.id, $0) })
    }

    /// A type that a project may use, by id or else by name.
    /// - Parameter projectID: the project; nil for an administrator, who may use every one.
    static func find(named text: String, usableBy projectID: String?, in reader: any Reader) throws -> VolumeType? {
        guard let type = try find(text, in: reader) ?? find(name: text, in: reader) else { return nil }
        return try isUsable(type, by: projectID, in: reader) ? type : nil
    }

    /// Whether a project may use a type.
    /// - Parameter projectID: the project; nil for an administrator.
    static func isUsable(_ type: VolumeType, by projectID: String?, in reader: any Reader) throws -> Bool {
        guard !type.isPublic, let projectID else { return true }
        return try projects(type.id, in: reader).contains(projectID)
    }

    /// The type of volumes that name none: the project's own default, or everybody's.
    static func defaultType(projectID: String?, name: String = VolumeType.defaultName, in reader: any Reader) throws -> VolumeType? {
        if let projectID, let id = try projectDefault(projectID, in: reader) { return try find(id, in: reader) }
        return try find(name: name, in: reader)
    }

    /// All types.
    static func all(in reader: any Reader) throws -> [VolumeType] {
        try reader.all("SELECT \(columns) FROM volume_types ORDER BY created_at DESC, id DESC", type)
    }

    /// A page of a list.
    static func list(_ selection: ListSelection, _ table: ListTable, in reader: any Reader) throws -> [VolumeType] {
        try reader.all("SELECT \(columns) FROM volume_types\(try selection.clause(table, in: reader))", type)
    }

    /// The types that have these QoS specs.
    static func list(qosSpecsID: String, in reader: any Reader) throws -> [VolumeType] {
        try reader.all("SELECT \(columns) FROM volume_types WHERE qos_specs_id = \(qosSpecsID) ORDER BY created_at, id", type)
    }

    /// The names of all types, for the quotas that each has.
    static func names(in reader: any Reader) throws -> [String] {
        try reader.all("SELECT name FROM volume_types ORDER BY created_at, id") { try $0[0] }
    }

    static func insert(_ type: VolumeType, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_types (\(columns)) VALUES (\(type.id), \(type.name), \(type.description), \(type.isPublic),
                \(JSON(type.extraSpecs)), \(type.qosSpecsID), \(type.encryption.map { Stored($0) }), \(type.createdAt),
                \(type.updatedAt))
            """)
    }

    /// Saves what may change of a type.
    static func update(_ type: VolumeType, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE volume_types SET name = \(type.name), description = \(type.description), is_public = \(type.isPublic),
                extra_specs = \(JSON(type.extraSpecs)), qos_specs_id = \(type.qosSpecsID),
                encryption = \(type.encryption.map { Stored($0) }), updated_at = \(Timestamp.now)
            WHERE id = \(type.id)
            """)
    }

    static func delete(_ id: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_types WHERE id = \(id)")
    }

    // MARK: Access

    /// The projects that may use a private type.
    static func projects(_ id: String, in reader: any Reader) throws -> [String] {
        try reader.all("SELECT project_id FROM volume_type_access WHERE type_id = \(id) ORDER BY project_id") { try $0[0] }
    }

    /// - Returns: false when the project had access already.
    static func allow(_ id: String, projectID: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            """
            INSERT INTO volume_type_access (type_id, project_id) VALUES (\(id), \(projectID))
            ON CONFLICT (type_id, project_id) DO NOTHING
            """) > 0
    }

    /// - Returns: false when the project had no access.
    static func disallow(_ id: String, projectID: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM volume_type_access WHERE type_id = \(id) AND project_id = \(projectID)") > 0
    }

    // MARK: Projects' defaults

    /// The id of a project's own default type.
    static func projectDefault(_ projectID: String, in reader: any Reader) throws -> String? {
        try reader.scalar("SELECT type_id FROM volume_default_types WHERE project_id = \(projectID)", as: String.self)
    }

    /// All projects' own default types, as pairs of project and type.
    static func projectDefaults(in reader: any Reader) throws -> [(projectID: String, typeID: String)] {
        try reader.all("SELECT project_id, type_id FROM volume_default_types ORDER BY project_id") { (try $0[0], try $0[1]) }
    }

    /// Whether a type is some project's default.
    static func isProjectDefault(_ typeID: String, in reader: any Reader) throws -> Bool {
        try reader.scalar("SELECT 1 FROM volume_default_types WHERE type_id = \(typeID) LIMIT 1", as: Int.self) != nil
    }

    static func setProjectDefault(_ typeID: String, projectID: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO volume_default_types (project_id, type_id) VALUES (\(projectID), \(typeID))
            ON CONFLICT (project_id) DO UPDATE SET type_id = excluded.type_id
            """)
    }

    static func removeProjectDefault(_ projectID: String, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM volume_default_types WHERE project_id = \(projectID)")
    }
}
