import CloudCore

/// Where object storage is, who uses it, and how patiently.
public struct ObjectStorageOptions: Sendable {
    /// How a token is got.
    public enum Login: Sendable, Hashable {
        /// Keystone v3 at this address (up to `/v3`), for a project; the account's address comes from its catalogue.
        case keystone(url: String, userDomain: String, project: String, projectDomain: String, region: String?)
        /// TempAuth v1 at this address, such as "http://192.0.2.1:8080/auth/v1.0", which answers the account's address.
        case tempAuth(url: String)
    }

    /// How a token is got.
    public var login: Login
    /// The user's name; with TempAuth "account:user".
    public var user: String
    /// The user's password.
    public var password: Secret<String>
    /// The account's address, if it is not the one that the login tells.
    public var storageURL: String?
    /// How often a request is tried.
    public var attempts = 3
    /// How long the first pause between two attempts is; each further one is longer by as much.
    public var pause: Duration = .seconds(2)

    /// Options with upstream's patience: three attempts, two seconds apart.
    public init(login: Login, user: String, password: Secret<String>) {
        (self.login, self.user, self.password) = (login, user, password)
    }
}
