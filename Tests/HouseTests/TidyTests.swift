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
    static var forbidden: [(pattern: Regex<Substring>, reason: String)] { [
        (/\btry!/, "try! crashes on an error"),
        (/\bas!/, "as! crashes on another type"),
        (/\bfatalError\(/, "fatalError takes every guest's control plane down"),
        (/[\w\)\]]!(?:[.,)\]\[\s]|$)/, "a force unwrap crashes on nil"),
        (/catch\s*(?:\([^)]*\)\s*)?\{\s*\}/, "an empty catch hides an error"),
    ] }

    @Test func forbiddenConstructsAreAbsent() throws {
        for file in try SourceFile.all(under: "Sources") {
            for (position, line) in file.code.enumerated() {
                for (pattern, reason) in Self.forbidden where line.contains(pattern) {
                    Issue.record("\(file.path):\(position + 1): \(reason): \(file.lines[position])")
                }
            }
        }
    }

    @Test func unsafeConcurrencyCarriesItsProof() throws {
        for file in try SourceFile.all(under: "Sources") {
            for (position, line) in file.code.enumerated()
            where line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") {
                let above = file.lines[max(0, position - 4)..<position].contains { $0.trimmingCharacters(in: .whitespaces).hasPrefix("//") }
                #expect(above, "\(file.path):\(position + 1): needs a comment above that proves it safe")
            }
        }
    }

    @Test func nothingIsLeftForLater() throws {
        let marks = try Regex(["TO" + "DO", "FIX" + "ME", "XX" + "X"].map { "\\b\($0)\\b" }.joined(separator: "|"))
        for file in try SourceFile.all(under: "Sources", "Tests") {
            for (position, line) in file.lines.enumerated() where line.contains(marks) {
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
                guard !line.contains(/\bextension\b|\bimport\b/), let match = line.firstMatch(of: declaration)?.output else { continue }
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
