import CloudAPI
import CloudCore
import CloudCrypto

/// `/v3/ec2tokens` and `/v3/s3tokens`: tokens for what was signed with EC2 keys. Only services may ask, since whoever
/// sees a signed address could otherwise make a token of it.
extension Identity {
    /// The names under which clients send what was signed; the first that is there counts.
    private static let wrappers = ["credentials", "credential", "ec2Credentials"]

    private static let signed: RequestBody = {
        let text: Schema = .nullable(.string())
        let fields = ["access", "signature", "verb", "host", "path", "body_hash", "token"].map { ($0, text) }
        let credentials: Schema = .object(
            fields + [("params", .nullable(.object([], additional: .any))), ("headers", .nullable(.object([], additional: .any)))],
            additional: .any)
        return .json(.object(wrappers.map { ($0, .nullable(credentials)) }, additional: .any))
    }()

    var signatureTokenEndpoints: [Endpoint] {
        [
            .guarded(
                .post, "/ec2tokens", "Make a token for a signed EC2 request", rule: "identity:ec2tokens_validate", body: Self.signed
            ) { request, gate in
                try gate.open()
                let signed = try SignedRequest(Self.credentials(request))
                let (text, token) = try await issueToken(access: signed.access, date: signed.date) { signed.isSigned(with: $0) }
                return try await tokenResponse(token, text, request)
            },
            .guarded(
                .post, "/s3tokens", "Make a token for a signed S3 request", rule: "identity:s3tokens_validate", body: Self.signed
            ) { request, gate in
                try gate.open()
                let credentials = try Self.credentials(request)
                let signed = try SignedText(credentials)
                let date = try SignedRequest(credentials).date
                let (text, token) = try await issueToken(access: signed.access, date: date) { signed.isSigned(with: $0) }
                var response = try await tokenResponse(token, text, request)
                // As upstream: what this token says is of use to the service, the token itself is not.
                response.headers[.subjectToken] = nil
                return response
            },
        ]
    }

    static let signatureTokenRules = [
        rule("ec2tokens_validate", "rule:service_or_admin", "Make a token for a signed EC2 request."),
        rule("s3tokens_validate", "rule:service_or_admin", "Make a token for a signed S3 request."),
    ]

    private static func credentials(_ request: APIRequest) throws -> JSON {
        guard let body = request.body.object, !body.isEmpty else { throw IdentityError.invalid("request must include a request body") }
        return wrappers.lazy.compactMap { body[$0] }.first { !($0.object ?? [:]).isEmpty } ?? .object([:])
    }
}

extension SignedRequest {
    /// Reads what a service passes on, which the schema admits.
    /// - Throws: `IdentityError.unauthorized` when it does not say whose keys signed.
    init(_ body: JSON) throws {
        guard let access = body["access"]?.string else { throw IdentityError.unauthorized }
        self.init(access: access, signature: body["signature"]?.string ?? "")
        verb = body["verb"]?.string ?? ""
        host = body["host"]?.string ?? ""
        path = body["path"]?.string ?? ""
        bodyHash = body["body_hash"]?.string ?? ""
        parameters = Self.texts(body["params"])
        headers = Self.texts(body["headers"])
    }

    /// The members of an object as texts: some services parse numbers before they pass them on.
    private static func texts(_ json: JSON?) -> [String: String] {
        var texts: [String: String] = [:]
        for member in json?.object ?? [:] { texts[member.name] = member.value.string ?? member.value.text }
        return texts
    }
}

extension SignedText {
    /// Reads what a service passes on, which the schema admits.
    /// - Throws: `IdentityError.unauthorized` for what is missing, or not base64 where it should be.
    init(_ body: JSON) throws {
        guard let access = body["access"]?.string, let signature = body["signature"]?.string,
            let token = body["token"]?.string?.replacing("+", with: "-").replacing("/", with: "_"),
            let text = Base64URL.decode(token)
        else { throw IdentityError.unauthorized }
        self.init(access: access, signature: signature, text: text)
    }
}
