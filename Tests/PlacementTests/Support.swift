import CloudAPI
import CloudCore
import CloudStore
import Foundation
import Testing

@testable import Placement

/// Tokens named after the role they hold, all in one project.
struct RoleTokens: TokenAuthenticator {
    static let project = "9b2b4d8c6f3a4e1d8f5a7c2e1b0d3f4a"

    func authenticate(_ token: Secret<String>) async throws -> TokenContext? {
        let role = token.reveal()
        guard ["admin", "service", "member", "reader"].contains(role) else { return nil }
        let roles = role == "admin" ? ["admin", "manager", "member", "reader"] : role == "member" ? ["member", "reader"] : [role]
        return TokenContext(
            userID: "user-\(role)", userName: role, userDomainID: "default", projectID: Self.project, projectName: "demo",
            projectDomainID: "default", roles: roles, expiresAt: .now + .seconds(3_600))
    }
}

/// A placement service of its own, behind the whole pipeline.
struct Site: Sendable {
    let database: SQLiteDatabase
    let placement: Placement
    let server: CloudServer

    static func with<Result>(_ body: (Site) async throws -> Result) async throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appending(path: "placement-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let database = try SQLiteDatabase(path: directory.appending(path: "cloud.db").path)
        do {
            try await database.migrate(Placement.migrations)
            let placement = Placement(database: database)
            let server = try CloudServer(services: [placement.api], authenticator: RoleTokens())
            let result = try await body(Site(database: database, placement: placement, server: server))
            await database.close()
            return result
        } catch {
            await database.close()
            throw error
        }
    }

    func call(
        _ method: HTTPRequest.Method, _ path: String, version: String = "1.39", token: String = "admin", _ json: JSON? = nil
    ) async -> TestResponse {
        await server.respond(
            method, "/placement" + path, token: token, headers: [.openStackAPIVersion: "placement \(version)"], json: json)
    }

    /// Calls and expects a status.
    @discardableResult
    func expect(
        _ status: HTTPResponse.Status, _ method: HTTPRequest.Method, _ path: String, version: String = "1.39",
        token: String = "admin", _ json: JSON? = nil, location: SourceLocation = #_sourceLocation
    ) async -> TestResponse {
        let response = await call(method, path, version: version, token: token, json)
        #expect(response.status == status, "\(method) \(path): \(response.text)", sourceLocation: location)
        return response
    }

    /// A provider with some inventories.
    func host(_ name: String, _ inventories: [String: Inventory] = Site.inventories) async throws -> String {
        let uuid = Identifier.uuid()
        try await database.write { [placement] transaction in
            try placement.ensureProvider(uuid: uuid, name: name, in: transaction)
            try placement.setInventory(provider: uuid, inventories: inventories, in: transaction)
        }
        return uuid
    }

    static let inventories = [
        "VCPU": Inventory(total: 8, allocationRatio: 4), "MEMORY_MB": Inventory(total: 8_192, reserved: 512),
        "DISK_GB": Inventory(total: 100),
    ]

    static func claim(_ resources: [String: JSON], generation: JSON = .null) -> JSON {
        var allocations = JSONObject()
        for (provider, resources) in resources { allocations[provider] = ["resources": resources] }
        return [
            "allocations": .object(allocations), "project_id": .string(RoleTokens.project), "user_id": "u",
            "consumer_generation": generation, "consumer_type": "INSTANCE",
        ]
    }
}
