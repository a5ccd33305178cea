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
    let demand: ServerDemand
    let placement: ServerPlacement
    private var body: JSON { demand.body }

    /// What the request comes to, before any server of it exists.
    private struct Template: Sendable {
        var flavor: Flavor
        var image: ServerImage?
        var allowance: ComputeAllowance
        /// What each server's details hold.
        var details: ServerDetails
        /// The disks, with those that the image brings.
        var disks: BlockDevices
        /// What the disks are made of.
        var sources: DiskSources.Found
    }

    /// What all servers of a request share once the tables were asked.
    private struct Surroundings {
        var keyPair: KeyPair?
        var securityGroups: [String]
        var plan: [PlannedPort]
    }

    /// - Throws: 400, or 403 for what the caller may not ask for.
    init(compute: Compute.Parts, request: APIRequest, token: TokenContext) async throws {
        (self.compute, self.request, self.token) = (compute, request, token)
        let target = request.callerTarget
        let body = request.body["server"] ?? .null
        if body["trusted_image_certificates"]?.array?.isEmpty == false {
            try request.require("os_compute_api:servers:create:trusted_certs", target)
        }
        demand = try ServerDemand(request)
        placement = try await ServerPlacement.read(request, compute)
        let names = ["block_device_mapping", "block_device_mapping_v2"]
        if names.contains(where: { body[$0]?.array?.isEmpty == false }) {
            try request.require("os_compute_api:servers:create:attach_volume", target)
        }
        if case .explicit = demand.network { try request.require("os_compute_api:servers:create:attach_network", target) }
    }

    /// Accepts the servers.
    /// - Parameter password: the administrator's password in the guests.
    func accept(password: Secret<String>) async throws -> [Server] {
        guard let projectID = token.projectID else {
            throw ComputeError.forbidden("A project-scoped token is needed to create servers.")
        }
        // One does not wait for the other: where many ask at once, each wait is for a thread that others have.
        async let foundFlavor = flavor()
        async let foundImage = image()
        let flavor = try await foundFlavor
        let image = try await foundImage
        var disks = demand.disks
        try disks.add(definedBy: image?.properties ?? [:])
        try disks.check(flavor, count: demand.count.upperBound)
        let sources = try await DiskSources(compute: compute, token: token, request: request).find(disks, flavor)
        let template = Template(
            flavor: flavor, image: image, allowance: try await compute.limits(project: projectID, user: token.userID),
            details: details(flavor, disks, sources, image), disks: disks, sources: sources)
        let mayLackDisk = request.allows("os_compute_api:servers:create:zero_disk_flavor", request.callerTarget)
        return try await compute.database.write { transaction in
            let servers = try accept(template, mayLackDisk: mayLackDisk, in: transaction)
            for server in servers { compute.passwords.hold(password, for: server.id, from: transaction) }
            return servers
        }
    }

    // MARK: Within the transaction

    private func accept(_ template: Template, mayLackDisk: Bool, in transaction: any Transaction) throws -> [Server] {
        let around = try surroundings(template, in: transaction)
        try template.allowance.checkMetadata(count: body["metadata"]?.object?.count ?? 0, in: transaction)
        try checkFiles(template.allowance, in: transaction)
        if let unknown = DeviceAliases.wanted(template.flavor.extraSpecs[DeviceAliases.property]).keys.sorted()
            .first(where: { !compute.options.deviceAliases.contains($0) }) {
            throw ComputeError.badRequest("PCI alias \(unknown) is not defined")
        }
        if let image = template.image {
            let rules = ImageRules(image: image, flavor: template.flavor, root: template.disks.root)
            try rules.check(mayLackDisk: mayLackDisk)
        } else {
            try ImageRules.checkQueues(template.flavor, template.details.volumeProperties ?? [:])
        }
        let count = try template.allowance.servers(of: template.flavor, count: demand.count, in: transaction)
        let number = try ServerRecords.nextNumber(in: transaction)
        let reservation = "r-" + Identifier.hex().prefix(8)
        let servers = (0..<count).map { index in
            server(template, around, index: index, of: count, number: number + index, reservation: reservation)
        }
        for server in servers { try begin(server, template, around, in: transaction) }
        try placement.join(servers, template.allowance, in: transaction)
        return servers
    }

    private func surroundings(_ template: Template, in transaction: any Transaction) throws -> Surroundings {
        let projectID = template.allowance.projectID
        let groups = try compute.networking.securityGroups(demand.securityGroups, projectID: projectID, in: transaction)
        var plan = try compute.networking.plan(demand.network, for: NetworkCaller(request, projectID: projectID), in: transaction)
        if demand.wantsAnyNetwork, plan.isEmpty { plan = [try anyNetwork(projectID, in: transaction)] }
        return Surroundings(
            keyPair: try keyPair(in: transaction), securityGroups: groups, plan: plan)
    }

    /// A port on the network that is made for projects without one.
    private func anyNetwork(_ projectID: String, in transaction: any Transaction) throws -> PlannedPort {
        do {
            return PlannedPort(networkID: try compute.networking.autoAllocate(projectID: projectID, in: transaction))
        } catch is NetworkRefusal {
            throw ComputeError.badRequest("Unable to automatically allocate a network for project \(projectID)")
        }
    }

    private func server(
        _ template: Template, _ around: Surroundings, index: Int, of count: Int, number: Int, reservation: String
    ) -> Server {
        let (id, now, name) = (Identifier.uuid(), Timestamp.now, body["name"]?.string ?? "")
        let properties = template.image?.properties ?? template.details.volumeProperties ?? [:]
        let isMandatory = properties["img_config_drive"] == "mandatory"
        var server = Server(
            id: id, number: number, name: count > 1 ? "\(name)-\(index + 1)" : name,
            projectID: template.allowance.projectID, userID: token.userID, flavor: template.flavor, image: template.image,
            keyName: around.keyPair?.name, publicKey: around.keyPair?.publicKey, keyType: around.keyPair?.kind.rawValue,
            hostName: demand.hostName ?? HostName.make(from: name, id: id, number: count > 1 ? index + 1 : nil),
            description: demand.description, metadata: body["metadata"]?.stringDictionary ?? [:],
            userData: body["user_data"]?.string, configDrive: body["config_drive"]?.lenientBool ?? isMandatory,
            securityGroupIDs: around.securityGroups, availabilityZone: nil, reservationID: reservation,
            launchIndex: index, state: .building, task: .scheduling, power: .noState, host: nil, fault: nil, createdAt: now,
            updatedAt: now, launchedAt: nil, deletedAt: nil, details: template.details)
        placement.apply(to: &server)
        return server
    }

    private func begin(
        _ accepted: Server, _ template: Template, _ around: Surroundings, in transaction: any Transaction
    ) throws {
        var server = accepted
        let disks = template.sources.mappings(template.disks, of: &server)
        try ServerRecords.insert(server, in: transaction)
        for disk in disks { try compute.take(disk, of: server, in: transaction) }
        for tag in demand.tags { try ServerTagRecords.add(tag, server: server.id, in: transaction) }
        try ActionRecords.begin(
            InstanceAction(
                serverID: server.id, requestID: request.requestID, action: ServerAction.create.logName, projectID: server.projectID,
                userID: server.userID, message: nil, startedAt: server.createdAt, finishedAt: nil), in: transaction)
        try compute.workflows.start(
            BuildWorkflow(compute: compute, hasVolumes: !disks.isEmpty).workflow,
            BuildState(serverID: server.id, requestID: request.requestID, plan: around.plan), subject: server.subject,
            requestID: request.requestID, in: transaction)
    }

    // MARK: What the request means

    private func details(
        _ flavor: Flavor, _ disks: BlockDevices, _ sources: DiskSources.Found, _ image: ServerImage?
    ) -> ServerDetails {
        var details = ServerDetails()
        (details.accessIPv4, details.accessIPv6) = (
            body["accessIPv4"]?.string, body["accessIPv6"]?.string.map(AccessAddress.canonical)
        )
        details.diskConfig = body["OS-DCF:diskConfig"]?.string
        details.bootRoles = token.roles.joined(separator: ",")
        if !demand.trustedCertificates.isEmpty { details.trustedCertificates = demand.trustedCertificates }
        if !demand.personality.isEmpty {
            details.personality = Dictionary(demand.personality.map { ($0.path, $0.contents) }) { $1 }
        }
        let (ephemeral, swap) = (disks.ephemeralGiB(flavor), disks.swapMiB(flavor))
        if ephemeral != flavor.ephemeralGiB { details.ephemeralGiB = ephemeral }
        details.ephemerals = disks.ephemerals(flavor)
        if swap != flavor.swapMiB { details.swapMiB = swap }
        if disks.root?.destination == .volume {
            if image != nil { details.isVolumeBacked = true }
            details.volumeProperties = sources.rootProperties
        } else {
            details.rootTag = disks.root?.tag
        }
        return details
    }

    private func flavor() async throws -> Flavor {
        let (id, token) = (demand.flavorID, token)
        let found = try await compute.database.read { try FlavorRecords.usable(id, by: token, in: $0) }
        guard let found, !found.isDisabled else { throw ComputeError.badRequest("Flavor \(id) could not be found.") }
        return found
    }

    /// The image that the server boots from; nil when it boots from a volume.
    private func image() async throws -> ServerImage? {
        guard let id = demand.disks.imageID else {
            guard demand.trustedCertificates.isEmpty else {
                throw ComputeError.badRequest("Image certificate validation is not supported when booting from volume")
            }
            return nil
        }
        guard let image = try await compute.images.image(id, for: token) else {
            throw ComputeError.badRequest("Can not find requested image")
        }
        return image
    }

    private func keyPair(in reader: any Reader) throws -> KeyPair? {
        guard let name = body["key_name"]?.string else { return nil }
        guard let pair = try KeyPairRecords.find(userID: token.userID, name: name, in: reader) else {
            throw ComputeError.badRequest("Invalid key_name provided.")
        }
        return pair
    }

    private func checkFiles(_ allowance: ComputeAllowance, in reader: any Reader) throws {
        guard !demand.personality.isEmpty else { return }
        let quota = try allowance.quota(in: reader)
        guard quota.injectedFiles < 0 || demand.personality.count <= quota.injectedFiles else {
            throw ComputeError.forbidden("Personality file limit exceeded")
        }
        let path = demand.personality.map(\.path.utf8.count).max() ?? 0
        guard quota.injectedFilePathBytes < 0 || path <= quota.injectedFilePathBytes else {
            throw ComputeError.forbidden("Personality file path exceeds maximum \(quota.injectedFilePathBytes)")
        }
        let content = demand.personality.map { Data(base64Encoded: $0.contents)?.count ?? 0 }.max() ?? 0
        guard quota.injectedFileContentBytes < 0 || content <= quota.injectedFileContentBytes else {
            throw ComputeError.forbidden("Personality file content exceeds maximum \(quota.injectedFileContentBytes)")
        }
    }
}

/// Host names made from servers' names (nova.utils.sanitize_hostname).
enum HostName {
    private static let limit = 63

    /// - Parameter number: the server's among those of one request; nil for the only one.
    static func make(from name: String, id: String, number: Int? = nil) -> String {
        // Without a regular expression, which would be compiled for every server.
        let allowed = name.unicodeScalars.lazy.filter { $0.value < 0x100 }.prefix(limit).compactMap { scalar -> Unicode.Scalar? in
            switch scalar {
            case " ", "_", ".", "-": "-"
            default: scalar.properties.isAlphabetic || scalar.properties.numericType != nil ? scalar : nil
            }
        }
        let text = String(String.UnicodeScalarView(allowed)).lowercased()
        let trimmed = text.trimmingCharacters(in: CharacterSet(charactersIn: "-"))
        guard !trimmed.isEmpty else { return "Server-\(id)" }
        return number.map { "\(trimmed)-\($0)" } ?? trimmed
    }
}

extension NetworkCaller {
    /// Who asks for the networks of a project's server. The rule is asked for the caller's project, as upstream does.
    init(_ request: APIRequest, projectID: String) {
        self.init(
            projectID: projectID, isAdmin: request.token?.isAdmin ?? false,
            mayUseExternal: request.allows("network:attach_external_network", request.callerTarget))
    }
}
