import Foundation
import Testing

/// Style as a test: sizes, forbidden constructs, undocumented public names.
@Suite struct TidyTests {
    static let fileLimit = 800
    static let functionLimit = 70

    @Test func filesAndFunctionsStaySmall() throws {
        let files = try SourceFile.all(under: "Sources", "Tests")
        #expect(!files.isEmpty)
        let longest = files.sorted { $0.lines.count > $1.lines.count }
        print("longest files:", longest.prefix(5).map { "\($0.path) \($0.lines.count)" }.joined(separator: ", "))
        for file in longest { #expect(file.lines.count <= Self.fileLimit, "\(file.path) has \(file.lines.count) lines") }

        let functions = files.flatMap { file in file.functions.map { (place: "\(file.path):\($0.line) \($0.name)", length: $0.length) } }
            .sorted { $0.length > $1.length }
        #expect(!functions.isEmpty)
        print("longest functions:", functions.prefix(5).map { "\($0.place) \($0.length)" }.joined(separator: ", "))
        for function in functions {
            #expect(function.length <= Self.functionLimit, "\(function.place) has \(function.length) lines")
        }
    }

    /// Constructs that turn a mistake into a crash, or hide it.
    /// Each has a mark that a line must contain before its slower pattern is tried.
    static var forbidden: [(mark: String, pattern: Regex<Substring>, reason: String)] { [
        ("try!", /\btry!/, "try! crashes on an error"),
        ("as!", /\bas!/, "as! crashes on another type"),
        ("fatalError", /\bfatalError\(/, "fatalError takes every guest's control plane down"),
        ("!", /[\w\)\]]!(?:[.,)\]\[\s]|$)/, "a force unwrap crashes on nil"),
        ("catch", /catch\s*(?:\([^)]*\)\s*)?\{\s*\}/, "an empty catch hides an error"),
    ] }

    @Test func forbiddenConstructsAreAbsent() throws {
        let forbidden = Self.forbidden
        for file in try SourceFile.all(under: "Sources") {
            for (position, line) in file.code.enumerated() {
                for (_, pattern, reason) in forbidden.filter({ line.utf8.holds($0.mark) }) where line.contains(pattern) {
                    Issue.record("\(file.path):\(position + 1): \(reason): \(file.lines[position])")
                }
            }
        }
    }

    @Test func unsafeConcurrencyCarriesItsProof() throws {
        for file in try SourceFile.all(under: "Sources") {
            for (position, line) in file.code.enumerated()
            where line.utf8.holds("@unchecked Sendable") || line.utf8.holds("nonisolated(unsafe)") {
                let above = file.lines[max(0, position - 4)..<position].contains { $0.trimmingCharacters(in: .whitespaces).hasPrefix("//") }
                #expect(above, "\(file.path):\(position + 1): needs a comment above that proves it safe")
            }
        }
    }

    @Test func nothingIsLeftForLater() throws {
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
        let marks = try Regex(words.map { "\\b\($0)\\b" }.joined(separator: "|"))
        for file in try SourceFile.all(under: "Sources", "Tests") {
            for (position, line) in file.lines.enumerated() where words.contains(where: line.utf8.holds) && line.contains(marks) {
                Issue.record("\(file.path):\(position + 1): \(line)")
            }
        }
    }

    /// Members that a well-known protocol documents: a comment of their own would only repeat it.
    static let witnesses: Set = [
        "description", "debugDescription", "customMirror", "hash", "==", "<", "makeIterator", "next", "write", "encode",
        "sqlValue", "errorDescription", "Element", "Reply", "method", "stringLiteral", "integerLiteral", "booleanLiteral",
        "floatLiteral", "nilLiteral", "arrayLiteral", "dictionaryLiteral", "stringInterpolation", "fault", "callAsFunction",
        "configuration", "rawValue",
    ]

    @Test func publicNamesAreDocumented() throws {
        let declaration = /^\s*public\s+(?:(?:static|final|mutating|indirect|nonisolated|override|convenience|struct|class|enum|actor|protocol|func|var|let|typealias|associatedtype|private\(set\)|internal\(set\))\s+)*(init|subscript|[\w=<>+]+)(?:[?(<:\s{]+(\w+))?/
        for file in try SourceFile.all(under: "Sources") {
            for (position, line) in file.code.enumerated() {
                guard line.utf8.holds("public"), !line.contains(/\bextension\b|\bimport\b/), let match = line.firstMatch(of: declaration)?.output else { continue }
                let name = String(match.1)
                guard !Self.witnesses.contains(name) else { continue }
                if name == "init", let label = match.2, Self.witnesses.contains(String(label)) || label == "from" || label == "sqlValue" { continue }
                guard !isDocumented(file, position) else { continue }
                Issue.record("\(file.path):\(position + 1): undocumented: \(line.trimmingCharacters(in: .whitespaces))")
            }
        }
    }

    /// A `///` stands above the declaration, above a group of plain properties, or above its attributes.
    private func isDocumented(_ file: SourceFile, _ position: Int) -> Bool {
        var above = position - 1
        while above >= 0 {
            let line = file.lines[above].trimmingCharacters(in: .whitespaces)
            if line.hasPrefix("///") { return true }
            guard line.hasPrefix("@") || line.hasPrefix("public var ") || line.hasPrefix("public let ") else { return false }
            above -= 1
        }
        return false
    }
}
