import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import Foundation
import Testing

@testable import Identity

/// A cloud of Identity alone, on a database and keys of its own, answering in-process.
struct TestCloud: Sendable {
    static let adminPassword = "first of all"

    let identity: Identity
    let server: CloudServer
    let directory: URL

    /// Runs a test on a cloud after its first start.
    static func run(
        _ change: (inout IdentityOptions) -> Void = { _ in }, _ body: (TestCloud) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "identity-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let database = try SQLiteDatabase(path: directory.appending(path: "cloud.db").path)
        try await database.migrate(Identity.migrations)
        var options = IdentityOptions(keyDirectory: directory.appending(path: "keys").path)
        options.passwordHashRounds = 4
        change(&options)
        let identity = try Identity(database: database, options: options)
        try await identity.bootstrap(adminPassword: Secret(adminPassword), services: services)
        let server = try CloudServer(
            services: [identity.api], policy: PolicyEngine(rules: Identity.rules), authenticator: identity)
        do { try await body(TestCloud(identity: identity, server: server, directory: directory)) } catch {
            await database.close()
            throw error
        }
        await database.close()
    }

    static let services = [
        Identity.BootstrapService(type: "identity", name: "keystone", publicURL: "http://cloud:9000/identity"),
        Identity.BootstrapService(
            type: "object-store", name: "swift", publicURL: "http://cloud:9000/object-store/v1/AUTH_%(project_id)s"),
    ]

    func call(
        _ method: HTTPRequest.Method, _ path: String, _ token: String? = nil, headers: HTTPFields = [:], _ body: JSON? = nil
    ) async -> TestResponse {
        await server.respond(method, "/identity/v3" + path, token: token, headers: headers, json: body)
    }

    /// The body of a request for a token by password.
    static func login(_ user: JSON, _ password: String, scope: JSON? = nil) -> JSON {
        var user = user.object ?? [:]
        user["password"] = .string(password)
        var auth: JSONObject = ["identity": ["methods": ["password"], "password": ["user": .object(user)]]]
        auth["scope"] = scope
        return ["auth": .object(auth)]
    }

    static let adminUser: JSON = ["name": "admin", "domain": ["id": "default"]]
    static let adminProject: JSON = ["project": ["name": "admin", "domain": ["name": "Default"]]]

    /// A token; the test fails when there is none.
    func token(_ user: JSON = adminUser, _ password: String = adminPassword, scope: JSON? = adminProject) async throws -> String {
        let response = await call(.post, "/auth/tokens", nil, Self.login(user, password, scope: scope))
        #expect(response.status == .created, "\(response.text)")
        return try #require(response.headers[.subjectToken])
    }

    /// Creates something as an administrator and answers it.
    func create(_ collection: String, _ name: String, _ body: JSON, _ token: String) async throws -> JSON {
        let response = await call(.post, "/\(collection)", token, .object([name: body]))
        #expect(response.status == .created, "\(response.text)")
        return try #require(response.json[name])
    }

    /// Creates something and answers its id.
    func createID(_ collection: String, _ name: String, _ body: JSON, _ token: String) async throws -> String {
        try #require(try await create(collection, name, body, token)["id"]?.string)
    }

    /// The id of a global role.
    func roleID(_ name: String, _ token: String) async throws -> String {
        try #require(await call(.get, "/roles?name=\(name)", token).json["roles"]?[0]?["id"]?.string)
    }

    /// A user with a password, and a role on a project, domain or the system: `projects/ID`, `domains/ID`, `system`.
    func user(_ name: String, domain: String = "default", role: String? = nil, on target: String? = nil, _ admin: String) async throws -> String {
        let id = try await createID(
            "users", "user", ["name": .string(name), "password": .string(Self.password), "domain_id": .string(domain)], admin)
        if let role, let target {
            let response = await call(.put, "/\(target)/users/\(id)/roles/\(try await roleID(role, admin))", admin)
            #expect(response.status == .noContent, "\(response.text)")
        }
        return id
    }

    static let password = "a password"

    func token(of userID: String, scope: JSON? = nil) async throws -> String {
        try await token(["id": .string(userID)], Self.password, scope: scope)
    }
}

extension JSON {
    /// The ids of a list's elements.
    var ids: [String] { (array ?? []).compactMap { $0["id"]?.string } }
    /// The names of a list's elements, sorted.
    var names: [String] { (array ?? []).compactMap { $0["name"]?.string }.sorted() }
}
