import CloudCore
import CloudCrypto
import CloudStore

/// Who a request for a token says its user is.
enum UserReference: Sendable, Hashable {
    case id(String)
    case name(String, domain: DomainReference)
}

/// A request for a token, read and checked for its form.
struct AuthenticationRequest: Sendable {
    /// One of the ways the client proves who it is.
    enum Proof: Sendable {
        case password(UserReference, Secret<String>)
        case token(Secret<String>)
    }

    var proofs: [Proof]
    var scope: RequestedScope
}

/// Logging in: checking what the client proves, and making a token of it.
extension Identity {
    /// A token on disk of no use: how long after its making the last use of a token can be.
    var longestTokenUse: Duration { options.tokenLifetime + options.expiredTokenWindow }

    /// Whom the proofs agree on.
    private struct Proven {
        var userID: String
        var methods: Set<AuthenticationMethod>
        var password: Password?
        /// What a token given as proof passes on: its end, and its place in the chain.
        var expiresAt: Timestamp?
        var chainID: String?
    }

    /// Makes a token.
    /// - Throws: `IdentityError`.
    func issueToken(_ request: AuthenticationRequest) async throws -> (text: Secret<String>, token: Token) {
        var proven: Proven?
        for proof in request.proofs {
            let next = try await prove(proof, scope: request.scope)
            proven = try proven.map { try Self.combine($0, next) } ?? next
        }
        guard let proven else { throw IdentityError.unauthorized }
        let scope = try await resolve(request.scope, for: proven)
        let now = Timestamp.now
        let end = Timestamp(seconds: (now + options.tokenLifetime).seconds)
        let payload = TokenPayload(
            userID: proven.userID, methods: proven.methods, scope: scope, auditID: TokenPayload.makeAuditID(),
            parentAuditID: proven.chainID, issuedAt: now, expiresAt: proven.expiresAt.map { min($0, end) } ?? end)
        return try await tokens.issue(payload, verified: proven.password)
    }

    private static func combine(_ first: Proven, _ second: Proven) throws -> Proven {
        guard first.userID == second.userID else { throw IdentityError.unauthorized }
        var both = first
        both.methods.formUnion(second.methods)
        both.password = first.password ?? second.password
        both.chainID = first.chainID ?? second.chainID
        both.expiresAt = [first.expiresAt, second.expiresAt].compactMap { $0 }.min()
        return both
    }

    private func prove(_ proof: AuthenticationRequest.Proof, scope: RequestedScope) async throws -> Proven {
        switch proof {
        case .password(let reference, let password):
            let user = try await authenticate(reference, password)
            return Proven(userID: user.id, methods: [.password], password: user.password)
        case .token(let text):
            guard let token = try await tokens.validate(text) else { throw IdentityError.tokenNotFound }
            try checkRescoping(token, to: scope)
            return Proven(
                userID: token.user.id, methods: token.payload.methods.union([.token]), expiresAt: token.payload.expiresAt,
                chainID: token.payload.chainID)
        }
    }

    private func checkRescoping(_ token: Token, to scope: RequestedScope) throws {
        if token.scope.isSystem {
            switch scope {
            case .project, .domain:
                throw IdentityError.forbidden(
                    action: "Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed.")
            case .automatic, .unscoped, .system: break
            }
        }
        guard options.allowsRescopingScopedTokens || token.scope.isUnscoped else {
            throw IdentityError.forbidden(action: "rescope a scoped token")
        }
    }

    /// Checks a password. Users who do not exist, are disabled or have none cost as much time as a wrong password.
    private func authenticate(_ reference: UserReference, _ password: Secret<String>) async throws -> User {
        let found = try await database.read { reader -> User? in
            switch reference {
            case .id(let id):
                guard let user = try UserRecords.find(id, reader), user.isEnabled,
                    try ProjectRecords.domain(.id(user.domainID), reader)?.isEnabled == true
                else { return nil }
                return user
            case .name(let name, let domain):
                guard let domain = try ProjectRecords.domain(domain, reader), domain.isEnabled,
                    let user = try UserRecords.find(name: name, domainID: domain.id, reader), user.isEnabled
                else { return nil }
                return user
            }
        }
        guard let found else {
            try await hashing { try await $0.pretend(password) }
            throw IdentityError.unauthorized
        }
        try await verify(password, of: found)
        return found
    }

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
        guard user.isEnabled else { throw IdentityError.accountDisabled(userID: user.id) }
        if user.password?.isExpired(at: now) == true, !user.options.ignoresPasswordExpiry {
            throw IdentityError.passwordExpired(userID: user.id)
        }
        if user.failedLogins.count > 0 {
            try await database.write { try UserRecords.forgetFailedLogins(of: user.id, $0) }
        }
        try await renewHash(hash, password, of: user)
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

    /// The scope asked for, or the user's default project where none was and it is usable.
    private func resolve(_ requested: RequestedScope, for proven: Proven) async throws -> Scope {
        try await database.read { reader in
            guard let user = try UserRecords.find(proven.userID, reader), user.options.admits(proven.methods) else {
                throw IdentityError.unauthorized
            }
            switch requested {
            case .unscoped: return .unscoped
            case .system: return .system
            case .domain(let reference):
                guard let domain = try ProjectRecords.domain(reference, reader) else { throw IdentityError.unauthorized }
                return .domain(domain.id)
            case .project(let reference): return .project(try Self.projectID(reference, reader))
            case .automatic: return try Self.defaultScope(of: user, reader)
            }
        }
    }

    private static func projectID(_ reference: Reference, _ reader: any Reader) throws -> String {
        switch reference {
        case .id(let id): return id
        case .name(let name, let domain):
            guard let domain = try domain.flatMap({ try ProjectRecords.domain($0, reader) }), domain.isEnabled,
                let project = try ProjectRecords.find(name: name, domainID: domain.id, reader)
            else { throw IdentityError.unauthorized }
            return project.id
        }
    }

    private static func defaultScope(of user: User, _ reader: any Reader) throws -> Scope {
        guard let id = user.defaultProjectID, let project = try ProjectRecords.find(id, reader), project.isEnabled,
            let domain = try ProjectRecords.domain(.id(project.effectiveDomainID), reader), domain.isEnabled,
            try !TokenRecords.effectiveRoles(user: user.id, in: .project(id), reader).isEmpty
        else { return .unscoped }
        return .project(id)
    }

    /// Ends a token, and with `cascade` the tokens made from it.
    func revoke(_ token: Token, cascade: Bool) async throws {
        let (payload, use) = (token.payload, longestTokenUse)
        try await database.write { [generations = tokens.generations] transaction in
            let now = Timestamp.now
            try RevocationRecords.insert(.token(auditID: payload.auditID), at: now, usefulFor: use, transaction)
            if cascade { try RevocationRecords.insert(.chain(auditID: payload.auditID), at: now, usefulFor: use, transaction) }
            transaction.onCommit { generations.advance(user: payload.userID) }
        }
    }

    /// The projects in which a user has a role.
    func projects(ofUser userID: String) async throws -> [Project] {
        try await database.read { try ProjectRecords.all(AssignmentRecords.reachableIDs(user: userID, "project", $0), $0) }
    }

    /// The domains in which a user has a role.
    func domains(ofUser userID: String) async throws -> [Project] {
        try await database.read { try ProjectRecords.all(AssignmentRecords.reachableIDs(user: userID, "domain", $0), $0) }
    }

    /// Whether a user has a role on the system.
    func hasSystemRole(_ userID: String) async throws -> Bool {
        try await database.read { try !AssignmentRecords.heldRoleIDs(user: userID, in: .system, $0).isEmpty }
    }
}
