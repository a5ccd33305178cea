import CloudAPI
import CloudCore

extension APIResponse {
    /// 401 with a receipt: who is asking, and which methods are still needed.
    static func receipt(_ issued: IssuedReceipt) -> APIResponse {
        .json(status: .unauthorized, headers: [.authReceipt: issued.text.reveal()]) { json in
            json.object {
                $0.member("receipt", ReceiptView(issued: issued))
                $0.member("required_auth_methods", issued.rules.map { $0.map(\.rawValue) })
            }
        }
    }
}

/// A receipt as its body shows it.
private struct ReceiptView: JSONWritable {
    let issued: IssuedReceipt

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("methods", issued.receipt.methods.map(\.rawValue).sorted())
            json.member("user") {
                $0.object {
                    $0.member("id", issued.user.id)
                    $0.member("name", issued.user.name)
                    $0.member("domain", issued.domain)
                }
            }
            json.member("expires_at", issued.receipt.expiresAt.iso8601Microseconds)
            json.member("issued_at", issued.receipt.issuedAt.iso8601Microseconds)
        }
    }
}
