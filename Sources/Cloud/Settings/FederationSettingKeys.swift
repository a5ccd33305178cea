import CloudSettings
import Identity

/// Who may vouch for users who log in elsewhere.
extension CloudSettingKeys {
    static let trustedProxies = SettingKey<[String]>(
        "identity.federation.trusted_proxies", default: [],
        "The addresses or networks of the web servers whose headers are believed to say who a user is; none for no such logins."
    ) { proxies in
        proxies.first { !FederationOptions.isNetwork($0) }.map { "\($0) is no address and no network" }
    }
    static let assertionPrefix = SettingKey(
        "identity.federation.assertion_prefix", default: "",
        "How the names of those headers begin, such as OIDC-; the web server must take such headers out of what clients send.")
    static let remoteIDAttribute = SettingKey<String?>(
        "identity.federation.remote_id_attribute", default: nil,
        "The attribute that holds an identity provider's remote id where its protocol names none.")
    static let defaultAuthorizationTTL = SettingKey(
        "identity.federation.default_authorization_ttl", default: 0, in: 0...5_256_000,
        "How long memberships from mappings last, in minutes, where the identity provider has no number of its own.")
    static let trustedDashboards = SettingKey<[String]>(
        "identity.federation.trusted_dashboards", default: [],
        "The addresses of dashboards' login pages that tokens may be sent to, as in https://host/auth/websso/.")

    /// All of them.
    static let federation: [any SettingDeclaration] = [
        trustedProxies, assertionPrefix, remoteIDAttribute, defaultAuthorizationTTL, trustedDashboards,
    ]
}

extension ServiceOptions {
    var federation: FederationOptions {
        var options = FederationOptions()
        options.trustedProxies = settings[CloudSettingKeys.trustedProxies]
        options.assertionPrefix = settings[CloudSettingKeys.assertionPrefix]
        options.remoteIDAttribute = settings[CloudSettingKeys.remoteIDAttribute]
        options.defaultAuthorizationTTL = settings[CloudSettingKeys.defaultAuthorizationTTL]
        options.trustedDashboards = settings[CloudSettingKeys.trustedDashboards]
        return options
    }
}
