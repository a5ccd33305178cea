import CloudAPI
import CloudCore
import Testing

@testable import Identity

@Suite struct UserTests {
    @Test func aUserIsShownAsItWasMade() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.create(
                "users", "user",
                ["name": " someone ", "email": "a@b", "description": "d", "password": "secret", "options": ["lock_password": true, "ignore_password_expiry": nil]],
                admin)
            let id = try #require(user["id"]?.string)
            #expect(user == [
                "id": .string(id), "name": "someone", "domain_id": "default", "enabled": true, "password_expires_at": nil,
                "options": ["lock_password": true], "email": "a@b", "description": "d",
                "links": ["self": .string("http://127.0.0.1:9000/identity/v3/users/\(id)")],
            ])
            #expect(await cloud.call(.get, "/users/\(id)", admin).json["user"] == user)
            let changed = await cloud.call(.patch, "/users/\(id)", admin, ["user": ["email": nil, "team": "x", "default_project_id": "p"]]).json["user"]
            #expect(changed?["email"] == nil)
            #expect(changed?["team"] == "x")
            #expect(changed?["extra"] == ["description": "d", "team": "x"])
            #expect(changed?["default_project_id"] == "p")
            #expect(await cloud.call(.delete, "/users/\(id)", admin).status == .noContent)
            #expect(await cloud.call(.get, "/users/\(id)", admin).status == .notFound)
        }
    }

    @Test(arguments: [
        ["user": ["name": ""]], ["user": ["name": "   "]], ["user": ["name": 7]], ["user": [:]], [:], ["user": "x"],
        ["user": ["name": "x", "enabled": "maybe"]], ["user": ["name": "x", "password": 7]],
        ["user": ["name": "x", "options": ["unknown": true]]], ["user": ["name": "x", "domain_id": 7]],
        ["user": ["name": .string(String(repeating: "x", count: 256))]], ["user": ["name": "x", "password": "a\u{0}b"]],
    ] as [JSON])
    func malformedUsersAreRefused(body: JSON) async throws {
        try await TestCloud.run { cloud in
            let response = await cloud.call(.post, "/users", try await cloud.token(), body)
            #expect(response.status == .badRequest, "\(response.text)")
            #expect(response.json["error"]?["code"] == 400)
        }
    }

    @Test func namesAreUniqueInADomain() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let domain = try await cloud.createID("domains", "domain", ["name": "other"], admin)
            _ = try await cloud.user("same", admin)
            _ = try await cloud.user("same", domain: domain, admin)
            let again = await cloud.call(.post, "/users", admin, ["user": ["name": "same"]])
            #expect(again.status == .conflict)
            #expect(again.json["error"]?["title"] == "Conflict")
            let other = try await cloud.user("different", admin)
            #expect(await cloud.call(.patch, "/users/\(other)", admin, ["user": ["name": "same"]]).status == .conflict)
            #expect(await cloud.call(.post, "/users", admin, ["user": ["name": "x", "domain_id": "nowhere"]]).status == .notFound)
            #expect(await cloud.call(.patch, "/users/\(other)", admin, ["user": ["domain_id": .string(domain)]]).status == .badRequest)
            #expect(await cloud.call(.patch, "/users/\(other)", admin, ["user": ["id": "x"]]).status == .badRequest)
            #expect(await cloud.call(.patch, "/users/nobody", admin, ["user": ["name": "x"]]).status == .notFound)
        }
    }

    @Test func listsAreFilteredAndPaged() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            for number in 0..<5 { _ = try await cloud.user("user-\(number)", admin) }
            _ = await cloud.call(.post, "/users", admin, ["user": ["name": "USER-off", "enabled": false]])
            func names(_ query: String) async -> [String] { await cloud.call(.get, "/users?\(query)", admin).json["users"]?.names ?? [] }
            #expect(await names("name=user-3") == ["user-3"])
            #expect(await names("enabled=false") == ["USER-off"])
            #expect(await names("name__contains=er-") == (0..<5).map { "user-\($0)" })
            #expect(await names("name__icontains=ER-O") == ["USER-off"])
            #expect(await names("name__startswith=USER") == ["USER-off"])
            #expect(await names("name__iendswith=-OFF") == ["USER-off"])
            #expect(await names("name__endswith=-OFF") == [])
            #expect(await names("domain_id=nowhere") == [])
            #expect(await names("unknown=x").count == 7)
            #expect(await cloud.call(.get, "/users?password_expires_at=lt:yesterday", admin).status == .badRequest)
            #expect(await names("password_expires_at=lt:2030-01-01T00:00:00Z") == [])
            var (seen, path) = ([String](), "/users?limit=3" as String?)
            var pages = 0
            while let next = path {
                let page = await cloud.call(.get, next, admin).json
                seen += page["users"]?.ids ?? []
                #expect(page["links"]?["self"]?.string?.hasSuffix(next) == true)
                path = page["links"]?["next"]?.string.map { String($0.dropFirst("http://127.0.0.1:9000/identity/v3".count)) }
                pages += 1
            }
            #expect(pages == 3)
            #expect(seen.count == 7 && Set(seen).count == 7)
            #expect(await cloud.call(.get, "/users?limit=x", admin).status == .badRequest)
        }
    }

    @Test func usersChangeTheirOwnPasswords() async throws {
        try await TestCloud.run({ $0.securityCompliance.uniqueLastPasswordCount = 2 }) { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("someone", admin)
            func change(_ old: String, _ new: String) async -> HTTPResponse.Status {
                await cloud.call(.post, "/users/\(user)/password", nil, ["user": ["original_password": .string(old), "password": .string(new)]]).status
            }
            #expect(await change("wrong", "x") == .unauthorized)
            #expect(await change(TestCloud.password, TestCloud.password) == .badRequest)
            #expect(await change(TestCloud.password, "second") == .noContent)
            #expect(await change("second", TestCloud.password) == .badRequest, "two in a row must differ")
            #expect(await change("second", "third") == .noContent)
            #expect(await change("third", TestCloud.password) == .noContent, "the one before the last two counts no more")
            #expect(await cloud.call(.patch, "/users/\(user)", admin, ["user": ["options": ["lock_password": true]]]).status == .ok)
            #expect(await change(TestCloud.password, "fourth") == .badRequest)
            let nobody = await cloud.call(.post, "/users/nobody/password", nil, ["user": ["original_password": "a", "password": "b"]])
            #expect(nobody.status == .unauthorized)
        }
    }

    @Test func accountsLockAndUnlock() async throws {
        try await TestCloud.run({ $0.securityCompliance.lockoutFailureAttempts = 2 }) { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("someone", admin)
            func login(_ password: String) async -> TestResponse {
                await cloud.call(.post, "/auth/tokens", nil, TestCloud.login(["id": .string(user)], password))
            }
            #expect(await login("wrong").status == .unauthorized)
            #expect(await login(TestCloud.password).status == .created, "success forgets failures")
            for _ in 0..<2 { #expect(await login("wrong").status == .unauthorized) }
            let locked = await login(TestCloud.password)
            #expect(locked.status == .unauthorized)
            #expect(locked.json["error"]?["message"] == .string("The account is locked for user: \(user)."))
            #expect(await cloud.call(.patch, "/users/\(user)", admin, ["user": ["enabled": true]]).status == .ok)
            #expect(await login(TestCloud.password).status == .created)
            let option: JSON = ["user": ["options": ["ignore_lockout_failure_attempts": true]]]
            #expect(await cloud.call(.patch, "/users/\(user)", admin, option).status == .ok)
            for _ in 0..<3 { #expect(await login("wrong").status == .unauthorized) }
            #expect(await login(TestCloud.password).status == .created)
        }
    }

    @Test func lockoutsEnd() {
        var rules = IdentityOptions.SecurityCompliance()
        let start = Timestamp(seconds: 1_000_000)
        let failed = FailedLogins(count: 3, lastAt: start)
        #expect(failed.state(rules, at: start) == .open)
        rules.lockoutFailureAttempts = 3
        rules.lockoutDuration = .seconds(10)
        #expect(failed.state(rules, at: start + .seconds(9)) == .locked)
        #expect(failed.state(rules, at: start + .seconds(10)) == .expired)
        rules.lockoutDuration = .zero
        #expect(failed.state(rules, at: start + .seconds(1_000_000)) == .locked)
        #expect(FailedLogins(count: 2, lastAt: start).state(rules, at: start) == .open)
    }

    @Test func passwordsMayBeTakenAway() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("someone", admin)
            #expect(await cloud.call(.patch, "/users/\(user)", admin, ["user": ["password": nil]]).status == .ok)
            let login = TestCloud.login(["id": .string(user)], TestCloud.password)
            #expect(await cloud.call(.post, "/auth/tokens", nil, login).status == .unauthorized)
            let bare = try await cloud.createID("users", "user", ["name": "bare"], admin)
            #expect(await cloud.call(.post, "/auth/tokens", nil, TestCloud.login(["id": .string(bare)], "")).status == .unauthorized)
        }
    }

    @Test func oldHashesAreRenewedAtLogin() async throws {
        try await TestCloud.run { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("someone", admin)
            var options = cloud.identity.options
            options.passwordHashRounds = 5
            let dearer = try Identity(database: cloud.identity.database, options: options)
            let request = AuthenticationRequest(proofs: [PasswordMethod(user: .id(user), password: Secret(TestCloud.password))], scope: .unscoped)
            guard case .token(let text, _) = try await dearer.logIn(request) else {
                Issue.record("a password is enough")
                return
            }
            #expect(try await dearer.user(id: user).password?.hash?.hasPrefix("$2b$05$") == true)
            #expect(try await dearer.authenticate(text) != nil)
            guard case .token(_, let token) = try await dearer.logIn(request) else {
                Issue.record("the new hash is that of the password")
                return
            }
            #expect(token.user.id == user)
        }
    }

    @Test func severalFactorsMayBeAskedFor() {
        var options = UserOptions(values: ["multi_factor_auth_rules": [["password", "token"], ["unknown"]]])
        #expect(!options.admits([.password]))
        #expect(options.admits([.password, .token]))
        options.values["multi_factor_auth_enabled"] = false
        #expect(options.admits([.password]))
        #expect(UserOptions(values: ["multi_factor_auth_rules": [["unknown"]]]).admits([.password]))
    }
}
