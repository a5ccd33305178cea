import CloudAPI
import CloudCore
import CloudStore

extension APIRequest {
    /// The part of a namespace's items that a request asks for, and the name of the item behind which it begins.
    ///
    /// Upstream reads these parameters for objects and tags; only a namespace's own lists have a default size.
    /// - Throws: a fault with status 400 for what is no number, no order or no visibility.
    func itemPage(defaultSort: [SortKey]) throws -> (page: ItemPage, marker: String?) {
        _ = try visibility(alsoAdmitting: ["shared"])
        let page = try page(
            PageRules(.glance, defaultLimit: .max, maximumLimit: .max, sortKeys: ItemPage.keys, defaultSort: defaultSort))
        return (ItemPage(sort: page.fetchSort, limit: page.limit), page.marker)
    }
}

extension MetadataDefinitions.Parts {
    /// A part of a namespace's items of one kind.
    /// - Throws: `MetadataError.itemNotFound` for a marker that names none.
    func items(
        _ kind: MetadataItem.Kind, of namespace: MetadataNamespace, _ asked: (page: ItemPage, marker: String?)
    ) async throws -> [MetadataItem] {
        try await database.read { reader in
            var page = asked.page
            if let marker = asked.marker {
                guard let found = try ItemRecords.find(kind, marker, of: namespace.id, in: reader) else {
                    throw MetadataError.itemNotFound(kind, marker, namespace: namespace.name)
                }
                page.marker = found
            }
            return try ItemRecords.list(kind, of: namespace.id, page, in: reader)
        }
    }

    /// One item of a namespace.
    /// - Throws: `MetadataError.itemNotFound` when there is none of that name.
    func item(_ kind: MetadataItem.Kind, _ name: String, of namespace: MetadataNamespace) async throws -> MetadataItem {
        guard let item = try await database.read({ try ItemRecords.find(kind, name, of: namespace.id, in: $0) }) else {
            throw MetadataError.itemNotFound(kind, name, namespace: namespace.name)
        }
        return item
    }

    /// Adds an item to the namespace that a request names.
    /// - Throws: `MetadataError.duplicateItem` when there is one of that name.
    func add(_ item: MetadataItem, _ request: APIRequest) async throws -> MetadataNamespace {
        try await change(request) { namespace, transaction in
            guard try ItemRecords.insert(item, to: namespace.id, in: transaction) else {
                throw MetadataError.duplicateItem(item.kind, item.name, namespace: namespace.name)
            }
            return namespace
        }
    }

    /// Puts an item in another's place, under the same name or a new one.
    /// - Throws: `MetadataError` when there is no such item, or another has the new name.
    func replace(
        _ name: String, with wanted: MetadataItem, _ request: APIRequest
    ) async throws -> (item: MetadataItem, namespace: MetadataNamespace) {
        try await change(request) { namespace, transaction in
            guard let current = try ItemRecords.find(wanted.kind, name, of: namespace.id, in: transaction) else {
                throw MetadataError.itemNotFound(wanted.kind, name, namespace: namespace.name)
            }
            let changed = MetadataItem(
                kind: wanted.kind, name: wanted.name, body: wanted.body, createdAt: current.createdAt, updatedAt: .now)
            guard try ItemRecords.update(name, of: namespace.id, to: changed, in: transaction) else {
                throw MetadataError.duplicateItem(changed.kind, changed.name, namespace: namespace.name)
            }
            return (changed, namespace)
        }
    }

    /// Removes an item of the namespace that a request names.
    /// - Throws: `MetadataError` when there is no such item, or the namespace is protected.
    func remove(_ kind: MetadataItem.Kind, _ name: String, _ request: APIRequest) async throws {
        try await change(request) { namespace, transaction in
            guard try ItemRecords.find(kind, name, of: namespace.id, in: transaction) != nil else {
                throw MetadataError.itemNotFound(kind, name, namespace: namespace.name)
            }
            try namespace.checkUnprotected()
            _ = try ItemRecords.delete(kind, name, of: namespace.id, in: transaction)
        }
    }
}
