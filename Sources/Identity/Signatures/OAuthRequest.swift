import CloudAPI
import CloudCore
import CloudCrypto
import Foundation

/// A request signed as OAuth 1.0a has it (RFC 5849), with the protocol's parameters in the `Authorization` header.
struct OAuthRequest: Sendable {
    /// The clock of a client may be this far off.
    static let tolerance: Duration = .seconds(600)

    let method: String
    /// The address without its query.
    let url: String
    /// The query's parameters, which are signed too.
    var query: [(name: String, value: String)] = []
    /// The header's parameters but `realm`.
    let parameters: [String: String]

    /// - Parameter authorization: the header; nil when it is not OAuth's, or names a parameter twice.
    init?(method: String, url: String, query: [(name: String, value: String)] = [], authorization: String) {
        guard let parameters = Self.parse(authorization) else { return nil }
        (self.method, self.url, self.query, self.parameters) = (method, url, query, parameters)
    }

    /// `OAuth realm="…", oauth_nonce="…", …` with percent escapes in names and values.
    private static func parse(_ header: String) -> [String: String]? {
        guard header.prefix(6).lowercased() == "oauth " else { return nil }
        var parameters: [String: String] = [:]
        for item in header.dropFirst(6).split(separator: ",") {
            let halves = item.trimmed.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2, let name = PercentEncoding.decode(Array(halves[0].utf8)),
                halves[1].count >= 2, halves[1].first == "\"", halves[1].last == "\"",
                let value = PercentEncoding.decode(Array(halves[1].dropFirst().dropLast().utf8)),
                parameters.updateValue(value, forKey: name) == nil
            else { return nil }
        }
        parameters["realm"] = nil
        return parameters
    }

    /// A parameter of the header; nil when it is absent or empty.
    subscript(name: String) -> String? { parameters["oauth_" + name].flatMap { $0.isEmpty ? nil : $0 } }

    /// What is wrong with its form (RFC 5849 section 3.2); nil when nothing is.
    func flaw(at moment: Timestamp) -> String? {
        for name in ["consumer_key", "signature_method", "signature", "timestamp", "nonce"] where self[name] == nil {
            return "oauth_\(name) is missing"
        }
        if let version = self["version"], version != "1.0" { return "oauth_version is not 1.0" }
        guard algorithm != nil else { return "oauth_signature_method is not HMAC-SHA1 or HMAC-SHA256" }
        guard let seconds = self["timestamp"].flatMap({ Int($0) }), seconds > 0 else { return "oauth_timestamp is not a number of seconds" }
        let distance = moment - Timestamp(seconds: seconds)
        guard max(distance, .zero - distance) <= Self.tolerance else { return "oauth_timestamp is too far from the present" }
        return nil
    }

    private var algorithm: Digest.Algorithm? {
        switch self["signature_method"] {
        case "HMAC-SHA1": .sha1
        case "HMAC-SHA256": .sha256
        default: nil
        }
    }

    /// Whether the signature is that of a consumer's secret and a token's; none for requests without a token.
    func isSigned(consumerSecret: Secret<String>, tokenSecret: Secret<String> = Secret("")) -> Bool {
        guard let algorithm, let signature = self["signature"] else { return false }
        let key = PercentEncoding.encode(consumerSecret.reveal()) + "&" + PercentEncoding.encode(tokenSecret.reveal())
        let code = MessageAuthentication.code(algorithm, key: Array(key.utf8), message: Array(baseString.utf8))
        return ConstantTime.equal(signature, Data(code).base64EncodedString())
    }

    /// What is signed (RFC 5849 section 3.4.1).
    var baseString: String {
        let signed = query.map { ($0.name, $0.value) } + parameters.filter { $0.key != "oauth_signature" }.map { ($0.key, $0.value) }
        let encoded = signed.map { (PercentEncoding.encode($0.0), PercentEncoding.encode($0.1)) }
            .sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
        return [method.uppercased(), normalizedURL, encoded].map(PercentEncoding.encode).joined(separator: "&")
    }

    /// The address with scheme and host in lower case and without a default port.
    private var normalizedURL: String {
        guard let mark = url.firstRange(of: "://") else { return url }
        let scheme = url[..<mark.lowerBound].lowercased()
        let rest = url[mark.upperBound...]
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        var host = rest[..<end].lowercased()
        for (name, port) in [("http", ":80"), ("https", ":443")] where scheme == name && host.hasSuffix(port) {
            host.removeLast(port.count)
        }
        return "\(scheme)://\(host)\(end == rest.endIndex ? "/" : rest[end...])"
    }
}
