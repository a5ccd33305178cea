import CloudAPI
import CloudCore
import CloudStore

/// How volumes are filtered.
enum VolumeFilters {
    /// What administrators can filter by beyond everybody's filters.
    private static let forAdmins: Set = [
        "id", "host", "user_id", "volume_type_id", "attach_status", "description", "display_name", "snapshot_id", "source_volid",
        "multiattach", "glance_metadata", "encryption_key_id", "use_quota",
    ]
    /// Filters and the microversion 3.N that has them; before it they are passed over.
    private static let since = ["glance_metadata": 4, "group_id": 10, "created_at": 60, "updated_at": 60, "consumes_quota": 65]

    static func query(_ request: APIRequest, maximum: Int) throws -> ListQuery {
        try ListQuery(request, resource: "volume", table: VolumeRecords.table, beyond: forAdmins, maximum: maximum)
    }

    /// The rows that a query asks for; volumes that others migrate to are nobody's business.
    static func selection(_ query: ListQuery, _ request: APIRequest) throws -> ListSelection {
        var selection = query.selection { .volumeNotFound($0) }
        for filter in query.filters {
            if let first = since[filter.name], !request.isFrom(first) { continue }
            selection.conditions += try conditions(filter, isStrict: request.isFrom(2))
        }
        if !request.isAdmin { selection.conditions.append("COALESCE(migration_status, '') NOT LIKE 'target:%' ESCAPE '!'") }
        return selection
    }

    private static func conditions(_ filter: ListFilter, isStrict: Bool) throws -> [SQL] {
        let value = filter.value
        switch filter.name {
        case "name", "display_name": return [ListSelection.match("COALESCE(name, '')", filter)]
        case "description": return [ListSelection.match("COALESCE(description, '')", filter)]
        case "status": return [status(filter)]
        case "metadata": return ListSelection.holds("metadata", try PythonDictionary.parse(value, of: filter.name))
        case "glance_metadata": return ListSelection.holds("image_metadata", try PythonDictionary.parse(value, of: filter.name))
        case "bootable", "multiattach", "use_quota", "consumes_quota":
            guard let flag = LenientBoolean.parse(value) else {
                guard isStrict, filter.name == "bootable" else { return ["0 = 1"] }
                throw BlockStorageError.invalidInput("\(filter.name)=\(value)")
            }
            let column: SQL = switch filter.name {
            case "bootable": "is_bootable"
            case "multiattach": "is_multiattach"
            default: "uses_quota"
            }
            return ["\(column) = \(flag)"]
        case "size": return [Int(value).map { size -> SQL in "size = \(size)" } ?? "0 = 1"]
        case "created_at": return try TimeComparison.conditions("created_at", value, of: filter.name)
        case "updated_at": return try TimeComparison.conditions("COALESCE(updated_at, 0)", value, of: filter.name)
        default: return [ListSelection.match(column(filter.name), filter)]
        }
    }

    /// Several statuses may stand in brackets, as a list of Python's.
    private static func status(_ filter: ListFilter) -> SQL {
        guard filter.value.hasPrefix("["), filter.value.hasSuffix("]") else { return ListSelection.match("status", filter) }
        let names = filter.value.dropFirst().dropLast().split(separator: ",").map { String($0).filter { !" '\"".contains($0) } }
        return "status IN \(in: names)"
    }

    private static func column(_ name: String) -> SQL {
        switch name {
        case "id": "id"
        case "host": "COALESCE(host, '')"
        case "user_id": "user_id"
        case "volume_type_id": "type_id"
        case "attach_status": "attach_status"
        case "snapshot_id": "COALESCE(snapshot_id, '')"
        case "source_volid": "COALESCE(source_id, '')"
        case "migration_status": "COALESCE(migration_status, '')"
        case "availability_zone": "availability_zone"
        case "group_id": "COALESCE(group_id, '')"
        default: "COALESCE(encryption_key_id, '')"
        }
    }
}

/// Times of lists' filters: "gt:TIME,lte:TIME" (from 3.60 on).
enum TimeComparison {
    /// - Throws: 400 for an operator or a time that is none.
    static func conditions(_ column: SQL, _ text: String, of name: String) throws -> [SQL] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { item in
            let parts = item.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let comparison: SQL? = switch parts[0] {
            case "gt": ">"
            case "gte": ">="
            case "eq": "="
            case "neq": "<>"
            case "lt": "<"
            case "lte": "<="
            default: nil
            }
            guard let comparison else { throw BlockStorageError.badRequest("Invalid \(parts[0]) operator") }
            guard parts.count > 1, let moment = Timestamp(iso8601: parts[1]) else {
                throw BlockStorageError.badRequest("Invalid \(parts.count > 1 ? parts[1] : "") value")
            }
            return "\(column) \(comparison) \(moment)"
        }
    }
}

/// A dictionary of texts as Python writes it, which Cinder's clients send as the filter `metadata`.
enum PythonDictionary {
    /// - Throws: 400 for anything else.
    static func parse(_ text: String, of name: String) throws -> [String: String] {
        var rest = Substring(text.trimmed)
        guard rest.first == "{", rest.last == "}" else { throw refusal(text, name) }
        rest = rest.dropFirst().dropLast()
        var members: [String: String] = [:]
        while true {
            skip(&rest)
            if rest.isEmpty { return members }
            guard let key = literal(&rest) else { throw refusal(text, name) }
            skip(&rest)
            guard rest.popFirst() == ":" else { throw refusal(text, name) }
            skip(&rest)
            guard let value = literal(&rest) else { throw refusal(text, name) }
            members[key] = value
            skip(&rest)
            guard rest.isEmpty || rest.popFirst() == "," else { throw refusal(text, name) }
        }
    }

    private static func refusal(_ text: String, _ name: String) -> BlockStorageError {
        .badRequest("Filters \(name) '\(text)' is no dictionary of texts.")
    }

    private static func skip(_ rest: inout Substring) { while rest.first?.isWhitespace == true { rest.removeFirst() } }

    /// A text in quotes, or a bare word such as a number.
    private static func literal(_ rest: inout Substring) -> String? {
        if rest.first == "u", let second = rest.dropFirst().first, second == "'" || second == "\"" { rest.removeFirst() }
        guard let quote = rest.first, quote == "'" || quote == "\"" else {
            let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "." || $0 == "-" }
            rest = rest.dropFirst(word.count)
            return word.isEmpty ? nil : String(word)
        }
        rest.removeFirst()
        var value = ""
        while let character = rest.popFirst() {
            if character == quote { return value }
            if character == "\\", let next = rest.popFirst() { value.append(next) } else { value.append(character) }
        }
        return nil
    }
}
