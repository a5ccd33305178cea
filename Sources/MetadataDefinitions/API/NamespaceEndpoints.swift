import CloudAPI
import CloudCore
import CloudStore

/// Namespaces: create with what is in them, list, show, change, delete, empty.
struct NamespaceEndpoints: Sendable {
    let parts: MetadataDefinitions.Parts

    var table: [Endpoint] {
        let namespaces = "/v2/metadefs/namespaces"
        let namespace = "\(namespaces)/{namespace}"
        return [
            Endpoint(.get, namespaces, "List namespaces", access: .rule("get_metadef_namespaces"), handler: list),
            Endpoint(
                .post, namespaces, "Create a namespace", access: .rule("add_metadef_namespace"),
                body: .json(MetadataSchemas.namespace), success: .created, handler: create),
            Endpoint(
                .get, namespace, "Show a namespace with what is in it", access: .ruleOnResource("get_metadef_namespace"),
                handler: show),
            Endpoint(
                .put, namespace, "Change a namespace", access: .ruleOnResource("modify_metadef_namespace"),
                body: .json(MetadataSchemas.namespace), handler: update),
            Endpoint(
                .delete, namespace, "Delete a namespace with what is in it", access: .ruleOnResource("delete_metadef_namespace"),
                success: .noContent, handler: delete),
            Endpoint(
                .delete, "\(namespace)/objects", "Delete all objects of a namespace",
                access: .ruleOnResource("delete_metadef_namespace"), success: .noContent) { try await empty($0, of: .object) },
            Endpoint(
                .delete, "\(namespace)/properties", "Delete all properties of a namespace",
                access: .ruleOnResource("delete_metadef_namespace"), success: .noContent) { try await empty($0, of: .property) },
        ]
    }

    // MARK: Lists

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        try request.require("list_metadef_resource_types", request.callerTarget)
        let page = try request.page(
            PageRules(
                .glance, defaultLimit: parts.options.pageSize, maximumLimit: parts.options.maximumPageSize,
                sortKeys: Set(NamespaceFilter.Key.allCases.map(\.rawValue)), defaultSort: NamespaceFilter().sort))
        var filter = NamespaceFilter()
        (filter.viewer, filter.seesAll) = (request.token?.projectID, MetadataDefinitions.Parts.seesAll(request))
        filter.visibility = try request.visibility()
        filter.resourceTypes = request.query["resource_types"]?.split(separator: ",").map(String.init)
        (filter.sort, filter.limit) = (page.fetchSort, page.fetchCount)
        let found = try await fetch(filter, page, request)
        let (rows, hasMore) = page.cut(found)
        let visible = rows.filter { request.allows("get_metadef_namespace", MetadataDefinitions.Parts.target($0.namespace)) }
        let links = PageLinks(request, page, ids: rows.map(\.namespace.name), hasMore: hasMore)
        return .json {
            $0.object { json in
                json.member("namespaces", array: visible.map(NamespaceView.init))
                links.writeFirstNextSchema(schema: "/v2/schemas/metadefs/namespaces", to: &json)
            }
        }
    }

    private func fetch(_ filter: NamespaceFilter, _ page: PageRequest, _ request: APIRequest) async throws -> [NamespaceDetail] {
        try await parts.database.read { reader in
            var filter = filter
            if let marker = page.marker {
                filter.marker = try NamespaceRecords.find(name: marker, in: reader)
                guard let found = filter.marker, MetadataDefinitions.Parts.sees(request, found) else {
                    throw MetadataError.namespaceNotFound(marker)
                }
            }
            let namespaces = try NamespaceRecords.list(filter, in: reader)
            let associations = try AssociationRecords.list(of: namespaces.map(\.id), in: reader)
            return namespaces.map { NamespaceDetail(namespace: $0, associations: associations[$0.id] ?? []) }
        }
    }

    // MARK: Create

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        try MetadataSchemas.refuseReadOnly(request.body)
        let detail = NamespaceDetail(request.body, owner: request.token?.projectID, at: .now)
        let further = [
            ("add_metadef_resource_type_association", detail.associations.isEmpty), ("add_metadef_object", detail.objects.isEmpty),
            ("add_metadef_property", detail.properties.isEmpty), ("add_metadef_tag", detail.tags.isEmpty),
        ]
        for (rule, isIdle) in further where !isIdle { try request.require(rule, request.callerTarget) }
        try await parts.database.write { try detail.insert(in: $0) }
        let path = "/v2/metadefs/namespaces/\(PercentEncoding.encode(detail.namespace.name))"
        return .json(status: .created, headers: [.location: request.serviceURL + path]) {
            NamespaceView(detail: detail).write(to: &$0)
        }
    }

    // MARK: One namespace

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        _ = try request.visibility()
        let namespace = try await parts.namespace(for: request)
        let further = [
            "list_metadef_resource_types", "get_metadef_objects", "get_metadef_properties", "get_metadef_tags",
        ]
        for rule in further { try parts.require(rule, namespace, request) }
        let detail = try await parts.database.read { try NamespaceDetail(of: namespace, in: $0) }
        let named = request.query["resource_type"].map { detail.named(forResourceType: $0) } ?? detail
        return .json { NamespaceView(detail: named).write(to: &$0) }
    }

    @Sendable private func update(_ request: APIRequest) async throws -> APIResponse {
        try MetadataSchemas.refuseReadOnly(request.body)
        let projectID = request.token?.projectID
        let wanted = NamespaceDetail(request.body, owner: projectID, at: .now).namespace
        let changed = try await parts.change(request) { current, transaction in
            let changed = MetadataNamespace(
                id: current.id, name: wanted.name, displayName: wanted.displayName, description: wanted.description,
                visibility: wanted.visibility, isProtected: wanted.isProtected, owner: wanted.owner,
                createdAt: current.createdAt, updatedAt: .now)
            guard try NamespaceRecords.update(changed, in: transaction) else {
                throw MetadataError.duplicateNamespace(changed.name)
            }
            return changed
        }
        return .json { NamespaceView(detail: NamespaceDetail(namespace: changed)).write(to: &$0) }
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        try await parts.change(request) { namespace, transaction in
            try namespace.checkUnprotected()
            try NamespaceRecords.delete(namespace.id, in: transaction)
        }
        return .empty()
    }

    private func empty(_ request: APIRequest, of kind: MetadataItem.Kind) async throws -> APIResponse {
        try await parts.change(request) { namespace, transaction in
            try namespace.checkUnprotected()
            try ItemRecords.deleteAll(kind, of: namespace.id, in: transaction)
        }
        return .empty()
    }
}

extension NamespaceDetail {
    /// A stored namespace with everything in it.
    init(of namespace: MetadataNamespace, in reader: any Reader) throws {
        let items = Dictionary(grouping: try ItemRecords.all(of: namespace.id, in: reader), by: \.kind)
        self.init(
            namespace: namespace, associations: try AssociationRecords.list(of: namespace.id, in: reader),
            objects: items[.object] ?? [], properties: items[.property] ?? [], tags: items[.tag] ?? [])
    }

    /// Stores a namespace with everything in it, or nothing of it.
    /// - Parameter typesAreProtected: whether resource types that are made are the cloud's own.
    /// - Throws: `MetadataError` when there is one of that name, or when a name stands in it twice.
    func insert(typesAreProtected: Bool = false, in transaction: any Transaction) throws {
        guard try NamespaceRecords.insert(namespace, in: transaction) else {
            throw MetadataError.duplicateNamespace(namespace.name)
        }
        for association in associations {
            let isNew = try AssociationRecords.insert(
                association, to: namespace.id, typeIsProtected: typesAreProtected, in: transaction)
            guard isNew else { throw MetadataError.duplicateAssociation(association.name, namespace: namespace.name) }
        }
        for item in objects + properties + tags {
            guard try ItemRecords.insert(item, to: namespace.id, in: transaction) else {
                throw MetadataError.duplicateItem(item.kind, item.name, namespace: namespace.name)
            }
        }
    }
}
