import CloudCore
import CloudStore
import NetworkMessages

// A router's ways out. One of them, the router's `gatewayPortID`, is what `external_gateway_info` shows and changes.
extension Operations {
    /// The gateway ports, the first one first, the others in the order they were made.
    func gatewayPorts(of router: Router, in reader: any Reader) throws -> [Port] {
        let ports = try PortRecords.all(device: router.id, owner: DeviceOwner.routerGateway, in: reader)
        return Self.inOrder(ports, of: router)
    }

    /// The gateway ports among a router's ports, the first one first.
    static func inOrder(_ ports: [Port], of router: Router) -> [Port] {
        let gateways = ports.filter { $0.deviceOwner == DeviceOwner.routerGateway }
        return gateways.filter { $0.id == router.gatewayPortID } + gateways.filter { $0.id != router.gatewayPortID }
    }

    /// Changes the first gateway. Without one, another of the router's gateways takes its place.
    func settleGateway(of router: inout Router, _ change: RouterChange.Gateway, in transaction: any Transaction) throws {
        let current = try router.gatewayPortID.flatMap { try PortRecords.find($0, in: transaction) }
        guard case .set(let gateway) = change else {
            if let current { try closeGateway(of: &router, current, in: transaction) }
            router.gatewayPortID = try gatewayPorts(of: router, in: transaction).first?.id
            return
        }
        router.isSNATEnabled = gateway.isSNATEnabled ?? (current == nil ? true : router.isSNATEnabled)
        if let current, current.networkID == gateway.networkID {
            guard let requests = gateway.fixedIPs else { return }
            try checkGatewayAddresses(requests, on: try externalNetwork(gateway.networkID, in: transaction), in: transaction)
            _ = try updatePort(current, PortChange(fixedIPs: requests), by: .service, in: transaction)
            return
        }
        if let current { try closeGateway(of: &router, current, in: transaction) }
        router.gatewayPortID = try openGateway(of: router, gateway, in: transaction)
    }

    private func closeGateway(of router: inout Router, _ port: Port, in transaction: any Transaction) throws {
        try checkUnneeded(port, of: router, in: transaction)
        router.gatewayPortID = nil
        try RouterRecords.update(router, in: transaction)
        try PortRecords.delete(port.id, in: transaction)
    }

    /// A gateway that floating IPs need stays, unless another leads to the same network.
    private func checkUnneeded(_ port: Port, of router: Router, in reader: any Reader) throws {
        guard try FloatingIPRecords.needs(router: router.id, network: port.networkID, in: reader) else { return }
        let others = try gatewayPorts(of: router, in: reader).filter { $0.id != port.id && $0.networkID == port.networkID }
        guard others.isEmpty else { return }
        throw NetworkingError(
            .conflict, "RouterExternalGatewayInUseByFloatingIp",
            "The gateway of router \(router.id) to network \(port.networkID) is needed by one or more floating IPs.")
    }

    private func externalNetwork(_ id: String, in reader: any Reader) throws -> Network {
        let network = try NetworkRecords.find(id, in: reader).orThrow(.networkNotFound(id))
        guard network.isExternal else {
            throw NetworkingError.badRequest("router", "Network \(id) is not an external network")
        }
        return network
    }

    private func checkGatewayAddresses(
        _ requests: [AddressRequest], on network: Network, in reader: any Reader
    ) throws {
        let gateways = try SubnetRecords.all(network: network.id, in: reader).compactMap(\.gateway)
        for address in requests.compactMap(\.address) where gateways.contains(address) {
            throw NetworkingError.badRequest("router", "External IP \(address) is the same as the gateway IP")
        }
    }

    /// Makes a gateway port, which belongs to no project.
    func openGateway(of router: Router, _ gateway: GatewayDraft, in transaction: any Transaction) throws -> String {
        let network = try externalNetwork(gateway.networkID, in: transaction)
        try checkGatewayAddresses(gateway.fixedIPs ?? [], on: network, in: transaction)
        let subnets = try SubnetRecords.all(network: network.id, in: transaction)
        try checkOverlap(of: router, with: subnets, isGateway: true, in: transaction)
        let draft = PortDraft(
            projectID: "", fixedIPs: gateway.fixedIPs, deviceID: router.id, deviceOwner: DeviceOwner.routerGateway)
        return try createPort(draft, on: network, by: .service, in: transaction).id
    }

    /// Refuses subnets that the router meets already, or that overlap one it meets. Several gateways may lead to the
    /// same subnets.
    func checkOverlap(of router: Router, with subnets: [Subnet], isGateway: Bool = false, in reader: any Reader) throws {
        var (met, outside): (Set<String>, Set<String>) = ([], [])
        for attached in try PortRecords.all(device: router.id, in: reader) {
            if attached.deviceOwner == DeviceOwner.routerGateway {
                outside.formUnion(try SubnetRecords.all(network: attached.networkID, in: reader).map(\.id))
            } else {
                met.formUnion(attached.fixedIPs.map(\.subnetID))
            }
        }
        let new = isGateway ? subnets.filter { !outside.contains($0.id) } : subnets
        for existing in try SubnetRecords.find(met.union(outside), in: reader).values {
            for subnet in new {
                guard subnet.id != existing.id else {
                    throw NetworkingError.badRequest("router", "Router already has a port on subnet \(subnet.id)")
                }
                guard !subnet.cidr.overlaps(existing.cidr) else {
                    throw NetworkingError.badRequest(
                        "router",
                        "Cidr \(subnet.cidr) of subnet \(subnet.id) overlaps with cidr \(existing.cidr) of subnet \(existing.id)")
                }
            }
        }
    }
}

// Several gateways.
extension Operations {
    /// What a list of wishes means among the gateways that a router has.
    private struct GatewayMatch {
        /// Ports that are meant, with the wish.
        var found: [(port: Port, draft: GatewayDraft)] = []
        /// Wishes that no port answers.
        var missing: [GatewayDraft] = []
    }

    /// Opens further gateways; the first becomes the router's first when it has none.
    func addGateways(_ drafts: [GatewayDraft], to router: Router, in transaction: any Transaction) throws -> Router {
        var updated = router
        try open(drafts, of: &updated, in: transaction)
        try checkRoutes(updated.routes, of: updated, in: transaction)
        return try store(updated, in: transaction)
    }

    private func open(_ drafts: [GatewayDraft], of router: inout Router, in transaction: any Transaction) throws {
        for draft in drafts {
            guard router.gatewayPortID != nil else {
                try settleGateway(of: &router, .set(draft), in: transaction)
                try RouterRecords.update(router, in: transaction)
                continue
            }
            _ = try openGateway(of: router, draft, in: transaction)
        }
    }

    func removeGateways(_ drafts: [GatewayDraft], from router: Router, in transaction: any Transaction) throws -> Router {
        var updated = router
        guard !drafts.isEmpty else { return try store(updated, in: transaction) }
        guard try !gatewayPorts(of: router, in: transaction).isEmpty else {
            throw NetworkingError.unableToRemoveGateways(router.id)
        }
        for draft in drafts { _ = try externalNetwork(draft.networkID, in: transaction) }
        let match = try match(drafts, of: router, isStrict: true, in: transaction)
        guard match.missing.isEmpty else { throw NetworkingError.unableToMatchGateways(router.id) }
        try close(match.found.map(\.port), of: &updated, in: transaction)
        try checkRoutes(updated.routes, of: updated, in: transaction)
        return try store(updated, in: transaction)
    }

    /// Closes gateways, the first last; another becomes the first.
    private func close(_ ports: [Port], of router: inout Router, in transaction: any Transaction) throws {
        let first = router.gatewayPortID
        for port in ports where port.id != first {
            try checkUnneeded(port, of: router, in: transaction)
            try PortRecords.delete(port.id, in: transaction)
        }
        guard ports.contains(where: { $0.id == first }) else { return }
        try settleGateway(of: &router, .none, in: transaction)
    }

    /// Makes a router's gateways those of the list: the first is its first, what matches stays, the rest goes.
    func updateGateways(_ drafts: [GatewayDraft], of router: Router, in transaction: any Transaction) throws -> Router {
        var updated = router
        guard let first = drafts.first else {
            try close(try gatewayPorts(of: router, in: transaction), of: &updated, in: transaction)
            try checkRoutes(updated.routes, of: updated, in: transaction)
            return try store(updated, in: transaction)
        }
        for draft in drafts {
            let network = try externalNetwork(draft.networkID, in: transaction)
            try checkGatewayAddresses(draft.fixedIPs ?? [], on: network, in: transaction)
        }
        let head = try match([first], of: updated, isStrict: false, in: transaction)
        if let port = head.found.first?.port { updated.gatewayPortID = port.id }
        try settleGateway(of: &updated, .set(first), in: transaction)
        try RouterRecords.update(updated, in: transaction)
        let rest = try match(Array(drafts.dropFirst()), of: updated, isStrict: false, in: transaction)
        for (port, draft) in rest.found {
            guard let requests = draft.fixedIPs else { continue }
            _ = try updatePort(port, PortChange(fixedIPs: requests), by: .service, in: transaction)
        }
        let kept = Set(rest.found.map(\.port.id) + [updated.gatewayPortID ?? ""])
        let gone = try gatewayPorts(of: updated, in: transaction).filter { !kept.contains($0.id) }
        try close(gone, of: &updated, in: transaction)
        try open(rest.missing, of: &updated, in: transaction)
        try checkRoutes(updated.routes, of: updated, in: transaction)
        return try store(updated, in: transaction)
    }

    /// Finds the gateways that wishes mean: by an address they share or, without addresses, as the only one on the network.
    private func match(
        _ drafts: [GatewayDraft], of router: Router, isStrict: Bool, in reader: any Reader
    ) throws -> GatewayMatch {
        let ports = try gatewayPorts(of: router, in: reader)
        var result = GatewayMatch()
        for draft in drafts {
            let candidates = ports.filter { $0.networkID == draft.networkID }
            let wanted = Set((draft.fixedIPs ?? []).compactMap { $0.address?.description })
            if candidates.isEmpty {
                result.missing.append(draft)
            } else if wanted.isEmpty {
                guard let only = candidates.first, candidates.count == 1 else {
                    throw NetworkingError.unableToMatchGateways(router.id)
                }
                result.found.append((only, draft))
            } else if let port = candidates.first(where: { !wanted.isDisjoint(with: $0.fixedIPs.map(\.address)) }) {
                result.found.append((port, draft))
            } else if isStrict {
                throw NetworkingError.unableToMatchGateways(router.id)
            } else {
                result.missing.append(draft)
            }
        }
        return result
    }
}

extension NetworkingError {
    fileprivate static func unableToMatchGateways(_ router: String) -> Self {
        Self(
            .badRequest, "UnableToMatchGateways",
            "Unable to match a requested gateway port to existing gateway ports for router \(router)")
    }
    fileprivate static func unableToRemoveGateways(_ router: String) -> Self {
        Self(.badRequest, "UnableToRemoveGateways", "Router \(router) has no external gateways to remove.")
    }
}
