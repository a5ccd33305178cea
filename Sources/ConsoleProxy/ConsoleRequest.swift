import CloudCore
import Foundation
import NIOHTTP1

/// What a request to the proxy asks for.
enum ConsoleRequest {
    /// The token: in the query of the address, in the query within its `path`, or in the cookie that older noVNC sends.
    static func token(of head: HTTPRequestHead) -> Secret<String>? {
        let components = URLComponents(string: head.uri)
        if let token = token(in: components?.queryItems) { return token }
        for cookie in head.headers["cookie"] {
            for part in cookie.split(separator: ";") {
                let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
                if pair.count == 2, pair[0] == "token" { return Secret(String(pair[1])) }
            }
        }
        return nil
    }

    private static func token(in items: [URLQueryItem]?) -> Secret<String>? {
        items?.first { $0.name == "token" }?.value.flatMap { $0.isEmpty ? nil : Secret($0) }
    }

    /// Whether a browser's request comes from a page of this proxy: another site's page could use a user's console otherwise.
    static func comesFromItsOwnPage(_ head: HTTPRequestHead) -> Bool {
        guard let origin = head.headers.first(name: "origin") else { return true }
        guard let host = head.headers.first(name: "host"), let from = URLComponents(string: origin)?.host,
            let own = URLComponents(string: "http://" + host)?.host
        else { return false }
        return from.lowercased() == own.lowercased()
    }
}
