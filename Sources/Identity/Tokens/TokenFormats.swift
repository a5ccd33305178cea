import CloudCore
import CloudCrypto

/// The forms of a token's text. New tokens have one form; whatever the cloud can read of the other still holds, so
/// that the setting may be changed while tokens are about.
struct TokenFormats: Sendable {
    /// The keys of encrypted tokens, which receipts are sealed under, too.
    let keys: KeyRepository
    /// The keys of signed tokens; nil when there never were any.
    var signingKeys: SigningKeyRepository?
    /// Whether new tokens are signed.
    var signs = false

    /// A number that changes with the keys: what was opened under another one may not open any more.
    var version: Int { keys.version &+ (signingKeys?.version ?? 0) }

    /// A new token's text.
    func seal(_ payload: TokenPayload) throws -> String {
        if signs, let signingKeys { return try SignedToken.text(payload, signingKeys.signing) }
        return String(keys.fernet.seal(payload.bytes, at: payload.issuedAt).reveal().prefix { $0 != "=" })
    }

    /// What a token says; nil when it is none of this cloud's.
    func open(_ text: String) -> TokenPayload? {
        if text.utf8.contains(UInt8(ascii: ".")) { return signingKeys.flatMap { SignedToken.payload(text, $0) } }
        return keys.open(text).flatMap { TokenPayload(bytes: $0.payload) }
    }
}

/// Tokens as JSON Web Signatures (RFC 7515) with Keystone's claims. They are readable for everybody.
enum SignedToken {
    /// No token of ours is nearly as long.
    private static let longest = 32 * 1024
    private static let header = Base64URL.encode(Array(#"{"alg":"ES256","typ":"JWT"}"#.utf8))

    static func text(_ payload: TokenPayload, _ key: ES256.PrivateKey) throws -> String {
        let signed = header + "." + Base64URL.encode(payload.claims.bytes)
        guard let signature = key.sign(Array(signed.utf8)) else { throw CryptoError.unavailable("ES256") }
        return signed + "." + Base64URL.encode(signature)
    }

    static func payload(_ text: String, _ keys: SigningKeyRepository) -> TokenPayload? {
        guard text.utf8.count <= longest else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        // The header is compared rather than read: nobody else says how our tokens are signed.
        guard parts.count == 3, parts[0] == header, let signature = Base64URL.decode(String(parts[2])),
            keys.isValid(signature, of: Array(text.utf8.prefix(parts[0].utf8.count + 1 + parts[1].utf8.count))),
            let bytes = Base64URL.decode(String(parts[1])), let claims = try? JSON(parsing: bytes)
        else { return nil }
        return TokenPayload(claims: claims)
    }
}

extension TokenPayload {
    /// Keystone's claims. Moments are seconds with a fraction, which RFC 7519 allows and revocation needs.
    fileprivate var claims: JSON {
        var claims: JSONObject = [
            "sub": .string(userID), "iat": .double(Double(issuedAt.microseconds) / 1_000_000),
            "exp": .double(Double(expiresAt.microseconds) / 1_000_000),
            "openstack_methods": .array(methods.map(\.rawValue).sorted().map { .string($0) }),
            "openstack_audit_ids": .array(([auditID] + [parentAuditID].compactMap { $0 }).map { .string($0) }),
        ]
        switch scope {
        case .unscoped: break
        case .project(let id): claims["openstack_project_id"] = .string(id)
        case .domain(let id): claims["openstack_domain_id"] = .string(id)
        case .system: claims["openstack_system"] = "all"
        }
        switch delegation {
        case nil: break
        case .trust(let id): claims["openstack_trust_id"] = .string(id)
        case .applicationCredential(let id): claims["openstack_app_cred_id"] = .string(id)
        case .accessToken(let id): claims["openstack_access_token_id"] = .string(id)
        }
        if let federation {
            claims["openstack_idp_id"] = .string(federation.identityProviderID)
            claims["openstack_protocol_id"] = .string(federation.protocolID)
            claims["openstack_group_ids"] = .array(federation.groupIDs.map { ["id": .string($0)] })
        }
        return .object(claims)
    }

    fileprivate init?(claims: JSON) {
        func text(_ name: String) -> String? { claims["openstack_" + name]?.string }
        func moment(_ name: String) -> Timestamp? {
            claims[name]?.double.flatMap { Int(exactly: ($0 * 1_000_000).rounded()) }.map { Timestamp(microseconds: $0) }
        }
        let audits = (claims["openstack_audit_ids"]?.array ?? []).compactMap(\.string)
        guard let user = claims["sub"]?.string, let issued = moment("iat"), let expires = moment("exp"), let audit = audits.first,
            let methods = claims["openstack_methods"]?.array
        else { return nil }
        let scope: Scope = text("project_id").map { .project($0) } ?? text("domain_id").map { .domain($0) }
            ?? (text("system") == nil ? .unscoped : .system)
        let delegation: Delegation? = text("trust_id").map { .trust($0) }
            ?? text("app_cred_id").map { .applicationCredential($0) } ?? text("access_token_id").map { .accessToken($0) }
        var federation: FederatedLogin?
        if let provider = text("idp_id"), let name = text("protocol_id") {
            let groups = (claims["openstack_group_ids"]?.array ?? []).compactMap { $0["id"]?.string }
            federation = FederatedLogin(identityProviderID: provider, protocolID: name, groupIDs: groups)
        }
        self.init(
            userID: user, methods: Set(methods.compactMap { $0.string.flatMap(AuthenticationMethod.init) }), scope: scope,
            delegation: delegation, federation: federation, auditID: audit, parentAuditID: audits.dropFirst().first,
            issuedAt: issued, expiresAt: expires)
    }
}
