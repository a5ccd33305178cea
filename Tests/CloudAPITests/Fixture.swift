import CloudAPI
import CloudCore
import CloudPolicy
import CloudTelemetry
import NIOCore
import Synchronization

/// Tokens named after the roles they hold, all in one project.
struct RoleTokens: TokenAuthenticator {
    static let project = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"

    func authenticate(_ token: Secret<String>) async throws -> TokenContext? {
        let text = token.reveal()
        if text == "broken" { throw StoreOverload() }
        guard ["admin", "member", "reader", "none"].contains(text) else { return nil }
        return TokenContext(
            userID: "user-\(text)", userName: text, userDomainID: "default", projectID: Self.project,
            projectName: "demo", projectDomainID: "default", roles: text == "none" ? [] : [text],
            expiresAt: Timestamp.now + .seconds(3600))
    }
}

/// Stands for an error of a platform module that CloudAPI does not know.
struct StoreOverload: Error {}

/// A service's own error type.
struct GadgetError: FaultConvertible {
    var fault: Fault { Fault(.conflict, "The gadget is in use.", code: "GadgetInUse") }
}

/// Lines that a log wrote.
final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    var writer: LineWriter { LineWriter { line in self.lines.withLock { $0.append(line) } } }
}

enum Fixture {
    static let rules = [
        PolicyRule("gadget:list", "role:reader or role:member or role:admin", "List gadgets."),
        PolicyRule("gadget:show", "role:admin or project_id:%(project_id)s", "Show a gadget."),
        PolicyRule("gadget:create", "role:member or role:admin", "Create a gadget."),
    ]

    static let envelope = ErrorEnvelope(
        wording: { refusal in
            guard case .denied(let rule) = refusal else { return nil }
            return Fault(.forbidden, "You may not \(rule).")
        },
        write: { fault, requestID, json in
            json.object {
                $0.member("gadgetFault") {
                    $0.object {
                        $0.member("code", fault.status.code)
                        $0.member("message", fault.message)
                        $0.member("kind", fault.code)
                        $0.member("request", requestID)
                    }
                }
            }
        })

    /// A service that answers with what its handlers were given.
    static func gadgets(_ more: [Endpoint] = []) -> ServiceAPI {
        ServiceAPI(
            type: "gadget", name: "widget", path: "/gadget", envelope: envelope,
            microversions: MicroversionPolicy(
                service: "gadget", legacyHeader: "X-OpenStack-Widget-API-Version",
                minimum: Microversion(2, 1), maximum: Microversion(2, 30)),
            endpoints: endpoints + more, rules: rules, requestIDHeader: HTTPField.Name("x-gadget-request-id"))
    }

    static let creation: Schema = .object(
        [
            ("gadget", .object([("name", .name), ("size", .integer(1...10))], required: ["name"]))
        ], required: ["gadget"])

    private static let endpoints = [
        .versions("/", "Versions", success: .multipleChoices) { _, json in json.object { $0.member("versions", ["v2.1"]) } },
        Endpoint(.patch, "/v2.1/gadgets/{gadget_id}", "Patch", access: .rule("gadget:create"), body: .document(mediaTypes: ["application/x-gadget-patch+json"], .array(.any))) { request in
            .json("patch", request.body)
        },
        Endpoint(.get, "/v2.1/gadgets", "List", access: .rule("gadget:list"), query: .schema(.object([("limit", .integer(0...1000)), ("tag", .array(.string(length: 1...3)))], additional: nil))) { request in
            .json("gadgets", [request.microversion.description, request.query["limit"] ?? "none"])
        },
        Endpoint(.get, "/v2.1/gadgets/detail", "List in detail", access: .rule("gadget:list")) { _ in .json("detail", true) },
        Endpoint(.get, "/v2.1/gadgets/{gadget_id}", "Show", access: .ruleOnResource("gadget:show")) { request in
            let owner = request["gadget_id"] == "foreign" ? "other" : RoleTokens.project
            try request.authorize(["project_id": .string(owner)])
            return .json("gadget", request["gadget_id"])
        },
        Endpoint(.get, "/v2.1/careless", "Forget the rule", access: .ruleOnResource("gadget:show")) { _ in .json("oops", true) },
        Endpoint(.post, "/v2.1/gadgets", "Create", access: .rule("gadget:create"), body: .json(creation), success: .accepted) { request in
            .json("gadget", request.body["gadget"])
        },
        Endpoint(.get, "/v2.1/gadgets/{gadget_id}/diagnostics", "Old", microversions: .through(2, 9), access: .rule("gadget:list")) { _ in .json("form", "old") },
        Endpoint(.get, "/v2.1/gadgets/{id}/diagnostics", "New", microversions: .from(2, 10), access: .rule("gadget:list")) { _ in .json("form", "new") },
        Endpoint(.get, "/v2.1/late", "Late", microversions: .from(2, 20), access: .rule("gadget:list")) { _ in .json("late", true) },
        Endpoint(.delete, "/v2.1/gadgets/{gadget_id}", "Delete", access: .ruleOnResource("gadget:show"), success: .noContent) { request in
            try request.authorize(request.callerTarget)
            return .empty()
        },
        Endpoint(.get, "/v2.1/errors/{kind}", "Fail", access: .authenticated(because: "a test")) { request in
            switch request["kind"] {
            case "own": throw GadgetError()
            case "overload": throw StoreOverload()
            case "fault": throw Fault(.tooManyRequests, "Slow down.", headers: [.retryAfter: "3"])
            default: throw Secretive(password: "hunter2")
            }
        },
        Endpoint(.get, "/v2.1/where", "Where", access: .open(because: "a test")) { request in
            .json("where", [request.serviceURL, request.url, request.token?.userName ?? "nobody"])
        },
        Endpoint(.get, "/v2.1/large", "Large", access: .open(because: "a test")) { _ in
            .json("text", String(repeating: "altostack ", count: 1000))
        },
        Endpoint(.put, "/v2.1/objects/{container}/{object...}", "Upload", access: .open(because: "a test"), body: .stream(mediaTypes: ["application/octet-stream"], limit: 1 << 31), success: .created) { request in
            var count = 0
            for try await chunk in request.stream { count += chunk.readableBytes }
            return .json("stored", [request["container"], request["object"], String(count)])
        },
        Endpoint(.get, "/v2.1/objects/{container}/{object...}", "Download", access: .open(because: "a test")) { request in
            let count = Int(request.query["size"] ?? "0") ?? 0
            return APIResponse(headers: [.contentType: "application/octet-stream"], body: .stream(zeros(count), length: count))
        },
    ]

    struct Secretive: Error { let password: String }

    /// So many zero bytes, made as they are asked for.
    static func zeros(_ count: Int) -> ByteStream {
        let chunk = ByteBuffer(repeating: 0, count: 65_536)
        let rest = Mutex(count)
        return ByteStream(unfolding: {
            let size = rest.withLock { rest in
                let size = min(rest, chunk.readableBytes)
                rest -= size
                return size
            }
            return size > 0 ? chunk.getSlice(at: 0, length: size) : nil
        })
    }

    static func server(
        _ more: [Endpoint] = [], _ adjust: (inout ServerOptions) -> Void = { _ in }
    ) throws -> CloudServer {
        var options = ServerOptions()
        options.port = 0
        options.mapError = { $0 is StoreOverload ? Fault(.serviceUnavailable, "The store is overloaded.") : nil }
        adjust(&options)
        return try CloudServer(
            services: [gadgets(more)], policy: PolicyEngine(rules: rules), authenticator: RoleTokens(), options: options)
    }
}
