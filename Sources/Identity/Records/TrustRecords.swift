import CloudCore
import CloudStore

/// Trusts in the database. Deleted ones stay as rows that nobody sees until they are purged.
enum TrustRecords {
    private static let columns: SQL = """
        t.id, t.trustor_user_id, t.trustee_user_id, t.project_id, t.impersonation, t.expires_at, t.remaining_uses,
        t.redelegated_trust_id, t.redelegation_count, t.extra
        """

    private static func trust(_ row: borrowing Row) throws -> Trust {
        Trust(
            id: try row[0], trustorID: try row[1], trusteeID: try row[2], projectID: try row[3], impersonates: try row[4],
            expiresAt: try row[5], remainingUses: try row[6], redelegatedTrustID: try row[7], redelegationCount: try row[8],
            extra: (try row[9] as JSON).members)
    }

    /// A trust with its roles, whether it is of use or not.
    static func find(_ id: String, _ reader: any Reader) throws -> Trust? {
        let sql: SQL = "SELECT \(columns) FROM identity_trusts t WHERE t.id = \(id) AND t.deleted_at IS NULL"
        guard var found = try reader.first(sql, trust) else { return nil }
        found.roleIDs = try reader.all("SELECT role_id FROM identity_trust_roles WHERE trust_id = \(id) ORDER BY role_id") { try $0[0] }
        return found
    }

    /// The trusts from which one was handed on, the nearest first; nil when one of them is of no use any more.
    static func ancestors(of trust: Trust, at moment: Timestamp, _ reader: any Reader) throws -> [Trust]? {
        var (found, next) = ([Trust](), trust.redelegatedTrustID)
        while let id = next {
            guard found.count <= TrustRules.maximumRedelegationCount, let ancestor = try find(id, reader), ancestor.isUsable(at: moment)
            else { return nil }
            found.append(ancestor)
            next = ancestor.redelegatedTrustID
        }
        return found
    }

    /// Trusts in order of their ids, without their roles.
    static func list(trustorID: String?, trusteeID: String?, _ reader: any Reader) throws -> [Trust] {
        var conditions: [SQL] = ["t.deleted_at IS NULL"]
        if let trustorID { conditions.append("t.trustor_user_id = \(trustorID)") }
        if let trusteeID { conditions.append("t.trustee_user_id = \(trusteeID)") }
        return try reader.all(
            "SELECT \(columns) FROM identity_trusts t WHERE \(conditions.joined(separator: " AND ")) ORDER BY t.id", trust)
    }

    static func insert(_ trust: Trust, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_trusts (id, trustor_user_id, trustee_user_id, project_id, impersonation, expires_at,
                remaining_uses, redelegated_trust_id, redelegation_count, extra)
            VALUES (\(trust.id), \(trust.trustorID), \(trust.trusteeID), \(trust.projectID), \(trust.impersonates),
                \(trust.expiresAt), \(trust.remainingUses), \(trust.redelegatedTrustID), \(trust.redelegationCount),
                \(JSON.object(trust.extra)))
            """)
        for role in Set(trust.roleIDs) {
            try transaction.execute("INSERT INTO identity_trust_roles (trust_id, role_id) VALUES (\(trust.id), \(role))")
        }
    }

    /// Marks a trust deleted, with all that were handed on from it.
    static func delete(_ id: String, at moment: Timestamp, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE identity_trusts SET deleted_at = \(moment) WHERE deleted_at IS NULL AND id IN (
                WITH RECURSIVE below (id) AS (
                    SELECT id FROM identity_trusts WHERE id = \(id)
                    UNION SELECT t.id FROM identity_trusts t JOIN below b ON t.redelegated_trust_id = b.id
                ) SELECT id FROM below)
            """)
    }

    /// Removes the trusts that were deleted or expired before a moment, with all that were handed on from them.
    static func purge(before moment: Timestamp, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_trusts WHERE deleted_at < \(moment) OR expires_at < \(moment)")
    }

    /// Takes one of a trust's uses, where they are counted. False when none was left.
    static func consume(_ id: String, _ transaction: any Transaction) throws -> Bool {
        try transaction.execute(
            """
            UPDATE identity_trusts SET remaining_uses = remaining_uses - 1
            WHERE id = \(id) AND deleted_at IS NULL AND (remaining_uses IS NULL OR remaining_uses > 0)
            """) > 0
    }
}

/// What a trust lends.
extension TrustRecords {
    /// The roles someone holds in a project with those they imply, domains' own among them.
    static func heldRoleIDs(_ userID: String, inProject projectID: String, _ reader: any Reader) throws -> Set<String> {
        let held = try AssignmentRecords.heldRoleIDs(user: userID, in: .project(projectID), reader)
        return Set(RoleInference(try RoleRecords.implications(reader)).closure(of: held))
    }

    /// The roles that a trust lends, with those they imply; nil when the lender does not hold one of them any more.
    static func lentRoles(_ trust: Trust, by trustorID: String, _ reader: any Reader) throws -> [TokenRole]? {
        guard let projectID = trust.projectID else { return [] }
        let lent = RoleInference(try RoleRecords.implications(reader)).closure(of: trust.roleIDs)
        guard try heldRoleIDs(trustorID, inProject: projectID, reader).isSuperset(of: lent) else { return nil }
        return try RoleRecords.all(lent, reader).filter { $0.domainID == nil }.map { TokenRole(id: $0.id, name: $0.name) }
    }
}
