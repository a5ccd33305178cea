import CloudCore
import CloudCrypto
import Foundation
import Synchronization

@testable import VolumeBackends

/// Object storage in memory, with Keystone and TempAuth before it: containers, objects with their MD5, listings by prefix, marker and
/// limit, tokens that can run out, and whatever goes wrong to order.
final class PretendedObjectStorage: ObjectTransport {
    /// What goes wrong with one request.
    enum Fault: Sendable {
        /// The network breaks off.
        case broken
        /// This status is answered, and nothing done.
        case status(Int)
        /// The answer's bytes are others than were kept.
        case changedBytes
    }

    struct Broken: Error {}

    private struct State {
        var containers: [String: [String: [UInt8]]] = [:]
        var tokens: Set<String> = []
        var logins = 0
        var faults: [(method: String, fault: Fault)] = []
        var requests: [ObjectRequest] = []
    }

    static let keystone = "http://identity.test/v3"
    static let tempAuth = "http://objects.test/auth/v1.0"
    private static let account = "http://objects.test/v1/AUTH_one"

    private let state = Mutex(State())

    func options(_ login: ObjectStorageOptions.Login? = nil) -> ObjectStorageOptions {
        let keystone = ObjectStorageOptions.Login.keystone(
            url: Self.keystone, userDomain: "Default", project: "service", projectDomain: "Default", region: nil)
        var options = ObjectStorageOptions(login: login ?? keystone, user: "cinder", password: Secret("secret"))
        options.pause = .zero
        return options
    }

    // MARK: What tests do and see

    /// Orders a fault for the next request of a method.
    func order(_ fault: Fault, on method: String) { state.withLock { $0.faults.append((method, fault)) } }

    /// Forgets all tokens, as when they ran out.
    func endTokens() { state.withLock { $0.tokens = [] } }

    var logins: Int { state.withLock { $0.logins } }
    var methods: [String] { state.withLock { $0.requests.map(\.method) } }

    func objects(in container: String) -> [String: [UInt8]]? { state.withLock { $0.containers[container] } }

    func put(_ bytes: [UInt8]?, _ name: String, in container: String) { state.withLock { $0.containers[container]?[name] = bytes } }

    // MARK: The server

    func send(_ request: ObjectRequest, upTo limit: Int) async throws -> ObjectAnswer {
        let answer = try state.withLock { state in
            state.requests.append(request)
            let ordered = state.faults.firstIndex { $0.method == request.method }.map { state.faults.remove(at: $0).fault }
            switch ordered {
            case .broken: throw Broken()
            case .status(let status): return ObjectAnswer(status: status)
            case .changedBytes:
                var answer = Self.answer(request, &state)
                answer.body = answer.body.map { $0 ^ 1 }
                return answer
            case nil: return Self.answer(request, &state)
            }
        }
        if answer.body.count > limit { throw Broken() }
        return answer
    }

    private static func answer(_ request: ObjectRequest, _ state: inout State) -> ObjectAnswer {
        if request.url == keystone + "/auth/tokens" { return logIn(request, &state) }
        if request.url == tempAuth {
            guard request.headers["X-Auth-User"] == "cinder", request.headers["X-Auth-Key"] == "secret" else {
                return ObjectAnswer(status: 401)
            }
            return ObjectAnswer(status: 200, headers: ["x-auth-token": token(&state), "x-storage-url": account])
        }
        guard request.url.hasPrefix(account), state.tokens.contains(request.headers["X-Auth-Token"] ?? "") else {
            return ObjectAnswer(status: 401)
        }
        let parts = request.url.dropFirst(account.count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts[0].dropFirst().split(separator: "/", maxSplits: 1).map { String($0).removingPercentEncoding ?? "" }
        guard let container = path.first else { return ObjectAnswer(status: 404) }
        guard path.count == 2 else { return self.container(container, request, parts.count == 2 ? String(parts[1]) : "", &state) }
        return object(path[1], in: container, request, &state)
    }

    private static func token(_ state: inout State) -> String {
        state.logins += 1
        let token = "token-\(state.logins)"
        state.tokens.insert(token)
        return token
    }

    private static func logIn(_ request: ObjectRequest, _ state: inout State) -> ObjectAnswer {
        guard let body = request.body.flatMap({ try? JSON(parsing: $0) }) else { return ObjectAnswer(status: 400) }
        let user = body["auth"]?["identity"]?["password"]?["user"]
        guard user?["name"]?.string == "cinder", user?["password"]?.string == "secret",
            body["auth"]?["scope"]?["project"]?["name"]?.string == "service"
        else { return ObjectAnswer(status: 401) }
        let endpoints: [JSON] = [
            ["interface": "internal", "region_id": "one", "url": "http://nowhere.test/"],
            ["interface": "public", "region_id": "one", "url": .string(account)],
        ]
        let catalogue: [JSON] = [["type": "image", "endpoints": []], ["type": "object-store", "endpoints": .array(endpoints)]]
        let answer: JSON = ["token": ["catalog": .array(catalogue)]]
        return ObjectAnswer(status: 201, headers: ["x-subject-token": token(&state)], body: answer.bytes)
    }

    private static func container(_ name: String, _ request: ObjectRequest, _ query: String, _ state: inout State) -> ObjectAnswer {
        if request.method == "PUT" {
            let isThere = state.containers[name] != nil
            state.containers[name] = state.containers[name] ?? [:]
            return ObjectAnswer(status: isThere ? 202 : 201)
        }
        guard let objects = state.containers[name] else { return ObjectAnswer(status: 404) }
        guard request.method == "GET" else { return ObjectAnswer(status: 204) }
        let items = (URLComponents(string: "http://x/?" + query)?.queryItems ?? []).map { ($0.name, $0.value ?? "") }
        let wanted = Dictionary(items) { $1 }
        let (prefix, marker) = (wanted["prefix"] ?? "", wanted["marker"] ?? "")
        // Pages of two show that the reader goes on.
        let names = objects.keys.filter { $0.hasPrefix(prefix) && $0 > marker }.sorted().prefix(2)
        let listing = JSON.array(names.map { ["name": .string($0)] })
        return ObjectAnswer(status: 200, body: listing.bytes)
    }

    private static func object(_ name: String, in container: String, _ request: ObjectRequest, _ state: inout State) -> ObjectAnswer {
        guard let objects = state.containers[container] else { return ObjectAnswer(status: 404) }
        switch request.method {
        case "PUT":
            let bytes = request.body ?? []
            let tag = Hexadecimal.text(Digest.of(bytes, .md5))
            if let told = request.headers["ETag"], told != tag { return ObjectAnswer(status: 422) }
            state.containers[container]?[name] = bytes
            return ObjectAnswer(status: 201, headers: ["etag": tag])
        case "DELETE":
            guard objects[name] != nil else { return ObjectAnswer(status: 404) }
            state.containers[container]?[name] = nil
            return ObjectAnswer(status: 204)
        default:
            guard let bytes = objects[name] else { return ObjectAnswer(status: 404) }
            let headers = ["etag": "\"\(Hexadecimal.text(Digest.of(bytes, .md5)))\""]
            return ObjectAnswer(status: 200, headers: headers, body: request.method == "HEAD" ? [] : bytes)
        }
    }
}
