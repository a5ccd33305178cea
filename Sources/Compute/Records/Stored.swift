import CloudStore
import Foundation
import Synchronization

/// A value kept as JSON text in one column: parts of a resource that are read and written as a whole and never
/// searched by.
struct Stored<Value: Codable & Sendable>: SQLBindable, SQLDecodable {
    let value: Value

    init(_ value: Value) { self.value = value }

    init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue else { return nil }
        if let known = DecodedTexts.shared.value(of: text, as: Value.self) {
            value = known
            return
        }
        guard let decoded = try? JSONDecoder().decode(Value.self, from: Data(text.utf8)) else { return nil }
        DecodedTexts.shared.remember(decoded, of: text)
        value = decoded
    }

    var sqlValue: SQLValue {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let data = try? encoder.encode(value) else { return .null }
        return .text(String(decoding: data, as: UTF8.self))
    }
}

/// What texts of columns were decoded to. A thousand servers share a few flavors and images, and decoding each row's anew takes most
/// of the time of listing them.
private final class DecodedTexts: Sendable {
    static let shared = DecodedTexts()
    /// How many are remembered; when there are more, all are forgotten.
    private static let limit = 4096
    /// Longer texts, in bytes, are not worth their memory.
    private static let longest = 8192

    private struct Key: Hashable {
        let type: ObjectIdentifier
        let text: String
    }

    private let values = Mutex<[Key: any Sendable]>([:])

    func value<Value: Sendable>(of text: String, as type: Value.Type) -> Value? {
        // What is not there must not be taken for a remembered nil, which it would be if it were cast to an optional type.
        guard let known = values.withLock({ $0[Key(type: ObjectIdentifier(type), text: text)] }) else { return nil }
        return known as? Value
    }

    func remember<Value: Sendable>(_ value: Value, of text: String) {
        guard text.utf8.count <= Self.longest else { return }
        values.withLock { values in
            if values.count >= Self.limit { values.removeAll(keepingCapacity: true) }
            values[Key(type: ObjectIdentifier(Value.self), text: text)] = value
        }
    }
}
