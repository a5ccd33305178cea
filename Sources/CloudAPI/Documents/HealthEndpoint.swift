import CloudCore
import HTTPTypes
import Logging

extension PlatformEndpoints {
    /// `/healthcheck` as oslo.middleware answers it: `OK`, or 503 and the reasons. The reasons name the failing
    /// parts only; what is wrong with them stands in the log.
    static func health(_ checks: [HealthCheck]) -> Endpoint {
        Endpoint(
            .get, "/healthcheck", "Say whether the cloud is well",
            access: .open(because: "load balancers hold no tokens"), negotiates: false
        ) { request in
            let failures = await HealthRound.failures(of: checks)
            let status: HTTPResponse.Status = failures.isEmpty ? .ok : .serviceUnavailable
            let accepted = request.head.headerFields[.accept] ?? ""
            if accepted.contains("application/json") {
                return .json(status: status) { write(checks, failures, to: &$0) }
            }
            let text = failures.isEmpty ? "OK" : failures.map { "\($0) is not available" }.joined(separator: "\n")
            return APIResponse(
                status: status, headers: [.contentType: "text/plain; charset=UTF-8"], body: .bytes(Array(text.utf8)))
        }
    }

    private static func write(_ checks: [HealthCheck], _ failures: [String], to json: inout JSONWriter) {
        json.object {
            $0.member("detailed", false)
            $0.member("reasons") {
                $0.array { json in
                    for check in checks { json.write(failures.contains(check.name) ? "\(check.name) is not available" : "OK") }
                }
            }
        }
    }
}

/// One round of every health check, all at once.
enum HealthRound {
    private static let logger = Logger(label: "health")

    /// The names of the checks that failed or took too long, in the order they are declared.
    static func failures(of checks: [HealthCheck]) async -> [String] {
        let failed = await withTaskGroup(of: String?.self) { group in
            for check in checks { group.addTask { await failure(of: check) } }
            var names: Set<String> = []
            for await name in group { if let name { names.insert(name) } }
            return names
        }
        return checks.map(\.name).filter(failed.contains)
    }

    private static func failure(of check: HealthCheck) async -> String? {
        do {
            try await withDeadline(check.deadline) { try await check.check() }
            return nil
        } catch {
            logger.warning("A health check failed", metadata: ["check": "\(check.name)", "cause": "\(error)"])
            return check.name
        }
    }

    private static func withDeadline(
        _ deadline: Duration, _ operation: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask(operation: operation)
            group.addTask {
                try await Task.sleep(for: deadline)
                throw HealthDeadlineExceeded(deadline: deadline)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

/// A health check took too long.
struct HealthDeadlineExceeded: Error, CustomStringConvertible {
    let deadline: Duration
    var description: String { "no answer within \(deadline)" }
}
