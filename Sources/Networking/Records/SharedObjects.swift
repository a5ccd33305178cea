import CloudStore

/// A kind of object that RBAC policies can open to other projects. A kind joins by its line in `all`; its listing,
/// its views and its policy subjects then use `Visibility.condition`, `MemberWriter.shared` and `Sharing`.
struct SharedObject: Sendable {
    /// Its name in policies: `object_type`.
    let type: String
    /// What can be opened.
    let actions: [SharingAction]
    private let table: SQL
    private let users: @Sendable (String) -> SQL

    /// A kind of object.
    /// - Parameters:
    ///   - table: the objects' table, with `id` and `project_id`.
    ///   - users: selects the projects that use an object, and so need its being shared.
    init(_ type: String, _ table: SQL, actions: [SharingAction] = [.shared], users: @escaping @Sendable (String) -> SQL) {
        (self.type, self.table, self.actions, self.users) = (type, table, actions, users)
    }

    /// Every kind.
    static let all = [
        SharedObject("qos_policy", "qos_policies", users: QoSBindingRecords.projects),
        SharedObject("network", "networks", actions: [.shared, .external]) { "SELECT project_id FROM ports WHERE network_id = \($0)" },
        SharedObject("security_group", "security_groups") {
            "SELECT project_id FROM ports WHERE id IN (SELECT port_id FROM port_security_groups WHERE security_group_id = \($0))"
        },
        SharedObject("address_scope", "address_scopes") { "SELECT project_id FROM subnet_pools WHERE address_scope_id = \($0)" },
        SharedObject("subnetpool", "subnet_pools") { "SELECT project_id FROM subnets WHERE subnetpool_id = \($0)" },
        SharedObject("address_group", "address_groups") {
            """
            SELECT g.project_id FROM security_group_rules r JOIN security_groups g ON g.id = r.security_group_id
            WHERE r.remote_address_group_id = \($0)
            """
        },
    ]

    /// The kind of a name; nil for none that there is.
    static func named(_ type: String) -> SharedObject? { all.first { $0.type == type } }

    /// The project of an object; nil when there is no such object.
    func owner(of id: String, in reader: any Reader) throws -> String? {
        try reader.scalar("SELECT project_id FROM \(table) WHERE id = \(id)")
    }

    /// The projects that use an object.
    func users(of id: String, in reader: any Reader) throws -> Set<String> {
        // Ports of the network's own devices belong to nobody and need no sharing.
        Set(try reader.all("SELECT DISTINCT project_id FROM (\(users(id))) AS users") { try $0[0] as String }).subtracting([""])
    }

    /// The projects with routers whose gateway is on a network.
    static func routerProjects(network id: String, in reader: any Reader) throws -> Set<String> {
        Set(try reader.all(
            """
            SELECT DISTINCT r.project_id FROM ports p JOIN routers r ON r.id = p.device_id
            WHERE p.network_id = \(id) AND p.device_owner = \(DeviceOwner.routerGateway)
            """
        ) { try $0[0] as String })
    }
}
