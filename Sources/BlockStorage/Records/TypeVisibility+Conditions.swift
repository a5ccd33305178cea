import CloudStore

extension TypeVisibility {
    /// The conditions on a table of types.
    /// - Parameter access: the table that says which projects may use which private types.
    func conditions(access: SQL, _ projectID: String?) -> [SQL] {
        switch self {
        case .usable: ["(is_public = 1 OR id IN (SELECT type_id FROM \(access) WHERE project_id = \(projectID)))"]
        case .privateOnly: ["is_public = 0"]
        case .all: []
        }
    }
}
