import CloudCore

/// What a list asks for.
struct ListRequest: Sendable {
    /// An attribute and the values of which it must have one.
    struct Filter: Sendable, Hashable {
        var attribute: String
        var values: [String]
    }

    /// A key to sort by.
    struct Sort: Sendable, Hashable {
        var attribute: String
        var isAscending: Bool
    }

    /// The conditions, all of which must hold.
    var filters: [Filter] = []
    /// The tag conditions.
    var tags = TagFilter()
    /// Only what was changed then or later, where that is known of the resource.
    var changedSince: Timestamp?
    /// The order; the id decides between equals.
    var sorts: [Sort] = []
    /// How many items at most; nil for all.
    var limit: Int?
    /// The id of the item before the first.
    var marker: String?
    /// Whether the page ends at the marker instead of beginning there.
    var isReversed = false
    /// The attributes to show; nil for all.
    var fields: Set<String>?
    /// The caller's project, which decides what counts as shared.
    var project: String?

    /// The values of one attribute; nil when it is not filtered by.
    func values(of attribute: String) -> [String]? { filters.first { $0.attribute == attribute }?.values }
}

/// Conditions on a resource's tags.
struct TagFilter: Sendable, Hashable {
    /// All of these.
    var all: [String] = []
    /// At least one of these.
    var any: [String] = []
    /// Not all of these.
    var notAll: [String] = []
    /// None of these.
    var notAny: [String] = []

    /// Whether there is no condition.
    var isEmpty: Bool { all.isEmpty && any.isEmpty && notAll.isEmpty && notAny.isEmpty }
}

/// Whose resources a caller may find before policy looks at each.
enum Visibility: Sendable, Hashable {
    /// Everyone's.
    case everything
    /// One project's, and what others share with it.
    case project(String)
    /// Only what is shared with everyone.
    case sharedOnly
}
