import CloudStore

// Port attributes, quality of service and trunks.
extension NetworkingMigrations {
    static let portServices: [SQL] = []
}
