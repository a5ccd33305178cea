import CloudCore
import CloudStore

/// What identity providers call users, in the database.
enum FederatedUserRecords {
    /// The name of a user `u` who has none of this cloud: the one of the first login known.
    static let name: SQL =
        "(SELECT f.display_name FROM identity_federated_users f WHERE f.user_id = u.id ORDER BY f.idp_id, f.protocol_id LIMIT 1)"

    /// The user an identity provider means.
    static func userID(_ identity: FederatedIdentity, _ reader: any Reader) throws -> String? {
        try reader.scalar("SELECT user_id FROM identity_federated_users WHERE \(match(identity))")
    }

    /// What identity providers call a user.
    static func identities(of userID: String, _ reader: any Reader) throws -> [FederatedIdentity] {
        try reader.all(
            """
            SELECT idp_id, protocol_id, unique_id FROM identity_federated_users WHERE user_id = \(userID)
            ORDER BY idp_id, protocol_id, unique_id
            """) { FederatedIdentity(identityProviderID: try $0[0], protocolID: try $0[1], uniqueID: try $0[2]) }
    }

    private static func match(_ identity: FederatedIdentity) -> SQL {
        "idp_id = \(identity.identityProviderID) AND protocol_id = \(identity.protocolID) AND unique_id = \(identity.uniqueID)"
    }

    static func insert(_ identity: FederatedIdentity, of userID: String, name: String, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_federated_users (idp_id, protocol_id, unique_id, user_id, display_name)
            VALUES (\(identity.identityProviderID), \(identity.protocolID), \(identity.uniqueID), \(userID), \(name))
            """)
    }

    static func rename(_ identity: FederatedIdentity, _ name: String, _ transaction: any Transaction) throws {
        try transaction.execute("UPDATE identity_federated_users SET display_name = \(name) WHERE \(match(identity))")
    }

    static func rename(userID: String, _ name: String, _ transaction: any Transaction) throws {
        try transaction.execute("UPDATE identity_federated_users SET display_name = \(name) WHERE user_id = \(userID)")
    }

    private static func deleteAll(of userID: String, _ transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM identity_federated_users WHERE user_id = \(userID)")
    }

    /// A user who exists because of a login only.
    static func insertUser(id: String, domainID: String, extra: JSONObject, at moment: Timestamp, _ transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO identity_users (id, domain_id, enabled, extra, options, created_at, last_active_at)
            VALUES (\(id), \(domainID), \(true), \(JSON.object(extra)), \(JSON.object([:])), \(moment), \(moment))
            """)
    }

    static func noteLogin(of userID: String, extra: JSONObject, at moment: Timestamp, _ transaction: any Transaction) throws {
        try transaction.execute(
            "UPDATE identity_users SET last_active_at = \(moment), extra = \(JSON.object(extra)) WHERE id = \(userID)")
    }

    /// Deletes users who can log in nowhere any more: those of providers and protocols that are gone.
    static func deleteOrphans(_ transaction: any Transaction) throws {
        try transaction.execute(
            """
            DELETE FROM identity_users WHERE id NOT IN (SELECT user_id FROM identity_local_users)
                AND id NOT IN (SELECT user_id FROM identity_federated_users)
            """)
    }

    /// Takes out of a query what it asks about identity providers, and whole names, which may be there or here.
    static func conditions(_ query: inout ListQuery) -> [SQL] {
        var matches: [SQL] = []
        if let provider = query.take("idp_id") { matches.append("f.idp_id = \(provider.value)") }
        if let name = query.take("protocol_id") { matches.append("f.protocol_id = \(name.value)") }
        if let unique = query.take("unique_id") { matches.append("f.unique_id = \(unique.value)") }
        var conditions: [SQL] = []
        if !matches.isEmpty {
            conditions.append("u.id IN (SELECT f.user_id FROM identity_federated_users f WHERE \(matches.joined(separator: " AND ")))")
        }
        if let name = query["name"], query.filters.count(where: { $0.attribute == "name" }) == 1 {
            _ = query.take("name")
            conditions.append(
                """
                u.id IN (SELECT user_id FROM identity_local_users WHERE name = \(name)
                    UNION SELECT user_id FROM identity_federated_users WHERE display_name = \(name))
                """)
        }
        return conditions
    }

    /// Names users anew where identity providers know them.
    static func replace(_ identities: [FederatedIdentity], of user: User, _ transaction: any Transaction) throws {
        for identity in identities {
            guard try IdentityProviderRecords.exists(identity.identityProviderID, transaction) else {
                throw IdentityError.invalid("Could not find Identity Provider: \(identity.identityProviderID)")
            }
            guard try FederationProtocolRecords.find(identity.protocolID, of: identity.identityProviderID, transaction) != nil else {
                throw IdentityError.invalid(
                    "Could not find federated protocol \(identity.protocolID) for Identity Provider: \(identity.identityProviderID).")
            }
        }
        try deleteAll(of: user.id, transaction)
        for identity in identities { try insert(identity, of: user.id, name: user.name, transaction) }
    }
}

/// Memberships that last for a while after a login, in the database.
enum ExpiringMembershipRecords {
    /// The moment a membership `m` ends, in microseconds.
    private static let end: SQL = """
        m.last_verified + 60000000 * COALESCE(
            (SELECT i.authorization_ttl FROM identity_providers i WHERE i.id = m.idp_id), m.standard_ttl)
        """

    /// The groups a user is in by way of a login, as a list for IN.
    static func groupIDs(of userID: String, at moment: Timestamp) -> SQL {
        "SELECT m.group_id FROM identity_expiring_group_members m WHERE m.user_id = \(userID) AND \(end) > \(moment)"
    }

    /// Whether some of these users are in a group for a while.
    static func exist(of userIDs: Set<String>, at moment: Timestamp, _ reader: any Reader) throws -> Bool {
        try reader.scalar(
            "SELECT 1 FROM identity_expiring_group_members m WHERE m.user_id IN \(in: userIDs) AND \(end) > \(moment) LIMIT 1",
            as: Int.self) != nil
    }

    /// Until when a user is in groups by way of logins alone, by the groups' ids.
    static func ends(of userID: String, at moment: Timestamp, _ reader: any Reader) throws -> [String: Timestamp] {
        var ends: [String: Timestamp] = [:]
        let sql: SQL = """
            SELECT m.group_id, \(end) FROM identity_expiring_group_members m WHERE m.user_id = \(userID)
                AND m.group_id NOT IN (SELECT group_id FROM identity_group_members WHERE user_id = \(userID))
            """
        try reader.forEach(sql) { row in
            let (group, end): (String, Timestamp) = (try row[0], try row[1])
            if end > moment { ends[group] = max(end, ends[group] ?? end) }
        }
        return ends
    }

    /// Makes a user's memberships by one provider those of its newest login. Whether that changed anything.
    static func replace(
        of userID: String, by providerID: String, _ groupIDs: [String], standardTTL: Int, at moment: Timestamp,
        _ transaction: any Transaction
    ) throws -> Bool {
        let old: Set<String> = Set(
            try transaction.all(
                "SELECT group_id FROM identity_expiring_group_members WHERE user_id = \(userID) AND idp_id = \(providerID)"
            ) { try $0[0] })
        try transaction.execute(
            "DELETE FROM identity_expiring_group_members WHERE user_id = \(userID) AND idp_id = \(providerID)")
        for group in groupIDs {
            try transaction.execute(
                """
                INSERT INTO identity_expiring_group_members (user_id, group_id, idp_id, last_verified, standard_ttl)
                VALUES (\(userID), \(group), \(providerID), \(moment), \(standardTTL))
                """)
        }
        return old != Set(groupIDs)
    }
}
