import CloudStore
import Foundation
import Synchronization

/// A value kept as JSON text in one column: parts of a resource that are read and written as a whole and never
/// searched by.
struct Stored<Value: Codable & Hashable & Sendable>: SQLBindable, SQLDecodable {
    let value: Value

    init(_ value: Value) { self.value = value }

    init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue else { return nil }
        if let known = KnownTexts.shared.value(of: text, as: Value.self) {
            value = known
            return
        }
        guard let decoded = try? JSONDecoder().decode(Value.self, from: Data(text.utf8)) else { return nil }
        KnownTexts.shared.remember(decoded, of: text)
        value = decoded
    }

    var sqlValue: SQLValue {
        let key = KnownTexts.Key(value: value)
        if let text = KnownTexts.shared.text(of: key) { return .text(text) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let data = try? encoder.encode(value) else { return .null }
        let text = String(decoding: data, as: UTF8.self)
        KnownTexts.shared.remember(text, of: key)
        return .text(text)
    }
}

/// What texts of columns were decoded to, and what was encoded to them. A thousand servers share a few flavors and images: decoding
/// each row's anew takes most of the time of listing them, and encoding it a good part of the transaction that makes one.
private final class KnownTexts: Sendable {
    static let shared = KnownTexts()
    /// How many are remembered of either; when there are more, all are forgotten.
    private static let limit = 4096
    /// Longer texts, in bytes, are not worth their memory.
    private static let longest = 8192

    private struct TypedText: Hashable {
        let type: ObjectIdentifier
        let text: String
    }

    /// A value, whatever its type.
    struct Key: Hashable, Sendable {
        let value: any Hashable & Sendable

        static func == (one: Key, other: Key) -> Bool {
            func equals<Value: Hashable>(_ value: Value) -> Bool { (other.value as? Value) == value }
            return equals(one.value)
        }

        func hash(into hasher: inout Hasher) { value.hash(into: &hasher) }
    }

    private let values = Mutex<[TypedText: any Sendable]>([:])
    private let texts = Mutex<[Key: String]>([:])

    func value<Value: Sendable>(of text: String, as type: Value.Type) -> Value? {
        // What is not there must not be taken for a remembered nil, which it would be if it were cast to an optional type.
        guard let known = values.withLock({ $0[TypedText(type: ObjectIdentifier(type), text: text)] }) else { return nil }
        return known as? Value
    }

    func text(of key: Key) -> String? { texts.withLock { $0[key] } }

    func remember<Value: Sendable>(_ value: Value, of text: String) {
        guard text.utf8.count <= Self.longest else { return }
        values.withLock { values in
            if values.count >= Self.limit { values.removeAll(keepingCapacity: true) }
            values[TypedText(type: ObjectIdentifier(Value.self), text: text)] = value
        }
    }

    func remember(_ text: String, of key: Key) {
        guard text.utf8.count <= Self.longest else { return }
        texts.withLock { texts in
            if texts.count >= Self.limit { texts.removeAll(keepingCapacity: true) }
            texts[key] = text
        }
    }
}
