/// Makes of a module's migrations what a new database takes: columns that later ones add stand in their tables from the beginning.
/// SQLite reads its whole schema again after each ALTER TABLE, and for some forty of them that is most of a program's first start.
///
/// The tables are the same as after all migrations one by one, in the order of their columns too. It is for SQLite alone: only
/// there may a table refer to one that is made later.
struct SchemaFolding {
    /// A statement, nil once it has become part of another, and the migration that it is of.
    private var statements: [(migration: Migration, sql: SQL?)] = []
    /// Where in `statements` the tables are made whose definition can still grow.
    private var tables: [String: Int] = [:]
    /// Tables whose rows were written to: then what they refer to must be there.
    private var written: Set<String> = []

    /// Folds migrations.
    /// - Returns: the statements to run, in order, each with the migration that it is of.
    static func folded(_ migrations: [Migration]) -> [(migration: Migration, sql: SQL)] {
        var folding = SchemaFolding()
        for migration in migrations {
            for sql in migration.statements { folding.add(sql, of: migration) }
        }
        return folding.statements.compactMap { entry in entry.sql.map { (entry.migration, $0) } }
    }

    private mutating func add(_ sql: SQL, of migration: Migration) {
        let words = Self.words(sql.text)
        switch words.prefix(2).joined(separator: " ") {
        case "CREATE TABLE" where sql.values.isEmpty && words.count > 2:
            tables[String(words[2])] = statements.count
        case "ALTER TABLE" where words.count > 4 && words[3] == "ADD" && words[4] == "COLUMN":
            if fold(sql, into: String(words[2])) { return }
        case "ALTER TABLE" where words.count > 3 && words[3] == "DROP":
            break
        case "ALTER TABLE", "DROP TABLE":
            if words.count > 2 { tables[String(words[2])] = nil }
        case "INSERT INTO" where words.count > 2, "DELETE FROM" where words.count > 2:
            written.insert(String(words[2]))
            // Values by the columns' positions want the table as it was then.
            if words[0] == "INSERT", !Self.namesColumns(sql.text) { tables[String(words[2])] = nil }
        default:
            if words.first == "UPDATE", words.count > 1 { written.insert(String(words[1])) }
        }
        statements.append((migration, sql))
    }

    /// Puts a column into the table's definition. Where that can't be done, columns that come later stay behind it.
    /// - Returns: whether it was done.
    private mutating func fold(_ sql: SQL, into table: String) -> Bool {
        let isSafe = !written.contains(table) || !sql.text.contains("REFERENCES ")
        guard let position = tables.removeValue(forKey: table), isSafe, sql.values.isEmpty, let made = statements[position].sql,
            let keyword = sql.text.firstRange(of: "ADD COLUMN "),
            let place = Self.endOfColumns(Array(made.text.utf8))
        else { return false }
        tables[table] = position
        var text = Array(made.text.utf8)
        text.insert(contentsOf: Array(", \(sql.text[keyword.upperBound...])".utf8), at: place)
        statements[position].sql = SQL(stringLiteral: String(decoding: text, as: UTF8.self))
        return true
    }

    /// The first words of a statement, as far as anything depends on them.
    private static func words(_ text: String) -> [Substring] {
        text.split(maxSplits: 5, omittingEmptySubsequences: true) { $0 == " " || $0 == "\n" || $0 == "(" }.prefix(5).map(\.self)
    }

    /// Whether a list of columns follows an INSERT's table.
    private static func namesColumns(_ text: String) -> Bool {
        let parts = text.split(maxSplits: 3, omittingEmptySubsequences: true) { $0 == " " || $0 == "\n" }
        guard parts.count > 3 else { return false }
        return parts[2].contains("(") || parts[3].hasPrefix("(")
    }

    /// Where a CREATE TABLE's columns end: before the comma of the first constraint of the table, or the last parenthesis.
    /// - Returns: nil for a text without a list, or with comments.
    static func endOfColumns(_ text: [UInt8]) -> Int? {
        var (depth, isQuoted, comma) = (0, false, 0)
        for (position, character) in text.enumerated() {
            if character == UInt8(ascii: "'") { isQuoted.toggle() }
            guard !isQuoted else { continue }
            switch character {
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"):
                depth -= 1
                if depth == 0 { return comma > 0 && startsConstraint(text[(comma + 1)..<position]) ? comma : position }
            case UInt8(ascii: ",") where depth == 1:
                if comma > 0, startsConstraint(text[(comma + 1)..<position]) { return comma }
                comma = position
            case UInt8(ascii: "-") where position + 1 < text.count && text[position + 1] == character: return nil
            default: break
            }
        }
        return nil
    }

    private static func startsConstraint(_ item: ArraySlice<UInt8>) -> Bool {
        let word = item.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.prefix { (65...90).contains($0) }
        return ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "CONSTRAINT"].contains(String(decoding: word, as: UTF8.self))
    }
}
