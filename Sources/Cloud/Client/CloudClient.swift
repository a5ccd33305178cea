import CloudCore
import Foundation

/// The administrator, as the program's own commands speak to a running cloud: with the password that its first start wrote
/// into `openrc`.
final class CloudClient {
    let address: String
    private let region: String
    private(set) var token: String
    /// The project that the token is for.
    let projectID: String
    /// Where each service is, as paths, by type.
    let services: [String: String]

    /// Logs in.
    /// - Throws: `ProgramError` when no cloud runs, or the password in `openrc` is not the administrator's any more.
    init(directory: DataDirectory) throws {
        guard let state = RunState.read(directory) else { throw ProgramError("no cloud is running on \(directory.path)") }
        let variables = Self.variables(try String(contentsOfFile: directory.openrc, encoding: .utf8))
        address = state.url.replacing("//0.0.0.0:", with: "//127.0.0.1:").replacing("//[::]:", with: "//[::1]:")
        region = variables["OS_REGION_NAME"] ?? "RegionOne"
        let answer = try HTTPCall(
            method: "POST", address: address, path: "/identity/v3/auth/tokens",
            headers: [("Content-Type", "application/json")], body: Self.login(variables).bytes).send()
        guard answer.status == 201, let token = answer.headers["x-subject-token"] else {
            throw ProgramError("the password in \(directory.openrc) is not taken (HTTP \(answer.status)); has it been changed?")
        }
        self.token = token
        projectID = answer.json["token"]?["project"]?["id"]?.string ?? ""
        services = Self.catalog(answer.json["token"]?["catalog"]?.array ?? [])
    }

    /// The assignments of a file of `export NAME=VALUE` lines, as `ClientFiles` writes them.
    static func variables(_ text: String) -> [String: String] {
        var found: [String: String] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("export ") {
            let assignment = line.dropFirst("export ".count)
            guard let equals = assignment.firstIndex(of: "=") else { continue }
            var value = String(assignment[assignment.index(after: equals)...])
            if value.hasPrefix("'"), value.hasSuffix("'"), value.count >= 2 {
                value = String(value.dropFirst().dropLast()).replacing("'\\''", with: "'")
            }
            found[String(assignment[..<equals])] = value
        }
        return found
    }

    private static func login(_ variables: [String: String]) -> JSON {
        func text(_ name: String, _ fallback: String) -> JSON { .string(variables[name] ?? fallback) }
        return [
            "auth": [
                "identity": [
                    "methods": ["password"],
                    "password": [
                        "user": [
                            "name": text("OS_USERNAME", "admin"), "password": text("OS_PASSWORD", ""),
                            "domain": ["name": text("OS_USER_DOMAIN_NAME", "Default")],
                        ]
                    ],
                ],
                "scope": [
                    "project": [
                        "name": text("OS_PROJECT_NAME", "admin"), "domain": ["name": text("OS_PROJECT_DOMAIN_NAME", "Default")],
                    ]
                ],
            ]
        ]
    }

    private static func catalog(_ entries: [JSON]) -> [String: String] {
        var found: [String: String] = [:]
        for entry in entries {
            let endpoint = entry["endpoints"]?.array?.first { $0["interface"]?.string == "public" }
            guard let type = entry["type"]?.string, let url = endpoint?["url"]?.string else { continue }
            found[type] = URLComponents(string: url)?.path ?? ""
        }
        return found
    }

    /// Asks a service; `path` is below the service's own, with what version it needs.
    /// - Parameter version: the microversion, such as "compute 2.87"; nil for the oldest.
    func call(
        _ method: String, _ service: String, _ path: String, _ body: JSON? = nil, version: String? = nil
    ) throws -> HTTPCall.Answer {
        guard let base = services[service] else { throw ProgramError("this cloud has no service \(service)") }
        var call = HTTPCall(method: method, address: address, path: base + path)
        call.headers = [("X-Auth-Token", token)] + (version.map { [("OpenStack-API-Version", $0)] } ?? [])
        if let body {
            call.headers.append(("Content-Type", "application/json"))
            call.body = body.bytes
        }
        return try call.send()
    }

    /// Asks a service and insists on success.
    /// - Throws: `ProgramError` with the service's own words.
    @discardableResult
    func demand(_ method: String, _ service: String, _ path: String, _ body: JSON? = nil, version: String? = nil) throws -> JSON {
        let answer = try call(method, service, path, body, version: version)
        guard (200..<300).contains(answer.status) else {
            throw ProgramError("\(method) \(service)\(path): HTTP \(answer.status): \(Self.reason(answer))")
        }
        return answer.json
    }

    /// Sends bytes.
    func upload(_ service: String, _ path: String, _ bytes: [UInt8]) throws {
        guard let base = services[service] else { throw ProgramError("this cloud has no service \(service)") }
        let answer = try HTTPCall(
            method: "PUT", address: address, path: base + path,
            headers: [("X-Auth-Token", token), ("Content-Type", "application/octet-stream")], body: bytes, patience: 600).send()
        guard answer.status == 204 else { throw ProgramError("PUT \(path): HTTP \(answer.status): \(Self.reason(answer))") }
    }

    /// The message in an error, in whatever envelope.
    static func reason(_ answer: HTTPCall.Answer) -> String {
        for (_, value) in answer.json.object.map(Array.init) ?? [] {
            if let message = value["message"]?.string { return message }
        }
        return String(decoding: answer.body.prefix(300), as: UTF8.self)
    }
}
