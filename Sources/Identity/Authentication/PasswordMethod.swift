import CloudAPI
import CloudCore
import CloudCrypto
import CloudStore

/// `{"user": {"name", "domain" | "id", "password"}}`.
struct PasswordMethod: LoginMethod {
    static let method = AuthenticationMethod.password
    static let schema: Schema = .object([("user", UserReference.schema([("password", .string())]))], additional: .any)

    let user: UserReference
    let password: Secret<String>

    init(user: UserReference, password: Secret<String>) { (self.user, self.password) = (user, password) }

    init(_ body: JSON) throws {
        guard let user = body["user"] else { throw IdentityError.lacking("user", in: "password") }
        self.init(user: try UserReference(user), password: Secret(user["password"]?.string ?? ""))
    }

    /// Users who do not exist, are disabled or have no password cost as much time as a wrong password.
    func prove(_ login: Login, _ identity: Identity) async throws -> Proven {
        guard let found = try await identity.database.read({ try user.user($0) }) else {
            try await identity.hashing { try await $0.pretend(password) }
            throw IdentityError.unauthorized
        }
        try await identity.verify(password, of: found)
        return Proven(userID: found.id, methods: [.password], password: found.password)
    }
}

/// Checking passwords.
extension Identity {
    /// Checks a user's password by the rules about lockout and expiry, and counts failures.
    /// - Throws: `IdentityError.unauthorized`, `.accountLocked`, `.accountDisabled`, `.passwordExpired`.
    func verify(_ password: Secret<String>, of user: User) async throws {
        let now = Timestamp.now
        let rules = options.securityCompliance
        let counts = (rules.lockoutFailureAttempts ?? 0) > 0 && !user.options.ignoresLockout
        if counts, user.failedLogins.state(rules, at: now) == .locked { throw IdentityError.accountLocked(userID: user.id) }
        guard let hash = user.password?.hash else {
            try await hashing { try await $0.pretend(password) }
            throw IdentityError.unauthorized
        }
        let isRight = try await hashing { try await $0.verify(password, against: hash) }
        guard isRight else {
            if counts { try await countFailure(of: user, at: now) }
            throw IdentityError.unauthorized
        }
        guard user.seen(rules, at: now).isEnabled else { throw IdentityError.accountDisabled(userID: user.id) }
        if user.password?.isExpired(at: now) == true, !user.options.ignoresPasswordExpiry {
            throw IdentityError.passwordExpired(userID: user.id)
        }
        try await noteSuccess(of: user, at: now)
        try await renewHash(hash, password, of: user)
    }

    /// Forgets failures, and notes the day where inactive users are disabled.
    private func noteSuccess(of user: User, at moment: Timestamp) async throws {
        let countsActivity = options.securityCompliance.disableUserAccountDaysInactive != nil && user.lastActiveAt?.day != moment.day
        guard user.failedLogins.count > 0 || countsActivity else { return }
        try await database.write { transaction in
            if user.failedLogins.count > 0 { try UserRecords.forgetFailedLogins(of: user.id, transaction) }
            if countsActivity { try UserRecords.noteActivity(of: user.id, at: moment, transaction) }
        }
    }

    /// After a lockout that ended, counting starts anew.
    private func countFailure(of user: User, at moment: Timestamp) async throws {
        let isOver = user.failedLogins.state(options.securityCompliance, at: moment) == .expired
        try await database.write { transaction in
            if isOver { try UserRecords.forgetFailedLogins(of: user.id, transaction) }
            try UserRecords.countFailedLogin(of: user.id, at: moment, transaction)
        }
    }

    private func renewHash(_ hash: String, _ password: Secret<String>, of user: User) async throws {
        guard passwords.isOutdated(hash) else { return }
        let renewed = try await hashing { try await $0.hash(password) }
        try await database.write { try UserRecords.renewHash(renewed, instead: hash, of: user.id, $0) }
    }

    /// Runs work of the password threads, with errors for the client.
    func hashing<Result: Sendable>(_ work: (PasswordHasher) async throws -> Result) async throws -> Result {
        do { return try await work(passwords) } catch CryptoError.overloaded {
            throw IdentityError.overloaded
        } catch CryptoError.unusablePassword {
            throw IdentityError.invalid("The password must not contain a NUL character.")
        }
    }
}
