import CloudAPI
import CloudCore
import Testing

@testable import Identity

/// What ends tokens, and what it leaves alone.
@Suite struct RevocationTests {
    /// A user's project and system tokens, both warmed up in the cache, and what becomes of them.
    private struct Subject {
        let cloud: TestCloud
        let admin: String
        let user: String
        let project: String
        let token: String

        static func run(_ body: (Subject) async throws -> Void) async throws {
            try await TestCloud.run { cloud in
                let admin = try await cloud.token()
                let project = try await cloud.createID("projects", "project", ["name": "p"], admin)
                let user = try await cloud.user("subject", role: "member", on: "projects/\(project)", admin)
                let token = try await cloud.token(of: user, scope: ["project": ["id": .string(project)]])
                let subject = Subject(cloud: cloud, admin: admin, user: user, project: project, token: token)
                #expect(await subject.isValid(token))
                try await body(subject)
                #expect(await subject.isValid(admin), "the administrator's token has nothing to do with it")
            }
        }

        func isValid(_ token: String) async -> Bool {
            let context = try? await cloud.identity.authenticate(Secret(token))
            return context != nil
        }

        func patch(_ path: String, _ body: JSON) async {
            #expect(await cloud.call(.patch, path, admin, body).status == .ok)
        }
    }

    @Test func revokingEndsTheTokenAndThoseMadeFromIt() async throws {
        try await Subject.run { subject in
            let cloud = subject.cloud
            let root = try await cloud.token(of: subject.user, scope: "unscoped")
            let body: JSON = [
                "auth": [
                    "identity": ["methods": ["token"], "token": ["id": .string(root)]],
                    "scope": ["project": ["id": .string(subject.project)]],
                ],
            ]
            let child = try #require(await cloud.call(.post, "/auth/tokens", nil, body).headers[.subjectToken])
            let other = try #require(await cloud.call(.post, "/auth/tokens", nil, body).headers[.subjectToken])
            #expect(await cloud.call(.delete, "/auth/tokens", child, headers: [.subjectToken: child]).status == .noContent)
            #expect(await !subject.isValid(child))
            #expect(await subject.isValid(root))
            #expect(await subject.isValid(other))
            #expect(await cloud.call(.delete, "/auth/tokens?cascade=false", root, headers: [.subjectToken: root]).status == .noContent)
            #expect(await !subject.isValid(root))
            #expect(await subject.isValid(other))
            #expect(await subject.isValid(subject.token), "another login is another chain")
        }
        try await Subject.run { subject in
            let root = try await subject.cloud.token(of: subject.user, scope: "unscoped")
            let body: JSON = ["auth": ["identity": ["methods": ["token"], "token": ["id": .string(root)]]]]
            let child = try #require(await subject.cloud.call(.post, "/auth/tokens", nil, body).headers[.subjectToken])
            #expect(await subject.cloud.call(.delete, "/auth/tokens", root, headers: [.subjectToken: root]).status == .noContent)
            #expect(await !subject.isValid(child))
        }
    }

    @Test func aNewPasswordEndsAllTokens() async throws {
        try await Subject.run { subject in
            await subject.patch("/users/\(subject.user)", ["user": ["password": "another"]])
            #expect(await !subject.isValid(subject.token))
            let renewed = try await subject.cloud.token(["id": .string(subject.user)], "another", scope: nil)
            #expect(await subject.isValid(renewed))
        }
        try await Subject.run { subject in
            let change: JSON = ["user": ["original_password": .string(TestCloud.password), "password": "my own"]]
            #expect(await subject.cloud.call(.post, "/users/\(subject.user)/password", nil, change).status == .noContent)
            #expect(await !subject.isValid(subject.token))
            let renewed = try await subject.cloud.token(["id": .string(subject.user)], "my own", scope: nil)
            #expect(await subject.isValid(renewed))
        }
    }

    @Test func aDisabledUserStaysLoggedOut() async throws {
        try await Subject.run { subject in
            await subject.patch("/users/\(subject.user)", ["user": ["enabled": false]])
            #expect(await !subject.isValid(subject.token))
            await subject.patch("/users/\(subject.user)", ["user": ["enabled": true]])
            #expect(await !subject.isValid(subject.token))
            let renewed = try await subject.cloud.token(of: subject.user)
            #expect(await subject.isValid(renewed))
        }
    }

    @Test func deletedUsersHaveNoTokens() async throws {
        try await Subject.run { subject in
            #expect(await subject.cloud.call(.delete, "/users/\(subject.user)", subject.admin).status == .noContent)
            #expect(await !subject.isValid(subject.token))
        }
    }

    @Test func aDisabledProjectSuspendsItsTokens() async throws {
        try await Subject.run { subject in
            await subject.patch("/projects/\(subject.project)", ["project": ["enabled": false]])
            #expect(await !subject.isValid(subject.token))
            await subject.patch("/projects/\(subject.project)", ["project": ["enabled": true]])
            #expect(await subject.isValid(subject.token))
            #expect(await subject.cloud.call(.delete, "/projects/\(subject.project)", subject.admin).status == .noContent)
            #expect(await !subject.isValid(subject.token))
        }
    }

    @Test func aLostRoleEndsTheTokenAndAChangedOneShows() async throws {
        try await Subject.run { subject in
            let cloud = subject.cloud
            func roles() async throws -> [String] {
                try await cloud.identity.authenticate(Secret(subject.token))?.roles.sorted() ?? []
            }
            #expect(try await roles() == ["member", "reader"])
            let (manager, member) = (try await cloud.roleID("manager", subject.admin), try await cloud.roleID("member", subject.admin))
            let path = "/projects/\(subject.project)/users/\(subject.user)/roles/"
            #expect(await cloud.call(.put, path + manager, subject.admin).status == .noContent)
            #expect(try await roles() == ["manager", "member", "reader"])
            #expect(await cloud.call(.delete, path + manager, subject.admin).status == .noContent)
            #expect(await cloud.call(.delete, path + member, subject.admin).status == .noContent)
            #expect(await !subject.isValid(subject.token))
        }
    }

    @Test func groupsGiveAndTakeRoles() async throws {
        try await Subject.run { subject in
            let (cloud, admin) = (subject.cloud, subject.admin)
            let group = try await cloud.createID("groups", "group", ["name": "team"], admin)
            let domainless = try await cloud.createID("projects", "project", ["name": "team project"], admin)
            let reader = try await cloud.roleID("reader", admin)
            #expect(await cloud.call(.put, "/projects/\(domainless)/groups/\(group)/roles/\(reader)", admin).status == .noContent)
            let scope: JSON = ["project": ["id": .string(domainless)]]
            let login = TestCloud.login(["id": .string(subject.user)], TestCloud.password, scope: scope)
            #expect(await cloud.call(.post, "/auth/tokens", nil, login).status == .unauthorized)
            #expect(await cloud.call(.put, "/groups/\(group)/users/\(subject.user)", admin).status == .noContent)
            let token = try await cloud.token(of: subject.user, scope: scope)
            #expect(await subject.isValid(token))
            #expect(await cloud.call(.delete, "/groups/\(group)/users/\(subject.user)", admin).status == .noContent)
            #expect(await !subject.isValid(token))
        }
    }

    @Test func rotatedKeysKeepTokensUntilTheirKeyIsGone() async throws {
        try await TestCloud.run { cloud in
            let token = Secret(try await cloud.token())
            let fresh = TokenProvider(database: cloud.identity.database, formats: cloud.identity.formats, cacheSize: 4)
            #expect(try await fresh.validate(token) != nil)
            // Three keys: staged, primary and one older. The token's key goes with the second rotation after it.
            try cloud.identity.keys.rotate()
            let cold = TokenProvider(database: cloud.identity.database, formats: cloud.identity.formats, cacheSize: 4)
            #expect(try await cold.validate(token) != nil)
            try cloud.identity.keys.rotate()
            let gone = TokenProvider(database: cloud.identity.database, formats: cloud.identity.formats, cacheSize: 4)
            #expect(try await gone.validate(token) == nil)
        }
    }
}
