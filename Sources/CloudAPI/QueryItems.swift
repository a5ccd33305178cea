/// A query's items in their order; a name may come several times.
public struct QueryItems: Sendable, Hashable {
    /// The items.
    public let items: [(name: String, value: String)]

    /// Items in order.
    public init(_ items: [(name: String, value: String)]) { self.items = items }

    /// Parses a query as HTML forms write it: `&` between items, `+` for a space, percent escapes. Nil when the
    /// escapes do not make UTF-8.
    public init?(parsing query: some StringProtocol) {
        var items: [(name: String, value: String)] = []
        for item in query.utf8.split(separator: UInt8(ascii: "&")) {
            let halves = item.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(halves[0], plusIsSpace: true),
                let value = PercentEncoding.decode(halves.count > 1 ? halves[1] : item[item.endIndex...], plusIsSpace: true)
            else { return nil }
            items.append((name, value))
        }
        self.items = items
    }

    /// No items.
    public static let empty = QueryItems([])

    /// The last value of a name; nil when absent.
    public subscript(name: String) -> String? { items.last { $0.name == name }?.value }

    /// Every value of a name in order.
    public func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

    /// The items without some names, as links to further pages need them.
    public func removing(_ names: Set<String>) -> QueryItems { QueryItems(items.filter { !names.contains($0.name) }) }

    /// The items followed by another.
    public func appending(_ name: String, _ value: String) -> QueryItems { QueryItems(items + [(name, value)]) }

    /// The text after the question mark, escaped; empty without items.
    public var text: String {
        items.map { PercentEncoding.encode($0.name) + "=" + PercentEncoding.encode($0.value) }.joined(separator: "&")
    }

    public static func == (left: Self, right: Self) -> Bool { left.items.elementsEqual(right.items, by: ==) }
    public func hash(into hasher: inout Hasher) { for item in items { hasher.combine(item.name); hasher.combine(item.value) } }
}
