import CloudCore
import CloudCrypto
import CloudStore

/// Giving and changing passwords.
extension Identity {
    /// A password as it is stored, without its end; nil when none is mentioned.
    func makePassword(_ password: Secret<String?>?) async throws -> Password? {
        guard let password else { return nil }
        guard let text = password.reveal() else { return Password(hash: nil, createdAt: .now) }
        return Password(hash: try await hashing { try await $0.hash(Secret(text)) }, createdAt: .now)
    }

    /// Changes a password on the user's own request, who proves to know the old one.
    /// - Throws: `IdentityError.unauthorized` and its kin as at a login, `.invalid` for a password the rules do not allow.
    func changePassword(of userID: String, from original: Secret<String>, to new: Secret<String>) async throws {
        guard let user = try await database.read({ try UserRecords.find(userID, $0) }) else {
            try await hashing { try await $0.pretend(original) }
            throw IdentityError.unauthorized
        }
        do { try await verify(original, of: user) } catch IdentityError.passwordExpired {
            // Changing it is what an expired password is still good for.
        }
        let (rules, lifetime) = (options.securityCompliance, longestTokenUse)
        try rules.checkStrength(Secret(new.reveal()))
        guard !user.options.locksPassword else {
            throw IdentityError.invalid(
                "You cannot change your password at this time due to password policy disallowing password changes. "
                    + "Please contact your administrator to reset your password.")
        }
        try rules.checkAge(user.password, at: .now)
        try await checkHistory(new, of: user)
        guard var password = try await makePassword(Secret(new.reveal())) else { throw IdentityError.lacking("password", in: "user") }
        password.isSelfService = true
        password.expire(rules, for: user.options, isReset: false)
        try await database.write { [generations = tokens.generations, password] transaction in
            // Between the check and now somebody else may have changed it: then that change stands.
            guard try UserRecords.find(userID, transaction)?.password?.createdAt == user.password?.createdAt else {
                throw IdentityError.unauthorized
            }
            try UserRecords.setPassword(password, of: userID, keeping: rules.uniqueLastPasswordCount - 1, transaction)
            try RevocationRecords.insert(.user(userID), at: .now, usefulFor: lifetime, transaction)
            transaction.onCommit { generations.advance(user: userID) }
        }
    }

    private func checkHistory(_ password: Secret<String>, of user: User) async throws {
        let count = options.securityCompliance.uniqueLastPasswordCount
        guard count > 0 else { return }
        let previous = try await database.read { try UserRecords.previousHashes(of: user.id, most: count - 1, $0) }
        for hash in [user.password?.hash].compactMap({ $0 }) + previous
        where try await hashing({ try await $0.verify(password, against: hash) }) {
            throw IdentityError.invalid(
                "The new password cannot be identical to a previous password. The total number which includes the new "
                    + "password must be unique is \(count).")
        }
    }
}

extension Password {
    /// Sets its end by the rules.
    mutating func expire(_ rules: IdentityOptions.SecurityCompliance, for options: UserOptions, isReset: Bool) {
        expiresAt = rules.expiry(ofPasswordMadeAt: createdAt, for: options, isReset: isReset)
    }
}
