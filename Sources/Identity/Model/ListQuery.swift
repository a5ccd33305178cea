/// What a list is asked for: filters, and a page.
struct ListQuery: Sendable {
    /// How a value is compared.
    enum Comparison: String, Sendable { case equals, contains, startswith, endswith }

    /// One condition on an attribute.
    struct Filter: Sendable, Hashable {
        var attribute: String
        var value: String
        var comparison = Comparison.equals
        var ignoresCase = false
    }

    var filters: [Filter] = []
    /// The id of the last element of the page before.
    var marker: String?
    /// The most elements to answer; nil for all.
    var limit: Int?

    /// Every element.
    static let everything = ListQuery()

    /// Reads a query string the way Keystone does: known attributes filter, `name__icontains` and its kin compare
    /// loosely, and everything else is ignored.
    /// - Throws: `IdentityError.invalid` for a limit that is not a number.
    init(_ items: [(name: String, value: String)], attributes: Set<String>, maximumPageSize: Int) throws {
        for item in items {
            if attributes.contains(item.name) {
                filters.append(Filter(attribute: item.name, value: item.value))
            } else if let filter = Self.looseFilter(item.name, item.value, attributes) {
                filters.append(filter)
            } else if item.name == "marker", !item.value.isEmpty {
                marker = item.value
            } else if item.name == "limit", !item.value.isEmpty {
                guard let number = Int(item.value), number >= 0 else {
                    throw IdentityError.invalid("Invalid input for field 'limit': \(item.value) is not a whole number.")
                }
                // Zero means no limit of the client's own.
                limit = number == 0 ? nil : min(number, maximumPageSize)
            }
        }
    }

    init() {}

    private static func looseFilter(_ name: String, _ value: String, _ attributes: Set<String>) -> Filter? {
        guard let mark = name.firstRange(of: "__"), attributes.contains(String(name[..<mark.lowerBound])) else { return nil }
        let word = name[mark.upperBound...]
        let ignoresCase = word.hasPrefix("i")
        guard let comparison = Comparison(rawValue: String(ignoresCase ? word.dropFirst() : word)), comparison != .equals
        else { return nil }
        return Filter(attribute: String(name[..<mark.lowerBound]), value: value, comparison: comparison, ignoresCase: ignoresCase)
    }

    /// The value of an exact filter.
    subscript(attribute: String) -> String? {
        filters.last { $0.attribute == attribute && $0.comparison == .equals }?.value
    }

    /// Takes a filter out, to be answered in another way.
    mutating func take(_ attribute: String) -> Filter? {
        guard let position = filters.firstIndex(where: { $0.attribute == attribute }) else { return nil }
        return filters.remove(at: position)
    }

    /// Adds an exact filter.
    func filtered(_ attribute: String, _ value: String) -> ListQuery {
        var query = self
        query.filters.append(Filter(attribute: attribute, value: value))
        return query
    }

    /// Whether a text is one of the words for a truth value, in any case, or nothing at all, which stands for true.
    static func isTruth(_ text: String) -> Bool {
        ["", "1", "0", "true", "false", "t", "f", "y", "n", "yes", "no", "on", "off"].contains(text.lowercased())
    }

    /// A filter's truth value: everything but oslo's words for false is true, even nothing.
    static func truth(_ text: String) -> Bool {
        !["0", "false", "f", "off", "no", "n"].contains(text.lowercased().trimmed)
    }
}

/// A page of a list.
struct Page<Element: Sendable>: Sendable {
    var elements: [Element]
    /// Whether the page is as long as was asked for, so that there may be more.
    var isFull: Bool
}

extension StringProtocol {
    /// The text without white space at its ends.
    var trimmed: String {
        let start = drop(while: \.isWhitespace)
        return String(start.reversed().drop(while: \.isWhitespace).reversed())
    }
}
