import CloudAPI
import CloudCore
import CloudStore

/// What the caller's project has and may have.
struct ImageUsageEndpoints: Sendable {
    let images: Images.Parts

    var table: [Endpoint] {
        [
            Endpoint(
                .get, "/v2/info/usage", "Show what the caller's project has and may have",
                access: .authenticated(because: "it tells of the caller's own project; upstream registers no rule"), handler: usage)
        ]
    }

    @Sendable private func usage(_ request: APIRequest) async throws -> APIResponse {
        var lines: [(quota: ImageQuota, usage: Int, limit: Int)] = []
        if let allowance = try await images.allowance(request) {
            lines = try await images.database.read { reader in
                try ImageQuota.allCases.map { quota in
                    (quota, try quota.usage(of: allowance.projectID, in: reader), allowance.limit(on: quota))
                }
            }
        }
        return .json {
            $0.object {
                $0.member("usage") { json in
                    json.object { json in
                        for line in lines {
                            json.member(line.quota.rawValue) {
                                $0.object {
                                    $0.member("usage", line.usage)
                                    $0.member("limit", line.limit)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
