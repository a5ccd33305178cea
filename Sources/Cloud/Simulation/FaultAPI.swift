import CloudAPI
import CloudCore
import CloudPolicy
import Foundation
import HTTPTypes

/// The administrators' API by which a simulated cloud is made to fail. It exists in simulated clouds alone.
struct FaultAPI: Sendable {
    let board: FaultBoard

    static let rule = "simulation:faults"

    /// Its policy.
    static let rules = [PolicyRule(rule, "role:admin", "Order, list and withdraw faults of a simulated cloud")]

    var api: ServiceAPI {
        ServiceAPI(type: "simulation", name: "altostack", path: "/altostack", envelope: .keystone, endpoints: table, rules: Self.rules)
    }

    private static let schema: Schema = .object(
        [
            ("fault", .object(
                [
                    ("operation", .string(length: 1...64)),
                    ("host", .anyOf([.null, .integer(1...10_000), .string(length: 1...255)])),
                    ("backend", .anyOf([.null, .string(length: 1...255)])),
                    ("effect", .oneOf(["fail", "delay", "hang"])),
                    ("seconds", .number(0...86_400)),
                    ("count", .nullable(.integer(1...1_000_000))),
                    ("message", .string(length: 1...255)),
                ], required: ["operation", "effect"]))
        ], required: ["fault"])

    private var table: [Endpoint] {
        [
            Endpoint(.get, "/faults", "List the faults that are ordered", access: .rule(Self.rule), handler: list),
            Endpoint(
                .post, "/faults", "Order a fault", access: .rule(Self.rule), body: .json(Self.schema), success: .created, handler: order),
            Endpoint(.delete, "/faults", "Withdraw all faults", access: .rule(Self.rule), success: .noContent) { [board] _ in
                board.removeAll()
                return .empty()
            },
            Endpoint(.get, "/faults/{fault_id}", "Show a fault that is ordered", access: .rule(Self.rule), handler: show),
            Endpoint(.delete, "/faults/{fault_id}", "Withdraw a fault", access: .rule(Self.rule), success: .noContent, handler: withdraw),
        ]
    }

    @Sendable private func list(_ request: APIRequest) async throws -> APIResponse {
        .json { json in
            json.object { $0.member("faults") { $0.array { for rule in board.rules { Self.write(rule, &$0) } } } }
        }
    }

    @Sendable private func show(_ request: APIRequest) async throws -> APIResponse {
        guard let rule = board.rules.first(where: { $0.id == request["fault_id"] }) else { throw Self.missing(request) }
        return .json { $0.object { $0.member("fault") { Self.write(rule, &$0) } } }
    }

    @Sendable private func withdraw(_ request: APIRequest) async throws -> APIResponse {
        guard board.remove(request["fault_id"]) else { throw Self.missing(request) }
        return .empty()
    }

    @Sendable private func order(_ request: APIRequest) async throws -> APIResponse {
        let rule = try parse(request.body["fault"] ?? .null)
        guard board.add(rule) else { throw Fault(.conflict, "There are \(FaultRules.limit) faults already; withdraw some.") }
        return .json { $0.object { $0.member("fault") { Self.write(rule, &$0) } } }
    }

    private static func missing(_ request: APIRequest) -> Fault {
        Fault(.notFound, "There is no fault \(request["fault_id"]); it may have struck as often as it should.")
    }

    /// Reads a fault that the schema admits.
    func parse(_ body: JSON) throws -> FaultRule {
        let operation = body["operation"]?.string ?? ""
        guard let work = SimulatedWork.named(operation) else {
            let names = SimulatedWork.names
            let hint = Suggestion.nearest(to: operation, among: names).map { " Is \($0) meant?" } ?? ""
            throw Fault(.badRequest, "There is no operation \(operation).\(hint) There are: \(names.joined(separator: ", ")).")
        }
        var host: String?
        if let wanted = body["host"]?.string ?? body["host"]?.int.map(String.init) {
            guard let found = board.host(wanted) else { throw Fault(.badRequest, "There is no simulated host \(wanted).") }
            host = found
        }
        let backend = body["backend"]?.string
        if let backend, !board.hasBackend(backend) { throw Fault(.badRequest, "There is no simulated back end \(backend).") }
        return FaultRule(
            id: Identifier.passing(), operation: operation, work: work, host: host, backend: backend, effect: try Self.effect(body),
            remaining: body["count"]?.int)
    }

    private static func effect(_ body: JSON) throws -> FaultRule.Effect {
        switch body["effect"]?.string {
        case "delay":
            guard let seconds = body["seconds"]?.double, seconds > 0 else {
                throw Fault(.badRequest, "A delay needs \"seconds\", a number above 0.")
            }
            return .delay(.milliseconds(Int64(seconds * 1000)))
        case "hang": return .hang
        default: return .fail(body["message"]?.string ?? "This was ordered to fail.")
        }
    }

    private static func write(_ rule: FaultRule, _ json: inout JSONWriter) {
        json.object {
            $0.member("id", rule.id)
            $0.member("operation", rule.operation)
            $0.member("host", rule.host)
            $0.member("backend", rule.backend)
            switch rule.effect {
            case .fail(let message):
                $0.member("effect", "fail")
                $0.member("message", message)
            case .delay(let duration):
                $0.member("effect", "delay")
                $0.member("seconds", Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18)
            case .hang: $0.member("effect", "hang")
            }
            $0.member("remaining", rule.remaining)
            $0.member("struck", rule.struck)
        }
    }
}
