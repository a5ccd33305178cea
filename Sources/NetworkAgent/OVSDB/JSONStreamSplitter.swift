/// Cuts a stream of JSON objects that follow each other without a separator (RFC 7047, section 4) into single texts.
struct JSONStreamSplitter {
    private var pending: [UInt8] = []
    private var depth = 0
    private var inString = false
    private var escaped = false
    private let limit: Int

    /// A splitter that refuses single texts beyond a limit in bytes.
    init(limit: Int) { self.limit = limit }

    /// Takes in bytes and returns the texts that they complete.
    /// - Throws: `OVSDBError.malformed` for anything between objects but white space, and beyond the limit.
    mutating func feed(_ bytes: some Sequence<UInt8>) throws(OVSDBError) -> [[UInt8]] {
        var complete: [[UInt8]] = []
        for byte in bytes {
            if depth == 0 {
                if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { continue }
                guard byte == UInt8(ascii: "{") else { throw .malformed("text between messages") }
            }
            pending.append(byte)
            advance(over: byte)
            if depth == 0 {
                complete.append(pending)
                pending = []
            } else if pending.count > limit {
                throw .malformed("a message of more than \(limit) bytes")
            }
        }
        return complete
    }

    private mutating func advance(over byte: UInt8) {
        if escaped {
            escaped = false
        } else if inString {
            if byte == UInt8(ascii: "\\") { escaped = true }
            if byte == UInt8(ascii: "\"") { inString = false }
        } else if byte == UInt8(ascii: "\"") {
            inString = true
        } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
            depth += 1
        } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
            depth -= 1
        }
    }
}
