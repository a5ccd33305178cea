import CloudAPI
import CloudCore
import CloudPolicy

/// `OS-ENDPOINT-POLICY`: which policy is for which endpoints.
extension Identity {
    /// A path on which policies are given to something, the last word of its rules, and what the path names.
    private struct Association: Sendable {
        let path: String
        let rule: String
        let subject: @Sendable (APIRequest) -> PolicySubject
    }

    private static let associations = [
        Association(path: "/endpoints/{endpoint_id}", rule: "endpoint") { .endpoint($0["endpoint_id"]) },
        Association(path: "/services/{service_id}", rule: "service") { .service($0["service_id"]) },
        Association(path: "/services/{service_id}/regions/{region_id}", rule: "region_and_service") {
            .region($0["region_id"], service: $0["service_id"])
        },
    ]

    var policyAssociationEndpoints: [Endpoint] {
        [
            .guarded(
                .get, "/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints", "List the endpoints a policy is for",
                rule: "identity:list_endpoints_for_policy"
            ) { request, gate in
                try gate.open()
                return .listing(try await endpoints(ofPolicy: request["policy_id"]), request)
            },
            .guarded(
                .get, "/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy", "Show the policy for an endpoint",
                rule: "identity:get_policy_for_endpoint"
            ) { request, gate in
                try gate.open()
                return .showing(try await policy(ofEndpoint: request["endpoint_id"]), request)
            },
        ] + Self.associations.flatMap(endpoints)
    }

    private func endpoints(_ association: Association) -> [Endpoint] {
        let path = "/policies/{policy_id}/OS-ENDPOINT-POLICY" + association.path
        let suffix = "policy_association_for_\(association.rule)"
        return [
            .guarded(.put, path, "Give something a policy", rule: "identity:create_\(suffix)", success: .noContent) { request, gate in
                try gate.open()
                try await associate(request["policy_id"], with: association.subject(request))
                return .empty()
            },
            .guarded(.get, path, "Check that something has a policy", rule: "identity:check_\(suffix)", success: .noContent) { request, gate in
                try gate.open()
                try await checkAssociation(of: request["policy_id"], with: association.subject(request))
                return .empty()
            },
            .guarded(.delete, path, "Take a policy from something", rule: "identity:delete_\(suffix)", success: .noContent) { request, gate in
                try gate.open()
                try await dissociate(request["policy_id"], from: association.subject(request))
                return .empty()
            },
        ]
    }

    static var policyAssociationRules: [PolicyRule] {
        associations.flatMap { association in
            let suffix = "policy_association_for_\(association.rule)"
            return [
                rule("create_\(suffix)", Check.admin, .systemOrProject, "Give something a policy."),
                rule("check_\(suffix)", Check.adminOrSystemReader, .systemOrProject, "Check that something has a policy."),
                rule("delete_\(suffix)", Check.admin, .systemOrProject, "Take a policy from something."),
            ]
        } + [
            rule("get_policy_for_endpoint", Check.adminOrSystemReader, .systemOrProject, "Show the policy for an endpoint."),
            rule("list_endpoints_for_policy", Check.adminOrSystemReader, .systemOrProject, "List the endpoints a policy is for."),
        ]
    }
}
