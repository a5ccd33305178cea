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
    private let actions: [String: ServerActionEndpoint]

    init(compute: Compute.Parts) {
        self.compute = compute
        let all =
            ConsoleOutputAction.all
            + AddressActions.all
            + MoveActions.everyAction
            + ConsoleActions.all
            + LifeActions.all
        actions = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    }

    var table: [Endpoint] {
        [
            Endpoint(
                .post, "/v2.1/servers/{server_id}/action", "Act on a server",
                access: .authenticated(because: "each action has a rule of its own, which the handler requires"),
                body: .json(ServerSchemas.action), success: .accepted, handler: act)
        ]
    }

    @Sendable private func act(_ request: APIRequest) async throws -> APIResponse {
        guard let members = request.body.object?.members, members.count == 1, let member = members.first else {
            throw ComputeError.badRequest("There is no such action: one action is expected.")
        }
        guard let action = actions[member.name], let schema = action.schema(at: request.microversion) else {
            throw ComputeError.badRequest("There is no such action: \(member.name)")
        }
        try schema.validate(member.value)
        let server = try await find(request, rule: action.rule)
        return try await action.handler(ActionCall(compute: compute, request: request, value: member.value, server: server))
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
}

/// The console's text.
enum ConsoleOutputAction {
    static let all = [
        ServerActionEndpoint("os-getConsoleOutput", rule: "os-console-output", ServerSchemas.consoleOutput, handler: console)
    ]

    @Sendable private static func console(_ call: ActionCall) async throws -> APIResponse {
        let server = call.server
        guard let host = server.host else { throw ComputeError.conflict("Instance \(server.id) is not ready") }
        let lines = call.value.lenientInt("length").flatMap { $0 < 0 ? nil : $0 }
        do {
            let output = try await call.compute.bus.call(
                ReadConsole(id: server.id, lines: lines), to: BusAddress(topic: ComputeTopic.agent, host: host),
                deadline: .seconds(30))
            return .json(status: .ok, "output", lines.map { last($0, of: output) } ?? output)
        } catch BusError.remote(let code, _) where code == "guest_not_found" {
            throw ComputeError.conflict("Instance \(server.id) is not ready")
        } catch let error as BusError {
            throw Fault(.serviceUnavailable, "The server's host does not answer.", cause: error)
        }
    }

    /// The last lines as upstream counts them: what follows the last line's end is a line too.
    private static func last(_ count: Int, of output: String) -> String {
        let lines = output.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.suffix(count).map { String($0) }.joined(separator: "\n")
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
