import CloudAPI
import CloudBus
import CloudCore
import CloudPolicy
import CloudStore
import ComputeMessages

/// Addresses at which a server's screen or serial port can be used for some minutes.
struct ConsoleEndpoints: Sendable {
    let compute: Compute.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .post, "/v2.1/servers/{server_id}/remote-consoles", "Make an address for a server's console",
                microversions: .from(2, 6), access: .ruleOnResource("os_compute_api:os-remote-consoles"),
                body: .versioned([6, 8, 99].map(Self.schema)), handler: create)
        ]
    }

    private static func schema(from minor: Int) -> (from: Microversion, schema: Schema) {
        var (protocols, types): ([JSON], [JSON]) = (
            ["vnc", "spice", "serial", "rdp"], ["novnc", "xvpvnc", "spice-html5", "serial", "rdp-html5"]
        )
        if minor >= 8 { (protocols, types) = (protocols + ["mks"], types + ["webmks"]) }
        if minor >= 99 { types.append("spice-direct") }
        let console: Schema = .object(
            [("protocol", .oneOf(protocols)), ("type", .oneOf(types))], required: ["protocol", "type"])
        return (Microversion(2, minor), .object([("remote_console", console)], required: ["remote_console"]))
    }

    @Sendable private func create(_ request: APIRequest) async throws -> APIResponse {
        let server = try await compute.server(request["server_id"], for: request)
        let wanted = request.body["remote_console"] ?? .null
        let (speaks, type) = (wanted["protocol"]?.string ?? "", wanted["type"]?.string ?? "")
        guard let kind = ServerConsole(type: type), kind.speaks == speaks else {
            throw ComputeError.badRequest("Unavailable console type \(type).")
        }
        let url = try await compute.openConsole(kind, of: server)
        return .json {
            $0.object {
                $0.member("remote_console") {
                    $0.object {
                        $0.member("protocol", speaks)
                        $0.member("type", type)
                        $0.member("url", url)
                    }
                }
            }
        }
    }
}

/// The actions that made consoles' addresses until microversion 2.5.
enum ConsoleActions {
    static let all = [
        action("os-getVNCConsole", ["novnc", "xvpvnc"]), action("os-getSPICEConsole", ["spice-html5"]),
        action("os-getSerialConsole", ["serial"]),
    ]

    private static func action(_ name: String, _ types: [JSON]) -> ServerActionEndpoint {
        ServerActionEndpoint(
            name, rule: "os-remote-consoles", until: 5, .object([("type", .oneOf(types))], required: ["type"])
        ) { call in
            let type = call.value["type"]?.string ?? ""
            guard let kind = ServerConsole(type: type) else { throw ComputeError.badRequest("Unavailable console type \(type).") }
            let url = try await call.compute.openConsole(kind, of: call.server)
            return .json(status: .ok) {
                $0.object {
                    $0.member("console") {
                        $0.object {
                            $0.member("type", type)
                            $0.member("url", url)
                        }
                    }
                }
            }
        }
    }
}

/// The kinds of console that are served, under their names in the API.
enum ServerConsole: String, Sendable {
    case novnc, serial
    case spice = "spice-html5"
    case spiceDirect = "spice-direct"

    init?(type: String) { self.init(rawValue: type) }

    /// The protocol's name in the API.
    var speaks: String {
        switch self {
        case .novnc: "vnc"
        case .serial: "serial"
        case .spice, .spiceDirect: "spice"
        }
    }

    fileprivate var kind: OpenGuestConsole.Kind {
        switch self {
        case .novnc: .vnc
        case .serial: .serial
        case .spice, .spiceDirect: .spice
        }
    }

    /// Where a client goes with a token.
    /// - Parameter base: the proxy's address, `http://host:port`.
    fileprivate func url(base: String, token: String) -> String {
        switch self {
        case .novnc: "\(base)/vnc_lite.html?path=%3Ftoken%3D\(token)"
        case .serial: "ws" + base.dropFirst("http".count) + "/?token=\(token)"
        case .spice: "\(base)/spice_auto.html?token=\(token)"
        case .spiceDirect: "\(base)/nova?token=\(token)"
        }
    }
}

extension Compute.Parts {
    /// How long a console's token is good for (upstream's default).
    private static let consoleTokenLifetime = Duration.seconds(600)

    /// Makes an address at which a server's console can be used.
    /// - Throws: 400 for a kind of console that the server has not, 409 while it does not run.
    func openConsole(_ console: ServerConsole, of server: Server) async throws -> String {
        guard let base = options.consoleURL else { throw ComputeError.badRequest("Unavailable console type \(console.rawValue).") }
        guard let host = server.host else { throw ComputeError.conflict("Instance \(server.id) is not ready") }
        let token = Identifier.uuid()
        let connection = ConsoleConnection(server.id, console.rawValue, at: try await address(console, of: server, on: host))
        try await database.write { transaction in
            try ConsoleTokenRecords.purge(expiredBy: .now, in: transaction)
            try ConsoleTokenRecords.authorize(
                token, for: connection, until: .now + Self.consoleTokenLifetime, in: transaction)
        }
        return console.url(base: base, token: token)
    }

    fileprivate func address(_ console: ServerConsole, of server: Server, on host: String) async throws -> GuestConsoleAddress {
        do {
            return try await bus.call(
                OpenGuestConsole(id: server.id, kind: console.kind), to: BusAddress(topic: ComputeTopic.agent, host: host),
                deadline: .seconds(30))
        } catch BusError.remote(let code, _) where code == "unsupported" {
            throw ComputeError.badRequest("Unavailable console type \(console.rawValue).")
        } catch BusError.remote(let code, _) where code == "guest_not_found" || code == "wrong_state" {
            throw ComputeError.conflict("Instance \(server.id) is not ready")
        } catch let error as BusError {
            throw Fault(.serviceUnavailable, "The server's host does not answer.", cause: error)
        }
    }
}

extension ConsoleConnection {
    fileprivate init(_ server: String, _ kind: String, at address: GuestConsoleAddress) {
        switch address {
        case .tcp(let host, let port, let tlsPort):
            self.init(serverID: server, kind: kind, host: host, port: port, tlsPort: tlsPort, internalAccessPath: nil)
        case .unix(let path):
            self.init(serverID: server, kind: kind, host: "localhost", port: 0, tlsPort: nil, internalAccessPath: path)
        }
    }
}

extension Compute {
    /// Where the console is that a token opens; nil for a token that is unknown, has expired or whose server is gone or off.
    /// The host is asked again, for the port that it once named may be another guest's by now.
    public func console(token: Secret<String>) async throws -> GuestConsoleAddress? {
        let found = try await parts.database.read { reader -> (ServerConsole, Server)? in
            guard let connection = try ConsoleTokenRecords.connection(for: token.reveal(), at: .now, in: reader),
                let console = ServerConsole(type: connection.kind), let server = try ServerRecords.find(connection.serverID, in: reader)
            else { return nil }
            return (console, server)
        }
        guard let (console, server) = found, let host = server.host else { return nil }
        do {
            return try await parts.address(console, of: server, on: host)
        } catch is ComputeError {
            return nil
        }
    }
}
