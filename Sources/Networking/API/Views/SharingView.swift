import CloudCore

/// An RBAC policy as the API shows it.
struct SharingView: View {
    static let names = ResourceNames("rbac_policy", "rbac_policies")

    let policy: SharingPolicy

    var id: String { policy.id }
    var subject: PolicySubject { PolicySubject(policy) }

    func write(to json: inout MemberWriter) {
        json("id", policy.id)
        json.project(policy.projectID)
        json("object_type", policy.objectType)
        json("object_id", policy.objectID)
        json("target_tenant", policy.target)
        json("action", policy.action.rawValue)
    }
}
