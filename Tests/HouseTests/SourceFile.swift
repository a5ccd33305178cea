import Foundation

/// A Swift file of the project as the house rules see it.
struct SourceFile {
    /// The path from the project's root, such as `Sources/Compute/Compute.swift`.
    let path: String
    let lines: [Substring]
    /// The lines with the insides of strings and comments blanked, so that rules meet code only.
    let code: [Substring]

    /// The module's name: the folder under Sources or Tests.
    var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        code = Self.mask(text).split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// Every Swift file under the given folders of the project.
    static func all(under folders: String...) throws -> [SourceFile] {
        var files: [SourceFile] = []
        for folder in folders {
            let base = House.root.appending(path: folder)
            let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
            for name in names.sorted() where name.hasSuffix(".swift") {
                let text = try String(contentsOf: base.appending(path: name), encoding: .utf8)
                files.append(SourceFile(path: "\(folder)/\(name)", text: text))
            }
        }
        return files
    }

    /// Blanks comments and string contents, keeping every line break.
    static func mask(_ text: String) -> String {
        var masker = Masker(Array(text.utf8))
        return masker.run()
    }

    /// The functions and initialisers with a body: name, first line (from one) and length in lines.
    var functions: [(name: String, line: Int, length: Int)] {
        var found: [(String, Int, Int)] = []
        for (position, line) in code.enumerated() {
            guard line.utf8.holds("func ") || line.utf8.holds("init"), let match = line.firstMatch(of: /\b(?:func\s+([^\s(<]+)|(init)[?]?\s*[(<]|(deinit)\s*\{)/) else { continue }
            let name = String(match.output.1 ?? match.output.2 ?? match.output.3 ?? "")
            if let end = bodyEnd(from: position) { found.append((name, position + 1, end - position + 1)) }
        }
        return found
    }

    /// The line that closes the body which opens at or after a line; nil when a declaration has none.
    private func bodyEnd(from start: Int) -> Int? {
        var (depth, parentheses, opened) = (0, 0, false)
        for position in start..<code.count {
            for character in code[position] {
                switch character {
                case "(": parentheses += 1
                case ")": parentheses -= 1
                case "{" where opened || parentheses == 0: (depth, opened) = (depth + 1, true)
                case "}" where opened:
                    depth -= 1
                    if depth == 0 { return position }
                case "}": return nil
                default: break
                }
            }
            if !opened, parentheses == 0, position > start || !code[position].hasSuffix(")"),
                !continues(position)
            { return nil }
        }
        return nil
    }

    private func continues(_ position: Int) -> Bool {
        let line = code[position].trimmingCharacters(in: .whitespaces)
        if line.hasSuffix(",") || line.hasSuffix("->") || line.hasSuffix(")") || line.hasSuffix("where") { return true }
        guard position + 1 < code.count else { return false }
        let next = code[position + 1].trimmingCharacters(in: .whitespaces)
        return next.hasPrefix("{") || next.hasPrefix("->") || next.hasPrefix("where") || next.hasPrefix(")")
    }
}

extension Substring.UTF8View {
    /// Whether the text occurs, byte by byte: much faster than a pattern.
    func holds(_ text: String) -> Bool {
        withContiguousStorageIfAvailable { bytes in
            var text = text
            return text.withUTF8 { wanted in
                guard let first = wanted.first, wanted.count <= bytes.count else { return wanted.isEmpty }
                return (0...bytes.count - wanted.count).contains { start in
                    bytes[start] == first && bytes[start..<start + wanted.count].elementsEqual(wanted)
                }
            }
        } ?? String(Substring(self)).contains(text)
    }
}

/// Replaces the insides of comments and strings by blanks.
private struct Masker {
    private let bytes: [UInt8]
    private var position = 0
    private var output: [UInt8] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private func starts(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private mutating func blank(_ count: Int = 1) {
        for byte in bytes[position..<min(position + count, bytes.count)] {
            output.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
        }
        position += count
    }

    mutating func run() -> String {
        while position < bytes.count {
            if starts("//") {
                while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { blank() }
            } else if starts("/*") {
                while position < bytes.count, !starts("*/") { blank() }
                blank(2)
            } else if let end = stringEnd() {
                maskString(closing: end)
            } else {
                output.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// What closes the string that begins here; nil when none does.
    private func stringEnd() -> String? {
        let hashes = bytes[position...].prefix { $0 == UInt8(ascii: "#") }.count
        let rest = bytes[(position + hashes)...]
        let suffix = String(repeating: "#", count: hashes)
        if rest.starts(with: "\"\"\"".utf8) { return "\"\"\"" + suffix }
        if rest.starts(with: "\"".utf8) { return "\"" + suffix }
        return nil
    }

    private mutating func maskString(closing end: String) {
        let raw = end.hasSuffix("#")
        output.append(UInt8(ascii: "\""))
        position += end.utf8.count
        for _ in 1..<max(end.utf8.count, 1) { output.append(UInt8(ascii: " ")) }
        var depth = 0
        while position < bytes.count {
            if depth == 0, starts(end) { break }
            if !raw, starts("\\(") {
                depth += 1
                blank(2)
            } else if !raw, depth == 0, starts("\\") {
                blank(2)
            } else if depth > 0, bytes[position] == UInt8(ascii: "(") {
                depth += 1
                blank()
            } else if depth > 0, bytes[position] == UInt8(ascii: ")") {
                depth -= 1
                blank()
            } else {
                blank()
            }
        }
        guard position < bytes.count else { return }
        output.append(UInt8(ascii: "\""))
        for _ in 1..<max(end.utf8.count, 1) { output.append(UInt8(ascii: " ")) }
        position += end.utf8.count
    }
}

/// Where the project is and how its modules are layered.
enum House {
    /// The project's root folder.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static let services: Set = ["Identity", "Images", "MetadataDefinitions", "Placement", "Compute", "Networking", "BlockStorage", "KeyManager"]
    static let hosts: Set = ["ComputeAgent", "NetworkAgent", "VolumeBackends", "ImageStores", "HostCommands"]
    static let contracts: Set = ["ComputeMessages", "NetworkMessages", "VolumeMessages"]
    static let composition: Set = ["Cloud", "altostack"]
}
