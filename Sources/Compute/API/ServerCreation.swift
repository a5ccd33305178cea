import CloudAPI
import CloudCore
import CloudStore
import CloudWorkflow
import ComputeMessages
import Foundation

/// Turns a create request into accepted servers: everything that can be refused is refused here, and what is
/// accepted is on disk, with the workflow that builds it, when this returns.
struct ServerCreation: Sendable {
    let compute: Compute.Parts
    let request: APIRequest
    let token: TokenContext
    private var body: JSON { request.body["server"] ?? .null }

    init(compute: Compute.Parts, request: APIRequest, token: TokenContext) {
        (self.compute, self.request, self.token) = (compute, request, token)
    }

    /// What the request comes to, before any server of it exists.
    private struct Template: Sendable {
        var flavor: Flavor
        var image: ServerImage
        var network: NetworkRequest
        var count: ClosedRange<Int>
        var securityGroups: [String]
    }

    /// Accepts the servers.
    func accept() async throws -> [Server] {
        guard let projectID = token.projectID else { throw ComputeError.forbidden("A project-scoped token is needed to create servers.") }
        try checkAvailabilityZone()
        let template = Template(
            flavor: try await flavor(), image: try await image(), network: try network(), count: try count(),
            securityGroups: try securityGroups())
        try check(template)
        let allowance = try await compute.limits(project: projectID, user: token.userID)
        return try await compute.database.write { transaction in
            try accept(template, allowance, in: transaction)
        }
    }

    private func accept(
        _ template: Template, _ allowance: ComputeAllowance, in transaction: any Transaction
    ) throws -> [Server] {
        let projectID = allowance.projectID
        try allowance.checkMetadata(count: body["metadata"]?.object?.count ?? 0, in: transaction)
        let count = try allowance.servers(of: template.flavor, count: template.count, in: transaction)
        let keyPair = try keyPair(in: transaction)
        let groups = try compute.networking.securityGroups(template.securityGroups, projectID: projectID, in: transaction)
        let plan = try compute.networking.plan(
            template.network, projectID: projectID, isAdmin: token.isAdmin, in: transaction)
        guard count == 1 || plan.allSatisfy({ $0.portID == nil && $0.fixedIP == nil }) else {
            throw ComputeError.badRequest("Multiple servers can't share a port or a fixed address.")
        }
        let (number, reservation) = (try ServerRecords.nextNumber(in: transaction), "r-" + Identifier.hex().prefix(8))
        return try (0..<count).map { index in
            var server = newServer(template, projectID: projectID, keyPair: keyPair)
            (server.number, server.launchIndex, server.reservationID) = (number + index, index, reservation)
            server.securityGroupIDs = groups
            if count > 1 {
                server.name += "-\(index + 1)"
                server.hostName = HostName.make(from: server.name, id: server.id)
            }
            try begin(server, plan: plan, in: transaction)
            return server
        }
    }

    private func begin(_ server: Server, plan: [PlannedPort], in transaction: any Transaction) throws {
        try ServerRecords.insert(server, in: transaction)
        try ActionRecords.begin(
            InstanceAction(
                serverID: server.id, requestID: request.requestID, action: ServerAction.create.logName, projectID: server.projectID,
                userID: server.userID, message: nil, startedAt: server.createdAt, finishedAt: nil), in: transaction)
        try compute.workflows.start(
            BuildWorkflow(compute: compute).workflow,
            BuildState(serverID: server.id, requestID: request.requestID, plan: plan), subject: server.subject,
            requestID: request.requestID, in: transaction)
    }

    private func newServer(_ template: Template, projectID: String, keyPair: KeyPair?) -> Server {
        let (id, now, name) = (Identifier.uuid(), Timestamp.now, body["name"]?.string ?? "")
        return Server(
            id: id, number: 0, name: name, projectID: projectID, userID: token.userID, flavor: template.flavor,
            image: template.image, keyName: keyPair?.name, publicKey: keyPair?.publicKey, keyType: keyPair?.kind.rawValue,
            hostName: body["hostname"]?.string ?? HostName.make(from: name, id: id),
            description: request.microversion >= Microversion(2, 19) ? body["description"]?.string : name,
            metadata: body["metadata"]?.stringDictionary ?? [:], userData: body["user_data"]?.string,
            configDrive: body.lenientBool("config_drive") ?? false, securityGroupIDs: [],
            availabilityZone: body["availability_zone"]?.string, reservationID: "", launchIndex: 0, state: .building,
            task: .scheduling, power: .noState, host: nil, fault: nil, createdAt: now, updatedAt: now, launchedAt: nil,
            deletedAt: nil)
    }

    // MARK: What the request says

    private func flavor() async throws -> Flavor {
        let reference = body["flavorRef"]?.string ?? body["flavorRef"]?.int.map(String.init) ?? ""
        let id = String(reference.split(separator: "/").last ?? "")
        let projectID = token.projectID ?? ""
        let found = try await compute.database.read { [isAdmin = token.isAdmin] reader -> Flavor? in
            guard let flavor = try FlavorRecords.find(id, in: reader) else { return nil }
            guard !flavor.isPublic, !isAdmin else { return flavor }
            return try FlavorRecords.projects(id, in: reader).contains(projectID) ? flavor : nil
        }
        guard let found, !found.isDisabled else { throw ComputeError.badRequest("Flavor \(id) could not be found.") }
        return found
    }

    /// The image to boot from: `imageRef`, or a block device that copies an image to a local root disk.
    private func image() async throws -> ServerImage {
        let devices = body["block_device_mapping_v2"]?.array ?? []
        let reference = body["imageRef"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        for device in devices {
            guard device["source_type"]?.string == "image", device["destination_type"]?.string ?? "local" == "local",
                device.lenientInt("boot_index") ?? 0 == 0, devices.count == 1
            else {
                throw Fault(.notImplemented, "Only a local root disk from an image is supported; volumes come with block storage.")
            }
        }
        let id = String((reference ?? devices.first?["uuid"]?.string ?? "").split(separator: "/").last ?? "")
        guard !id.isEmpty else { throw ComputeError.badRequest("Block Device Mapping is Invalid: no boot device: name an image.") }
        if let reference, let device = devices.first?["uuid"]?.string, device != reference {
            throw ComputeError.badRequest("Block Device Mapping is Invalid: the image and the boot device differ.")
        }
        guard let image = try await compute.images.image(id, for: token) else {
            throw ComputeError.badRequest("Image \(id) could not be found.")
        }
        guard image.status == "active" else { throw ComputeError.badRequest("Image \(id) is not active.") }
        return image
    }

    private func network() throws -> NetworkRequest {
        switch body["networks"] {
        case .string("none")?: return .none
        case .array(let entries)? where !entries.isEmpty || request.microversion >= Microversion(2, 37):
            guard !entries.isEmpty else { return .none }
            return .explicit(try entries.map(requested))
        default: return .automatic
        }
    }

    private func requested(_ entry: JSON) throws -> RequestedNetwork {
        let (network, port) = (entry["uuid"]?.string, entry["port"]?.string)
        guard network != nil || port != nil else { throw ComputeError.badRequest("A network entry needs a uuid or a port.") }
        guard port == nil || entry["fixed_ip"] == nil else {
            throw ComputeError.badRequest("Specified Fixed IP '\(entry["fixed_ip"]?.string ?? "")' cannot be used with port '\(port ?? "")': the two cannot be specified together.")
        }
        return RequestedNetwork(networkID: network, portID: port, fixedIP: entry["fixed_ip"]?.string, tag: entry["tag"]?.string)
    }

    private func count() throws -> ClosedRange<Int> {
        let minimum = body.lenientInt("min_count") ?? 1
        let maximum = body.lenientInt("max_count") ?? minimum
        guard minimum <= maximum else { throw ComputeError.badRequest("min_count must be <= max_count") }
        return minimum...maximum
    }

    private func securityGroups() throws -> [String] {
        try (body["security_groups"]?.array ?? []).map { group in
            guard let name = group["name"]?.string else { throw ComputeError.badRequest("A security group needs a name.") }
            return name
        }
    }

    private func checkAvailabilityZone() throws {
        guard let zone = body["availability_zone"]?.string, zone != compute.options.defaultAvailabilityZone else { return }
        throw ComputeError.badRequest("The requested availability zone is not available")
    }

    private func check(_ template: Template) throws {
        let (flavor, image) = (template.flavor, template.image)
        guard flavor.memoryMiB >= image.minMemoryMiB else {
            throw ComputeError.badRequest("Flavor's memory is too small for requested image.")
        }
        guard flavor.diskGiB == 0 || flavor.diskGiB >= image.minDiskGiB else {
            throw ComputeError.badRequest("Flavor's disk is smaller than the minimum size specified in image metadata.")
        }
        guard flavor.diskGiB == 0 || image.sizeBytes <= flavor.diskGiB << 30 else {
            throw ComputeError.badRequest("Flavor's disk is too small for requested image.")
        }
    }

    private func keyPair(in reader: any Reader) throws -> KeyPair? {
        guard let name = body["key_name"]?.string else { return nil }
        guard let pair = try KeyPairRecords.find(userID: token.userID, name: name, in: reader) else {
            throw ComputeError.badRequest("Invalid key_name provided.")
        }
        return pair
    }
}

/// Host names made from servers' names (nova.utils.sanitize_hostname).
enum HostName {
    static func make(from name: String, id: String) -> String {
        let allowed = name.replacing(/[ _]/, with: "-").replacing(/[^A-Za-z0-9.-]/, with: "").lowercased()
        let trimmed = allowed.trimmingCharacters(in: CharacterSet(charactersIn: ".-")).prefix(63)
        return trimmed.isEmpty ? "Server-\(id)" : String(trimmed)
    }
}
