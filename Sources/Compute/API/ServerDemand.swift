import CloudAPI
import CloudCore

/// What a create request says, with all that can be judged from its words alone.
struct ServerDemand: Sendable {
    var flavorID: String
    var disks: BlockDevices
    var network: NetworkRequest
    /// Whether a network is to be made where the project has none (`networks: auto`).
    var wantsAnyNetwork: Bool
    var count: ClosedRange<Int>
    var securityGroups: [String]
    var hostName: String?
    var description: String?
    var tags: [String]
    /// The files to put into the guest, by path, in base64.
    var personality: [(path: String, contents: String)]
    var trustedCertificates: [String]
    let body: JSON

    /// - Throws: 400 in upstream's order.
    init(_ request: APIRequest) throws {
        let body = request.body["server"] ?? .null
        self.body = body
        func isFrom(_ minor: Int) -> Bool { request.microversion >= Microversion(2, minor) }
        let minimum = body.lenientInt("min_count") ?? 1
        let maximum = body.lenientInt("max_count") ?? minimum
        guard minimum <= maximum else { throw ComputeError.badRequest("min_count must be <= max_count") }
        count = minimum...maximum
        var groups: [String] = []
        for name in body["security_groups"]?.array?.compactMap({ $0["name"]?.string }) ?? [] where !groups.contains(name) {
            groups.append(name)
        }
        securityGroups = groups
        description = isFrom(19) ? body["description"]?.string : body["name"]?.string
        hostName = isFrom(90) ? body["hostname"]?.string : nil
        tags = isFrom(52) ? body["tags"]?.array?.compactMap(\.string) ?? [] : []
        trustedCertificates = body["trusted_image_certificates"]?.array?.compactMap(\.string) ?? []
        personality = body["personality"]?.array?.map { ($0["path"]?.string ?? "", $0["contents"]?.string ?? "") } ?? []
        disks = try BlockDevices(body)
        network = try Self.network(body, isStrict: isFrom(37))
        wantsAnyNetwork = body["networks"]?.string == "auto"
        let reference = body["flavorRef"]?.string ?? body["flavorRef"]?.int.map(String.init) ?? ""
        flavorID = String(reference.split(separator: "/").last ?? "")
        try checkCount(maximum)
    }

    // MARK: Networks

    private static func network(_ body: JSON, isStrict: Bool) throws -> NetworkRequest {
        switch body["networks"] {
        case .string("none")?: return .none
        case .array(let entries)? where !entries.isEmpty:
            var ports: Set<String> = []
            return .explicit(try entries.map { try requested($0, &ports) })
        default: return .automatic
        }
    }

    private static func requested(_ entry: JSON, _ ports: inout Set<String>) throws -> RequestedNetwork {
        let (network, address, tag) = (entry["uuid"]?.string, entry["fixed_ip"]?.string, entry["tag"]?.string)
        if let port = entry["port"]?.string {
            guard ports.insert(port).inserted else {
                throw ComputeError.badRequest("Port ID '\(port)' was specified twice: you cannot attach a port multiple times.")
            }
            if let address {
                throw ComputeError.badRequest(
                    "Specified Fixed IP '\(address)' cannot be used with port '\(port)': the two cannot be specified together.")
            }
            return RequestedNetwork(networkID: nil, portID: port, fixedIP: nil, tag: tag)
        }
        guard let network else { throw ComputeError.badRequest("Bad network format: missing 'uuid'") }
        guard Identifier.isUUID(network) else {
            throw ComputeError.badRequest("Bad networks format: network uuid is not in proper format (\(network))")
        }
        return RequestedNetwork(networkID: network, portID: nil, fixedIP: address, tag: tag)
    }

    // MARK: How many

    /// What only one server can have does not go with several.
    private func checkCount(_ maximum: Int) throws {
        guard maximum > 1 else { return }
        if case .explicit(let entries) = network {
            guard entries.allSatisfy({ $0.fixedIP == nil }) else {
                throw ComputeError.badRequest(
                    "Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.")
            }
            guard entries.allSatisfy({ $0.portID == nil }) else {
                throw ComputeError.badRequest(
                    "Failed to launch instances: Unable to launch multiple instances with a single configured port ID. "
                        + "Please launch your instance one by one with different ports.")
            }
        }
        guard hostName == nil else { throw ComputeError.badRequest("Unable to allocate a single hostname to multiple instances") }
    }
}
