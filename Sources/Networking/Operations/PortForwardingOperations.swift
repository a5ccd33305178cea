import CloudCore
import CloudStore
import NetworkMessages

/// A port forwarding as it is asked for; nil leaves as it is.
struct PortForwardingDraft: Sendable {
    var portID: String?
    var address: String?
    var ipProtocol: String?
    var external: ClosedRange<Int>?
    var `internal`: ClosedRange<Int>?
    var description: String?
}

extension Operations {
    func createForwarding(
        _ draft: PortForwardingDraft, of floatingIP: FloatingIP, by caller: Caller, in transaction: any Transaction
    ) throws -> PortForwarding {
        let port = try internalPort(draft.portID ?? "", by: caller, in: transaction)
        guard let external = draft.external, let inner = draft.internal, let ipProtocol = draft.ipProtocol else {
            throw NetworkingError.badBody("A port forwarding needs internal_port_id, protocol, internal and external ports.")
        }
        let fixed = try Self.fixedIP(draft.address, of: port)
        let forwarding = PortForwarding(
            id: Identifier.uuid(), floatingIPID: floatingIP.id, portID: port.id, address: fixed.address,
            ipProtocol: ipProtocol, external: external, internal: inner, description: draft.description ?? "")
        try checkRanges(forwarding, in: transaction)
        try checkNoFloatingIP(port, in: transaction)
        guard floatingIP.portID == nil else {
            throw NetworkingError(
                .conflict, "FloatingIPPortAlreadyAssociated", "Floating IP \(floatingIP.id) stands for a port already.")
        }
        var carrier = floatingIP
        carrier.routerID = try router(for: floatingIP, from: fixed, port: port, in: transaction)
        try PortForwardingRecords.insert(forwarding, in: transaction)
        _ = try store(carrier, was: floatingIP, description: nil, in: transaction)
        return forwarding
    }

    func updateForwarding(
        _ forwarding: PortForwarding, _ draft: PortForwardingDraft, of floatingIP: FloatingIP, by caller: Caller,
        in transaction: any Transaction
    ) throws -> PortForwarding {
        var updated = forwarding
        updated.ipProtocol = draft.ipProtocol ?? forwarding.ipProtocol
        updated.external = draft.external ?? forwarding.external
        updated.internal = draft.internal ?? forwarding.internal
        updated.description = draft.description ?? forwarding.description
        let port = try internalPort(draft.portID ?? forwarding.portID, by: caller, in: transaction)
        let isOtherPort = port.id != forwarding.portID
        if isOtherPort { try checkNoFloatingIP(port, in: transaction) }
        let fixed = try Self.fixedIP(draft.address ?? (isOtherPort ? nil : forwarding.address), of: port)
        (updated.portID, updated.address) = (port.id, fixed.address)
        if isOtherPort { _ = try router(for: floatingIP, from: fixed, port: port, in: transaction) }
        try checkRanges(updated, in: transaction)
        try PortForwardingRecords.update(updated, in: transaction)
        if let router = floatingIP.routerID { try mark(.router, router, in: transaction) }
        return updated
    }

    func deleteForwarding(_ forwarding: PortForwarding, in transaction: any Transaction) throws {
        try PortForwardingRecords.delete(forwarding.id, in: transaction)
        guard var floatingIP = try FloatingIPRecords.find(forwarding.floatingIPID, in: transaction) else { return }
        let old = floatingIP
        let rest = try PortForwardingRecords.all(floatingIPs: [old.id], in: transaction)[old.id] ?? []
        // The last one gone, no router needs to know the floating IP.
        if rest.isEmpty { floatingIP.routerID = nil }
        _ = try store(floatingIP, was: old, description: nil, in: transaction)
    }

    /// Ends the port forwardings to a port's address, or to all its addresses.
    func releaseForwardings(of port: String, address: String?, in transaction: any Transaction) throws {
        for forwarding in try PortForwardingRecords.all(port: port, in: transaction) {
            guard address == nil || forwarding.address == address else { continue }
            try deleteForwarding(forwarding, in: transaction)
        }
    }

    /// Refuses what a floating IP with port forwardings cannot do.
    func checkNoForwardings(_ floatingIP: FloatingIP, in reader: any Reader) throws {
        guard try PortForwardingRecords.all(floatingIPs: [floatingIP.id], in: reader).isEmpty else {
            throw NetworkingError(
                .conflict, "FipInUseByPortForwarding", "Floating IP \(floatingIP.id) in use by Port Forwarding resources.")
        }
    }

    private static func refused(_ reason: String) -> NetworkingError { .badRequest("port_forwarding", reason) }

    private func internalPort(_ id: String, by caller: Caller, in reader: any Reader) throws -> Port {
        let port = try PortRecords.find(id, in: reader).orThrow(.portNotFound(id))
        guard caller.isAdmin || port.projectID == caller.projectID else { throw NetworkingError.portNotFound(id) }
        return port
    }

    private static func fixedIP(_ address: String?, of port: Port) throws(NetworkingError) -> FixedIP {
        let candidates = port.fixedIPs.filter { IPAddress($0.address)?.version == .v4 }
        guard let first = candidates.first else {
            throw refused("Requested internal port \(port.id) must allocate an IPv4 address at least.")
        }
        guard let address else { return first }
        guard let fixed = candidates.first(where: { $0.address == IPAddress(address)?.description }) else {
            throw refused("Requested internal IP address \(address) is not an address of internal neutron port \(port.id)")
        }
        return fixed
    }

    private func checkNoFloatingIP(_ port: Port, in reader: any Reader) throws {
        guard let other = try FloatingIPRecords.all(ports: [port.id], in: reader)[port.id]?.first else { return }
        throw NetworkingError(
            .conflict, "PortHasBindingFloatingIP",
            "Cannot create port forwarding to port \(port.id): floating IP \(other.address) (\(other.id)) stands for it.")
    }

    /// The router that leads from the address to the floating IP: the one that has its other forwardings, if it has any.
    private func router(for floatingIP: FloatingIP, from fixed: FixedIP, port: Port, in reader: any Reader) throws -> String {
        let router: String
        do {
            router = try self.router(to: floatingIP.networkID, from: fixed, port: port, in: reader)
        } catch let error as NetworkingError where error.kind == .notFound {
            throw Self.refused(
                "External network \(floatingIP.networkID) is not reachable from subnet \(fixed.subnetID). Cannot set port"
                    + " forwarding for port \(port.id) with floating IP \(floatingIP.id)")
        }
        guard floatingIP.routerID == nil || floatingIP.routerID == router else {
            throw Self.refused(
                "The Floating IP \(floatingIP.id) is on router \(floatingIP.routerID ?? ""), which port \(port.id) cannot reach")
        }
        return router
    }

    /// Ports are forwarded one to one or all to one, and no port twice on either side.
    private func checkRanges(_ forwarding: PortForwarding, in reader: any Reader) throws {
        guard forwarding.internal.count == 1 || forwarding.internal.count == forwarding.external.count else {
            throw Self.refused(
                "Invalid ranges of internal and/or external ports. The relation between internal and external ports must be"
                    + " N-N or 1-N")
        }
        func isOther(_ other: PortForwarding) -> Bool {
            other.id != forwarding.id && other.ipProtocol == forwarding.ipProtocol
        }
        for other in try PortForwardingRecords.all(port: forwarding.portID, in: reader) where isOther(other) {
            guard other.address == forwarding.address, other.internal.overlaps(forwarding.internal) else { continue }
            throw Self.refused("There is a port collision with the internal_port_range of port forwarding \(other.id).")
        }
        let siblings = try PortForwardingRecords.all(floatingIPs: [forwarding.floatingIPID], in: reader)
        for other in siblings[forwarding.floatingIPID] ?? [] where isOther(other) {
            guard other.external.overlaps(forwarding.external) else { continue }
            throw Self.refused("There is a port collision with the external_port_range of port forwarding \(other.id).")
        }
    }
}

// Conntrack helpers.
extension Operations {
    func createHelper(_ helper: ConntrackHelper, in transaction: any Transaction) throws -> ConntrackHelper {
        try check(helper, in: transaction)
        try ConntrackHelperRecords.insert(helper, in: transaction)
        try mark(.router, helper.routerID, in: transaction)
        return helper
    }

    func updateHelper(_ helper: ConntrackHelper, in transaction: any Transaction) throws -> ConntrackHelper {
        try check(helper, in: transaction)
        try ConntrackHelperRecords.update(helper, in: transaction)
        try mark(.router, helper.routerID, in: transaction)
        return helper
    }

    func deleteHelper(_ helper: ConntrackHelper, in transaction: any Transaction) throws {
        try ConntrackHelperRecords.delete(helper.id, in: transaction)
        try mark(.router, helper.routerID, in: transaction)
    }

    private func check(_ helper: ConntrackHelper, in reader: any Reader) throws {
        guard let protocols = ConntrackHelper.allowed[helper.helper] else {
            throw NetworkingError(
                .badRequest, "ConntrackHelperNotAllowed", "Conntrack Helper \(helper.helper) is not allowed.")
        }
        guard protocols.contains(helper.ipProtocol) else {
            throw NetworkingError(
                .badRequest, "InvalidProtocolForHelper",
                "Conntrack Helper \(helper.helper) does not support: \(helper.ipProtocol). Supported protocols are:"
                    + " \(protocols.sorted().joined(separator: ", "))")
        }
        for other in try ConntrackHelperRecords.all(routers: [helper.routerID], in: reader)[helper.routerID] ?? []
        where other.id != helper.id && other.helper == helper.helper && other.port == helper.port {
            guard other.ipProtocol == helper.ipProtocol else { continue }
            throw NetworkingError.badRequest("conntrack_helper", "The router has this helper already: \(other.id)")
        }
    }
}
