import CloudCore
import Foundation

/// What Keystone's `[security_compliance]` says about one user's password and account.
extension IdentityOptions.SecurityCompliance {
    /// When a password ends; nil for never.
    /// - Parameter isReset: whether an administrator gave it, so that its user may have to change it at once.
    func expiry(ofPasswordMadeAt moment: Timestamp, for options: UserOptions, isReset: Bool) -> Timestamp? {
        if isReset, changePasswordUponFirstUse, !options.ignoresFirstUse { return moment }
        guard let passwordExpiresDays, !options.ignoresPasswordExpiry else { return nil }
        return Timestamp(seconds: (moment + .days(passwordExpiresDays)).seconds)
    }

    /// Checks that a password is one that users may have.
    /// - Throws: `IdentityError.invalid`.
    func checkStrength(_ password: Secret<String?>) throws {
        guard let passwordRegex else { return }
        guard let text = password.reveal() else {
            throw IdentityError.invalid("Password validation error: Password must be a string type.")
        }
        guard let expression = try? NSRegularExpression(pattern: passwordRegex) else {
            throw IdentityError.invalid("Password validation error: Unable to validate password due to invalid configuration.")
        }
        let whole = NSRange(location: 0, length: text.utf16.count)
        guard expression.firstMatch(in: text, options: [.anchored], range: whole) == nil else { return }
        let reason = passwordRegexDescription.map { ": \($0)" } ?? ""
        throw IdentityError.invalid("The password does not match the requirements\(reason).")
    }

    /// Checks that a user has used a password of the user's own choice for long enough to choose another.
    /// - Throws: `IdentityError.invalid`.
    func checkAge(_ password: Password?, at moment: Timestamp) throws {
        guard let password, password.isSelfService, minimumPasswordAge > 0 else { return }
        let end = password.createdAt + .days(minimumPasswordAge)
        guard moment < end else { return }
        throw IdentityError.invalid(
            "You cannot change your password at this time due to the minimum password age. Once you change your password, it "
                + "must be used for \(minimumPasswordAge) day(s) before it can be changed. Please try again in "
                + "\((end - moment).components.seconds / Int64(Timestamp.secondsOfDay)) day(s) or contact your administrator to reset your "
                + "password.")
    }
}

extension User {
    /// Whether the user has been away for so long that the account counts as disabled.
    func isInactive(_ rules: IdentityOptions.SecurityCompliance, at moment: Timestamp) -> Bool {
        guard let days = rules.disableUserAccountDaysInactive, !options.ignoresInactivity else { return false }
        return moment.day - (lastActiveAt ?? createdAt).day >= days
    }

    /// The user as the API shows it: disabled also while it counts as that.
    func seen(_ rules: IdentityOptions.SecurityCompliance, at moment: Timestamp = .now) -> User {
        var user = self
        if isInactive(rules, at: moment) { user.isEnabled = false }
        return user
    }
}

extension Timestamp {
    static let secondsOfDay = 86_400
    /// The number of the day since 1970 in UTC.
    var day: Int { seconds >= 0 ? seconds / Self.secondsOfDay : (seconds + 1) / Self.secondsOfDay - 1 }
}

extension Duration {
    /// So many days of 24 hours.
    static func days(_ count: Int) -> Duration { .seconds(count * Timestamp.secondsOfDay) }
}
