import CloudAPI
import CloudCore

/// Operations that upstream has taken out of Nova and answers with 410 in every microversion.
enum RemovedEndpoints {
    private static let removed: [(paths: [(String, [HTTPRequest.Method])], release: String)] = [
        ([("os-certificates", [.post]), ("os-certificates/{id}", [.get])], "16.0.0 (Pike)"),
        ([("os-cloudpipe", [.get, .post]), ("os-cloudpipe/{id}", [.put])], "16.0.0 (Pike)"),
        ([("os-fixed-ips/{id}", [.get]), ("os-fixed-ips/{id}/action", [.post])], "18.0.0 (Rocky)"),
        (
            [
                ("os-floating-ip-dns", [.get]), ("os-floating-ip-dns/{id}", [.put, .delete]),
                ("os-floating-ip-dns/{domain_id}/entries/{id}", [.get, .put, .delete]),
            ], "18.0.0 (Rocky)"
        ),
        ([("os-floating-ips-bulk", [.get, .post]), ("os-floating-ips-bulk/{id}", [.get, .put])], "18.0.0 (Rocky)"),
        ([("os-fping", [.get]), ("os-fping/{id}", [.get])], "18.0.0 (Rocky)"),
        ([("servers/{server_id}/os-virtual-interfaces", [.get])], "18.0.0 (Rocky)"),
        (
            [
                ("os-cells", [.get, .post]), ("os-cells/capacities", [.get]), ("os-cells/detail", [.get]),
                ("os-cells/info", [.get]), ("os-cells/sync_instances", [.post]), ("os-cells/{id}", [.get, .put, .delete]),
                ("os-cells/{id}/capacities", [.get]),
            ], "20.0.0 (Train)"
        ),
        (
            [
                ("servers/{server_id}/consoles", [.get, .post]), ("servers/{server_id}/consoles/{id}", [.get, .delete]),
                ("os-networks", [.post]), ("os-networks/add", [.post]), ("os-networks/{id}", [.delete]),
                ("os-networks/{id}/action", [.post]), ("os-tenant-networks", [.post]), ("os-tenant-networks/{id}", [.delete]),
                ("os-security-group-default-rules", [.get, .post]),
                ("os-security-group-default-rules/{id}", [.get, .delete]),
            ], "21.0.0 (Ussuri)"
        ),
        ([("os-agents", [.get, .post]), ("os-agents/{id}", [.put, .delete])], "22.0.0 (Victoria)"),
    ]

    static var table: [Endpoint] {
        removed.flatMap { group in
            group.paths.flatMap { path, methods in methods.map { endpoint($0, path, group.release) } }
        }
    }

    private static func endpoint(_ method: HTTPRequest.Method, _ path: String, _ release: String) -> Endpoint {
        Endpoint(
            method, "/v2.1/\(path)", "Removed from Nova", access: .authenticated(because: "the answer is the same for everyone")
        ) { _ in
            throw Fault(.gone, "This API was removed from Nova in its release \(release).")
        }
    }
}
