import CloudCore
import CloudStore

/// A subnet pool as the API shows it.
struct SubnetPoolView: View {
    static let names = ResourceNames("subnetpool", "subnetpools")

    let pool: SubnetPool
    let tags: [String]

    /// The views of pools, in a constant number of queries.
    static func load(_ pools: [SubnetPool], in reader: any Reader) throws -> [SubnetPoolView] {
        let tags = try TagRecords.all(pools.map(\.id), in: reader)
        return pools.map { SubnetPoolView(pool: $0, tags: tags[$0.id] ?? []) }
    }

    var id: String { pool.id }
    var subject: PolicySubject { PolicySubject(projectID: pool.projectID, sharing: pool.sharing) }

    func write(to json: inout MemberWriter) {
        json("id", pool.id)
        json("name", pool.name)
        json.project(pool.projectID)
        json("ip_version", pool.version.rawValue)
        json("prefixes", pool.prefixes.map(\.description))
        // Lengths are texts in answers, as upstream has them.
        json("min_prefixlen", String(pool.bounds.minimum))
        json("max_prefixlen", String(pool.bounds.maximum))
        json("default_prefixlen", String(pool.bounds.standard))
        json("default_quota", pool.quota)
        json("is_default", pool.isDefault)
        json("address_scope_id", pool.scopeID)
        json.shared(pool.sharing)
        json.standard(pool.standard, tags: tags)
    }
}

/// An address scope as the API shows it.
struct AddressScopeView: View {
    static let names = ResourceNames("address_scope", "address_scopes")

    let scope: AddressScope

    var id: String { scope.id }
    var subject: PolicySubject { PolicySubject(projectID: scope.projectID, sharing: scope.sharing) }

    func write(to json: inout MemberWriter) {
        json("id", scope.id)
        json("name", scope.name)
        json.project(scope.projectID)
        json("ip_version", scope.version.rawValue)
        json.shared(scope.sharing)
    }
}
