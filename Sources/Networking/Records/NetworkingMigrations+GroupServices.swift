import CloudStore

// Address groups, default rules and packet logs.
extension NetworkingMigrations {
    static let groupServices: [SQL] = []
}
