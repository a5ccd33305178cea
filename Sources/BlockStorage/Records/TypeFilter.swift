import CloudCore
import CloudStore

/// Which types a list of volume types, or of group types, holds.
struct TypeFilter: Sendable {
    /// The two tables of types, which are alike as far as lists go.
    enum Kind: Sendable {
        case volume, group

        fileprivate var access: SQL {
            switch self {
            case .volume: "SELECT type_id FROM volume_type_access WHERE project_id = "
            case .group: "SELECT type_id FROM volume_group_type_access WHERE project_id = "
            }
        }
    }

    /// Only public types and private ones that the project may use, or only private ones; nil for all there are.
    var isPublic: Bool? = true
    /// The project whose private types are shown with the public ones.
    var projectID: String?
    /// Other columns that must have a value: name, description, id.
    var matches: [(column: Column, value: String)] = []
    /// Ids that the list is restricted to, where specs were looked at before; nil for no restriction.
    var ids: [String]?
    /// What it is sorted by, the most significant first.
    var order: [(column: Column, isAscending: Bool)] = []
    /// The values of the row after which the list goes on, for each column of the order and then its id.
    var marker: [SQLValue]?
    var limit: Int?
    var offset = 0

    /// What types can be found and sorted by, under upstream's names.
    enum Column: String, Sendable, CaseIterable {
        case id, name, description
        case createdAt = "created_at"
        case updatedAt = "updated_at"
        case isPublic = "is_public"
        case qosSpecsID = "qos_specs_id"

        fileprivate var expression: SQL {
            switch self {
            case .id: "id"
            case .name: "name"
            case .description: "COALESCE(description, '')"
            case .createdAt: "created_at"
            case .updatedAt: "COALESCE(updated_at, 0)"
            case .isPublic: "is_public"
            case .qosSpecsID: "COALESCE(qos_specs_id, '')"
            }
        }
    }

    func clause(_ kind: Kind) -> SQL {
        var conditions: [SQL] = []
        switch isPublic {
        case true: conditions.append("(is_public = 1 OR id IN (\(kind.access)\(projectID)))")
        case false: conditions.append("is_public = 0")
        case nil: break
        }
        for (column, value) in matches { conditions.append("\(column.expression) = \(value)") }
        if let ids { conditions.append("id IN \(in: ids)") }
        let last = order.last?.isAscending ?? false
        let keyset = KeysetOrder(
            order.map { .init($0.column.expression, isAscending: $0.isAscending) } + [.init("id", isAscending: last)])
        if let marker { conditions.append(keyset.behind(marker)) }
        let filter: SQL = conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))"
        let bound: SQL = limit.map { " LIMIT \($0)" } ?? " LIMIT \(Int(Int32.max))"
        return "\(filter) ORDER BY \(keyset.terms)\(bound) OFFSET \(offset)"
    }
}

/// A row that `TypeFilter` can go on behind.
protocol ListedType: Sendable {
    /// Its value in a column of an order.
    func value(of column: TypeFilter.Column) -> SQLValue
    /// Its UUID.
    var id: String { get }
}

extension VolumeType: ListedType {
    func value(of column: TypeFilter.Column) -> SQLValue {
        switch column {
        case .id: id.sqlValue
        case .name: name.sqlValue
        case .description: (description ?? "").sqlValue
        case .createdAt: createdAt.sqlValue
        case .updatedAt: (updatedAt?.microseconds ?? 0).sqlValue
        case .isPublic: isPublic.sqlValue
        case .qosSpecsID: (qosSpecsID ?? "").sqlValue
        }
    }
}
