import CloudAPI
import CloudCore
import CloudPolicy
import CloudStore
import Foundation
import Testing

@testable import MetadataDefinitions

/// Tokens of the form `role@project`; `admin@…` holds the three usual roles.
struct RoleTokens: TokenAuthenticator {
    func authenticate(_ token: Secret<String>) async throws -> TokenContext? {
        let parts = token.reveal().split(separator: "@").map(String.init)
        guard parts.count == 2 else { return nil }
        let roles = ["reader", "member", "admin"]
        let held = roles.prefix((roles.firstIndex(of: parts[0]) ?? -1) + 1)
        return TokenContext(
            userID: "user-\(parts[0])", userName: parts[0], userDomainID: "default", projectID: parts[1],
            roles: Array(held), expiresAt: Timestamp.now + .seconds(3600))
    }
}

/// The catalogue over a database in a directory of its own, under an image service that has nothing else.
final class Catalogue: Sendable {
    static let admin = "admin@ops"
    static let member = "member@blue"
    let database: SQLiteDatabase
    let definitions: MetadataDefinitions
    let server: CloudServer
    let folder: URL

    private init(_ directory: URL) async throws {
        folder = directory
        database = try SQLiteDatabase(path: directory.appending(path: "cloud.db").path)
        try await database.migrate(MetadataDefinitions.migrations)
        definitions = MetadataDefinitions(database: database)
        let images = ServiceAPI(
            type: "image", name: "glance", path: "/image", envelope: .keystone, endpoints: [],
            rules: [PolicyRule("context_is_admin", "role:admin", "Whether the caller is an administrator.")])
        server = try CloudServer(
            services: [images.adding(definitions.endpoints, rules: MetadataDefinitions.rules)], authenticator: RoleTokens())
    }

    static func with(_ body: (Catalogue) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "catalogue-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let catalogue = try await Catalogue(directory)
        do {
            try await body(catalogue)
        } catch {
            await catalogue.database.close()
            throw error
        }
        await catalogue.database.close()
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, token: String? = Catalogue.admin, _ json: JSON? = nil
    ) async -> TestResponse {
        await server.respond(method, "/image/v2/metadefs" + path, token: token, json: json)
    }

    /// Creates a namespace with more members than its name, and answers what the service made of it.
    @discardableResult
    func create(_ name: String, _ more: JSONObject = [:], token: String = Catalogue.admin) async throws -> JSON {
        var body: JSONObject = ["namespace": .string(name)]
        for member in more { body[member.name] = member.value }
        let answer = await send(.post, "/namespaces", token: token, .object(body))
        try #require(answer.status == .created, "\(answer.text)")
        return answer.json
    }

    /// The names of the namespaces in a list.
    func names(_ query: String = "", token: String = Catalogue.admin) async -> [String] {
        let list = await send(.get, "/namespaces" + query, token: token).json["namespaces"]?.array ?? []
        return list.compactMap { $0["namespace"]?.string }
    }
}
