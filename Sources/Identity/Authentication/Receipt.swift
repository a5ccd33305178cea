import CloudCore
import CloudCrypto
import CloudStore

/// What a login that satisfies a part of a user's rules gets: proof of that part, for a short time.
struct Receipt: Sendable, Hashable {
    var userID: String
    var methods: Set<AuthenticationMethod>
    var issuedAt: Timestamp
    var expiresAt: Timestamp
}

extension Receipt {
    /// A receipt is sealed under the keys of tokens; this mark keeps one from being taken for the other.
    private static let mark: UInt8 = 0xA1

    var bytes: [UInt8] {
        var writer = PayloadWriter()
        writer.byte(Self.mark)
        writer.number(AuthenticationMethod.bits(of: methods))
        writer.number(issuedAt.microseconds)
        writer.number(expiresAt.microseconds)
        writer.identifier(userID)
        return writer.bytes
    }

    /// Reads a receipt; nil for anything `bytes` does not write.
    init?(bytes: [UInt8]) {
        var reader = PayloadReader(bytes: bytes[...])
        guard reader.byte() == Self.mark, let bits = reader.number(), let issued = reader.number(), let expires = reader.number(),
            let user = reader.identifier(), reader.isAtEnd
        else { return nil }
        self.init(
            userID: user, methods: AuthenticationMethod.methods(of: bits), issuedAt: Timestamp(microseconds: issued),
            expiresAt: Timestamp(microseconds: expires))
    }
}

/// A receipt with what its owner is told of it.
struct IssuedReceipt: Sendable {
    let text: Secret<String>
    let receipt: Receipt
    let user: Named
    let domain: Named
    /// The user's rules that the methods so far are part of.
    let rules: [[AuthenticationMethod]]
}

/// What a login comes to.
enum LoginOutcome: Sendable {
    case token(Secret<String>, Token)
    /// The methods were right but not enough.
    case receipt(IssuedReceipt)
}

extension Identity {
    /// Makes a receipt for the methods that a user has proved.
    /// - Throws: `IdentityError.unauthorized` when the user is gone.
    func issueReceipt(for proven: Proven) async throws -> IssuedReceipt {
        let found = try await database.read { reader -> (User, Project)? in
            guard let user = try UserRecords.find(proven.userID, reader), let domain = try ProjectRecords.find(user.domainID, reader)
            else { return nil }
            return (user, domain)
        }
        guard let (user, domain) = found else { throw IdentityError.unauthorized }
        let now = Timestamp.now
        let receipt = Receipt(
            userID: user.id, methods: proven.methods, issuedAt: now,
            expiresAt: Timestamp(seconds: (now + options.receiptLifetime).seconds))
        let text = formats.keys.fernet.seal(receipt.bytes, at: now).reveal().prefix { $0 != "=" }
        return IssuedReceipt(
            text: Secret(String(text)), receipt: receipt, user: Named(id: user.id, name: user.name),
            domain: Named(id: domain.id, name: domain.name),
            rules: user.options.rules(options.offeredMethods).filter { $0.contains(where: proven.methods.contains) })
    }

    /// The methods a receipt stands for.
    /// - Throws: `IdentityError.receiptNotFound` for a text that is none, another user's, or one whose time is over.
    func openReceipt(_ text: String, of userID: String, now: Timestamp = .now) throws -> Set<AuthenticationMethod> {
        guard let receipt = formats.keys.open(text).flatMap({ Receipt(bytes: $0.payload) }), receipt.userID == userID,
            now < receipt.expiresAt
        else { throw IdentityError.receiptNotFound(String(text.prefix(64))) }
        return receipt.methods
    }
}
