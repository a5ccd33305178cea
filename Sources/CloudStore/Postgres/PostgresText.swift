/// Turns the `?` marks of a statement into PostgreSQL's `$1`, `$2` …
enum PostgresText {
    /// The statement with numbered marks, and how many there are. A `?` in a string, a quoted name or a comment is
    /// left alone.
    static func numbered(_ text: String) -> (text: String, marks: Int) {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count + 16)
        var input = text.utf8[...]
        var marks = 0
        while let byte = input.first {
            let length = opaqueLength(input)
            if length > 0 {
                output += input.prefix(length)
                input = input.dropFirst(length)
            } else {
                input.removeFirst()
                guard byte == UInt8(ascii: "?") else {
                    output.append(byte)
                    continue
                }
                marks += 1
                output += "$\(marks)".utf8
            }
        }
        return (String(decoding: output, as: UTF8.self), marks)
    }

    /// The length in bytes of the string, quoted name or comment at the start of the input; zero when there is none.
    private static func opaqueLength(_ input: Substring.UTF8View) -> Int {
        switch input.first {
        case UInt8(ascii: "'"): length(input, opening: 1, until: "'")
        case UInt8(ascii: "\""): length(input, opening: 1, until: "\"")
        case UInt8(ascii: "-") where input.starts(with: "--".utf8): length(input, opening: 2, until: "\n")
        case UInt8(ascii: "/") where input.starts(with: "/*".utf8): length(input, opening: 2, until: "*/")
        default: 0
        }
    }

    private static func length(_ input: Substring.UTF8View, opening: Int, until end: String) -> Int {
        var rest = input.dropFirst(opening)
        while !rest.isEmpty {
            if rest.starts(with: end.utf8) { return input.count - rest.count + end.utf8.count }
            rest.removeFirst()
        }
        return input.count
    }
}
