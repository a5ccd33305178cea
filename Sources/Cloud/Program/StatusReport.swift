import CloudCore
import CloudSettings
import CloudWorkflow
import Foundation

/// What `altostack status` says of a cloud.
public struct StatusReport: Sendable {
    /// Whether a program serves it now.
    public let isRunning: Bool
    let directory: DataDirectory
    let state: RunState?
    let memoryKiB: Int?
    var services: [StatusService] = []
    var hosts: [StatusHost] = []
    /// How many there are of each kind of resource, in a fixed order.
    var resources: [(name: String, count: Int)] = []
    var workflows: [WorkflowRecord] = []
    var faults: [StatusFault] = []
    /// What could not be looked at, and why.
    var gaps: [String] = []

    /// Looks at a cloud's folder, at the process that serves it, and at what it says of itself.
    /// - Parameter session: the login of a look before this one, which a watcher goes on with.
    public static func gather(
        _ directory: DataDirectory, settings: Settings? = nil, session: StatusSession = StatusSession()
    ) async throws -> StatusReport {
        let state = RunState.read(directory)
        var report = StatusReport(
            isRunning: state != nil, directory: directory, state: state, memoryKiB: state.flatMap { residentKiB($0.pid) })
        guard state != nil else { return report }
        do {
            try report.ask(try session.client(directory))
        } catch {
            session.end()
            report.gaps.append("services, hosts and resources: \(error)")
        }
        do {
            try await report.look(WorkflowConsole(directory: directory, settings: try settings ?? .load(CloudSettingKeys.registry)))
        } catch {
            report.gaps.append("workflows: \(error)")
        }
        return report
    }

    private static func residentKiB(_ pid: Int32) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let match = text.firstMatch(of: /VmRSS:\s+(\d+) kB/)
        else { return nil }
        return Int(match.1)
    }

    // MARK: Asking

    private mutating func ask(_ client: CloudClient) throws {
        for (type, path) in [("compute", "/os-services"), ("volumev3", "/os-services")] where client.services[type] != nil {
            let found = try client.demand("GET", type, path)["services"]?.array ?? []
            services += found.map { StatusService(service: $0) }
        }
        services += (try client.demand("GET", "network", "/v2.0/agents")["agents"]?.array ?? []).map { StatusService(agent: $0) }
        hosts = (try client.demand("GET", "compute", "/os-hypervisors/detail", version: "compute 2.53")["hypervisors"]?.array ?? [])
            .map(StatusHost.init)
        let kinds = [
            ("servers", "compute", "/servers?all_tenants=1&limit=1000", "servers"), ("images", "image", "/v2/images?limit=1000", "images"),
            ("networks", "network", "/v2.0/networks?fields=id", "networks"), ("routers", "network", "/v2.0/routers?fields=id", "routers"),
            ("floating IPs", "network", "/v2.0/floatingips?fields=id", "floatingips"),
            ("ports", "network", "/v2.0/ports?fields=id", "ports"),
            ("volumes", "volumev3", "/volumes?all_tenants=1&limit=1000", "volumes"),
        ]
        for (name, type, path, member) in kinds where client.services[type] != nil {
            resources.append((name, try Self.count(client, type, path, member)))
        }
        let broken = try client.demand("GET", "compute", "/servers/detail?all_tenants=1&status=ERROR&limit=10")["servers"]?.array ?? []
        faults += broken.map(StatusFault.init(server:))
    }

    /// How long a list is, page by page where it comes in pages.
    private static func count(_ client: CloudClient, _ type: String, _ path: String, _ member: String) throws -> Int {
        let pageSize = path.firstMatch(of: /limit=([0-9]+)/).flatMap { Int($0.1) }
        var count = 0, place = ""
        while true {
            let page = try client.demand("GET", type, path + place)[member]?.array ?? []
            count += page.count
            guard let pageSize, page.count == pageSize, let last = page.last?["id"]?.string else { return count }
            place = "&marker=\(last)"
        }
    }

    private mutating func look(_ console: WorkflowConsole) async throws {
        workflows = try await console.records([.running, .waiting, .unwinding, .stuck], limit: 20)
        faults += try await console.records([.unwound, .stuck], limit: 10).map(StatusFault.init(workflow:))
        let errors = LogFiles.lines(in: directory.logs, holding: " ERROR ", last: 1).suffix(5)
        faults += errors.map { line in
            StatusFault(at: String(line.prefix { $0 != " " }), what: "log", text: String(line.drop { $0 != " " }.dropFirst()))
        }
        faults.sort { $0.at > $1.at }
        faults = Array(faults.prefix(12))
    }
}

/// The login with which somebody looks at a cloud again and again.
public final class StatusSession {
    private var known: CloudClient?

    /// A session that logs in when it is first needed.
    public init() {}

    func client(_ directory: DataDirectory) throws -> CloudClient {
        if let known { return known }
        let client = try CloudClient(directory: directory)
        known = client
        return client
    }

    /// The next look logs in anew: the token has ended, or the cloud is another.
    func end() { known = nil }
}

/// A service as the cloud reports it.
struct StatusService: Sendable, Hashable {
    let name: String
    let host: String
    let isEnabled: Bool
    let isUp: Bool

    init(service: JSON) {
        (name, host) = (service["binary"]?.string ?? "", service["host"]?.string ?? "")
        (isEnabled, isUp) = (service["status"]?.string == "enabled", service["state"]?.string == "up")
    }

    init(agent: JSON) {
        (name, host) = (agent["binary"]?.string ?? agent["agent_type"]?.string ?? "", agent["host"]?.string ?? "")
        (isEnabled, isUp) = (agent["admin_state_up"]?.bool ?? false, agent["alive"]?.bool ?? false)
    }
}

/// A compute host with what of it is taken.
struct StatusHost: Sendable, Hashable {
    let name: String
    let isUp: Bool
    let processors: (used: Int, all: Int)
    let memoryMiB: (used: Int, all: Int)
    let diskGiB: (used: Int, all: Int)
    let servers: Int

    init(_ json: JSON) {
        func number(_ name: String) -> Int { json[name]?.int ?? 0 }
        (name, isUp) = (json["hypervisor_hostname"]?.string ?? "", json["state"]?.string == "up")
        processors = (number("vcpus_used"), number("vcpus"))
        memoryMiB = (number("memory_mb_used"), number("memory_mb"))
        diskGiB = (number("local_gb_used"), number("local_gb"))
        servers = number("running_vms")
    }

    static func == (left: StatusHost, right: StatusHost) -> Bool { left.name == right.name && left.servers == right.servers }
    func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// Something that went wrong.
struct StatusFault: Sendable, Hashable {
    /// When, in ISO 8601.
    let at: String
    /// What it happened to.
    let what: String
    /// Why.
    let text: String

    init(at: String, what: String, text: String) { (self.at, self.what, self.text) = (at, what, text) }

    init(server: JSON) {
        self.init(
            at: server["fault"]?["created"]?.string ?? server["updated"]?.string ?? "",
            what: "server \(server["name"]?.string ?? "") (\(server["id"]?.string ?? ""))",
            text: server["fault"]?["message"]?.string ?? "is in ERROR")
    }

    init(workflow: WorkflowRecord) {
        let request = workflow.requestID.map { ", \($0)" } ?? ""
        self.init(
            at: workflow.updatedAt.iso8601, what: "\(workflow.name) of \(workflow.subject)",
            text: "\(workflow.status.rawValue) at \(workflow.step)\(workflow.error.map { ": \($0)" } ?? "")\(request)")
    }
}
