/// A value that writes itself as JSON, member by member, without building a tree first.
public protocol JSONWritable {
    /// Writes exactly one JSON value.
    func write(to json: inout JSONWriter)
}

/// Writes compact JSON straight into bytes. What takes values of any type can be inlined into the modules that write, so
/// that they have code for their own types. Members and elements are separated by the writer itself:
///
///     json.object {
///         $0.member("id", server.id)
///         $0.member("addresses") { $0.object { … } }
///     }
public struct JSONWriter {
    /// The text so far, UTF-8.
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// An empty writer with room for the expected size in bytes.
    public init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

    /// Makes room for so many more bytes.
    mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    @usableFromInline mutating func begin(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    @usableFromInline mutating func end(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    /// Writes an object whose members the closure writes.
    @inlinable public mutating func object(_ members: (inout JSONWriter) throws -> Void) rethrows {
        begin(UInt8(ascii: "{"))
        try members(&self)
        end(UInt8(ascii: "}"))
    }

    /// Writes an array whose elements the closure writes.
    @inlinable public mutating func array(_ elements: (inout JSONWriter) throws -> Void) rethrows {
        begin(UInt8(ascii: "["))
        try elements(&self)
        end(UInt8(ascii: "]"))
    }

    /// Writes an array of values.
    @inlinable public mutating func array<Values: Sequence>(_ values: Values) where Values.Element: JSONWritable {
        array { for value in values { value.write(to: &$0) } }
    }

    /// Writes a member's name; exactly one value must follow.
    public mutating func name(_ name: String) {
        quote(name, isName: true)
    }

    /// Writes a member. An absent optional is written as null, as OpenStack's views do.
    @inlinable public mutating func member(_ name: String, _ value: some JSONWritable) {
        self.name(name)
        value.write(to: &self)
    }

    /// Writes a member whose value the closure writes.
    @inlinable public mutating func member(_ name: String, _ value: (inout JSONWriter) throws -> Void) rethrows {
        self.name(name)
        try value(&self)
    }

    /// Writes a member that is an array of values.
    @inlinable public mutating func member<Values: Sequence>(_ name: String, array values: Values) where Values.Element: JSONWritable {
        self.name(name)
        array(values)
    }

    /// Writes a value.
    @inlinable public mutating func write(_ value: some JSONWritable) { value.write(to: &self) }

    /// Writes a value that another writer has written.
    public mutating func written(_ value: [UInt8]) {
        separate()
        bytes.append(contentsOf: value)
    }

    /// Writes text as a JSON string.
    public mutating func string(_ value: String) {
        quote(value, isName: false)
    }

    /// Writes text that is JSON already, such as a number or a literal.
    @usableFromInline mutating func literal(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
    }

    /// Writes a number's digits.
    @usableFromInline mutating func number(_ value: Int) {
        guard value >= 0 else { return literal(String(value)) }
        separate()
        var (rest, first) = (value, bytes.count)
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        var last = bytes.count - 1
        while first < last {
            bytes.swapAt(first, last)
            (first, last) = (first + 1, last - 1)
        }
    }

    /// Writes text in quotes, with a comma before it where one is due and, behind a name, a colon.
    private mutating func quote(_ text: String, isName: Bool) {
        let isWritten: Void? = text.utf8.withContiguousStorageIfAvailable { quote($0, isName: isName) }
        guard isWritten == nil else { return }
        var text = text
        text.withUTF8 { quote($0, isName: isName) }
    }

    private mutating func quote(_ utf8: UnsafeBufferPointer<UInt8>, isName: Bool) {
        let needsComma = needsComma
        self.needsComma = !isName
        guard Self.isPlain(utf8) else { return escaped(utf8, needsComma: needsComma, isName: isName) }
        // Nearly all text is plain: it goes in with its punctuation at once.
        bytes.append(addingCapacity: utf8.count + 4) { span in
            if needsComma { span.append(UInt8(ascii: ",")) }
            span.append(UInt8(ascii: "\""))
            span.withUnsafeMutableBufferPointer { buffer, count in
                _ = UnsafeMutableBufferPointer(rebasing: buffer[count...]).update(fromContentsOf: utf8)
                count += utf8.count
            }
            span.append(UInt8(ascii: "\""))
            if isName { span.append(UInt8(ascii: ":")) }
        }
    }

    /// Whether a text needs no escapes: nearly all do not. Looks at eight bytes at a time, at some of the last eight twice.
    private static func isPlain(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        let raw = UnsafeRawBufferPointer(utf8)
        guard raw.count >= 8 else { return raw.allSatisfy { !needsEscape($0) } }
        var position = 0
        while position + 8 <= raw.count {
            if needsEscape(raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)) { return false }
            position += 8
        }
        return !needsEscape(raw.loadUnaligned(fromByteOffset: raw.count - 8, as: UInt64.self))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    /// Whether one of eight bytes needs an escape. A byte's highest bit tells in each difference whether it borrowed, and
    /// so was smaller; the first borrow of a word is never a false one.
    private static func needsEscape(_ word: UInt64) -> Bool {
        let (ones, highest): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
        let backslashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
        let controls = (word &- ones &* 0x20) & ~word
        let found = controls | ((quotes &- ones) & ~quotes) | ((backslashes &- ones) & ~backslashes)
        return found & highest != 0
    }

    private mutating func escaped(_ utf8: UnsafeBufferPointer<UInt8>, needsComma: Bool, isName: Bool) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        for byte in utf8 { if Self.needsEscape(byte) { escape(byte) } else { bytes.append(byte) } }
        bytes.append(UInt8(ascii: "\""))
        if isName { bytes.append(UInt8(ascii: ":")) }
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        }
    }
}

extension JSON: JSONWritable {
    public func write(to json: inout JSONWriter) {
        switch self {
        case .null: json.literal("null")
        case .bool(let value): value.write(to: &json)
        case .int(let value): value.write(to: &json)
        case .double(let value): value.write(to: &json)
        case .string(let value): json.string(value)
        case .array(let elements): json.array(elements)
        case .object(let object):
            json.object { for member in object { $0.member(member.name, member.value) } }
        }
    }
}

extension String: JSONWritable {
    @inlinable public func write(to json: inout JSONWriter) { json.string(self) }
}

extension Int: JSONWritable {
    @inlinable public func write(to json: inout JSONWriter) { json.number(self) }
}

extension UInt128: JSONWritable {
    /// Every digit, beyond what most readers keep: counts of IPv6 addresses.
    public func write(to json: inout JSONWriter) { json.literal(String(self)) }
}

extension Bool: JSONWritable {
    @inlinable public func write(to json: inout JSONWriter) { json.literal(self ? "true" : "false") }
}

extension Double: JSONWritable {
    /// JSON has no infinities and no NaN: they are written as null.
    public func write(to json: inout JSONWriter) { json.literal(isFinite ? "\(self)" : "null") }
}

extension Optional: JSONWritable where Wrapped: JSONWritable {
    @inlinable public func write(to json: inout JSONWriter) {
        if let self { self.write(to: &json) } else { json.literal("null") }
    }
}

extension Array: JSONWritable where Element: JSONWritable {
    @inlinable public func write(to json: inout JSONWriter) { json.array(self) }
}

extension Dictionary: JSONWritable where Key == String, Value: JSONWritable {
    /// Members are written sorted by name, so that equal values give equal text.
    public func write(to json: inout JSONWriter) {
        json.object { for (name, value) in sorted(by: { $0.key < $1.key }) { $0.member(name, value) } }
    }
}
