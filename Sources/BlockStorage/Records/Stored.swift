import CloudStore
import Foundation

/// A value kept as JSON text in one column: parts of a resource that are read and written as a whole and never searched by.
struct Stored<Value: Codable & Sendable>: SQLConvertible {
    let value: Value

    init(_ value: Value) { self.value = value }

    init?(sqlValue: SQLValue) {
        guard case .text(let text) = sqlValue, let value = try? JSONDecoder().decode(Value.self, from: Data(text.utf8)) else {
            return nil
        }
        self.value = value
    }

    var sqlValue: SQLValue {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let data = try? encoder.encode(value) else { return .null }
        return .text(String(decoding: data, as: UTF8.self))
    }
}
