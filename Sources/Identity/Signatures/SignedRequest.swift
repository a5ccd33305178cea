import CloudAPI
import CloudCore
import CloudCrypto
import Foundation

/// A request signed with EC2 keys, as the service that received it passes it on for checking.
struct SignedRequest: Sendable {
    /// The access key that says whose it is.
    let access: String
    let signature: String
    var verb = ""
    var host = ""
    var path = ""
    /// The query's parameters, or a form's.
    var parameters: [String: String] = [:]
    var headers: [String: String] = [:]
    /// The SHA-256 of the body in hexadecimal digits.
    var bodyHash = ""

    /// When it says it was signed: `Timestamp` in version 2, `X-Amz-Date` in version 4. Nil when it does not say.
    var date: String? { parameters["Timestamp"] ?? headers["X-Amz-Date"] ?? parameters["X-Amz-Date"] }

    /// Whether the signature is that of a secret. Some clients leave the port out of what they sign.
    func isSigned(with secret: Secret<String>) -> Bool {
        if let expected = expectedSignature(secret), ConstantTime.equal(signature, expected) { return true }
        guard let colon = host.lastIndex(of: ":") else { return false }
        var bare = self
        bare.host = String(host[..<colon])
        return bare.expectedSignature(secret).map { ConstantTime.equal(signature, $0) } ?? false
    }

    /// The signature a secret makes; nil for a request of no known version, or one that lacks what its version needs.
    func expectedSignature(_ secret: Secret<String>) -> String? {
        if parameters["SignatureVersion"] == "2" { return version2(secret) }
        guard parameters["SignatureVersion"] == nil else { return nil }
        return version4(secret)
    }
}

/// Signature version 2: HMAC-SHA256 over method, host, path and the sorted parameters.
extension SignedRequest {
    private func version2(_ secret: Secret<String>) -> String {
        var parameters = parameters
        parameters["SignatureMethod"] = "HmacSHA256"
        let text = "\(verb)\n\(host)\n\(path)\n" + AWSSignature.canonicalQuery(parameters)
        let code = MessageAuthentication.code(.sha256, key: Array(secret.reveal().utf8), message: Array(text.utf8))
        return Data(code).base64EncodedString()
    }
}

/// Signature version 4, whose particulars stand in the `Authorization` header or in `X-Amz-…` parameters.
/// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
extension SignedRequest {
    private func version4(_ secret: Secret<String>) -> String? {
        let authorization = headers["Authorization"]
        let algorithm = authorization.map { String($0.prefix { $0 != " " }) } ?? parameters["X-Amz-Algorithm"]
        guard algorithm == AWSSignature.algorithm, let signed = particular("SignedHeaders", authorization),
            let credential = particular("Credential", authorization), let date = headers["X-Amz-Date"] ?? parameters["X-Amz-Date"]
        else { return nil }
        // ACCESS/DATE/REGION/SERVICE/aws4_request
        let scope = credential.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        guard scope.count == 4, date.hasPrefix(scope[0]) else { return nil }
        let request = [
            verb.uppercased(), path, verb.uppercased() == "POST" ? "" : AWSSignature.canonicalQuery(parameters),
            canonicalHeaders(signed), signed, bodyHash,
        ].joined(separator: "\n")
        let digest = Digest.of(request, .sha256).hexadecimal
        let text = [AWSSignature.algorithm, date, scope.joined(separator: "/"), digest].joined(separator: "\n")
        return AWSSignature.sign(text, secret, scope: scope)
    }

    /// `Name=VALUE` out of the header, or the parameter `X-Amz-Name`.
    private func particular(_ name: String, _ authorization: String?) -> String? {
        guard let authorization else { return parameters["X-Amz-" + name] }
        guard let mark = authorization.firstRange(of: name + "=") else { return nil }
        return String(authorization[mark.upperBound...].prefix { $0 != "," })
    }

    private func canonicalHeaders(_ signed: String) -> String {
        let values = Dictionary(headers.map { ($0.key.lowercased().trimmed, $0.value.trimmed) }) { $1 }
        return signed.split(separator: ";").compactMap { name in values[String(name)].map { "\(name):\($0)\n" } }.joined()
    }
}

/// What Amazon's signatures are made of.
enum AWSSignature {
    static let algorithm = "AWS4-HMAC-SHA256"

    /// Parameters in the order of their names' bytes, with everything but the unreserved characters escaped.
    static func canonicalQuery(_ parameters: [String: String]) -> String {
        parameters.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
            .map { "\(PercentEncoding.encode($0.key))=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
    }

    /// The signature of version 4 over a text, under the key made for a date, region and service.
    static func sign(_ text: String, _ secret: Secret<String>, scope: [String]) -> String {
        let key = scope.reduce(Array("AWS4\(secret.reveal())".utf8)) {
            MessageAuthentication.code(.sha256, key: $0, message: Array($1.utf8))
        }
        return MessageAuthentication.code(.sha256, key: key, message: Array(text.utf8)).hexadecimal
    }

    /// `20260131T120000Z`, and ISO 8601 with its hyphens and colons.
    static func date(_ text: String) -> Timestamp? {
        guard let match = text.wholeMatch(of: /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/) else { return Timestamp(iso8601: text) }
        let (_, year, month, day, hour, minute, second) = match.output
        return Timestamp(iso8601: "\(year)-\(month)-\(day)T\(hour):\(minute):\(second)Z")
    }
}

/// An S3 request's text to sign and signature, as Swift and its kin pass them on.
struct SignedText: Sendable {
    let access: String
    let signature: String
    /// What was signed.
    let text: [UInt8]

    private static let services: Set<String> = ["s3", "iam", "sts"]

    /// Whether the signature is that of a secret: version 4 by the text's own first line, else version 1.
    func isSigned(with secret: Secret<String>) -> Bool {
        guard text.starts(with: Array("AWS4".utf8)) else {
            let code = MessageAuthentication.code(.sha1, key: Array(secret.reveal().utf8), message: text)
            return ConstantTime.equal(signature, Data(code).base64EncodedString())
        }
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 4, lines[0] == AWSSignature.algorithm else { return false }
        let scope = lines[2].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard scope.count == 4, scope[3] == "aws4_request", Self.services.contains(scope[2]) else { return false }
        return ConstantTime.equal(signature, AWSSignature.sign(String(decoding: text, as: UTF8.self), secret, scope: scope))
    }
}
