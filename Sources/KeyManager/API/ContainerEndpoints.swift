import CloudAPI
import CloudCore
import CloudStore

/// Containers of secrets: make, list, show, delete, and what is in a generic one.
struct ContainerEndpoints: Sendable {
    let parts: KeyManager.Parts

    var table: [Endpoint] {
        let one = "/v1/containers/{container_id}"
        return [
            Endpoint(.get, "/v1/containers", "List containers", access: .rule("containers:get"), handler: list),
            Endpoint(
                .post, "/v1/containers", "Make a container", access: .rule("containers:post"), body: .json(Self.schema),
                success: .created, handler: create),
            Endpoint(.get, one, "Show a container", access: .ruleOnResource("container:get"), handler: show),
            Endpoint(
                .delete, one, "Delete a container", access: .ruleOnResource("container:delete"), success: .noContent, handler: delete),
            Endpoint(
                .post, one + "/secrets", "Put a secret into a container", access: .ruleOnResource("container_secret:post"),
                body: .json(Self.reference), success: .created, handler: add),
            Endpoint(
                .delete, one + "/secrets", "Take a secret out of a container", access: .ruleOnResource("container_secret:delete"),
                body: .json(Self.reference), success: .noContent, handler: remove),
        ]
    }

    private static let reference: Schema = .object(
        [("name", .nullable(.string(length: 0...255))), ("secret_ref", .string(length: 1...2_048))], required: ["secret_ref"],
        additional: .any)

    private static let schema: Schema = .object(
        [
            ("name", .nullable(.string(length: 0...255))),
            ("type", .oneOf(SecretContainer.Kind.allCases.filter(\.isOpen).map { .string($0.rawValue) })),
            ("secret_refs", .array(reference, count: 0...1_000)),
        ], required: ["type"], additional: .any)

    // MARK: Show

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        let (page, projectID) = (ListPage(request.query, parts.options), try request.caller().projectID)
        let (name, type) = (request.query["name"], request.query["type"])
        let (containers, total, consumers) = try await parts.database.read { reader in
            let found = try ContainerRecords.list(of: projectID, name: name, type: type, page, in: reader)
            return (found.containers, found.total, try HolderRecords.consumers(of: found.containers.map(\.id), in: reader))
        }
        return .json {
            $0.object {
                $0.member(
                    "containers",
                    array: containers.map { ContainerView(container: $0, consumers: consumers[$0.id] ?? [], request: request) })
                page.writeLinks(request, "containers", total: total, isEmpty: containers.isEmpty, to: &$0)
            }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        let (container, consumers) = try await parts.database.read { [parts] reader in
            let container = try parts.container(request, in: reader)
            return (container, try HolderRecords.consumers(of: [container.id], in: reader)[container.id] ?? [])
        }
        return .json { ContainerView(container: container, consumers: consumers, request: request).write(to: &$0) }
    }

    // MARK: Make and delete

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let (body, caller, now) = (request.trimmedBody, try request.caller(), Timestamp.now)
        let type = body["type"]?.string.flatMap { SecretContainer.Kind(rawValue: $0) } ?? .generic
        let container = SecretContainer(
            id: Identifier.uuid(), projectID: caller.projectID, creatorID: caller.userID, name: body["name"]?.string, type: type,
            references: try Self.references(body["secret_refs"]?.array ?? [], type, request), createdAt: now, updatedAt: now)
        try await parts.database.write { [options = parts.options] transaction in
            try QuotaRecords.check(.containers, of: container.projectID, options, in: transaction)
            let ids = container.references.map(\.secretID)
            guard try SecretRecords.count(ids, of: container.projectID, now: now, in: transaction) == ids.count else {
                throw KeyManagerError.notFound("A secret provided for the container doesn't exist.")
            }
            try ContainerRecords.insert(container, in: transaction)
        }
        let url = request.reference("containers/\(container.id)")
        return .json(headers: [.location: url], "container_ref", url)
    }

    /// - Throws: 400 for names or secrets that come twice, names that the type does not have, and addresses of other clouds.
    private static func references(
        _ items: [JSON], _ type: SecretContainer.Kind, _ request: APIRequest
    ) throws(KeyManagerError) -> [SecretContainer.Reference] {
        let references = items.map { SecretContainer.Reference(name: $0["name"]?.string, secretID: secretID($0)) }
        guard !references.isEmpty else { return [] }
        let names = Set(references.map { $0.name ?? "" })
        guard names.count == references.count else { throw invalid("Duplicate reference names are not allowed") }
        guard Set(references.map(\.secretID)).count == references.count else { throw invalid("Duplicate secret ids are not allowed") }
        let isOurs = items.allSatisfy { $0["secret_ref"]?.string?.hasPrefix(request.serviceURL) == true }
        guard isOurs else { throw invalid("Secret_ref does not match the configured hostname, please try again") }
        if let known = type.names {
            guard names.isSubset(of: known.required.union(known.optional)) else {
                throw invalid("reference names that a container of type \(type.rawValue) does not have")
            }
            guard known.required.isSubset(of: names) else {
                throw invalid("a container of type \(type.rawValue) needs \(known.required.sorted().joined(separator: " and "))")
            }
        }
        return references
    }

    private static func invalid(_ reason: String) -> KeyManagerError { .invalid("Container", "secret_refs", reason) }

    /// The last part of a secret's address.
    private static func secretID(_ reference: JSON) -> String {
        (reference["secret_ref"]?.string ?? "").split(separator: "/").last.map(String.init) ?? ""
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> APIResponse {
        try await parts.database.write { [parts] transaction in
            try ContainerRecords.delete(try parts.container(request, in: transaction).id, in: transaction)
        }
        return .empty()
    }

    // MARK: What is in one

    @Sendable private func add(_ request: APIRequest) async throws -> APIResponse {
        let (body, projectID) = (request.trimmedBody, try request.caller().projectID)
        let reference = SecretContainer.Reference(name: body["name"]?.string, secretID: Self.secretID(body))
        let id = try await parts.database.write { [parts] transaction in
            let container = try parts.container(request, in: transaction)
            guard container.type == .generic else { throw KeyManagerError.badRequest("Only 'generic' containers can be modified.") }
            try Self.checkExists(reference, projectID, in: transaction)
            guard !container.references.contains(reference) else {
                throw KeyManagerError.conflict(
                    "Conflict. A secret with that name and ID is already stored in this container. The same secret can exist in a "
                        + "container as long as the name is unique.")
            }
            try ContainerRecords.add(reference, to: container.id, in: transaction)
            return container.id
        }
        return .json("container_ref", request.reference("containers/\(id)"))
    }

    private static func checkExists(
        _ reference: SecretContainer.Reference, _ projectID: String, in reader: any Reader
    ) throws {
        guard try SecretRecords.count([reference.secretID], of: projectID, now: .now, in: reader) == 1 else {
            throw KeyManagerError.notFound("Secret provided doesn't exist.")
        }
    }

    @Sendable private func remove(_ request: APIRequest) async throws -> APIResponse {
        let (body, projectID) = (request.trimmedBody, try request.caller().projectID)
        let reference = SecretContainer.Reference(name: body["name"]?.string, secretID: Self.secretID(body))
        try await parts.database.write { [parts] transaction in
            let container = try parts.container(request, in: transaction)
            try Self.checkExists(reference, projectID, in: transaction)
            guard try ContainerRecords.remove(reference, from: container.id, in: transaction) else {
                throw KeyManagerError.notFound("Secret provided is not in the container")
            }
        }
        return .empty()
    }
}
