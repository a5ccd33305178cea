/// The ways to authenticate that this cloud has. Their order is that of their bits in a token: new ones go last.
enum AuthenticationMethod: String, Sendable, CaseIterable {
    case password, token
    case totp
    case applicationCredential = "application_credential"
    case oauth1
    /// A signature made with EC2 keys, checked by `/v3/ec2tokens`.
    case ec2Credential = "ec2credential"
    /// Federation's methods, by protocol.
    case mapped, openid, saml2
    /// A user whom the web server in front has authenticated.
    case external

    /// Whether it proves a person, who may ask for any scope. The others prove that somebody lent rights, which are
    /// not to be exchanged for others.
    var isPrimary: Bool {
        switch self {
        case .password, .token, .totp, .mapped, .openid, .saml2, .external: true
        case .applicationCredential, .oauth1, .ec2Credential: false
        }
    }

    /// Its bit in a token.
    private var bit: Int { Self.allCases.firstIndex(of: self).map { 1 << $0 } ?? 0 }

    /// A set of methods as a number.
    static func bits(of methods: Set<AuthenticationMethod>) -> Int { methods.reduce(0) { $0 | $1.bit } }

    /// The methods a number stands for.
    static func methods(of bits: Int) -> Set<AuthenticationMethod> { Set(allCases.filter { $0.bit & bits != 0 }) }

    /// The methods a client may name in `POST /v3/auth/tokens` whatever the settings say.
    static let offered = LoginMethods.all.map(\.method).filter { $0 != .external }
}
