import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore

/// `{"user": {"name", "domain" | "id", "passcode"}}`: a one-time password made from a seed that the user has as a
/// credential of the type `totp`.
struct TOTPMethod: LoginMethod {
    static let method = AuthenticationMethod.totp
    static let schema: Schema = .object([("user", UserReference.schema([("passcode", .string())]))], additional: .any)
    /// The type of the credentials that hold seeds.
    static let credentialType = "totp"

    let user: UserReference
    let passcode: Secret<String>

    init(_ body: JSON) throws {
        guard let user = body["user"] else { throw IdentityError.lacking("user", in: "totp") }
        self.user = try UserReference(user)
        passcode = Secret(user["passcode"]?.string ?? "")
    }

    func prove(_ login: Login, _ identity: Identity) async throws -> Proven {
        guard let found = try await identity.database.read({ try user.user($0) }) else { throw IdentityError.unauthorized }
        try await identity.verify(passcode: passcode, of: found)
        return Proven(userID: found.id, methods: [.totp])
    }
}

/// One-time passwords (RFC 6238): six digits from HMAC-SHA1, another one every 30 seconds.
enum TimeBasedPasscode {
    private static let period = 30
    private static let modulus: UInt32 = 1_000_000
    private static let digits = 6

    /// The number of the half minute that a moment lies in.
    static func step(at moment: Timestamp) -> Int { moment.seconds / period }

    /// The password of a step.
    static func passcode(seed: [UInt8], step: Int) -> String {
        let counter = stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: step >> $0) }
        let code = MessageAuthentication.code(.sha1, key: seed, message: counter)
        let offset = Int((code.last ?? 0) & 15)
        let number = code[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        let text = String(number % modulus)
        return String(repeating: "0", count: digits - text.count) + text
    }
}

/// Checking one-time passwords.
extension Identity {
    /// The most wrong ones a user may try in half a minute, so that nobody comes upon the right one by trying.
    private static let mostFailures = 10

    /// Checks a one-time password, which is good once only.
    /// - Throws: `IdentityError.unauthorized`.
    func verify(passcode: Secret<String>, of user: User, now: Timestamp = .now) async throws {
        let current = TimeBasedPasscode.step(at: now)
        guard try await database.read({ try PasscodeRecords.failures(of: user.id, step: current, $0) }) < Self.mostFailures else {
            throw IdentityError.unauthorized
        }
        let seeds = try await secrets(ofUser: user.id, type: TOTPMethod.credentialType).compactMap { Base32.decode($0.reveal()) }
        let steps = (current - options.previousPasscodes)...current
        let step = steps.last { step in
            seeds.contains { ConstantTime.equal(TimeBasedPasscode.passcode(seed: $0, step: step), passcode.reveal()) }
        }
        let isAccepted = try await database.write { transaction in
            try PasscodeRecords.forget(before: steps.lowerBound - 1, transaction)
            if let step { return try PasscodeRecords.accept(of: user.id, step: step, transaction) }
            try PasscodeRecords.countFailure(of: user.id, step: current, transaction)
            return false
        }
        guard isAccepted else { throw IdentityError.unauthorized }
    }
}
