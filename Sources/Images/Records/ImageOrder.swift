import CloudAPI
import CloudStore

/// One column of a list's order.
struct ImageOrder: Sendable, Hashable {
    /// What images can be sorted by, under upstream's names. Columns that may be empty count as zero or empty text.
    enum Key: String, Sendable, CaseIterable {
        case createdAt = "created_at"
        case updatedAt = "updated_at"
        case name, status, size, id
        case diskFormat = "disk_format"
        case containerFormat = "container_format"

        /// The expression that sorts.
        var column: SQL {
            switch self {
            case .createdAt: "created_at"
            case .updatedAt: "updated_at"
            case .name: "COALESCE(name, '')"
            case .status: "status"
            case .size: "COALESCE(size, 0)"
            case .id: "id"
            case .diskFormat: "COALESCE(disk_format, '')"
            case .containerFormat: "COALESCE(container_format, '')"
            }
        }

        /// What the expression is for an image.
        func value(of image: Image) -> SQLValue {
            switch self {
            case .createdAt: image.createdAt.sqlValue
            case .updatedAt: image.updatedAt.sqlValue
            case .name: (image.name ?? "").sqlValue
            case .status: image.status.rawValue.sqlValue
            case .size: (image.size ?? 0).sqlValue
            case .id: image.id.sqlValue
            case .diskFormat: (image.diskFormat ?? "").sqlValue
            case .containerFormat: (image.containerFormat ?? "").sqlValue
            }
        }
    }

    var key: Key
    var isAscending: Bool

    static let newestFirst = [ImageOrder(key: .createdAt, isAscending: false), ImageOrder(key: .id, isAscending: false)]

    /// The order of a page: what is asked for, then by age, then by id.
    static func of(_ page: PageRequest) -> [ImageOrder] {
        var order = page.fetchSort.compactMap { sort in
            Key(rawValue: sort.name).map { ImageOrder(key: $0, isAscending: sort.direction == .ascending) }
        }
        if let last = order.last, !order.contains(where: { $0.key == .createdAt }) {
            order.insert(ImageOrder(key: .createdAt, isAscending: last.isAscending), at: order.count - 1)
        }
        return order
    }

    /// How lists of images are cut and sorted.
    static func rules(_ options: ImageOptions) -> PageRules {
        PageRules(
            .glance, defaultLimit: options.pageSize, maximumLimit: options.maximumPageSize,
            sortKeys: Set(Key.allCases.map(\.rawValue)),
            defaultSort: [SortKey(Key.createdAt.rawValue, .descending), SortKey(Key.id.rawValue, .descending)])
    }
}
