import CloudAPI
import CloudCore
import CloudStore

/// What changes a server's addresses and security groups at once, through networking.
enum AddressActions {
    private static let address: Schema = .object([("address", .string(format: .ip))], required: ["address"])
    private static let floating: Schema = .object(
        [("address", .string(format: .ip)), ("fixed_address", .string(format: .ip))], required: ["address"])
    private static let network: Schema = .object(
        [("networkId", .anyOf([.string(length: 1...36), .number()]))], required: ["networkId"])
    private static let group: Schema = .object([("name", TextSchemas.name)], required: ["name"])

    static let all = [
        ServerActionEndpoint("addFixedIp", rule: "os-multinic:add", until: 43, network, handler: addFixedIP),
        ServerActionEndpoint("removeFixedIp", rule: "os-multinic:remove", until: 43, address, handler: removeFixedIP),
        ServerActionEndpoint("addFloatingIp", rule: "os-floating-ips:add", until: 43, floating, handler: addFloatingIP),
        ServerActionEndpoint("removeFloatingIp", rule: "os-floating-ips:remove", until: 43, address, handler: removeFloatingIP),
        ServerActionEndpoint("addSecurityGroup", rule: "os-security-groups:add", group) { try await setGroup($0, isMember: true) },
        ServerActionEndpoint("removeSecurityGroup", rule: "os-security-groups:remove", group) {
            try await setGroup($0, isMember: false)
        },
    ]

    /// - Throws: 409 when a lock keeps the caller from the server.
    private static func checkLock(_ server: Server, _ call: ActionCall) throws {
        guard !server.isLocked || call.isAdmin else { throw ComputeError.conflict("Instance \(server.id) is locked") }
    }

    /// Runs a change of networking's with the server as it is in its transaction.
    private static func change(
        _ call: ActionCall, _ body: @escaping @Sendable (Server, any Transaction) throws -> Void
    ) async throws -> APIResponse {
        let id = call.server.id
        try await call.compute.database.write { transaction in
            guard let server = try ServerRecords.find(id, in: transaction) else { throw ComputeError.serverNotFound(id) }
            try body(server, transaction)
        }
        return .empty()
    }

    // MARK: Fixed addresses

    @Sendable private static func addFixedIP(_ call: ActionCall) async throws -> APIResponse {
        let network = call.value["networkId"]?.string ?? call.value["networkId"]?.text ?? ""
        return try await change(call) { server, transaction in
            try checkLock(server, call)
            try call.compute.networking.addAddress(network: network, server: server.id, in: transaction)
        }
    }

    @Sendable private static func removeFixedIP(_ call: ActionCall) async throws -> APIResponse {
        let address = call.value["address"]?.string ?? ""
        return try await change(call) { server, transaction in
            try checkLock(server, call)
            guard try call.compute.networking.removeAddress(address, server: server.id, in: transaction) else {
                throw ComputeError.badRequest("Instance \(server.id) doesn't have fixed IP '\(address)'.")
            }
        }
    }

    // MARK: Floating addresses

    @Sendable private static func addFloatingIP(_ call: ActionCall) async throws -> APIResponse {
        let (address, wanted) = (call.value["address"]?.string ?? "", call.value["fixed_address"]?.string)
        return try await change(call) { server, transaction in
            let networking = call.compute.networking
            let addresses = (try networking.ports(servers: [server.id], in: transaction)[server.id] ?? []).flatMap(\.addresses)
            guard !addresses.isEmpty else { throw ComputeError.badRequest("Instance network is not ready yet") }
            let fixed = wanted ?? addresses.first { $0.version == 4 }?.address
            guard let fixed else {
                throw ComputeError.badRequest(
                    "Unable to associate floating IP \(address) to any fixed IPs for instance \(server.id). "
                        + "Instance has no fixed IPv4 addresses to associate.")
            }
            guard addresses.contains(where: { $0.address == fixed }) else {
                throw ComputeError.badRequest("Specified fixed address not assigned to instance")
            }
            do {
                try networking.associate(
                    floatingIP: address, projectID: server.projectID, server: server.id, fixedAddress: fixed, in: transaction)
            } catch let refusal as NetworkRefusal {
                throw refusal.kind == .notFound ? ComputeError.notFound("floating IP not found") : .badRequest(refusal.message)
            }
        }
    }

    @Sendable private static func removeFloatingIP(_ call: ActionCall) async throws -> APIResponse {
        let address = call.value["address"]?.string ?? ""
        return try await change(call) { server, transaction in
            do {
                let led = try call.compute.networking.disassociate(
                    floatingIP: address, projectID: server.projectID, server: server.id, in: transaction)
                guard led else {
                    throw ComputeError.conflict("Floating IP \(address) is not associated with instance \(server.id).")
                }
            } catch let refusal as NetworkRefusal where refusal.kind == .notFound {
                throw ComputeError.notFound("floating IP not found")
            }
        }
    }

    // MARK: Security groups

    private static func setGroup(_ call: ActionCall, isMember: Bool) async throws -> APIResponse {
        let name = call.value["name"]?.string ?? ""
        return try await change(call) { server, transaction in
            let networking = call.compute.networking
            let ports = try networking.ports(servers: [server.id], in: transaction)[server.id] ?? []
            guard !isMember || ports.isEmpty || ports.contains(where: \.hasPortSecurity) else {
                throw ComputeError.badRequest(
                    "Network requires port_security_enabled and subnet associated in order to apply security groups.")
            }
            do {
                try networking.setSecurityGroup(
                    name, isMember: isMember, server: server.id, projectID: server.projectID, in: transaction)
            } catch let refusal as NetworkRefusal where refusal.kind == .notFound {
                throw ComputeError.notFound(refusal.message)
            }
        }
    }
}
