import CloudAPI
import CloudCore
import CloudStore

/// A kind of resource that has tags.
private struct Taggable: Sendable {
    /// The resource's name in policy.
    let singular: String
    /// Its collection in paths.
    let collection: String
    /// The table of its rows.
    let table: SQL
    /// What policy may know of the resource; nil when there is none.
    let subject: @Sendable (String, any Reader) throws -> PolicySubject?

    static let all = [
        Taggable(singular: "network", collection: "networks", table: NetworkRecords.listing.table) { id, reader in
            try NetworkRecords.find(id, in: reader).map { PolicySubject($0) }
        },
        Taggable(singular: "subnet", collection: "subnets", table: SubnetRecords.listing.table) { id, reader in
            try SubnetRecords.find(id, in: reader).map {
                PolicySubject(projectID: $0.projectID, on: try NetworkRecords.find($0.networkID, in: reader))
            }
        },
        Taggable(singular: "subnetpool", collection: "subnetpools", table: SubnetPoolRecords.listing.table) { id, reader in
            try SubnetPoolRecords.find(id, in: reader).map { PolicySubject(projectID: $0.projectID, sharing: $0.sharing) }
        },
        Taggable(singular: "segment", collection: "segments", table: SegmentRecords.listing.table) { id, reader in
            try SegmentRecords.find(id, in: reader).map { _ in PolicySubject(projectID: "") }
        },
        Taggable(singular: "network_segment_range", collection: "network_segment_ranges", table: SegmentRangeRecords.listing.table) { id, reader in
            try SegmentRangeRecords.find(id, in: reader).map { PolicySubject(projectID: $0.projectID ?? "") }
        },
        Taggable(singular: "port", collection: "ports", table: PortRecords.listing.table) { id, reader in
            try PortRecords.find(id, in: reader).map {
                PolicySubject(
                    projectID: $0.projectID, on: try NetworkRecords.find($0.networkID, in: reader), deviceOwner: $0.deviceOwner)
            }
        },
        Taggable(singular: "router", collection: "routers", table: RouterRecords.listing.table) { id, reader in
            try RouterRecords.find(id, in: reader).map { PolicySubject(projectID: $0.projectID) }
        },
        Taggable(singular: "floatingip", collection: "floatingips", table: FloatingIPRecords.listing.table) { id, reader in
            try FloatingIPRecords.find(id, in: reader).map { PolicySubject(projectID: $0.projectID) }
        },
        Taggable(singular: "security_group", collection: "security-groups", table: SecurityGroupRecords.listing.table) { id, reader in
            try SecurityGroupRecords.find(id, in: reader)?.subject
        },
        Taggable(singular: "policy", collection: "policies", table: QoSPolicyRecords.listing.table) { id, reader in
            try QoSPolicyRecords.find(id, in: reader).map { PolicySubject(projectID: $0.projectID, sharing: $0.sharing) }
        },
        Taggable(singular: "trunk", collection: "trunks", table: TrunkRecords.listing.table) { id, reader in
            try TrunkRecords.find(id, in: reader).map { PolicySubject(projectID: $0.projectID) }
        },
    ]
}

// Tags of every kind of resource: decode, authorise, call, encode.
extension NetworkingAPI {
    private static let limit = 50

    var tagEndpoints: [Endpoint] { Taggable.all.flatMap(tagEndpoints) }

    private func tagEndpoints(_ kind: Taggable) -> [Endpoint] {
        let tags = "/v2.0/\(kind.collection)/{resource_id}/tags"
        let tag = "\(tags)/{tag}"
        func rule(_ action: String) -> Access { .ruleOnResource("\(action)_\(kind.singular):tags") }
        return [
            Endpoint(.get, tags, "List a resource's tags", access: rule("get")) { try await listTags($0, kind) },
            Endpoint(.get, tag, "Check a tag", access: rule("get"), success: .noContent) { try await checkTag($0, kind) },
            Endpoint(
                .post, tags, "Add tags", access: rule("create"), body: NetworkingSchemas.tagReplacement, success: .created
            ) { request in
                try await changeTags(request, kind) { current in current.union(Self.tags(request)) }
            },
            Endpoint(.put, tags, "Replace tags", access: rule("update"), body: NetworkingSchemas.tagReplacement) { request in
                try await changeTags(request, kind) { _ in Set(Self.tags(request)) }
            },
            Endpoint(.put, tag, "Add a tag", access: rule("update"), success: .created) { request in
                try Self.check(request["tag"])
                _ = try await changeTags(request, kind) { $0.union([request["tag"]]) }
                return .empty()
            },
            Endpoint(.delete, tags, "Remove all tags", access: rule("delete"), success: .noContent) { request in
                _ = try await changeTags(request, kind) { _ in [] }
                return .empty()
            },
            Endpoint(.delete, tag, "Remove a tag", access: rule("delete"), success: .noContent) { request in
                let tag = request["tag"]
                _ = try await changeTags(request, kind) { current in
                    guard current.contains(tag) else { throw Self.tagNotFound(tag) }
                    return current.subtracting([tag])
                }
                return .empty()
            },
        ]
    }

    private static func tags(_ request: APIRequest) -> [String] { Attributes(json: request.body).texts("tags") ?? [] }

    private static func tagNotFound(_ tag: String) -> NetworkingError { .notFound("TagNotFound", "Tag", tag) }

    private static func check(_ tag: String) throws(NetworkingError) {
        guard tag.unicodeScalars.count <= 255 else { throw .invalidInput("'\(tag)' exceeds maximum length of 255") }
    }

    /// Finds the resource and checks that the caller may do this to its tags.
    private static func authorize(
        _ request: APIRequest, _ kind: Taggable, in reader: any Reader
    ) throws -> String {
        let id = request["resource_id"]
        let missing = NetworkingError(.notFound, "TagResourceNotFound", "Resource \(kind.singular) \(id) could not be found.")
        let subject = try kind.subject(id, reader).orThrow(missing)
        try request.authorizeChange(of: kind.singular, subject, orHide: missing)
        return id
    }

    private func listTags(_ request: APIRequest, _ kind: Taggable) async throws -> APIResponse {
        let tags = try await database.read { reader in
            let id = try Self.authorize(request, kind, in: reader)
            return try TagRecords.all([id], in: reader)[id] ?? []
        }
        return .json("tags", tags)
    }

    private func checkTag(_ request: APIRequest, _ kind: Taggable) async throws -> APIResponse {
        let tag = request["tag"]
        try await database.read { reader in
            let id = try Self.authorize(request, kind, in: reader)
            guard try TagRecords.all([id], in: reader)[id]?.contains(tag) ?? false else { throw Self.tagNotFound(tag) }
        }
        return .empty()
    }

    private func changeTags(
        _ request: APIRequest, _ kind: Taggable, _ change: @escaping @Sendable (Set<String>) throws -> Set<String>
    ) async throws -> APIResponse {
        let tags = try await database.write { transaction in
            let id = try Self.authorize(request, kind, in: transaction)
            let current = Set(try TagRecords.all([id], in: transaction)[id] ?? [])
            let wanted = try change(current)
            guard wanted.count <= Self.limit else {
                throw NetworkingError.badRequest(kind.collection, "The number of tags exceed the per-resource limit of \(Self.limit)")
            }
            for tag in wanted.subtracting(current) { try TagRecords.add(tag, to: id, in: transaction) }
            for tag in current.subtracting(wanted) { _ = try TagRecords.remove(tag, from: id, in: transaction) }
            if wanted != current { try TagRecords.touch(id, in: kind.table, transaction) }
            return wanted.sorted()
        }
        return .json("tags", tags)
    }
}
