import Foundation

/// What an operator may set about Identity. The defaults are upstream's.
public struct IdentityOptions: Sendable {
    /// The directory of the Fernet keys. Made with mode 0700 and a first pair of keys when it does not exist.
    public var keyDirectory: String
    /// The directory of the keys that encrypt credentials, beside that of tokens unless set.
    public var credentialKeyDirectory: String
    /// How many Fernet keys are kept: the staged one, the primary one, and older ones that still open tokens.
    public var maximumActiveKeys = 3
    /// How new tokens are written; tokens of the other kind still hold.
    public var tokenFormat = TokenFormat.fernet
    /// The directory of the keys of signed tokens. Made when new tokens are signed and it does not exist.
    public var signingKeyDirectory: String
    /// How long a token from a password lives.
    public var tokenLifetime: Duration = .seconds(3600)
    /// How long after its end a token can still be looked at by services that ask for it (`allow_expired`).
    public var expiredTokenWindow: Duration = .seconds(48 * 3600)
    /// Whether a scoped token may be exchanged for one with another scope.
    public var allowsRescopingScopedTokens = true
    /// How long a receipt for a part of the methods that a user needs is good.
    public var receiptLifetime: Duration = .seconds(300)
    /// How many one-time passwords before the current one are accepted, 0 to 10.
    public var previousPasscodes = 1
    /// The header in which the web server in front names the user it has authenticated, a user of the default domain;
    /// nil if there is no such server. Whoever can reach the cloud past that server can be anybody.
    public var externalUserHeader: String?
    /// The cost of password hashes as a power of two, 4 to 31.
    public var passwordHashRounds = 12
    /// The rules about passwords and logins.
    public var securityCompliance = SecurityCompliance()
    /// How deep projects may nest below a domain.
    public var maximumProjectDepth = 5
    /// How limits in a hierarchy of projects depend on each other.
    public var enforcementModel = EnforcementModel.flat
    /// Whether a project for which no endpoints are chosen sees all of them, or none.
    public var returnsAllEndpointsWithoutFilter = true
    /// The most elements one page of a list holds when a limit is given.
    public var maximumPageSize = 1000
    /// How long after its date a request signed with EC2 keys can be exchanged for a token.
    public var signatureLifetime: Duration = .seconds(15 * 60)
    /// How long an OAuth 1.0a request token waits for being authorised and used; nil for ever.
    public var requestTokenLifetime: Duration? = .seconds(8 * 3600)
    /// How long an OAuth 1.0a access token can be used; nil for ever.
    public var accessTokenLifetime: Duration? = .seconds(24 * 3600)
    /// How many validated tokens are remembered.
    public var tokenCacheSize = 20_000

    /// Who may vouch for users who log in elsewhere.
    public var federation = FederationOptions()

    /// The defaults with a place for the keys.
    public init(keyDirectory: String) {
        self.keyDirectory = keyDirectory
        credentialKeyDirectory = URL(filePath: keyDirectory, directoryHint: .isDirectory).deletingLastPathComponent()
            .appending(path: "credential-keys").path
        signingKeyDirectory = keyDirectory + "-jws"
    }

    /// How a token's text is made.
    public enum TokenFormat: String, Sendable, CaseIterable {
        /// Encrypted, as the Fernet specification has it.
        case fernet
        /// Signed with ES256, readable for everybody: a JSON Web Signature.
        case jws
    }

    /// Keystone's `[security_compliance]`.
    public struct SecurityCompliance: Sendable {
        /// After how many failed logins in a row an account is locked; nil for never.
        public var lockoutFailureAttempts: Int?
        /// How long it stays locked; zero until an administrator enables it again.
        public var lockoutDuration: Duration = .seconds(1800)
        /// How many passwords, the new one among them, must differ; zero for no rule.
        public var uniqueLastPasswordCount = 0
        /// After how many days a new password ends; nil for never.
        public var passwordExpiresDays: Int?
        /// How many days a password that its user chose must be used before the user may choose another.
        public var minimumPasswordAge = 0
        /// What a password must match from its start, as a regular expression; nil for any password.
        public var passwordRegex: String?
        /// The expression in words, for those whose password does not match.
        public var passwordRegexDescription: String?
        /// Whether a password that an administrator gave must be changed before its first use.
        public var changePasswordUponFirstUse = false
        /// After how many days without a login an account counts as disabled; nil for never.
        public var disableUserAccountDaysInactive: Int?

        /// Upstream's defaults: none of the rules.
        public init() {}
    }
}
