import CloudCore
import CloudCrypto

/// What a token carries, encrypted: whom it is for, how they authenticated, its scope, and its place in the chain of
/// tokens made from one login.
struct TokenPayload: Sendable, Hashable {
    var userID: String
    var methods: Set<AuthenticationMethod>
    var scope: Scope
    /// What narrows the token to a part of its user's rights.
    var delegation: Delegation?
    /// The login at an identity provider the token came from.
    var federation: FederatedLogin?
    var auditID: String
    /// The audit id of the first token of the chain; nil for the first itself.
    var parentAuditID: String?
    var issuedAt: Timestamp
    var expiresAt: Timestamp

    /// The audit id that every token of the chain shares.
    var chainID: String { parentAuditID ?? auditID }

    /// A new audit id: 16 random bytes in URL-safe base64.
    static func makeAuditID() -> String { Base64URL.encode(RandomBytes.make(16)) }
}

/// The payload's form: a version, then fields in a fixed order. Identifiers of 32 hexadecimal digits and audit ids
/// shrink to 16 bytes; texts carry their length.
extension TokenPayload {
    /// No other sealed thing begins with it.
    private static let version: UInt8 = 2

    var bytes: [UInt8] {
        var writer = PayloadWriter()
        writer.byte(Self.version)
        writer.number(AuthenticationMethod.bits(of: methods))
        writer.number(issuedAt.microseconds)
        writer.number(expiresAt.microseconds)
        writer.identifier(userID)
        switch scope {
        case .unscoped: writer.byte(0)
        case .project(let id):
            writer.byte(1)
            writer.identifier(id)
        case .domain(let id):
            writer.byte(2)
            writer.identifier(id)
        case .system: writer.byte(3)
        }
        write(delegation, to: &writer)
        write(federation, to: &writer)
        writer.auditID(auditID)
        writer.auditID(parentAuditID)
        return writer.bytes
    }

    /// Reads a payload; nil for anything `bytes` does not write.
    init?(bytes: [UInt8]) {
        var reader = PayloadReader(bytes: bytes[...])
        guard reader.byte() == Self.version, let bits = reader.number(),
            let issued = reader.number(), let expires = reader.number(), let user = reader.identifier(),
            let scope = Self.scope(&reader), let delegation = Self.delegation(&reader),
            let federation = Self.federation(&reader), let audit = reader.auditID(), let own = audit, let parent = reader.auditID(),
            reader.isAtEnd
        else { return nil }
        self.init(
            userID: user, methods: AuthenticationMethod.methods(of: bits), scope: scope, delegation: delegation,
            federation: federation, auditID: own, parentAuditID: parent, issuedAt: Timestamp(microseconds: issued),
            expiresAt: Timestamp(microseconds: expires))
    }

    private static func scope(_ reader: inout PayloadReader) -> Scope? {
        switch reader.byte() {
        case 0: .unscoped
        case 1: reader.identifier().map { .project($0) }
        case 2: reader.identifier().map { .domain($0) }
        case 3: .system
        default: nil
        }
    }

    private func write(_ delegation: Delegation?, to writer: inout PayloadWriter) {
        switch delegation {
        case nil: writer.byte(0)
        case .trust(let id):
            writer.byte(1)
            writer.identifier(id)
        case .applicationCredential(let id):
            writer.byte(2)
            writer.identifier(id)
        case .accessToken(let id):
            writer.byte(3)
            writer.identifier(id)
        }
    }

    /// The outer nil means malformed, the inner that there is none.
    private static func delegation(_ reader: inout PayloadReader) -> Delegation?? {
        guard let kind = reader.byte() else { return nil }
        if kind == 0 { return .some(nil) }
        guard let id = reader.identifier() else { return nil }
        return switch kind {
        case 1: .trust(id)
        case 2: .applicationCredential(id)
        case 3: .accessToken(id)
        default: nil
        }
    }

    private func write(_ federation: FederatedLogin?, to writer: inout PayloadWriter) {
        guard let federation else { return writer.byte(0) }
        writer.byte(1)
        writer.identifier(federation.identityProviderID)
        writer.identifier(federation.protocolID)
        writer.number(federation.groupIDs.count)
        for id in federation.groupIDs { writer.identifier(id) }
    }

    /// The outer nil means malformed, the inner that there is none.
    private static func federation(_ reader: inout PayloadReader) -> FederatedLogin?? {
        switch reader.byte() {
        case 0: return .some(nil)
        case 1:
            guard let provider = reader.identifier(), let name = reader.identifier(), let count = reader.number(),
                (0...FederatedLogin.maximumGroups).contains(count)
            else { return nil }
            var groups: [String] = []
            for _ in 0..<count {
                guard let id = reader.identifier() else { return nil }
                groups.append(id)
            }
            return FederatedLogin(identityProviderID: provider, protocolID: name, groupIDs: groups)
        default: return nil
        }
    }
}

/// Writes fields one after the other.
struct PayloadWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func number(_ value: Int) {
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// Length 0 stands for 16 bytes that were hexadecimal digits; other lengths are those of the text that follows.
    mutating func identifier(_ text: String) {
        if let packed = Hexadecimal.pack(text) {
            byte(0)
            bytes += packed
        } else {
            let text = Array(text.utf8.prefix(255))
            byte(UInt8(text.count))
            bytes += text
        }
    }

    mutating func auditID(_ text: String?) {
        let packed = text.flatMap(Base64URL.decode) ?? []
        byte(UInt8(packed.count))
        bytes += packed
    }
}

/// Reads what `PayloadWriter` wrote; nil for anything else.
struct PayloadReader {
    private var rest: ArraySlice<UInt8>

    init(bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() -> UInt8? { rest.popFirst() }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func number() -> Int? {
        take(8).map { Int(bitPattern: UInt($0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })) }
    }

    mutating func identifier() -> String? {
        guard let length = byte() else { return nil }
        guard length > 0 else { return take(16).map(\.hexadecimal) }
        return take(Int(length)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The outer nil means malformed, the inner that there is none.
    mutating func auditID() -> String?? {
        guard let length = byte(), let bytes = take(Int(length)) else { return nil }
        return length == 0 ? .some(nil) : Base64URL.encode(Array(bytes))
    }
}

/// Keystone's identifiers as bytes.
private enum Hexadecimal {
    /// The 16 bytes of 32 lower-case hexadecimal digits; nil for other texts.
    static func pack(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count == 32 else { return nil }
        var bytes: [UInt8] = []
        for position in stride(from: 0, to: 32, by: 2) {
            guard let high = value(digits[position]), let low = value(digits[position + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
