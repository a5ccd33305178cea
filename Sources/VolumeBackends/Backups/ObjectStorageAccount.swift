import CloudCore
import VolumeMessages

/// An account of object storage: gets a token when one is needed, and a new one when it is refused, and tries again what may go better
/// the next time.
actor ObjectStorageAccount {
    /// A token, and where the account is.
    private struct Access {
        let token: String
        let url: String
    }

    private let options: ObjectStorageOptions
    private let transport: any ObjectTransport
    private var access: Access?

    /// Answers of a server beyond this are none of a login's.
    private static let loginLimit = 4 << 20

    init(options: ObjectStorageOptions, transport: any ObjectTransport) { (self.options, self.transport) = (options, transport) }

    /// Sends a request for something below the account's address and returns the answer, whatever it says.
    /// - Parameters:
    ///   - limit: the longest body in bytes.
    ///   - accepts: whether an answer is one; what isn't is asked for again.
    /// - Throws: `VolumeFailure` with `backendError` when nothing came of it, `full` where there is no room.
    func send(
        _ method: String, _ path: String, headers: [String: String] = [:], body: [UInt8]? = nil, upTo limit: Int,
        accepts: @Sendable (ObjectAnswer) -> Bool = { _ in true }
    ) async throws -> ObjectAnswer {
        var (attempt, isRenewed) = (1, false)
        while true {
            let reason: any Error
            do {
                let access = try await currentAccess()
                var fields = headers
                fields["X-Auth-Token"] = access.token
                let answer = try await transport.send(ObjectRequest(method, access.url + path, headers: fields, body: body), upTo: limit)
                switch answer.status {
                case 401 where !isRenewed:
                    // The token has run out: that costs no attempt.
                    (self.access, isRenewed) = (nil, true)
                    continue
                case 413, 507: throw VolumeFailure(.full, "Object storage has no room for the backup.")
                case 401, 408, 422, 425, 429, 500...: break
                default: if accepts(answer) { return answer }
                }
                reason = VolumeFailure(.backendError, "Object storage answered \(answer.status) to a \(method).")
            } catch let failure as VolumeFailure where failure.code == .full || failure.code == .unsupported {
                throw failure
            } catch {
                try Task.checkCancellation()
                // A server that refuses a token before it has read a long body may break the connection instead of answering.
                (access, reason) = (nil, error)
            }
            guard attempt < options.attempts else {
                throw VolumeFailure(.backendError, "Object storage did not do what it was asked for.", cause: reason)
            }
            try await Task.sleep(for: options.pause * attempt)
            attempt += 1
        }
    }

    // MARK: Logging in

    private func currentAccess() async throws -> Access {
        if let access { return access }
        let new = switch options.login {
        case .tempAuth(let url): try await tempAuth(url)
        case .keystone(let url, let userDomain, let project, let projectDomain, let region):
            try await keystone(url, userDomain: userDomain, project: project, projectDomain: projectDomain, region: region)
        }
        access = new
        return new
    }

    private func tempAuth(_ url: String) async throws -> Access {
        let fields = ["X-Auth-User": options.user, "X-Auth-Key": options.password.reveal()]
        let answer = try await transport.send(ObjectRequest("GET", url, headers: fields), upTo: Self.loginLimit)
        guard (200..<300).contains(answer.status), let token = answer.headers["x-auth-token"] else { throw refusal(answer) }
        return try access(token, at: answer.headers["x-storage-url"])
    }

    /// The Identity API's password authentication, and the catalogue in its answer.
    private func keystone(
        _ url: String, userDomain: String, project: String, projectDomain: String, region: String?
    ) async throws -> Access {
        let user: JSON = [
            "name": .string(options.user), "domain": ["name": .string(userDomain)], "password": .string(options.password.reveal()),
        ]
        let scope: JSON = ["project": ["name": .string(project), "domain": ["name": .string(projectDomain)]]]
        let body: JSON = ["auth": ["identity": ["methods": ["password"], "password": ["user": user]], "scope": scope]]
        let request = ObjectRequest(
            "POST", Self.trimmed(url) + "/auth/tokens", headers: ["Content-Type": "application/json"], body: body.bytes)
        let answer = try await transport.send(request, upTo: Self.loginLimit)
        guard answer.status == 201, let token = answer.headers["x-subject-token"] else { throw refusal(answer) }
        return try access(token, at: Self.storageURL(in: try JSON(parsing: answer.body), region: region))
    }

    private static func storageURL(in answer: JSON, region: String?) -> String? {
        let services = (answer["token"]?["catalog"]?.array ?? []).filter { $0["type"]?.string == "object-store" }
        let endpoints = services.flatMap { $0["endpoints"]?.array ?? [] }.filter { endpoint in
            endpoint["interface"]?.string == "public" && (region == nil || endpoint["region_id"]?.string == region)
        }
        return endpoints.first?["url"]?.string
    }

    private func access(_ token: String, at url: String?) throws -> Access {
        guard let url = options.storageURL ?? url else {
            throw VolumeFailure(.unsupported, "The login says nothing of object storage: its address has to be set.")
        }
        return Access(token: token, url: Self.trimmed(url))
    }

    private static func trimmed(_ url: String) -> String { url.hasSuffix("/") ? String(url.dropLast()) : url }

    private func refusal(_ answer: ObjectAnswer) -> VolumeFailure {
        VolumeFailure(.backendError, "The login to object storage was answered \(answer.status).")
    }
}
