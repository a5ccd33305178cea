import CloudCore

/// A user's permission to another to act on a project with some of the user's roles (`OS-TRUST`).
struct Trust: Sendable, Hashable {
    var id: String
    /// Who lends the roles.
    var trustorID: String
    /// Who may get tokens by it.
    var trusteeID: String
    /// Where the roles count; nil for a trust that lends none.
    var projectID: String?
    /// Whether the trustee's tokens speak for the trustor.
    var impersonates: Bool
    var expiresAt: Timestamp?
    /// How many more tokens it is good for; nil for any number.
    var remainingUses: Int?
    /// The trust from which this one was handed on.
    var redelegatedTrustID: String?
    /// How many times it can still be handed on.
    var redelegationCount: Int
    var roleIDs: [String] = []
    /// Attributes the API does not know, kept as they came.
    var extra: JSONObject = [:]

    /// Whether it has neither expired nor been used up.
    func isUsable(at moment: Timestamp) -> Bool { isCurrent(at: moment) && remainingUses.map { $0 > 0 } ?? true }

    /// Whether it has not expired: tokens made by its last use are good as long as it is.
    func isCurrent(at moment: Timestamp) -> Bool { expiresAt.map { moment <= $0 } ?? true }
}

/// The rules by which trusts are made and handed on (keystone/trust/core.py).
enum TrustRules {
    /// How many times a trust can be handed on at most: `[trust] max_redelegation_count`.
    static let maximumRedelegationCount = 3

    /// What a client wants of a trust's redelegation.
    struct Wish: Sendable {
        var allowsRedelegation: Bool
        var redelegationCount: Int?
    }

    /// Settles how often a new trust may be handed on, and checks it against those it is handed on from.
    /// - Parameter lineage: the trust the caller's token was made by and those above it, the nearest first.
    /// - Throws: `IdentityError`.
    static func settle(_ trust: Trust, _ wish: Wish, from lineage: [Trust]) throws -> Trust {
        var settled = trust
        let isRedelegatable = wish.allowsRedelegation && wish.redelegationCount != 0
        if isRedelegatable { try check(wish, of: trust) }
        settled.redelegationCount = isRedelegatable ? wish.redelegationCount ?? maximumRedelegationCount : 0
        guard let parent = lineage.first else { return settled }
        settled.redelegatedTrustID = parent.id
        if isRedelegatable {
            let remaining = parent.redelegationCount - 1
            if let count = wish.redelegationCount, count != remaining {
                throw IdentityError.refused(
                    "Modifying \"redelegation_count\" upon redelegation is forbidden. Omitting this parameter is advised.")
            }
            settled.redelegationCount = remaining
        }
        for ancestor in lineage { try inherit(&settled, from: ancestor) }
        return settled
    }

    private static func check(_ wish: Wish, of trust: Trust) throws {
        if let count = wish.redelegationCount, count > maximumRedelegationCount {
            throw IdentityError.refused(
                "Requested redelegation depth of \(count) is greater than allowed \(maximumRedelegationCount)")
        }
        guard trust.remainingUses == nil else {
            throw IdentityError.invalid("remaining_uses must not be set if redelegation is allowed")
        }
    }

    /// Checks that a trust gives no more than one above it, and takes over when that one ends.
    private static func inherit(_ trust: inout Trust, from ancestor: Trust) throws {
        guard (1...maximumRedelegationCount).contains(ancestor.redelegationCount) else {
            throw IdentityError.refused(
                "Remaining redelegation depth of \(ancestor.redelegationCount) out of allowed range of "
                    + "[0..\(maximumRedelegationCount)]")
        }
        guard trust.remainingUses == nil else {
            throw IdentityError.refused("Field \"remaining_uses\" must not be set in order to redelegate a trust")
        }
        if let end = ancestor.expiresAt {
            guard trust.expiresAt.map({ $0 <= end }) ?? true else {
                throw IdentityError.refused("Requested expiration time is more than redelegated trust can provide")
            }
            trust.expiresAt = trust.expiresAt ?? end
        }
        guard Set(trust.roleIDs).isSubset(of: ancestor.roleIDs) else {
            throw IdentityError.refused("Some of requested roles are not in redelegated trust")
        }
        guard ancestor.impersonates || !trust.impersonates else {
            throw IdentityError.refused(
                "Impersonation is not allowed because redelegated trust does not specify impersonation. "
                    + "Redelegated trust id: \(ancestor.id)")
        }
        guard trust.projectID == ancestor.projectID else {
            throw IdentityError.refused("The project of a redelegated trust cannot be changed.")
        }
    }
}
