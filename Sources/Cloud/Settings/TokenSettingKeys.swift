import CloudSettings
import Identity

/// The settings of logins and tokens.
enum TokenSettingKeys {
    static let tokenProvider = SettingKey<IdentityOptions.TokenFormat>(
        "identity.token_provider", default: .fernet,
        "How new tokens are written: fernet (encrypted) or jws (signed). Tokens of the other kind still hold.")
    static let expiredTokenWindow = SettingKey<Duration>(
        "identity.allow_expired_window", default: .seconds(172_800), in: .zero...(.seconds(86400 * 365)),
        "How long after its end services may still look at a token, in seconds.")
    static let allowRescoping = SettingKey(
        "identity.allow_rescope_scoped_token", default: true, "Whether a scoped token may be exchanged for one of another scope.")
    static let receiptLifetime = SettingKey<Duration>(
        "identity.receipt_lifetime", default: .seconds(300), in: .seconds(1)...(.seconds(86400)),
        "How long the receipt of a login that needs further methods is good, in seconds.")
    static let previousPasscodes = SettingKey(
        "identity.totp_included_previous_windows", default: 1, in: 0...10,
        "How many one-time passwords before the current one are accepted.")
    static let externalUserHeader = SettingKey<String?>(
        "identity.external_user_header", default: nil,
        "The header in which a web server in front names the user it has authenticated; nothing if there is none. "
            + "Clients must not be able to reach the cloud past that server.")

    static let requestTokenLifetime = SettingKey<Duration>(
        "identity.oauth1.request_token_lifetime", default: .seconds(28_800), in: .zero...(.seconds(86400 * 365)),
        "How long an OAuth request token waits for being authorised and used, in seconds; 0 for ever.")
    static let accessTokenLifetime = SettingKey<Duration>(
        "identity.oauth1.access_token_lifetime", default: .seconds(86_400), in: .zero...(.seconds(86400 * 365)),
        "How long an OAuth access token can be used, in seconds; 0 for ever.")

    static let all: [any SettingDeclaration] = [
        tokenProvider,
        expiredTokenWindow,
        allowRescoping,
        receiptLifetime,
        previousPasscodes,
        externalUserHeader,
        requestTokenLifetime,
        accessTokenLifetime,
    ]

    static func apply(_ settings: Settings, to options: inout IdentityOptions) {
        options.tokenFormat = settings[tokenProvider]
        options.expiredTokenWindow = settings[expiredTokenWindow]
        options.allowsRescopingScopedTokens = settings[allowRescoping]
        options.receiptLifetime = settings[receiptLifetime]
        options.previousPasscodes = settings[previousPasscodes]
        options.externalUserHeader = settings[externalUserHeader]
        options.requestTokenLifetime = limited(settings[requestTokenLifetime])
        options.accessTokenLifetime = limited(settings[accessTokenLifetime])
    }

    /// A lifetime; nil where zero stands for no end.
    private static func limited(_ lifetime: Duration) -> Duration? { lifetime == .zero ? nil : lifetime }
}

extension IdentityOptions.TokenFormat: SettingValue {}
