import CloudAPI
import CloudCore
import CloudStore

/// Making a server's root disk anew.
enum RebuildActions {
    static let all = [
        ServerActionEndpoint("rebuild", rule: "servers:rebuild", versions: LifeSchemas.rebuild) { try await Rebuild(call: $0).accept() }
    ]
}

/// One request for a rebuild.
private struct Rebuild: Sendable {
    let call: ActionCall
    private var body: JSON { call.value }

    private static let conditions = ActionConditions(.rebuild, states: [.active, .stopped, .error], task: .rebuilding)

    func accept() async throws -> APIResponse {
        if body["trusted_image_certificates"] != nil {
            try call.request.require(
                "os_compute_api:servers:rebuild:trusted_certs",
                ["project_id": .string(call.server.projectID), "user_id": .string(call.server.userID)])
        }
        try Self.conditions.check(call.server, isAdmin: call.isAdmin)
        let keyPair = try await keyPair()
        let image = try await image()
        let root = try await rootVolume(image)
        try await checkQuota()
        try check(image, against: call.server)
        let password = body["adminPass"]?.string ?? AdministratorPassword.make()
        let server = try await begin(image, keyPair, root, password)
        return try await answer(server, password)
    }

    private func begin(
        _ image: ServerImage, _ keyPair: KeyPair??, _ root: RootVolume?, _ password: String
    ) async throws -> Server {
        try await call.begin(RebuildWorkflow(compute: call.compute).workflow, if: Self.conditions) { server, transaction in
            call.compute.passwords.hold(Secret(password), for: server.id, from: transaction)
            var state = RebuildState(
                serverID: server.id, requestID: call.request.requestID, host: server.host ?? "", formerImage: server.image,
                isImageNew: server.image?.id != image.id, isStopped: server.state == .stopped,
                preserveEphemeral: body.lenientBool("preserve_ephemeral") ?? false)
            if let root {
                (state.isImageNew, state.reimagedVolume) = (root.isImageNew, root.isFilledAnew ? root.volumeID : nil)
                state.imageID = image.id
                if root.isFilledAnew { server.details.volumeProperties = image.properties }
                if server.image != nil { server.image = image }
            } else {
                server.image = image
            }
            if let keyPair {
                (server.keyName, server.publicKey, server.keyType) = (keyPair?.name, keyPair?.publicKey, keyPair?.kind.rawValue)
            }
            apply(to: &server)
            return state
        }
    }

    /// What the request changes of a server beside its disk; what it does not name stays.
    private func apply(to server: inout Server) {
        if let name = body["name"]?.string { server.name = name }
        if let description = body["description"] { server.description = description.string }
        if let metadata = body["metadata"] { server.metadata = metadata.stringDictionary }
        if let data = body["user_data"] { server.userData = data.string }
        if let hostName = body["hostname"]?.string { server.hostName = hostName }
        if let address = body["accessIPv4"]?.string { server.details.accessIPv4 = address }
        if let address = body["accessIPv6"]?.string { server.details.accessIPv6 = AccessAddress.canonical(address) }
        if let config = body["OS-DCF:diskConfig"]?.string { server.details.diskConfig = config }
        if let certificates = body["trusted_image_certificates"] {
            server.details.trustedCertificates = certificates.array?.compactMap(\.string)
        }
        if let files = body["personality"]?.array {
            server.details.personality = Dictionary(
                files.map { ($0["path"]?.string ?? "", $0["contents"]?.string ?? "") }, uniquingKeysWith: { $1 })
        }
    }

    // MARK: What the request refers to

    /// The caller's key pair that the server is to have; nil for none, and nil within when it loses its own.
    private func keyPair() async throws -> KeyPair?? {
        guard let member = body["key_name"] else { return nil }
        guard let name = member.string else { return .some(nil) }
        let userID = call.request.token?.userID ?? ""
        let found = try await call.compute.database.read { try KeyPairRecords.find(userID: userID, name: name, in: $0) }
        guard let found else { throw ComputeError.badRequest("Invalid key_name provided.") }
        return found
    }

    private func image() async throws -> ServerImage {
        let id = body["imageRef"]?.string ?? ""
        guard let token = call.request.token, let image = try await call.compute.images.image(id, for: token) else {
            throw ComputeError.badRequest("Cannot find image for rebuild")
        }
        return image
    }

    /// The volume that a server boots from.
    private struct RootVolume: Sendable {
        var volumeID: String
        /// Whether it was made of another image.
        var isImageNew: Bool
        /// Whether it is filled with the image's bytes.
        var isFilledAnew: Bool
    }

    /// The root volume of a server on volumes, which from microversion 2.93 on is filled anew; before, only the image that it was made
    /// of will do, and its bytes stay.
    private func rootVolume(_ image: ServerImage) async throws -> RootVolume? {
        guard call.server.isVolumeBacked else { return nil }
        let (id, compute) = (call.server.id, call.compute)
        let found = try await compute.database.read { reader -> (BlockDeviceMapping, ServerVolume?)? in
            guard let root = try BlockDeviceRecords.all(server: id, in: reader).first(where: \.isRoot) else { return nil }
            return (root, try compute.volumes.volumes([root.volumeID], in: reader)[root.volumeID])
        }
        guard let (root, volume) = found else { throw ComputeError.badRequest("Instance \(id) has no root volume.") }
        let isNew = volume?.imageProperties["image_id"] != image.id
        guard !isNew || call.isFrom(93) else {
            throw ComputeError.badRequest(
                "Image \(image.id) is unacceptable: Unable to rebuild with a different image for a volume-backed server.")
        }
        let size = (volume?.sizeGiB ?? root.sizeGiB ?? 0) << 30
        guard image.minDiskGiB << 30 <= size, image.sizeBytes <= size else {
            throw ComputeError.badRequest(
                "Volume is smaller than the minimum size specified in image metadata. Volume size is \(size) bytes, minimum size is "
                    + "\(max(image.minDiskGiB << 30, image.sizeBytes)) bytes.")
        }
        return RootVolume(volumeID: root.volumeID, isImageNew: isNew, isFilledAnew: call.isFrom(93))
    }

    /// What the project may have of metadata and of files in a server.
    private func checkQuota() async throws {
        let (items, files) = (body["metadata"]?.object?.count ?? 0, body["personality"]?.array ?? [])
        guard items > 0 || !files.isEmpty else { return }
        let limits = try await call.compute.limits(project: call.server.projectID)
        let quota = try await call.compute.database.read { reader in
            try limits.checkMetadata(count: items, in: reader)
            return try limits.quota(in: reader)
        }
        guard Self.isWithin(files.count, quota.injectedFiles) else { throw ComputeError.forbidden("Personality file limit exceeded") }
        for file in files {
            guard let path = file["path"]?.string, let contents = file["contents"]?.string else {
                throw ComputeError.badRequest("A file needs a path and contents.")
            }
            guard Self.isWithin(path.utf8.count, quota.injectedFilePathBytes) else {
                throw ComputeError.forbidden("Personality file path too long")
            }
            guard Self.isWithin(contents.utf8.count / 4 * 3, quota.injectedFileContentBytes) else {
                throw ComputeError.forbidden("Personality file content too long")
            }
        }
    }

    private static func isWithin(_ count: Int, _ limit: Int) -> Bool { limit < 0 || count <= limit }

    private func check(_ image: ServerImage, against server: Server) throws {
        guard image.status == "active" else { throw ComputeError.badRequest("Image \(image.id) is not active.") }
        try image.checkIsBootable()
        if !server.isVolumeBacked { try image.checkFits(server.flavor) }
        try ImageRules.checkQueues(server.flavor, image.properties)
    }

    // MARK: Answer

    private func answer(_ server: Server, _ password: String) async throws -> APIResponse {
        var context = try await ServerViewContext(call.request, call.compute, of: [server], isSingle: true)
        (context.showsAll, context.isRebuild) = (call.isFrom(75), true)
        let view = ServerView(server: server, ports: context.ports[server.id] ?? [], context: context)
        let address = ServiceAddress(root: call.request.serviceURL)
        return .json(status: .accepted, headers: [.location: "\(address.versioned)/servers/\(server.id)"]) {
            $0.object {
                $0.member("server") {
                    $0.object {
                        view.writeMembers(to: &$0)
                        $0.member("adminPass", password)
                        if call.isFrom(57) { $0.member("user_data", server.userData) }
                    }
                }
            }
        }
    }
}

extension ServerImage {
    /// - Throws: 400 for images that hold no system (`_detect_nonbootable_image_from_properties`).
    func checkIsBootable() throws {
        guard properties["cinder_encryption_key_id"] == nil else {
            throw ComputeError.badRequest(
                "Image \(id) is unacceptable: Direct booting of an image uploaded from an encrypted volume is unsupported.")
        }
    }

    /// - Throws: 400 when servers of a flavor can't be made of the image.
    func checkFits(_ flavor: Flavor) throws {
        if let drive = properties["img_config_drive"], drive != "optional", drive != "mandatory" {
            throw ComputeError.badRequest("Image's config drive option '\(drive)' is invalid")
        }
        guard flavor.memoryMiB >= minMemoryMiB else {
            throw ComputeError.badRequest("Flavor's memory is too small for requested image.")
        }
        guard flavor.diskGiB > 0 else { return }
        guard sizeBytes <= flavor.diskGiB << 30 else {
            throw ComputeError.badRequest(
                "Flavor's disk is too small for requested image. Flavor disk is \(flavor.diskGiB << 30) bytes, image is "
                    + "\(sizeBytes) bytes.")
        }
        guard flavor.diskGiB >= minDiskGiB else {
            throw ComputeError.badRequest(
                "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is "
                    + "\(flavor.diskGiB << 30) bytes, minimum size is \(minDiskGiB << 30) bytes.")
        }
    }
}
