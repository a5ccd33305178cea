import CloudCore
import CloudStore

/// Projects' quotas in the database, and what counts towards them.
enum QuotaRecords {
    static func find(_ projectID: String, in reader: any Reader) throws -> ProjectQuotas? {
        try reader.first("SELECT project_id, amounts FROM key_quotas WHERE project_id = \(projectID)", quotas)
    }

    private static func quotas(_ row: borrowing Row) throws -> ProjectQuotas {
        let amounts: JSON = try row[1]
        let pairs = QuotaKind.allCases.compactMap { kind in amounts[kind.rawValue]?.int.map { (kind, $0) } }
        return ProjectQuotas(projectID: try row[0], amounts: Dictionary(uniqueKeysWithValues: pairs))
    }

    static func list(_ page: ListPage, in reader: any Reader) throws -> (quotas: [ProjectQuotas], total: Int) {
        let total: Int = try reader.scalar("SELECT COUNT(*) FROM key_quotas") ?? 0
        let found = try reader.all(
            """
            SELECT project_id, amounts FROM key_quotas ORDER BY created_at, project_id LIMIT \(page.limit) OFFSET \(page.offset)
            """, quotas)
        return (found, total)
    }

    static func set(_ quotas: ProjectQuotas, now: Timestamp, in transaction: any Transaction) throws {
        var amounts = JSONObject()
        for (kind, amount) in quotas.amounts { amounts[kind.rawValue] = .int(amount) }
        try transaction.execute(
            """
            INSERT INTO key_quotas (project_id, amounts, created_at) VALUES (\(quotas.projectID), \(JSON.object(amounts)), \(now))
            ON CONFLICT (project_id) DO UPDATE SET amounts = excluded.amounts
            """)
    }

    /// Whether something was set for the project.
    static func delete(_ projectID: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM key_quotas WHERE project_id = \(projectID)") > 0
    }

    /// What a project may have: what is set for it, or the cloud's default.
    static func effective(_ projectID: String, _ options: KeyManagerOptions, in reader: any Reader) throws -> [QuotaKind: Int] {
        let amounts = try find(projectID, in: reader)?.amounts ?? [:]
        return Dictionary(uniqueKeysWithValues: QuotaKind.allCases.map { ($0, amounts[$0] ?? options.quotas[$0.rawValue] ?? -1) })
    }

    /// Looks whether a project may have more of a kind.
    /// - Throws: `KeyManagerError.quotaReached`.
    static func check(
        _ kind: QuotaKind, adding amount: Int = 1, of projectID: String, _ options: KeyManagerOptions, in reader: any Reader
    ) throws {
        let bound = try effective(projectID, options, in: reader)[kind] ?? -1
        guard bound >= 0, let table = kind.table else { return }
        let count: Int = try reader.scalar("SELECT COUNT(*) FROM \(table) WHERE project_id = \(projectID)") ?? 0
        guard count + amount <= bound else { throw KeyManagerError.quotaReached }
    }
}

extension QuotaKind {
    /// The table whose rows count; nil for what is never there.
    fileprivate var table: SQL? {
        switch self {
        case .secrets: "key_secrets"
        case .orders: "key_orders"
        case .containers: "key_containers"
        case .consumers: "key_consumers"
        case .authorities: nil
        }
    }
}

/// Transport keys and secret stores in the database.
enum StoreRecords {
    /// A key under which clients of a plugin wrap what they send; kept and shown, used by no store here.
    struct TransportKey: Sendable {
        let id: String
        let pluginName: String
        let key: String
        let createdAt: Timestamp
    }

    /// A store of secrets.
    struct SecretStore: Sendable {
        let id: String
        let name: String
        let createdAt: Timestamp
    }

    static func transportKeys(
        plugin: String?, _ page: ListPage, in reader: any Reader
    ) throws -> (ids: [String], total: Int) {
        let condition: SQL = plugin.map { "plugin_name = \($0)" } ?? "1 = 1"
        let total: Int = try reader.scalar("SELECT COUNT(*) FROM key_transport_keys WHERE \(condition)") ?? 0
        let ids: [String] = try reader.all(
            """
            SELECT id FROM key_transport_keys WHERE \(condition)
            ORDER BY created_at, id LIMIT \(page.limit) OFFSET \(page.offset)
            """) { try $0[0] }
        return (ids, total)
    }

    static func transportKey(_ id: String, in reader: any Reader) throws -> TransportKey? {
        try reader.first("SELECT id, plugin_name, transport_key, created_at FROM key_transport_keys WHERE id = \(id)") {
            TransportKey(id: try $0[0], pluginName: try $0[1], key: try $0[2], createdAt: try $0[3])
        }
    }

    static func insert(_ key: TransportKey, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO key_transport_keys (id, plugin_name, transport_key, created_at, updated_at)
            VALUES (\(key.id), \(key.pluginName), \(key.key), \(key.createdAt), \(key.createdAt))
            """)
    }

    /// Whether there was such a key.
    static func deleteTransportKey(_ id: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM key_transport_keys WHERE id = \(id)") > 0
    }

    // MARK: Stores

    private static func store(_ row: borrowing Row) throws -> SecretStore {
        SecretStore(id: try row[0], name: try row[1], createdAt: try row[2])
    }

    static func stores(in reader: any Reader) throws -> [SecretStore] {
        try reader.all("SELECT id, name, created_at FROM key_stores ORDER BY created_at, id", store)
    }

    /// The store that a project prefers.
    static func preferred(by projectID: String, in reader: any Reader) throws -> SecretStore? {
        try reader.first(
            """
            SELECT s.id, s.name, s.created_at FROM key_stores s JOIN key_preferred_stores p ON p.store_id = s.id
            WHERE p.project_id = \(projectID)
            """, store)
    }

    static func prefer(_ id: String, by projectID: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO key_preferred_stores (project_id, store_id) VALUES (\(projectID), \(id))
            ON CONFLICT (project_id) DO UPDATE SET store_id = excluded.store_id
            """)
    }

    /// Whether the project preferred one.
    static func preferNone(by projectID: String, in transaction: any Transaction) throws -> Bool {
        try transaction.execute("DELETE FROM key_preferred_stores WHERE project_id = \(projectID)") > 0
    }
}
