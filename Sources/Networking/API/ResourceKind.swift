import CloudAPI
import CloudCore
import CloudStore

/// What the common handlers must know of a kind of resource.
struct ResourceKind<Item: Sendable, Shown: View & Sendable>: Sendable {
    let names: ResourceNames
    let listing: Listing
    /// The error for an id of nothing.
    let missing: @Sendable (String) -> NetworkingError
    let find: @Sendable (String, any Reader) throws -> Item?
    let list: @Sendable (ListRequest, Visibility, any Reader) throws -> [Item]
    /// The views of resources, in a constant number of queries.
    let load: @Sendable ([Item], any Reader) throws -> [Shown]
    /// The name in policy's rules where it is not the resource's own.
    var ruleName: String?
    /// The standard attributes, for `If-Match`; nil for kinds that have none.
    var standard: @Sendable (Item) -> StandardAttributes? = { _ in nil }

    /// The parameter of paths that names one of them, such as `flavor_id`.
    var parameter: String { "\(names.singular)_id" }

    func view(_ item: Item, in reader: any Reader) throws -> Shown {
        guard let view = try load([item], reader).first else { throw missing("") }
        return view
    }
}

// What every kind's handlers do.
extension NetworkingAPI {
    func list<Item, Shown>(_ request: APIRequest, _ kind: ResourceKind<Item, Shown>) async throws -> APIResponse {
        let list = try listRequest(request, kind.listing)
        let visibility = request.visibility
        let views = try await database.read { try kind.load(try kind.list(list, visibility, $0), $0) }
        return await request.answer(views, kind.names, list)
    }

    func show<Item, Shown>(_ request: APIRequest, _ kind: ResourceKind<Item, Shown>) async throws -> APIResponse {
        let id = request[kind.parameter]
        let view = try await database.read { reader in
            try kind.view(try kind.find(id, reader).orThrow(kind.missing(id)), in: reader)
        }
        try request.authorize(view.subject.target, orThrow: kind.missing(id).fault)
        return request.answer(view, kind.names, fields: request.fields)
    }

    /// Makes resources, whose creation the caller has authorised, and answers with them.
    func create<Item, Shown>(
        _ request: APIRequest, _ kind: ResourceKind<Item, Shown>, _ make: @escaping @Sendable (any Transaction) throws -> [Item]
    ) async throws -> APIResponse {
        let views = try await database.write { try kind.load(try make($0), $0) }
        return await request.answer(created: views, kind.names)
    }

    /// Finds a resource, checks that the caller may change it, changes it and answers with it.
    func change<Item, Shown>(
        _ request: APIRequest, _ kind: ResourceKind<Item, Shown>, setting attributes: [String] = [],
        _ change: @escaping @Sendable (Item, any Transaction) throws -> Item
    ) async throws -> APIResponse {
        let view = try await database.write { transaction in
            let item = try Self.changeable(request, kind, setting: attributes, in: transaction)
            return try kind.view(try change(item, transaction), in: transaction)
        }
        return request.answer(view, kind.names)
    }

    /// Finds a resource, checks that the caller may delete it, and deletes it.
    func delete<Item, Shown>(
        _ request: APIRequest, _ kind: ResourceKind<Item, Shown>,
        _ delete: @escaping @Sendable (Item, any Transaction) throws -> Void
    ) async throws -> APIResponse {
        try await database.write { try delete(try Self.changeable(request, kind, in: $0), $0) }
        return .empty()
    }

    /// The resource that a request is to change, if the caller may.
    static func changeable<Item, Shown>(
        _ request: APIRequest, _ kind: ResourceKind<Item, Shown>, setting attributes: [String] = [], in reader: any Reader
    ) throws -> Item {
        let id = request[kind.parameter]
        let item = try kind.find(id, reader).orThrow(kind.missing(id))
        try request.authorizeChange(
            of: kind.ruleName ?? kind.names.singular, try kind.view(item, in: reader).subject, setting: attributes, orHide: kind.missing(id))
        if let standard = kind.standard(item) { try request.checkRevision(standard) }
        return item
    }
}

extension Visibility {
    /// The condition on the rows of a table with a project.
    var ownRows: SQL? {
        switch self {
        case .everything: nil
        case .project(let project): "project_id = \(project)"
        case .sharedOnly: "1 = 0"
        }
    }

    /// The condition on the rows of a table with a project, and a flag that shares a row with everyone.
    var ownOrSharedRows: SQL? {
        switch self {
        case .everything: nil
        case .project(let project): "project_id = \(project) OR shared = \(true)"
        case .sharedOnly: "shared = \(true)"
        }
    }
}
