import CloudAPI
import CloudBus
import CloudCore
import CloudPolicy
import CloudSettings
import CloudStore
import Foundation
import HTTPTypes
import Identity
import Testing

@testable import Cloud

/// A cloud without hosts in a folder of its own: every service behind one front.
struct TestCloud {
    let server: CloudServer
    let password = Secret("correct horse")

    init() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "altostack-cloud-\(UUID().uuidString)").path
        let directory = DataDirectory(path)
        try directory.create()
        let settings = try Settings.load(
            CloudSettingKeys.registry, sets: ["identity.password_hash_rounds=4", "host.name=test-host"])
        let services = try await CloudServices(
            database: try SQLiteDatabase(path: directory.database), bus: InProcessBus(), directory: directory,
            settings: settings, simulate: true, consoleURL: "http://127.0.0.1:6080")
        _ = try await services.identity.bootstrap(adminPassword: password, region: "RegionOne", services: [])
        server = try CloudServer(
            services: services.apis, policies: try PolicyBook(directory: directory).engines,
            authenticator: services.identity)
        services.relay.connect(server)
    }

    /// A token for the administrator, or for a user of the Default domain who has no role anywhere.
    func token(user: String, password: String, project: String?) async throws -> String {
        var identity: JSON = [
            "identity": [
                "methods": ["password"],
                "password": ["user": ["name": .string(user), "password": .string(password), "domain": ["id": "default"]]],
            ]
        ]
        if let project, var object = identity.object {
            object["scope"] = ["project": ["name": .string(project), "domain": ["id": "default"]]]
            identity = .object(object)
        }
        let answer = await server.respond(.post, "/identity/v3/auth/tokens", token: nil, json: ["auth": identity])
        let name = try #require(HTTPField.Name("X-Subject-Token"))
        return try #require(answer.headers[name], "\(answer.text)")
    }
}

/// Every endpoint of every service refuses strangers.
@Suite struct EndpointAuthorisationTests {
    @Test func endpointsRefuseCallersWithoutToken() async throws {
        let cloud = try await TestCloud()
        let entries = EndpointAudit(cloud.server).entries
        #expect(entries.count > 150)
        for entry in entries {
            if case .open = entry.access { continue }
            let answer = await cloud.server.respond(to: entry, token: nil)
            #expect(answer.status == .unauthorized, "\(entry.name): \(answer.status) \(answer.text.prefix(200))")
        }
    }

    @Test func endpointsRefuseCallersWithoutRole() async throws {
        let cloud = try await TestCloud()
        let admin = try await cloud.token(user: "admin", password: cloud.password.reveal(), project: "admin")
        let created = await cloud.server.respond(
            .post, "/identity/v3/users", token: admin,
            json: ["user": ["name": "nobody", "password": "nothing at all", "domain_id": "default"]])
        #expect(created.status == .created, "\(created.text)")
        let nobody = try await cloud.token(user: "nobody", password: "nothing at all", project: nil)
        // What upstream lets anyone with a token do: rules that admit everybody.
        let forAnyone: Set = [
            "GET /identity/v3/auth/catalog", "GET /identity/v3/limits/model", "GET /identity/v3/credentials",
        ]
        for entry in EndpointAudit(cloud.server).entries {
            switch entry.access {
            case .open, .authenticated: continue
            case .rule(let rule), .ruleOnResource(let rule):
                let answer = await cloud.server.respond(to: entry, token: nobody)
                let refused = [400, 401, 403, 404].contains(answer.status.code)
                let isOpenRule = cloud.admitsEveryone(rule, entry.service)
                #expect(
                    refused || isOpenRule || forAnyone.contains(entry.name),
                    "\(entry.name) under \(rule): \(answer.status) \(answer.text.prefix(200))")
                #expect(answer.status.code < 500, "\(entry.name): \(answer.text.prefix(200))")
            }
        }
    }
}

extension TestCloud {
    /// Whether a rule's default admits any token at all, or every user to what is the user's own.
    func admitsEveryone(_ rule: String, _ service: String) -> Bool {
        let rules = server.services.first { $0.type == service }?.rules ?? []
        guard let check = rules.first(where: { $0.name == rule })?.check else { return false }
        return ["", "@", "rule:regular_user"].contains(check) || check.contains("user_id:%(user_id)s")
    }
}

/// The first start, and the later ones that change nothing.
@Suite struct ClientFileTests {
    @Test func clientFilesAreForTheirOwnerAlone() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "altostack-files-\(UUID().uuidString)").path
        let directory = DataDirectory(path)
        try directory.create()
        try ClientFiles(url: "http://127.0.0.1:9000", password: Secret("it's \"secret\""), region: "RegionOne").write(directory)
        for file in [directory.cloudsYAML, directory.openrc] {
            let attributes = try FileManager.default.attributesOfItem(atPath: file)
            #expect((attributes[.posixPermissions] as? Int) == 0o600)
        }
        let openrc = try String(contentsOfFile: directory.openrc, encoding: .utf8)
        #expect(openrc.contains(#"OS_PASSWORD='it'\''s "secret"'"#))
    }

    @Test func theyFollowACloudThatMoves() throws {
        let directory = DataDirectory(FileManager.default.temporaryDirectory.appending(path: "altostack-move-\(UUID().uuidString)").path)
        try directory.create()
        let (first, second) = ("http://127.0.0.1:9000", "http://[::1]:9001")
        #expect(try ClientFiles.move(directory, to: second) == nil)
        try ClientFiles(url: first, password: Secret("it's \"secret\""), region: "North").write(directory)
        #expect(try ClientFiles.move(directory, to: first) == nil)
        #expect(try ClientFiles.move(directory, to: second) == first)
        let variables = CloudClient.variables(try String(contentsOfFile: directory.openrc, encoding: .utf8))
        #expect(variables["OS_AUTH_URL"] == second + "/identity/v3" && variables["OS_PASSWORD"] == "it's \"secret\"")
        #expect(variables["OS_REGION_NAME"] == "North")
        #expect(try String(contentsOfFile: directory.cloudsYAML, encoding: .utf8).contains(second))

        // What somebody has written into a file stays.
        let own = try String(contentsOfFile: directory.cloudsYAML, encoding: .utf8) + "  other: {}\n"
        try PrivateFile.write(own, to: directory.cloudsYAML)
        #expect(try ClientFiles.move(directory, to: first) == second)
        #expect(try String(contentsOfFile: directory.cloudsYAML, encoding: .utf8) == own)
    }

    @Test func addressesAreThoseThatClientsCanGoTo() {
        #expect(PublicAddress.ofListener("192.0.2.7") == "192.0.2.7" && PublicAddress.ofListener("cloud.example") == "cloud.example")
        #expect(PublicAddress.ofListener("::1") == "[::1]")
        for everywhere in ["0.0.0.0", "::"] { #expect(!["0.0.0.0", "[::]"].contains(PublicAddress.ofListener(everywhere))) }
    }

    @Test func oneProgramAFolder() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "altostack-lock-\(UUID().uuidString)").path
        let directory = DataDirectory(path)
        try directory.create()
        let lock = try directory.lock()
        #expect(throws: ProgramError.self) { try directory.lock() }
        withExtendedLifetime(lock) {}
    }
}

@Suite struct SettingTests {
    @Test func unknownKeyStopsTheStart() throws {
        #expect(throws: SettingsError.self) { try Settings.load(CloudSettingKeys.registry, sets: ["identity.no_such=1"]) }
        #expect(throws: SettingsError.self) {
            try Settings.load(CloudSettingKeys.registry, sets: ["identity.password_hash_rounds=many"])
        }
    }

    @Test func defaultsAreUpstreams() throws {
        let settings = try Settings.load(CloudSettingKeys.registry)
        #expect(settings[CloudSettingKeys.passwordHashRounds] == 12)
        #expect(settings[CloudSettingKeys.lockoutFailureAttempts] == nil)
    }
}
