import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore

/// A page of a list, by its offset. As upstream, what makes no sense counts as absent or as the nearest that does.
struct ListPage: Sendable, Hashable {
    let offset: Int
    let limit: Int

    init(_ query: QueryItems, _ options: KeyManagerOptions) {
        offset = max(0, query["offset"].flatMap { Int($0) } ?? 0)
        limit = min(max(query["limit"].flatMap { Int($0) } ?? options.pageSize, 1), options.maximumPageSize)
    }

    /// Writes the links to the pages before and after, and the number of items in all.
    /// - Parameters:
    ///   - path: the collection's path below the version.
    ///   - filters: the rest of the query, to go into the links.
    func writeLinks(
        _ request: APIRequest, _ path: String, filters: QueryItems = .empty, total: Int, isEmpty: Bool, to json: inout JSONWriter
    ) {
        func link(_ offset: Int) -> String {
            let rest = filters.items.isEmpty ? "" : "&" + filters.text
            return request.reference(path) + "?limit=\(limit)&offset=\(offset)" + rest
        }
        if !isEmpty, offset > 0 { json.member("previous", link(max(0, offset - limit))) }
        if !isEmpty, total > offset + limit { json.member("next", link(offset + limit)) }
        json.member("total", total)
    }
}

extension APIRequest {
    /// The address of something below the API's version, as the API's references have it.
    func reference(_ path: String) -> String { "\(serviceURL)/v1/\(path)" }

    /// The caller's project and user.
    /// - Throws: 403 for a token without a project, which no rule admits anyhow.
    func caller() throws(KeyManagerError) -> (projectID: String, userID: String) {
        guard let token, let projectID = token.projectID else { throw .forbidden("The token is not scoped to a project.") }
        return (projectID, token.userID)
    }

    /// The body with the whitespace at its texts' ends taken off, as upstream reads it.
    var trimmedBody: JSON { body.trimmed }
}

extension JSON {
    fileprivate var trimmed: JSON {
        switch self {
        case .string(let text): return .string(text.trimmed)
        case .array(let elements): return .array(elements.map(\.trimmed))
        case .object(let object):
            var result = JSONObject()
            for member in object { result[member.name] = member.value.trimmed }
            return .object(result)
        case .null, .bool, .int, .double: return self
        }
    }
}

extension KeyManager.Parts {
    /// What policy rules look at: whose a secret or container is, and what its access list says of the caller.
    private func target(_ holder: Holder, _ access: AccessList?, _ request: APIRequest) -> PolicyTarget {
        let prefix = "target.\(holder.kind.rawValue)."
        var target = request.callerTarget
        target[prefix + "project_id"] = .string(holder.projectID)
        target[prefix + "creator_id"] = .string(holder.creatorID)
        target[prefix + "read_project_access"] = .bool(access?.projectAccess ?? true)
        if let user = request.token?.userID, access?.users.contains(user) == true { target[prefix + "read"] = "read" }
        return target
    }

    /// Puts the endpoint's rule, and perhaps a further one, to a secret or container.
    /// - Throws: 403.
    func authorize(_ request: APIRequest, _ holder: Holder, also rule: String? = nil, in reader: any Reader) throws {
        let target = target(holder, try HolderRecords.access(to: holder.id, in: reader), request)
        try request.authorize(target)
        if let rule { try request.require(rule, target) }
    }

    /// The secret that a request names, once its rule admits the caller.
    /// - Throws: 404, 403.
    func secret(_ request: APIRequest, also rule: String? = nil, in reader: any Reader) throws -> StoredSecret {
        guard let secret = try SecretRecords.find(request["secret_id"], now: .now, in: reader) else { throw KeyManagerError.secretNotFound }
        try authorize(request, secret.holder, also: rule, in: reader)
        return secret
    }

    /// The container that a request names, once its rule admits the caller.
    /// - Throws: 404, 403.
    func container(_ request: APIRequest, in reader: any Reader) throws -> SecretContainer {
        guard let container = try ContainerRecords.find(request["container_id"], in: reader) else {
            throw KeyManagerError.containerNotFound
        }
        try authorize(request, container.holder, in: reader)
        return container
    }

    /// The secret or container that a request names, once its rule admits the caller.
    /// - Throws: 404, 403.
    func holder(_ kind: Holder.Kind, _ request: APIRequest, in reader: any Reader) throws -> Holder {
        guard let holder = try HolderRecords.find(kind, request["\(kind.rawValue)_id"], now: .now, in: reader) else { throw kind.notFound }
        try authorize(request, holder, in: reader)
        return holder
    }
}
