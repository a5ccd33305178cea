import CloudStore

// Sharing, subnet pools and segments.
extension NetworkingMigrations {
    static let sharing: [SQL] = []
}
