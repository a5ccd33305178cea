import CloudCore
import CloudStore
import CloudWorkflow
import Logging

/// Services beside the cloud that tell guests more of themselves (upstream's dynamic vendor data;
/// docs.openstack.org/nova/latest/admin/vendordata.html).
public protocol VendorDataServices: Sendable {
    /// Their names, under which guests find the answers, in order.
    var names: [String] { get }

    /// What a service says of a server.
    /// - Parameter question: the server, as the services are told of it.
    /// - Throws: when there is no answer in JSON in good time.
    func answer(of name: String, to question: JSON) async throws -> JSON
}

/// What the operator tells a guest.
struct VendorData: Sendable {
    /// What every guest is told (vendor_data.json), an object; nil for nothing.
    var fixed: JSON?
    /// What the operator's services say of this guest, by their names.
    var answers = JSONObject()

    /// The newer document, vendor_data2.json. What every guest is told goes before a service of the same name.
    var document: JSON {
        var object = JSONObject()
        if let fixed { object["static"] = fixed }
        for (name, answer) in answers where object[name] == nil { object[name] = answer }
        return .object(object)
    }
}

/// A service does not answer whose answers guests can't do without.
struct VendorDataFailure: Error {
    let service: String
    let cause: any Error
}

extension Server {
    /// What the operator's services are told of the server, in upstream's words.
    fileprivate var vendorDataQuestion: JSON {
        [
            "project-id": .string(projectID), "instance-id": .string(id), "image-id": .string(image?.id ?? ""),
            "user-data": userData.map { .string($0) } ?? .null, "hostname": .string(hostName), "metadata": JSON(metadata),
            "boot-roles": .string(details.bootRoles ?? ""),
        ]
    }
}

extension Compute.Parts {
    /// What the operator tells a server's guest.
    /// - Parameter isFatal: whether a service that does not answer is a failure; else its answer is empty.
    /// - Throws: `VendorDataFailure`.
    func vendorData(of server: Server, isFatal: Bool) async throws -> VendorData {
        guard let services = others.vendorData else { return VendorData(fixed: options.vendorData) }
        let found = await vendorAnswers.answers(of: server.id) { [self] in await ask(services, about: server) }
        if isFatal, let failure = found.failure { throw failure }
        return VendorData(fixed: options.vendorData, answers: found.answers)
    }

    /// What stands on the config drive of a guest that has started before: a service that is away now keeps it from nothing.
    func vendorData(onDriveOf id: String) async throws -> VendorData {
        guard others.vendorData != nil, let server = try await database.read({ try ServerRecords.find(id, in: $0) }), server.configDrive
        else { return VendorData(fixed: options.vendorData) }
        return try await vendorData(of: server, isFatal: false)
    }

    /// What stands on the config drive of a guest that is made.
    /// - Throws: `WorkflowStop` when a service does not answer without which no guest is to be.
    func vendorData(forNew server: Server) async throws -> VendorData {
        do {
            return try await vendorData(of: server, isFatal: options.isVendorDataFailureFatal)
        } catch let failure as VendorDataFailure {
            throw WorkflowStop("The vendor data service \(failure.service) does not answer.", cause: failure)
        }
    }

    private func ask(_ services: any VendorDataServices, about server: Server) async -> VendorAnswers.Found {
        let results = await results(of: services, server.vendorDataQuestion)
        var found = VendorAnswers.Found()
        for name in services.names {
            switch results[name] {
            case .success(let answer): found.answers[name] = answer
            case .failure(let error):
                logger.warning(
                    "no answer from a vendor data service",
                    metadata: ["service": "\(name)", "server": "\(server.id)", "error": "\(error)"])
                found.answers[name] = [:]
                found.failure = found.failure ?? VendorDataFailure(service: name, cause: error)
            case nil: break
            }
        }
        return found
    }

    /// All are asked at the same time: the slowest decides how long a guest waits.
    private func results(of services: any VendorDataServices, _ question: JSON) async -> [String: Result<JSON, any Error>] {
        await withTaskGroup(of: Heard.self) { group in
            for name in services.names {
                group.addTask {
                    do {
                        return Heard(name: name, result: .success(try await services.answer(of: name, to: question)))
                    } catch {
                        return Heard(name: name, result: .failure(error))
                    }
                }
            }
            return await group.reduce(into: [:]) { $0[$1.name] = $1.result }
        }
    }

    /// What one of them said.
    private struct Heard: Sendable {
        let name: String
        let result: Result<JSON, any Error>
    }
}

/// What the operator's services say of servers, kept for a moment: a guest that reads its metadata reads it several times.
actor VendorAnswers {
    /// What was found out for a server.
    struct Found: Sendable {
        var answers = JSONObject()
        /// Why the first of those that did not answer did not.
        var failure: VendorDataFailure?
    }

    /// Upstream's metadata_cache_expiration.
    private static let lifetime: Duration = .seconds(15)
    private var known: [String: (found: Task<Found, Never>, since: ContinuousClock.Instant)] = [:]

    /// What is known for a server, or found out now. Who asks while another does waits for the same answer.
    func answers(of server: String, _ ask: @escaping @Sendable () async -> Found) async -> Found {
        let now = ContinuousClock.now
        if let entry = known[server], now - entry.since < Self.lifetime { return await entry.found.value }
        known = known.filter { now - $0.value.since < Self.lifetime }
        let found = Task { await ask() }
        known[server] = (found, now)
        let result = await found.value
        // A failure may be over when the guest is made at the next attempt.
        if result.failure != nil, known[server]?.since == now { known[server] = nil }
        return result
    }
}
