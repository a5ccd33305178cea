import CloudAPI

extension Identity {
    /// The address of a service as the catalog shows it to a token's holder.
    /// - Parameters:
    ///   - type: the service's type, such as `image`.
    ///   - region: the region's id.
    ///   - interface: `public`, `internal` or `admin`.
    /// - Returns: nil when the catalog shows no such endpoint, or one whose URL needs what the token has not.
    public func endpointURL(type: String, region: String, interface: String, for token: TokenContext) async throws -> String? {
        let catalog = try await catalog(for: token.projectID)
        let values = ["tenant_id": token.projectID, "project_id": token.projectID, "user_id": token.userID].compactMapValues(\.self)
        for entry in catalog.entries where entry.service.type == type {
            let endpoint = entry.endpoints.first { $0.regionID == region && $0.interface.rawValue == interface }
            if let endpoint { return try EndpointURL.expand(endpoint.url, values) }
        }
        return nil
    }
}
