import CloudAPI
import CloudCore
import CloudPolicy

/// What upstream keeps of the times when tokens were looked up in lists: `/v3/OS-REVOKE`, and the answers of what is
/// no more.
extension Identity {
    var revocationEndpoints: [Endpoint] {
        [
            .guarded(.get, "/OS-REVOKE/events", "List revocation events", rule: "identity:list_revoke_events") { request, gate in
                try gate.open()
                return try await listRevocations(request)
            },
            Endpoint(
                .get, "/v3/auth/tokens/OS-PKI/revoked", "Refuse the list of revoked PKI tokens",
                access: .open(because: "it is refused to everybody")
            ) { _ in throw IdentityError.refused("There are no PKI tokens any more, so none of them is revoked.") },
            .gone("/v3/OS-SIMPLE-CERT/ca", "Refuse the certificate of PKI tokens' authority"),
            .gone("/v3/OS-SIMPLE-CERT/certificates", "Refuse the certificates of PKI tokens"),
        ]
    }

    static let revocationRules = [
        rule("list_revoke_events", "rule:service_or_admin", .systemOrProject, "List revocation events."),
    ]

    private func listRevocations(_ request: APIRequest) async throws -> APIResponse {
        let since = try request.query["since"].map { text in
            guard let moment = Timestamp(iso8601: text) else { throw IdentityError.invalid("invalidate date format \(text)") }
            return moment
        }
        let events = try await revocations(since: since)
        return .json { json in
            json.object { json in
                json.member("events", events)
                json.member("links") { json in
                    json.object {
                        $0.member("next", nil as String?)
                        $0.member("self", Links(request).url("/OS-REVOKE/events"))
                        $0.member("previous", nil as String?)
                    }
                }
            }
        }
    }
}

extension Endpoint {
    fileprivate static func gone(_ path: String, _ summary: String) -> Endpoint {
        Endpoint(.get, path, summary, access: .open(because: "it answers everybody that it is gone")) { _ in
            throw Fault(.gone, "There are no PKI tokens any more, and so no certificates for them.")
        }
    }
}

extension RevocationEvent: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object {
            if let userID { $0.member("user_id", userID) }
            if let auditID { $0.member("audit_id", auditID) }
            if let chainID { $0.member("audit_chain_id", chainID) }
            $0.member("issued_before", issuedBefore.iso8601Microseconds)
            $0.member("revoked_at", revokedAt.iso8601Microseconds)
        }
    }
}
