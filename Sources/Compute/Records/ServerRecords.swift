import CloudCore
import CloudStore
import ComputeMessages

extension Server.State: SQLConvertible {}
extension Server.Task: SQLConvertible {}

/// The servers' rows: the only SQL about servers.
enum ServerRecords {
    private static let columns: SQL = """
        id, number, name, project_id, user_id, flavor, image, key_name, public_key, key_type, host_name, description, \
        metadata, user_data, config_drive, security_groups, availability_zone, reservation_id, launch_index, state, task, \
        power, host, fault, created_at, updated_at, launched_at, deleted_at, is_locked, details
        """

    private static func server(_ row: borrowing Row) throws -> Server {
        let metadata: JSON = try row[12]
        let groups: JSON = try row[15]
        let fault: Stored<Server.Fault>? = try row[23]
        return Server(
            id: try row[0], number: try row[1], name: try row[2], projectID: try row[3], userID: try row[4],
            flavor: try (row[5] as Stored<Flavor>).value, image: try (row[6] as Stored<ServerImage?>).value,
            keyName: try row[7], publicKey: try row[8], keyType: try row[9], hostName: try row[10], description: try row[11],
            metadata: metadata.stringDictionary, userData: try row[13], configDrive: try row[14],
            securityGroupIDs: groups.array?.compactMap(\.string) ?? [], availabilityZone: try row[16],
            reservationID: try row[17], launchIndex: try row[18], state: try row[19], task: try row[20],
            power: PowerState(rawValue: try row[21]) ?? .noState, host: try row[22], fault: fault?.value,
            createdAt: try row[24], updatedAt: try row[25], launchedAt: try row[26], deletedAt: try row[27],
            isLocked: try row[28], details: try (row[29] as Stored<ServerDetails>).value)
    }

    /// A server by its id; deleted ones only when asked for.
    static func find(_ id: String, deleted: Bool = false, in reader: any Reader) throws -> Server? {
        let alive: SQL = deleted ? "" : " AND deleted_at IS NULL"
        return try reader.first("SELECT \(columns) FROM compute_servers WHERE id = \(id)\(alive)", server)
    }

    /// The servers that match, in order, after the marker.
    static func list(_ filter: ServerFilter, in reader: any Reader) throws -> [Server] {
        try reader.all("SELECT \(columns) FROM compute_servers\(filter.clause)", server)
    }

    /// The servers that are, or are becoming, guests of a host.
    static func onHost(_ host: String, in reader: any Reader) throws -> [Server] {
        try reader.all("SELECT \(columns) FROM compute_servers WHERE host = \(host) AND deleted_at IS NULL", server)
    }

    /// The next domain number.
    static func nextNumber(in reader: any Reader) throws -> Int {
        try reader.scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM compute_servers") ?? 1
    }

    /// Adds a server.
    static func insert(_ server: Server, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO compute_servers (\(columns), flavor_id, image_id, vcpus, memory_mib, access_ip_v4, access_ip_v6,
                auto_disk_config, root_device_name) VALUES (
                \(server.id), \(server.number), \(server.name), \(server.projectID), \(server.userID),
                \(Stored(server.flavor)), \(Stored(server.image)), \(server.keyName), \(server.publicKey),
                \(server.keyType), \(server.hostName), \(server.description), \(JSON(server.metadata)), \(server.userData),
                \(server.configDrive), \(JSON.array(server.securityGroupIDs.map { .string($0) })),
                \(server.availabilityZone), \(server.reservationID), \(server.launchIndex), \(server.state),
                \(server.task), \(server.power.rawValue), \(server.host), \(server.fault.map(Stored.init)),
                \(server.createdAt), \(server.updatedAt), \(server.launchedAt), \(server.deletedAt),
                \(server.isLocked), \(Stored(server.details)), \(server.flavor.id), \(server.image?.id ?? ""),
                \(server.flavor.vcpus), \(server.flavor.memoryMiB), \(server.details.accessIPv4 ?? ""), \(server.details.accessIPv6 ?? ""),
                \(server.details.diskConfig ?? ""), \(server.details.rootDeviceName ?? ""))
            """)
    }

    /// Saves what may change of a server. The row's time of change is set.
    static func update(_ server: Server, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            UPDATE compute_servers SET flavor = \(Stored(server.flavor)), flavor_id = \(server.flavor.id),
                vcpus = \(server.flavor.vcpus), memory_mib = \(server.flavor.memoryMiB), image = \(Stored(server.image)),
                image_id = \(server.image?.id ?? ""), key_name = \(server.keyName), public_key = \(server.publicKey),
                key_type = \(server.keyType), user_data = \(server.userData), details = \(Stored(server.details)),
                access_ip_v4 = \(server.details.accessIPv4 ?? ""), access_ip_v6 = \(server.details.accessIPv6 ?? ""),
                auto_disk_config = \(server.details.diskConfig ?? ""), root_device_name = \(server.details.rootDeviceName ?? ""),
                \(progress(of: server))
            WHERE id = \(server.id)
            """)
    }

    /// What changes with every step of a server's life.
    private static func progress(of server: Server) -> SQL {
        """
        name = \(server.name), description = \(server.description), host_name = \(server.hostName),
            metadata = \(JSON(server.metadata)), availability_zone = \(server.availabilityZone), is_locked = \(server.isLocked),
            state = \(server.state), task = \(server.task), power = \(server.power.rawValue), host = \(server.host),
            fault = \(server.fault.map(Stored.init)), updated_at = \(Timestamp.now), launched_at = \(server.launchedAt),
            deleted_at = \(server.deletedAt)
        """
    }

    /// Reads a live server, changes it and saves it.
    /// - Returns: the server as saved, or nil when there is none.
    @discardableResult
    static func change(_ id: String, in transaction: any Transaction, _ change: (inout Server) throws -> Void) throws -> Server? {
        guard let before = try find(id, in: transaction) else { return nil }
        var server = before
        try change(&server)
        if server.isMade(as: before) {
            try transaction.execute("UPDATE compute_servers SET \(progress(of: server)) WHERE id = \(id)")
        } else {
            try update(server, in: transaction)
        }
        return server
    }

    /// Removes the rows of servers deleted before a moment.
    /// - Returns: how many there were.
    static func purge(deletedBefore moment: Timestamp, in transaction: any Transaction) throws -> Int {
        try transaction.execute("DELETE FROM compute_servers WHERE deleted_at < \(moment)")
    }
}

extension Server {
    /// Whether what it is made of is the same: that is costly to write, and most changes leave it alone.
    fileprivate func isMade(as other: Server) -> Bool {
        flavor == other.flavor && image == other.image && details == other.details && userData == other.userData
            && keyName == other.keyName && publicKey == other.publicKey && keyType == other.keyType
    }
}

/// What a list of servers is asked for.
struct ServerFilter: Sendable {
    /// The project; nil for every project.
    var projectID: String?
    var userID: String?
    /// A part of the name, as upstream's regular expression filter is used.
    var name: String?
    /// States, under upstream's names; nil for all.
    var states: [String]?
    /// Tasks, likewise.
    var tasks: [String]?
    var host: String?
    var launchIndex: Int?
    var isLocked: Bool?
    var configDrive: Bool?
    /// Parts of addresses of which one of the server's must have one.
    var addressParts: [String] = []
    /// Whether servers that wait for their deletion are listed with others, or with the deleted; nil for upstream's default.
    var softDeleted: Bool?
    var imageID: String?
    var flavorID: String?
    var changedSince: Timestamp?
    var changedBefore: Timestamp?
    /// Whether the deleted servers are listed, or those that live; nil for both.
    var deleted: Bool? = false
    var uuids: [String]?
    var tags = ServerTagFilter()
    /// The server after which the list goes on.
    var marker: Server?
    var limit: Int
    /// The order, which always ends with the id so that it is total. The newest come first, as upstream's default has it.
    var order = [ServerOrder(key: .createdAt, isAscending: false), ServerOrder(key: .id, isAscending: false)]

    init(limit: Int) { self.limit = limit }

    /// WHERE, ORDER BY and LIMIT.
    var clause: SQL {
        var conditions: [SQL] = []
        if let deleted { conditions.append(Self.condition(deleted: deleted, softDeleted: softDeleted)) }
        if let projectID { conditions.append("project_id = \(projectID)") }
        if let userID { conditions.append("user_id = \(userID)") }
        if let name { conditions.append("LOWER(name) LIKE \(Self.pattern(containing: name.lowercased())) ESCAPE '\\'") }
        if let states { conditions.append("state IN \(in: states)") }
        if let tasks { conditions.append("task IN \(in: tasks)") }
        if let launchIndex { conditions.append("launch_index = \(launchIndex)") }
        if let isLocked { conditions.append("is_locked = \(isLocked)") }
        if let configDrive { conditions.append("config_drive = \(configDrive)") }
        if let host { conditions.append("host = \(host)") }
        if let imageID { conditions.append("image_id = \(imageID)") }
        if let flavorID { conditions.append("flavor_id = \(flavorID)") }
        if let changedSince { conditions.append("updated_at >= \(changedSince)") }
        if let changedBefore { conditions.append("updated_at <= \(changedBefore)") }
        if let uuids { conditions.append("id IN \(in: uuids)") }
        conditions += tags.conditions
        let keyset = KeysetOrder(order.map { .init($0.key.column, isAscending: $0.isAscending) })
        if let marker { conditions.append(keyset.behind(order.map { $0.key.value(of: marker) })) }
        let filter: SQL = conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))"
        return "\(filter) ORDER BY \(keyset.terms) LIMIT \(limit)"
    }

    private static func condition(deleted: Bool, softDeleted: Bool?) -> SQL {
        let waits: SQL = "state = \(Server.State.softDeleted)"
        guard deleted else { return softDeleted == true ? "deleted_at IS NULL" : "deleted_at IS NULL AND NOT \(waits)" }
        return softDeleted == false ? "deleted_at IS NOT NULL" : "(deleted_at IS NOT NULL OR \(waits))"
    }

    /// A LIKE pattern for text that contains this, with the pattern's own signs taken literally.
    static func pattern(containing text: String) -> String {
        let escaped = text.map { "%_\\".contains($0) ? "\\\($0)" : "\($0)" }.joined()
        return "%\(escaped)%"
    }
}

/// One column of a list's order.
struct ServerOrder: Sendable, Hashable {
    /// What servers can be sorted by, under upstream's names. Columns that may be empty count as zero or empty text.
    enum Key: String, Sendable, CaseIterable {
        case createdAt = "created_at"
        case updatedAt = "updated_at"
        case launchedAt = "launched_at"
        case id = "uuid"
        case name = "display_name"
        case hostName = "hostname"
        case state = "vm_state"
        case task = "task_state"
        case power = "power_state"
        case projectID = "project_id"
        case userID = "user_id"
        case imageID = "image_ref"
        case keyName = "key_name"
        case availabilityZone = "availability_zone"
        case configDrive = "config_drive"
        case description = "display_description"
        case flavorID = "instance_type_id"
        case launchIndex = "launch_index"
        case locked
        case lockedBy = "locked_by"
        case deletedAt = "terminated_at"
        case host, node
        case accessIPv4 = "access_ip_v4"
        case accessIPv6 = "access_ip_v6"
        case autoDiskConfig = "auto_disk_config"
        case rootDeviceName = "root_device_name"
        // What is the same for all servers here.
        case kernelID = "kernel_id"
        case ramdiskID = "ramdisk_id"
        case progress

        /// The expression that sorts.
        var column: SQL {
            switch self {
            case .createdAt: "created_at"
            case .updatedAt: "updated_at"
            case .launchedAt: "COALESCE(launched_at, 0)"
            case .id: "id"
            case .name: "name"
            case .hostName: "host_name"
            case .state: "state"
            case .task: "COALESCE(task, '')"
            case .power: "power"
            case .projectID: "project_id"
            case .userID: "user_id"
            case .imageID: "image_id"
            case .keyName: "COALESCE(key_name, '')"
            case .host, .node: "COALESCE(host, '')"
            case .availabilityZone: "COALESCE(availability_zone, '')"
            case .configDrive: "config_drive"
            case .description: "COALESCE(description, '')"
            case .flavorID: "flavor_id"
            case .launchIndex: "launch_index"
            case .locked, .lockedBy: "is_locked"
            case .deletedAt: "COALESCE(deleted_at, 0)"
            case .accessIPv4: "access_ip_v4"
            case .accessIPv6: "access_ip_v6"
            case .autoDiskConfig: "auto_disk_config"
            case .rootDeviceName: "root_device_name"
            case .kernelID, .ramdiskID, .progress: "COALESCE(NULL, 0)"
            }
        }

        /// What the expression is for a server.
        func value(of server: Server) -> SQLValue {
            switch self {
            case .createdAt: server.createdAt.sqlValue
            case .updatedAt: server.updatedAt.sqlValue
            case .launchedAt: (server.launchedAt ?? Timestamp(microseconds: 0)).sqlValue
            case .id: server.id.sqlValue
            case .name: server.name.sqlValue
            case .hostName: server.hostName.sqlValue
            case .state: server.state.rawValue.sqlValue
            case .task: (server.task?.rawValue ?? "").sqlValue
            case .power: server.power.rawValue.sqlValue
            case .projectID: server.projectID.sqlValue
            case .userID: server.userID.sqlValue
            case .imageID: (server.image?.id ?? "").sqlValue
            case .keyName: (server.keyName ?? "").sqlValue
            case .host, .node: (server.host ?? "").sqlValue
            case .availabilityZone: (server.availabilityZone ?? "").sqlValue
            case .configDrive: server.configDrive.sqlValue
            case .description: (server.description ?? "").sqlValue
            case .flavorID: server.flavor.id.sqlValue
            case .launchIndex: server.launchIndex.sqlValue
            case .locked, .lockedBy: server.isLocked.sqlValue
            case .deletedAt: (server.deletedAt ?? Timestamp(microseconds: 0)).sqlValue
            case .accessIPv4: (server.details.accessIPv4 ?? "").sqlValue
            case .accessIPv6: (server.details.accessIPv6 ?? "").sqlValue
            case .autoDiskConfig: (server.details.diskConfig ?? "").sqlValue
            case .rootDeviceName: (server.details.rootDeviceName ?? "").sqlValue
            case .kernelID, .ramdiskID, .progress: 0.sqlValue
            }
        }
    }

    var key: Key
    var isAscending: Bool
}
