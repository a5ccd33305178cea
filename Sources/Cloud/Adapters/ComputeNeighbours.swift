import Compute
import Identity
import Placement

/// Identity as compute asks for it.
struct ComputeIdentityAdapter: ComputeIdentity {
    let identity: Identity
    let region: String

    func projectExists(_ id: String) async throws -> Bool { try await identity.project(id) != nil }

    func limits(ofProject id: String) async throws -> [String: Int] {
        try await identity.limits(ofProject: id, onService: "compute", region: region)
    }

    /// No project has an empty id, so none of these is a project's own.
    func registeredLimits() async throws -> [String: Int] { try await limits(ofProject: "") }
}

/// Placement's standard names.
struct PlacementNames: StandardNames {
    func isResourceClass(_ name: String) -> Bool { Placement.isStandardResourceClass(name) }
    func isTrait(_ name: String) -> Bool { Placement.isStandardTrait(name) }
}
