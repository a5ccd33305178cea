import CloudAPI
import CloudBus
import CloudCore
import CloudPolicy
import CloudStore
import CloudWorkflow
import ComputeMessages

/// What can be done to a server: `POST /servers/{id}/action` with one member named after the action.
struct ServerActionEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .post, "/v2.1/servers/{server_id}/action", "Act on a server",
                access: .authenticated(because: "each action has a rule of its own, which the handler requires"),
                body: .json(ServerSchemas.action), success: .accepted, handler: act)
        ]
    }

    @Sendable private func act(_ request: APIRequest) async throws -> APIResponse {
        guard let members = request.body.object, members.count == 1, let member = members.members.first else {
            throw ComputeError.badRequest("There is no such action: one action is expected.")
        }
        switch member.name {
        case "os-start": return try await power(request, .start, rule: "servers:start", member.value)
        case "os-stop": return try await power(request, .stop, rule: "servers:stop", member.value)
        case "reboot": return try await reboot(request, member.value)
        case "os-getConsoleOutput": return try await console(request, member.value)
        default: throw ComputeError.badRequest("There is no such action: \(member.name)")
        }
    }

    /// The server, if the rule admits the caller to it.
    private func find(_ request: APIRequest, rule: String) async throws -> Server {
        let id = request["server_id"]
        let found = try await compute.database.read { try ServerRecords.find(id, in: $0) }
        guard let server = found else {
            try request.require("os_compute_api:" + rule, request.callerTarget)
            throw ComputeError.serverNotFound(id)
        }
        let target: PolicyTarget = ["project_id": .string(server.projectID), "user_id": .string(server.userID)]
        guard server.projectID == request.token?.projectID || request.token?.isAdmin == true else {
            throw ComputeError.serverNotFound(id)
        }
        try request.require("os_compute_api:" + rule, target)
        return server
    }

    private func validate(_ value: JSON, _ schema: Schema) throws {
        try schema.validate(value)
    }

    private func reboot(_ request: APIRequest, _ value: JSON) async throws -> APIResponse {
        try validate(value, ServerSchemas.reboot)
        let isHard = value["type"]?.string?.uppercased() == "HARD"
        return try await power(request, isHard ? .hardReboot : .softReboot, rule: "servers:reboot", .null)
    }

    private func power(_ request: APIRequest, _ action: PowerAction, rule: String, _ value: JSON) async throws -> APIResponse {
        let found = try await find(request, rule: rule)
        try await compute.database.write { [compute] transaction in
            guard let server = try ServerRecords.find(found.id, in: transaction) else {
                throw ComputeError.serverNotFound(found.id)
            }
            try action.check(server)
            guard let host = server.host else {
                throw ComputeError.conflict("Instance \(server.id) is not ready: it has no host.")
            }
            try ServerRecords.change(server.id, in: transaction) { $0.task = action.task }
            try compute.log(action.action, server, request, in: transaction)
            let change = PowerChange(
                serverID: server.id, requestID: request.requestID, host: host, 
                action: action.request(grace: compute.options.shutdownGraceSeconds), outcome: nil)
            try compute.workflows.start(
                PowerWorkflow(compute: compute).workflow, change, subject: server.subject, requestID: request.requestID,
                in: transaction)
        }
        return .empty()
    }

    private func console(_ request: APIRequest, _ value: JSON) async throws -> APIResponse {
        try validate(value, ServerSchemas.consoleOutput)
        let server = try await find(request, rule: "os-console-output")
        guard let host = server.host else { throw ComputeError.conflict("Instance \(server.id) is not ready") }
        let lines = value.lenientInt("length").flatMap { $0 < 0 ? nil : $0 }
        do {
            let output = try await compute.bus.call(
                ReadConsole(id: server.id, lines: lines), to: BusAddress(topic: ComputeTopic.agent, host: host),
                deadline: .seconds(30))
            return .json(status: .ok, "output", output)
        } catch BusError.remote(let code, _) where code == "guest_not_found" {
            throw ComputeError.conflict("Instance \(server.id) is not ready")
        } catch let error as BusError {
            throw Fault(.serviceUnavailable, "The server's host does not answer.", cause: error)
        }
    }
}

/// Passwords that are made for servers' administrators.
enum AdministratorPassword {
    /// Twelve letters and digits that are not easily mistaken for each other.
    static func make() -> String {
        let symbols = Array("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789")
        return String((0..<12).compactMap { _ in symbols.randomElement() })
    }
}
