import CloudAPI
import CloudCore
import CloudStore

/// What a list's query asks for, turned into conditions on the images' columns (glance.db's filters).
struct ImageListQuery {
    private let query: QueryItems
    private(set) var conditions: [SQL] = []

    /// What the page and the order are made of, which is no filter.
    private static let paging: Set = ["limit", "marker", "sort", "sort_key", "sort_dir", "member_status", "visibility", "tag"]
    private static let texts: [String: SQL] = [
        "owner": "owner", "checksum": "md5", "os_hash_value": "hash_value", "os_hash_algo": "hash_algorithm",
    ]
    private static let lists: [String: SQL] = [
        "name": "name", "id": "id", "status": "status", "container_format": "container_format", "disk_format": "disk_format",
    ]
    private static let numbers: [String: SQL] = [
        "size": "size", "virtual_size": "virtual_size", "min_disk": "min_disk", "min_ram": "min_ram",
    ]
    private static let times: [String: SQL] = ["created_at": "created_at", "updated_at": "updated_at"]

    /// Reads the filters of a query.
    /// - Throws: 400 for values and operators that make no sense.
    init(_ query: QueryItems) throws {
        self.query = query
        if let since = query["changes-since"], !since.isEmpty {
            throw ImageError.badRequest("The \"changes-since\" filter is no longer available on v2.")
        }
        conditions.append("hidden = \(try flag("os_hidden", query["os_hidden"]?.lowercased() ?? "false"))")
        for tag in query.all("tag") { conditions.append(ImageFilter.hasTag(tag.trimmingBlanks)) }
        var seen = Self.paging.union(["os_hidden"])
        // Of several values the last counts.
        for item in query.items.reversed() where seen.insert(item.name).inserted {
            conditions.append(try condition(item.name, item.value))
        }
    }

    private func flag(_ name: String, _ text: String) throws -> Bool {
        guard text == "true" || text == "false" else {
            throw ImageError.badRequest("Invalid value '\(text)' for '\(name)' filter. Valid values are 'true' or 'false'.")
        }
        return text == "true"
    }

    private func condition(_ name: String, _ value: String) throws -> SQL {
        if let column = Self.lists[name] { return try list(column, value) }
        if let column = Self.times[name] { return try time(column, name, value) }
        if let column = Self.texts[name] { return "\(column) = \(value)" }
        if let column = Self.numbers[name] { return "\(column) = \(try number(value))" }
        if name == "protected" { return "protected = \(try flag(name, value))" }
        if name.hasSuffix("_min"), let column = Self.numbers[String(name.dropLast(4))] { return "\(column) >= \(try number(value))" }
        if name.hasSuffix("_max"), let column = Self.numbers[String(name.dropLast(4))] { return "\(column) <= \(try number(value))" }
        return ImageFilter.hasProperty(name, value)
    }

    private func number(_ text: String) throws -> Int {
        guard let number = Int(text) else { throw ImageError.badRequest("Unable to filter on a range with a non-numeric value.") }
        return number
    }

    // MARK: Operators

    /// A value's operator and the rest. A time holds colons of its own, so it is looked at as a whole first.
    private static func split(_ text: String) -> (operation: String, value: String) {
        guard Timestamp(iso8601: text) == nil, let colon = text.firstIndex(of: ":") else { return ("eq", text) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    private func list(_ column: SQL, _ text: String) throws -> SQL {
        let (operation, value) = Self.split(text)
        switch operation {
        case "eq": return "\(column) = \(value)"
        case "in": return "\(column) IN \(in: try QuotedList.parse(value))"
        default: throw ImageError.badRequest("Unable to filter by unknown operator '\(operation)'.")
        }
    }

    /// Times are compared by the second, which is what the API shows.
    private func time(_ column: SQL, _ name: String, _ text: String) throws -> SQL {
        let (operation, value) = Self.split(text)
        guard let moment = Timestamp(iso8601: value) else {
            throw ImageError.badRequest("Bad \"\(name)\" query filter format. Use ISO 8601 DateTime notation.")
        }
        let (first, next) = (Timestamp(seconds: moment.seconds), Timestamp(seconds: moment.seconds) + .seconds(1))
        switch operation {
        case "gt": return "\(column) >= \(next)"
        case "gte": return "\(column) >= \(first)"
        case "lt": return "\(column) < \(first)"
        case "lte": return "\(column) < \(next)"
        case "eq": return "(\(column) >= \(first) AND \(column) < \(next))"
        case "neq": return "(\(column) < \(first) OR \(column) >= \(next))"
        default: throw ImageError.badRequest("Unable to filter on a unknown operator.")
        }
    }

    // MARK: Who sees what

    /// The visibilities asked for.
    var visibility: ImageFilter.Visibility {
        get throws {
            guard let text = query["visibility"] else { return .usual }
            guard text != "all" else { return .all }
            guard text.isEmpty || Image.Visibility(rawValue: text) != nil else {
                throw ImageError.badRequest("Invalid visibility value: \(text)")
            }
            return .only(text)
        }
    }

    /// Which of the images that others share are asked for; nil for all.
    var memberStatus: ImageMember.Status? {
        get throws {
            guard let text = query["member_status"] else { return .accepted }
            guard text != "all" else { return nil }
            guard let status = ImageMember.Status(rawValue: text) else { throw ImageError.badRequest("Invalid status: \(text)") }
            return status
        }
    }
}

/// The values of an `in:` filter: separated by commas, those with commas in quotation marks (API-SIG's filtering guideline).
enum QuotedList {
    /// - Throws: 400 for quotation marks that are not closed or stand beside other text.
    static func parse(_ text: String) throws -> [String] {
        var (values, current) = ([String](), "")
        var (isQuoted, wasQuoted, isEscaped) = (false, false, false)
        func malformed() -> ImageError { .badRequest("Invalid filter value \(text).") }
        for character in text {
            if isEscaped {
                current.append(character)
                isEscaped = false
                continue
            }
            switch (character, isQuoted) {
            case ("\\", true): isEscaped = true
            case ("\"", true): (isQuoted, wasQuoted) = (false, true)
            case (",", false):
                values.append(current)
                (current, wasQuoted) = ("", false)
            case ("\"", false):
                guard current.isEmpty, !wasQuoted else { throw malformed() }
                isQuoted = true
            default:
                guard !wasQuoted else { throw malformed() }
                current.append(character)
            }
        }
        guard !isQuoted, !isEscaped else { throw malformed() }
        values.append(current)
        return values
    }
}

extension StringProtocol {
    /// The text without the blanks around it.
    var trimmingBlanks: String {
        let text = drop { $0.isWhitespace }
        return String(text.reversed().drop { $0.isWhitespace }.reversed())
    }
}
