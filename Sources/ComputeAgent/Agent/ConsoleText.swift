/// Serial console output as text.
enum ConsoleText {
    /// The last lines of a text. A line that isn't ended yet counts as one.
    static func last(_ lines: Int, of text: String) -> String {
        guard lines > 0 else { return "" }
        var remaining = text.utf8.last == UInt8(ascii: "\n") ? lines + 1 : lines
        var index = text.utf8.endIndex
        while index > text.utf8.startIndex {
            let previous = text.utf8.index(before: index)
            if text.utf8[previous] == UInt8(ascii: "\n") {
                remaining -= 1
                if remaining == 0 { return String(text[index...]) }
            }
            index = previous
        }
        return text
    }

    /// Bytes as text: what is not UTF-8 is replaced, and NUL, which JSON clients choke on, left out.
    static func decode(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: bytes.lazy.filter { $0 != 0 }, as: UTF8.self)
    }
}
