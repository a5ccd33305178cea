import CloudAPI
import CloudCore
import CloudStore
import Foundation
import HTTPTypes
import ImageStores
import Logging
import Synchronization
import Testing

@testable import CloudWorkflow
@testable import Images

/// Counts the workflows that have left the runner.
final class Departures: Sendable {
    private struct State {
        var count = 0
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    var count: Int { state.withLock { $0.count } }

    func note() {
        let waiters = state.withLock { state in
            state.count += 1
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits until more than so many have left.
    func wait(beyond seen: Int) async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.count > seen { return true }
                state.waiters.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }
}

/// The image services of other clouds, by region.
final class FakeCatalog: Sendable {
    private let regions = Mutex<[String: String]>([:])

    func add(_ region: String, _ url: String) { regions.withLock { $0[region] = url } }

    @Sendable func endpoint(_ region: String, _ interface: String, _ token: TokenContext) async throws -> String? {
        interface == "public" ? regions.withLock { $0[region] } : nil
    }
}

extension Gallery {
    static func runner(_ database: any Database) -> (WorkflowRunner, Departures) {
        let departures = Departures()
        var pace = WorkflowOptions()
        pace.retry = Backoff(initial: .milliseconds(1), maximum: .milliseconds(4))
        pace.undoRetry = pace.retry
        pace.interruptionGrace = .milliseconds(50)
        pace.didLeave = { [departures] _, _ in departures.note() }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return (WorkflowRunner(database: database, owner: "here", options: pace, logger: logger), departures)
    }

    /// Ends what runs and closes the database.
    func close() async {
        let task = running.withLock { $0 }
        task?.cancel()
        await task?.value
        await database.close()
    }

    /// Runs every workflow that waits, to its end. From the first call on, workflows run as they are begun.
    func finishWorkflows() async throws {
        running.withLock { running in
            if running == nil { running = Task { [runner] in await runner.run() } }
        }
        while true {
            let seen = departures.count
            let alive: Int = try await database.read { try $0.scalar("SELECT COUNT(*) FROM workflows WHERE finished_at IS NULL") ?? 0 }
            if alive == 0 { return }
            await departures.wait(beyond: seen)
        }
    }

    /// Stages an image's bytes.
    func stage(_ id: String, _ bytes: [UInt8], token: String = Gallery.member, length: Int? = nil) async -> TestResponse {
        var headers: HTTPFields = [.contentType: "application/octet-stream", .authToken: token]
        if let length { headers[.contentLength] = String(length) } else { headers[.transferEncoding] = "chunked" }
        return await server.respond(.put, "/image/v2/images/\(id)/stage", headers: headers, body: bytes)
    }

    /// Uploads into a store.
    func upload(_ id: String, _ bytes: [UInt8], store: String) async -> TestResponse {
        let headers: HTTPFields = [.contentType: "application/octet-stream", .authToken: Gallery.member, .imageStore: store]
        return await server.respond(.put, "/image/v2/images/\(id)/file", headers: headers, body: bytes)
    }

    /// Asks for an import.
    func importImage(
        _ id: String, _ method: String, _ more: JSONObject = [:], uri: String? = nil, token: String = Gallery.member
    ) async -> TestResponse {
        var (body, way): (JSONObject, JSONObject) = (more, more["method"]?.object ?? [:])
        way["name"] = .string(method)
        if let uri { way["uri"] = .string(uri) }
        body["method"] = .object(way)
        return await send(.post, "/images/\(id)/import", token: token, .object(body))
    }

    /// Looks for stale staged files.
    func reconcileStaging() async throws {
        for reconciler in images.reconcilers where reconciler.name == "images.staging" { try await reconciler.reconcile() }
    }
}
