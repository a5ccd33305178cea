import CloudCore
import CloudCrypto
import CloudStore

/// The first things in a cloud, as `keystone-manage bootstrap` makes them.
extension Identity {
    /// A service of the catalog with its addresses.
    public struct BootstrapService: Sendable {
        /// The catalog's type, such as "compute".
        public let type: String
        /// The catalog's name, such as "nova".
        public let name: String
        /// The address for clients. `%(project_id)s` stands for the token's project.
        public let publicURL: String
        /// The address for other services; the public one when nil.
        public let internalURL: String?
        /// The address for administrators; the public one when nil.
        public let adminURL: String?

        /// A service with one address for all, or several.
        public init(type: String, name: String, publicURL: String, internalURL: String? = nil, adminURL: String? = nil) {
            (self.type, self.name, self.publicURL) = (type, name, publicURL)
            (self.internalURL, self.adminURL) = (internalURL, adminURL)
        }
    }

    private static let roleNames = ["reader", "member", "manager", "admin", "service"]
    private static let implications = [("admin", "manager"), ("manager", "member"), ("member", "reader")]
    private static let adminName = "admin"

    /// Makes the Default domain, the admin user and project, the roles with what they imply, the region and the
    /// catalog, if there is no Default domain yet. Later it changes nothing but adding services that no start before
    /// knew, so that a newer program's services appear and what an operator deleted stays deleted.
    /// - Returns: whether this was the first start.
    /// - Throws: `StoreError`, `CryptoError`; `ProjectDepthError` when projects nest deeper than they may.
    @discardableResult
    public func bootstrap(
        adminPassword: Secret<String>, region: String = "RegionOne", services: [BootstrapService]
    ) async throws -> Bool {
        try await checkProjectDepth()
        let isFirst = try await !isBootstrapped()
        let hash = isFirst ? try await passwords.hash(adminPassword) : nil
        return try await database.write { [generations = tokens.generations] transaction in
            transaction.onCommit { generations.advanceEveryone() }
            // Another controller may have been faster.
            let isFirst = try hash != nil && ProjectRecords.find(ProjectRules.defaultDomainID, transaction) == nil
            if isFirst, let hash {
                try Self.makeAdministrator(passwordHash: hash, roles: Self.makeRoles(transaction), transaction)
                try RegionRecords.insert(Region(id: region), transaction)
            }
            try Self.makeCatalog(services, region: region, transaction)
            return isFirst
        }
    }

    /// Gives the catalog's endpoints that lie below one address of the cloud their place below another, since it has moved there.
    /// - Parameters: both as a scheme, a host and a port, such as "http://127.0.0.1:9000".
    /// - Returns: how many there were.
    /// - Throws: `StoreError`.
    @discardableResult
    public func moveEndpoints(from former: String, to address: String) async throws -> Int {
        try await database.write { [generations = tokens.generations] transaction in
            let moved = try EndpointRecords.all(below: former + "/", transaction)
            for var endpoint in moved {
                endpoint.url = address + endpoint.url.dropFirst(former.count)
                try EndpointRecords.update(endpoint, transaction)
            }
            if !moved.isEmpty { transaction.onCommit { generations.advanceEveryone() } }
            return moved.count
        }
    }

    /// Whether a first start has happened.
    /// - Throws: `StoreError`.
    public func isBootstrapped() async throws -> Bool {
        try await database.read { try ProjectRecords.find(ProjectRules.defaultDomainID, $0) != nil }
    }

    private static func makeRoles(_ transaction: any Transaction) throws -> [String: Role] {
        var roles: [String: Role] = [:]
        for name in roleNames {
            let role = Role(id: Identifier.hex(), name: name, options: ["immutable": true])
            try RoleRecords.insert(role, transaction)
            roles[name] = role
        }
        for (prior, implied) in implications {
            guard let prior = roles[prior], let implied = roles[implied] else { continue }
            try RoleRecords.insert(ImpliedRole(priorID: prior.id, impliedID: implied.id), transaction)
        }
        return roles
    }

    private static func makeAdministrator(passwordHash: String, roles: [String: Role], _ transaction: any Transaction) throws {
        let domain = Project(
            id: ProjectRules.defaultDomainID, name: "Default", isDomain: true, description: "The default domain")
        let project = Project(
            id: Identifier.hex(), name: adminName, domainID: domain.id, parentID: domain.id,
            description: "Bootstrap project for initializing the cloud.")
        let password = Password(hash: passwordHash, createdAt: .now)
        let user = User(id: Identifier.hex(), name: adminName, domainID: domain.id, password: password, createdAt: .now)
        try ProjectRecords.insert(domain, transaction)
        try ProjectRecords.insert(project, transaction)
        try UserRecords.insert(user, transaction)
        guard let role = roles[adminName] else { return }
        for target in [AssignmentTarget.project(project.id), .system] {
            try AssignmentRecords.insert(Assignment(actor: .user(user.id), target: target, roleID: role.id), transaction)
        }
    }

    private static func makeCatalog(_ services: [BootstrapService], region: String, _ transaction: any Transaction) throws {
        let regionID = try RegionRecords.find(region, transaction)?.id
        for service in services where try ServiceRecords.markBootstrapped(service.type, transaction) {
            let record = Service(id: Identifier.hex(), type: service.type, name: service.name)
            try ServiceRecords.insert(record, transaction)
            let addresses: [(CatalogEndpoint.Interface, String)] = [
                (.public, service.publicURL), (.internal, service.internalURL ?? service.publicURL),
                (.admin, service.adminURL ?? service.publicURL),
            ]
            for (interface, url) in addresses {
                try EndpointRecords.insert(
                    CatalogEndpoint(id: Identifier.hex(), interface: interface, serviceID: record.id, regionID: regionID, url: url),
                    transaction)
            }
        }
    }
}
