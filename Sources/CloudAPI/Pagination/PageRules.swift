/// One key of a list's order.
public struct SortKey: Sendable, Hashable {
    /// The directions, in the words of the APIs.
    public enum Direction: String, Sendable {
        case ascending = "asc"
        case descending = "desc"

        /// The other one.
        public var opposite: Direction { self == .ascending ? .descending : .ascending }
    }

    /// The attribute.
    public let name: String
    /// Its direction.
    public let direction: Direction

    /// A key.
    public init(_ name: String, _ direction: Direction = .ascending) { (self.name, self.direction) = (name, direction) }
}

/// How a list may be cut into pages and ordered.
public struct PageRules: Sendable {
    /// The services' ways of asking, which differ in what is a mistake.
    public enum Dialect: Sendable {
        /// `sort_key` and `sort_dir` in pairs; missing directions are as the first one given. Also Keystone's, Heat's.
        case nova
        /// As Nova's, or `sort=key:dir,key`.
        case cinder
        /// As Cinder's; directions are one for all keys or one for each.
        case glance
        /// `sort_key` and `sort_dir` in equal numbers, `page_reverse`, and a limit of 0 for no limit.
        case neutron
    }

    /// The service's way of asking.
    public var dialect: Dialect
    /// The page size when none is asked for.
    public var defaultLimit: Int
    /// The largest page, whatever is asked for.
    public var maximumLimit: Int
    /// The keys one may sort by.
    public var sortKeys: Set<String>
    /// The order when none is asked for. Its last key must be unique, and is added to every order, so that a marker
    /// has one place.
    public var defaultSort: [SortKey]

    /// The rules of a list.
    /// - Parameters:
    ///   - defaultLimit: nil for upstream's default: 25 in Glance, all in Neutron, 1000 elsewhere.
    ///   - maximumLimit: nil for upstream's default: none in Neutron, 1000 elsewhere.
    public init(
        _ dialect: Dialect, defaultLimit: Int? = nil, maximumLimit: Int? = nil, sortKeys: Set<String> = [],
        defaultSort: [SortKey] = [SortKey("id")]
    ) {
        let maximum = maximumLimit ?? (dialect == .neutron ? .max : 1000)
        (self.dialect, self.maximumLimit) = (dialect, maximum)
        self.defaultLimit = defaultLimit ?? (dialect == .glance ? 25 : maximum)
        (self.sortKeys, self.defaultSort) = (sortKeys, defaultSort)
    }
}
