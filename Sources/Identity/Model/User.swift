import CloudCore

/// A user with what is needed to authenticate it.
struct User: Sendable, Hashable {
    var id: String
    var name: String
    var domainID: String
    var isEnabled = true
    var defaultProjectID: String?
    /// Attributes the API does not know, such as `email` and `description`.
    var extra: JSONObject = [:]
    var options = UserOptions()
    var password: Password?
    var failedLogins = FailedLogins()
    /// What identity providers call the user; read for one user only, not for lists.
    var federated: [FederatedIdentity] = []
    var createdAt: Timestamp
    /// The last login by password, noted only where inactive users are disabled.
    var lastActiveAt: Timestamp?
}

/// A user's current password as it is stored.
struct Password: Sendable, Hashable {
    /// bcrypt; nil when the user has no password to log in with.
    var hash: String?
    var createdAt: Timestamp
    var expiresAt: Timestamp?
    /// Whether the user chose it, and not an administrator.
    var isSelfService = false

    func isExpired(at moment: Timestamp) -> Bool { expiresAt.map { moment >= $0 } ?? false }
}

/// How often logins failed in a row, and when last.
struct FailedLogins: Sendable, Hashable {
    var count = 0
    var lastAt: Timestamp?

    /// What a login finds.
    enum State { case open, locked, expired }

    /// Whether the account is locked, or was and is free again.
    func state(_ rules: IdentityOptions.SecurityCompliance, at moment: Timestamp) -> State {
        guard let limit = rules.lockoutFailureAttempts, limit > 0, count >= limit else { return .open }
        guard rules.lockoutDuration > .zero, let lastAt else { return .locked }
        return lastAt + rules.lockoutDuration > moment ? .locked : .expired
    }
}

/// A user's resource options by their names on the wire.
struct UserOptions: Sendable, Hashable {
    var values: JSONObject = [:]

    /// Neither counting failed logins nor locking.
    var ignoresLockout: Bool { values["ignore_lockout_failure_attempts"] == .bool(true) }
    /// The user may not change the password.
    var locksPassword: Bool { values["lock_password"] == .bool(true) }
    var ignoresPasswordExpiry: Bool { values["ignore_password_expiry"] == .bool(true) }
    /// A password from an administrator need not be changed before its first use.
    var ignoresFirstUse: Bool { values["ignore_change_password_upon_first_use"] == .bool(true) }
    /// However long without a login, the account stays as it is.
    var ignoresInactivity: Bool { values["ignore_user_inactivity"] == .bool(true) }

    /// The sets of methods any one of which is enough; none when any method is. Methods that are not offered are left
    /// out, and with them rules of such methods alone, so that nobody is locked out by a typing error or a setting.
    func rules(_ offered: [AuthenticationMethod] = AuthenticationMethod.offered) -> [[AuthenticationMethod]] {
        guard values["multi_factor_auth_enabled"] != .bool(false) else { return [] }
        return (values["multi_factor_auth_rules"]?.array ?? []).map { rule in
            (rule.array ?? []).compactMap { $0.string.flatMap(AuthenticationMethod.init) }.filter(offered.contains)
        }.filter { !$0.isEmpty }
    }

    /// Whether these methods are enough for this user.
    func admits(_ methods: Set<AuthenticationMethod>, _ offered: [AuthenticationMethod] = AuthenticationMethod.offered) -> Bool {
        let rules = rules(offered)
        return rules.isEmpty || rules.contains { $0.allSatisfy(methods.contains) }
    }
}

/// A group of users in a domain.
struct Group: Sendable, Hashable {
    var id: String
    var name: String
    var domainID: String
    var description: String?
    var extra: JSONObject = [:]
    /// When the membership that a list is about ends; nil for one without end.
    var membershipExpiresAt: Timestamp?
}
