import CloudCore
import CloudStore

/// Policies in the database.
enum PolicyRecords {
    static let filters = FilterColumns(["type": ("p.type", .text)])

    private static let columns: SQL = "p.id, p.type, p.blob, p.extra"

    private static func policy(_ row: borrowing Row) throws -> Policy {
        Policy(id: try row[0], type: try row[1], blob: try row[2], extra: (try row[3] as JSON).members)
    }

    static func find(_ id: String, _ reader: any Reader) throws -> Policy? {
        try reader.first("SELECT \(columns) FROM identity_policies p WHERE p.id = \(id)", policy)
    }

    static func list(_ query: ListQuery, _ reader: any Reader) throws -> [Policy] {
        let matching = query.whereClause(filters, id: "p.id")
        return try reader.all("SELECT \(columns) FROM identity_policies p\(matching)\(query.pageClause(id: "p.id"))", policy)
    }

    static func insert(_ policy: Policy, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_policies (id, type, blob, extra)
            VALUES (\(policy.id), \(policy.type), \(policy.blob), \(JSON.object(policy.extra)))
            """)
    }

    static func update(_ policy: Policy, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_policies SET type = \(policy.type), blob = \(policy.blob), extra = \(JSON.object(policy.extra))
            WHERE id = \(policy.id)
            """)
    }

    /// Whether there was such a policy. Its associations go with it.
    static func delete(_ id: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM identity_policies WHERE id = \(id)") > 0
    }
}

/// What policies are for, in the database.
enum PolicyAssociationRecords {
    private static func columns(_ subject: PolicySubject) -> (endpoint: String?, service: String?, region: String?) {
        switch subject {
        case .endpoint(let id): (id, nil, nil)
        case .service(let id): (nil, id, nil)
        case .region(let id, let service): (nil, service, id)
        }
    }

    private static func match(_ subject: PolicySubject) -> SQL {
        switch subject {
        case .endpoint(let id): "endpoint_id = \(id)"
        case .service(let id): "service_id = \(id) AND region_id IS NULL"
        case .region(let id, let service): "service_id = \(service) AND region_id = \(id)"
        }
    }

    /// Gives a subject a policy, in the place of one it has.
    static func put(_ policyID: String, for subject: PolicySubject, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_policy_associations WHERE \(match(subject))")
        let (endpoint, service, region) = columns(subject)
        try transaction.execute(
            """
            INSERT INTO identity_policy_associations (policy_id, endpoint_id, service_id, region_id)
            VALUES (\(policyID), \(endpoint), \(service), \(region))
            """)
    }

    static func exists(_ policyID: String, for subject: PolicySubject, _ reader: any Reader) throws -> Bool {
        let sql: SQL = "SELECT 1 FROM identity_policy_associations WHERE policy_id = \(policyID) AND \(match(subject))"
        return try reader.scalar(sql, as: Int.self) != nil
    }

    static func delete(_ policyID: String, for subject: PolicySubject, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_policy_associations WHERE policy_id = \(policyID) AND \(match(subject))")
    }

    /// Every association, with the tree of regions.
    static func all(_ reader: any Reader) throws -> PolicyAssociations {
        var policies: [PolicySubject: String] = [:]
        let sql: SQL = "SELECT policy_id, endpoint_id, service_id, region_id FROM identity_policy_associations"
        try reader.forEach(sql) { row in
            let (endpoint, service, region): (String?, String?, String?) = (try row[1], try row[2], try row[3])
            let subject = endpoint.map(PolicySubject.endpoint)
                ?? service.map { service in region.map { .region($0, service: service) } ?? .service(service) }
            if let subject { policies[subject] = try row[0] }
        }
        let parents = try RegionRecords.list(.everything, reader).compactMap { region in region.parentID.map { (region.id, $0) } }
        return PolicyAssociations(policies: policies, parents: Dictionary(uniqueKeysWithValues: parents))
    }
}
