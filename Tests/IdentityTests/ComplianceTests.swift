import CloudAPI
import CloudCore
import CloudStore
import Testing

@testable import Identity

/// Keystone's `[security_compliance]`.
@Suite struct ComplianceTests {
    /// A user with a password, and what may be done with it.
    private struct Account {
        let cloud: TestCloud
        let admin: String
        let id: String

        static func run(_ rules: (inout IdentityOptions.SecurityCompliance) -> Void, _ body: (Account) async throws -> Void) async throws {
            try await TestCloud.run({ rules(&$0.securityCompliance) }) { cloud in
                let admin = try await cloud.token()
                try await body(Account(cloud: cloud, admin: admin, id: try await cloud.user("someone", admin)))
            }
        }

        func login(_ password: String = TestCloud.password) async -> TestResponse {
            await cloud.call(.post, "/auth/tokens", nil, TestCloud.login(["id": .string(id)], password))
        }

        func change(_ old: String, _ new: String) async -> TestResponse {
            await cloud.call(.post, "/users/\(id)/password", nil, ["user": ["original_password": .string(old), "password": .string(new)]])
        }

        func patch(_ fields: JSON) async -> TestResponse { await cloud.call(.patch, "/users/\(id)", admin, ["user": fields]) }

        func show() async -> JSON? { await cloud.call(.get, "/users/\(id)", admin).json["user"] }

        /// What time alone would do.
        func alter(_ sql: SQL) async throws { try await cloud.identity.database.write { try $0.execute(sql) } }

        func found(_ query: String) async -> Bool {
            await cloud.call(.get, "/users?\(query)", admin).json["users"]?.ids.contains(id) ?? false
        }
    }

    private static func message(_ response: TestResponse) -> String { response.json["error"]?["message"]?.string ?? "" }

    @Test func passwordsEnd() async throws {
        try await Account.run({ $0.passwordExpiresDays = 1 }) { account in
            let end = try #require(await account.show()?["password_expires_at"]?.string)
            let moment = try #require(Timestamp(iso8601: end))
            #expect(moment > .now && moment < .now + .days(1) && end.hasSuffix(".000000Z"))
            #expect(await account.login().status == .created)
            let past = Timestamp(seconds: 1_000_000)
            try await account.alter("UPDATE identity_local_users SET password_expires_at = \(past) WHERE user_id = \(account.id)")
            let refused = await account.login()
            #expect(refused.status == .unauthorized)
            #expect(Self.message(refused) == "The password is expired and needs to be changed for user: \(account.id).")
            #expect(await account.found("password_expires_at=lt:2016-11-06T15:32:17Z"))
            #expect(await account.found("password_expires_at=neq:2016-11-06T15:32:17Z"))
            #expect(await account.found("password_expires_at=1970-01-12T13:46:40Z"))
            #expect(await !account.found("password_expires_at=gte:2016-11-06T15:32:17Z"))
            let group = try await account.cloud.createID("groups", "group", ["name": "g"], account.admin)
            #expect(await account.cloud.call(.put, "/groups/\(group)/users/\(account.id)", account.admin).status == .noContent)
            for (filter, count) in [("lt", 1), ("gt", 0)] {
                let path = "/groups/\(group)/users?password_expires_at=\(filter):2016-11-06T15:32:17Z"
                #expect(await account.cloud.call(.get, path, account.admin).json["users"]?.array?.count == count)
            }
            #expect(await account.cloud.call(.get, "/users?password_expires_at=like:2016-11-06T15:32:17Z", account.admin).status == .badRequest)
            #expect(await account.change("wrong", "next").status == .unauthorized)
            #expect(await account.change(TestCloud.password, "next").status == .noContent)
            #expect(await account.login("next").status == .created)
            #expect(await account.patch(["options": ["ignore_password_expiry": true], "password": "forever"]).json["user"]?["password_expires_at"] == .null)
            #expect(await account.login("forever").status == .created)
        }
    }

    @Test func passwordsOfAdministratorsMustBeChanged() async throws {
        try await Account.run({ $0.changePasswordUponFirstUse = true }) { account in
            #expect(await account.login().status == .unauthorized)
            #expect(await account.change(TestCloud.password, "mine").status == .noContent)
            #expect(await account.login("mine").status == .created)
            #expect(await account.patch(["description": "no reset"]).status == .ok)
            #expect(await account.login("mine").status == .created)
            #expect(await account.patch(["password": "reset"]).status == .ok)
            #expect(await account.login("reset").status == .unauthorized)
            #expect(await account.patch(["password": "again", "options": ["ignore_change_password_upon_first_use": true]]).status == .ok)
            #expect(await account.login("again").status == .created)
        }
    }

    @Test func passwordsMustMatch() async throws {
        let rules: (inout IdentityOptions.SecurityCompliance) -> Void = {
            $0.passwordRegex = #"^(?=.*[a-z]) ?\w.{4,}$"#
            $0.passwordRegexDescription = "five characters"
        }
        try await Account.run(rules) { account in
            for response in [
                await account.patch(["password": "ABCDEF"]), await account.change(TestCloud.password, "abc"),
                await account.cloud.call(.post, "/users", account.admin, ["user": ["name": "x", "password": "abc"]]),
            ] {
                #expect(response.status == .badRequest)
                #expect(Self.message(response) == "The password does not match the requirements: five characters.")
            }
            #expect(await account.patch(["password": nil]).status == .badRequest)
            #expect(await account.change("wrong", "abc").status == .unauthorized, "who asks is known first")
            #expect(await account.change(TestCloud.password, "abcdef").status == .noContent)
            #expect(await account.cloud.call(.post, "/users", account.admin, ["user": ["name": "y"]]).status == .created)
        }
    }

    @Test func passwordsMustBeUsedForAWhile() async throws {
        try await Account.run({ $0.minimumPasswordAge = 2 }) { account in
            #expect(await account.change(TestCloud.password, "first").status == .noContent, "nobody chose the password before")
            let early = await account.change("first", "second")
            #expect(early.status == .badRequest)
            #expect(Self.message(early).contains("must be used for 2 day(s) before it can be changed. Please try again in 1 day(s)"))
            try await account.alter("UPDATE identity_local_users SET password_created_at = 1 WHERE user_id = \(account.id)")
            #expect(await account.change("first", "second").status == .noContent)
            #expect(await account.patch(["password": "reset"]).status == .ok, "administrators need not wait")
            #expect(await account.change("reset", "third").status == .noContent)
        }
    }

    @Test func inactiveUsersCountAsDisabled() async throws {
        try await Account.run({ $0.disableUserAccountDaysInactive = 3 }) { account in
            func age(_ days: Int) async throws {
                let moment = Timestamp.now + .days(-days)
                try await account.alter("UPDATE identity_users SET created_at = \(moment), last_active_at = NULL WHERE id = \(account.id)")
            }
            try await age(2)
            #expect(await account.login().status == .created)
            #expect(try await account.cloud.identity.user(id: account.id).lastActiveAt?.day == Timestamp.now.day)
            try await age(3)
            #expect(await account.show()?["enabled"] == false)
            #expect(await account.login().status == .unauthorized)
            #expect(await account.change(TestCloud.password, "next").status == .unauthorized)
            #expect(await account.patch(["options": ["ignore_user_inactivity": true]]).json["user"]?["enabled"] == true)
            #expect(await account.login().status == .created)
            #expect(await account.patch(["options": ["ignore_user_inactivity": nil]]).status == .ok)
            try await age(30)
            #expect(await account.show()?["enabled"] == false)
            #expect(await account.patch(["enabled": true]).json["user"]?["enabled"] == true)
            #expect(await account.login().status == .created)
        }
    }

    @Test func hashesFromElsewhereAreTakenOver() async throws {
        try await Account.run({ _ in }) { account in
            let hash = "$bcrypt-sha256$v=2,t=2b,r=4$n79VH.0Q2TMWmt3Oqt9uku$E9qjVnkzEWr9OitExy6DYk7l7AjZ4iK"
            func bringOver() async throws {
                try await account.alter("UPDATE identity_local_users SET password_hash = \(hash) WHERE user_id = \(account.id)")
            }
            try await bringOver()
            #expect(await account.login("correct horse").status == .created)
            #expect(try await account.cloud.identity.user(id: account.id).password?.hash?.hasPrefix("$2b$04$") == true)
            #expect(await account.login("correct horse").status == .created)
            try await bringOver()
            #expect(await account.change("correct horse", "battery").status == .noContent, "renewing the hash is no change")
            #expect(await account.login("battery").status == .created)
        }
    }

    @Test func daysAreCountedInUTC() {
        #expect(Timestamp(seconds: 86_399).day == 0)
        #expect(Timestamp(seconds: 86_400).day == 1)
        #expect(Timestamp(seconds: -1).day == -1)
        #expect(Timestamp(seconds: -86_400).day == -1)
        #expect(Timestamp(seconds: -86_401).day == -2)
    }
}
