import Foundation

/// A statement's bound values as libpq takes them. Text goes as text, so that the server does the conversions it
/// does for everyone; only blobs go in binary.
struct PostgresParameters {
    /// The types the values are declared with, by object id; zero leaves NULL to the server.
    let types: [UInt32]
    private var bytes: [UInt8] = []
    private var starts: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    init(_ values: [SQLValue]) throws {
        types = values.map(Self.type)
        starts.reserveCapacity(values.count)
        for value in values { try append(value) }
    }

    /// Calls `body` with libpq's arrays of values, lengths and formats.
    func withPointers<Result>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Result
    ) -> Result {
        bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = starts.map { start -> UnsafePointer<CChar>? in
                guard let start, let base else { return nil }
                return base + start
            }
            return values.withUnsafeBufferPointer { values in
                lengths.withUnsafeBufferPointer { lengths in
                    formats.withUnsafeBufferPointer { formats in
                        body(values.baseAddress, lengths.baseAddress, formats.baseAddress)
                    }
                }
            }
        }
    }

    private mutating func append(_ value: SQLValue) throws {
        switch value {
        case .null:
            starts.append(nil)
            lengths.append(0)
            formats.append(0)
        case .integer(let number): add(String(number).utf8)
        case .real(let number): add(Self.text(number).utf8)
        case .text(var text):
            try text.withUTF8(PortableText.check)
            add(text.utf8)
        case .blob(let blob): add(blob, isBinary: true)
        }
    }

    private mutating func add(_ value: some Collection<UInt8>, isBinary: Bool = false) {
        starts.append(bytes.count)
        bytes += value
        bytes.append(0)
        lengths.append(Int32(clamping: value.count))
        formats.append(isBinary ? 1 : 0)
    }

    private static func text(_ number: Double) -> String {
        guard number.isInfinite else { return number.isNaN ? "NaN" : String(number) }
        return number < 0 ? "-Infinity" : "Infinity"
    }

    private static func type(_ value: SQLValue) -> UInt32 {
        switch value {
        case .null: 0
        case .integer: PostgresType.bigint
        case .real: PostgresType.double
        case .text: PostgresType.text
        case .blob: PostgresType.bytea
        }
    }
}

/// Object ids of the built-in types (src/include/catalog/pg_type.dat; they never change).
enum PostgresType {
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let bigint: UInt32 = 20
    static let smallint: UInt32 = 21
    static let integer: UInt32 = 23
    static let text: UInt32 = 25
    static let oid: UInt32 = 26
    static let real: UInt32 = 700
    static let double: UInt32 = 701
    static let numeric: UInt32 = 1700
}
