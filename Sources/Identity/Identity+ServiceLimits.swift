import CloudStore

extension Identity {
    /// What a project may have at most of a service's resources, by their names: the project's own limits, and for others
    /// what is registered for everyone; -1 for any number. Where a resource is registered for a region and for all of
    /// them, the region's limit counts.
    /// - Parameters:
    ///   - type: the service's type in the catalogue, such as `image`.
    ///   - region: the service's region.
    public func limits(ofProject id: String, onService type: String, region: String) async throws -> [String: Int] {
        let limits = try await database.read {
            try RegisteredLimitRecords.effective(project: id, serviceType: type, region: region, $0)
        }
        return Dictionary(limits, uniquingKeysWith: { $1 })
    }
}
