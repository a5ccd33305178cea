import CloudAPI
import CloudCore

// RBAC policies.
extension NetworkingSchemas {
    static let sharingCreation: Members = project + [
        ("object_type", text), ("object_id", id), ("target_tenant", text), ("action", text),
    ]
    static let sharingUpdate: Members = [("target_tenant", text)]
}
