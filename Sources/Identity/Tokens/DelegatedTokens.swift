import CloudAPI
import CloudCore

/// The trust a token was made by.
struct TokenTrust: DelegationView {
    let trust: Trust
    let impersonated: TokenUser?
    let lenders: Set<String>

    var attributes: [String: JSON] {
        [
            "trust_id": .string(trust.id), "trustor_id": .string(trust.trustorID), "trustee_id": .string(trust.trusteeID),
        ]
    }

    func writeMembers(to json: inout JSONWriter) {
        json.member("OS-TRUST:trust") {
            $0.object {
                $0.member("id", trust.id)
                $0.member("trustor_user", ["id": trust.trustorID])
                $0.member("trustee_user", ["id": trust.trusteeID])
                $0.member("impersonation", trust.impersonates)
            }
        }
    }
}

/// The application credential a token was made with.
struct TokenApplicationCredential: DelegationView {
    let id: String
    let name: String
    let isUnrestricted: Bool
    let storedRules: [StoredAccessRule]

    /// Every token may be looked at.
    var accessRules: [AccessRule]? {
        guard !storedRules.isEmpty else { return nil }
        return storedRules.map(\.rule) + [AccessRule(service: "identity", method: "GET", path: "/v3/auth/tokens")]
    }

    func writeMembers(to json: inout JSONWriter) {
        json.member("application_credential") {
            $0.object {
                $0.member("id", id)
                $0.member("name", name)
                $0.member("restricted", !isUnrestricted)
                if !storedRules.isEmpty { $0.member("access_rules", array: storedRules) }
            }
        }
    }
}

extension Token {
    var trust: Trust? { (delegation as? TokenTrust)?.trust }
    var applicationCredential: TokenApplicationCredential? { delegation as? TokenApplicationCredential }

    /// The user whose id stands in the catalog's addresses.
    var catalogUserID: String { trust?.trustorID ?? user.id }
}

/// What tokens narrower than a login may not do (keystone/api/_shared/delegation.py).
extension Token {
    /// Whether something a user made for others proved who asks, and not the user's own login. A trust alone is not that:
    /// its trustee logged in.
    private var isByDelegatedMethod: Bool { payload.methods.isEmpty || !payload.methods.allSatisfy(\.isPrimary) }

    /// Refuses to manage trusts with a delegated token: it could lend more than it was given. The tokens of trusts may,
    /// that is how they are handed on.
    func checkMayManageTrusts() throws {
        guard !isByDelegatedMethod else { throw IdentityError.forbidden(action: "Delegated tokens cannot manage trusts.") }
    }

    /// Refuses to see or manage application credentials with a delegated token, which they could outlive. Those of
    /// application credentials may see them, and manage them too when they are unrestricted.
    func checkMayUseApplicationCredentials(changing: Bool) throws {
        guard payload.methods.contains(.applicationCredential) else {
            guard trust == nil, !payload.isDelegated else {
                throw IdentityError.refused("Cannot manage application credentials with a token issued via delegation.")
            }
            return
        }
        guard !changing || applicationCredential?.isUnrestricted == true else {
            throw IdentityError.forbidden(
                action: "Using method 'application_credential' is not allowed for managing additional application credentials.")
        }
    }
}

extension APIRequest {
    private static let accessRulesVersion = HTTPField.Name("OpenStack-Identity-Access-Rules")

    /// Whether the service that asks about a token enforces its access rules, as keystonemiddleware says it does. To
    /// others such a token does not exist. Anyone may end it.
    func understands(_ accessRules: [AccessRule]?) -> Bool {
        guard accessRules != nil, head.method != .delete else { return true }
        let version = Self.accessRulesVersion.flatMap { head.headerFields[$0] }.flatMap { Double($0) }
        return (version ?? 0) >= 1
    }
}
