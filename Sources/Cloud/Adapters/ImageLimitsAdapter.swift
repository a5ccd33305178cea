import Identity
import Images

/// Unified limits on images, from Identity.
struct ImageLimitsAdapter: ImageLimits {
    let identity: Identity
    let region: String

    func limits(ofProject id: String) async throws -> [String: Int] {
        try await identity.limits(ofProject: id, onService: "image", region: region)
    }
}
