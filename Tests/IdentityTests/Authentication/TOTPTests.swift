import CloudAPI
import CloudCore
import CloudCrypto
import Testing

@testable import Identity

/// One-time passwords.
@Suite struct TOTPTests {
    /// RFC 6238, appendix B, for SHA-1, with the last six of its eight digits.
    @Test(arguments: [
        (59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"), (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ])
    func passcodesAreThoseOfTheStandard(seconds: Int, passcode: String) {
        let step = TimeBasedPasscode.step(at: Timestamp(seconds: seconds))
        #expect(TimeBasedPasscode.passcode(seed: Array("12345678901234567890".utf8), step: step) == passcode)
    }

    /// A user with a seed.
    private static let seed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

    private static func passcode(_ moment: Timestamp, back: Int = 0) -> String {
        TimeBasedPasscode.passcode(seed: Base32.decode(seed) ?? [], step: TimeBasedPasscode.step(at: moment) - back)
    }

    private static func run(_ previous: Int = 1, _ body: (TestCloud, User) async throws -> Void) async throws {
        try await TestCloud.run({ $0.previousPasscodes = previous }) { cloud in
            let admin = try await cloud.token()
            let user = try await cloud.user("someone", admin)
            let credential: JSON = ["type": "totp", "blob": .string(seed), "user_id": .string(user)]
            _ = try await cloud.create("credentials", "credential", credential, admin)
            try await body(cloud, try await cloud.identity.user(id: user))
        }
    }

    @Test func aPasscodeGivesATokenOnce() async throws {
        try await Self.run(10) { cloud, user in
            func login(_ passcode: String) async -> TestResponse {
                await cloud.call(.post, "/auth/tokens", nil, ["auth": ["identity": [
                    "methods": ["totp"], "totp": ["user": ["id": .string(user.id), "passcode": .string(passcode)]],
                ]]])
            }
            // A passcode of a while ago: whatever half minute this runs in, it is within the ten.
            let passcode = Self.passcode(.now, back: 3)
            let first = await login(passcode)
            #expect(first.status == .created, "\(first.text)")
            #expect(first.json["token"]?["methods"] == ["totp"])
            #expect(await login(passcode).status == .unauthorized, "a passcode is good once")
            #expect(await login(Self.passcode(.now, back: 2)).status == .created)
            #expect(await login("").status == .unauthorized)
        }
    }

    @Test func oldAndComingPasscodesAreRefused() async throws {
        try await Self.run { cloud, user in
            let now = Timestamp.now
            func holds(back: Int) async -> Bool {
                let answer: Void? = try? await cloud.identity.verify(
                    passcode: Secret(Self.passcode(now, back: back)), of: user, now: now)
                return answer != nil
            }
            #expect(await !holds(back: 2))
            #expect(await !holds(back: -1))
            #expect(await holds(back: 1))
            #expect(await holds(back: 0))
        }
    }

    @Test func tryingIsLimited() async throws {
        try await Self.run { cloud, user in
            let now = Timestamp.now
            let right = Self.passcode(now)
            for number in 0..<10 {
                let wrong = Secret(right == "00000\(number)" ? "111111" : "00000\(number)")
                await #expect(throws: IdentityError.unauthorized) {
                    try await cloud.identity.verify(passcode: wrong, of: user, now: now)
                }
            }
            await #expect(throws: IdentityError.unauthorized) {
                try await cloud.identity.verify(passcode: Secret(right), of: user, now: now)
            }
            let later = now + .seconds(30)
            try await cloud.identity.verify(passcode: Secret(Self.passcode(later)), of: user, now: later)
        }
    }

    @Test func usersWithoutSeedHaveNoPasscode() async throws {
        try await TestCloud.run { cloud in
            let user = try await cloud.user("someone", try await cloud.token())
            for reference in [["id": .string(user)], ["id": "nobody"]] as [JSON] {
                var named = reference.object ?? [:]
                named["passcode"] = "000000"
                let answer = await cloud.call(
                    .post, "/auth/tokens", nil, ["auth": ["identity": ["methods": ["totp"], "totp": ["user": .object(named)]]]])
                #expect(answer.status == .unauthorized)
            }
        }
    }
}
