import CloudCore
import CloudSettings
import CloudWorkflow
import Foundation
import HostCommands

/// What `altostack demo` does: everything that a guest needs, made or found again by its name, then the guest, step by step
/// in view, and at the end the way in, tried.
public struct Demo {
    let directory: DataDirectory
    let settings: Settings
    let client: CloudClient
    let isSimulated: Bool
    /// Shows a line.
    let say: (String) -> Void
    /// Whether lines can be written over.
    let isTerminal: Bool

    /// The name of everything that it makes.
    static let name = "altostack-demo"
    /// The network outside, where there is none yet.
    static let outside = "altostack-demo-outside"
    private static let user = "altostack"

    /// A demonstration on a running cloud.
    /// - Throws: `ProgramError` when none runs.
    public init(directory: DataDirectory, settings: Settings, isTerminal: Bool, say: @escaping (String) -> Void) throws {
        guard let state = RunState.read(directory) else {
            throw ProgramError("no cloud is running on \(directory.path): start one with `altostack up --detach`")
        }
        (self.directory, self.settings, isSimulated) = (directory, settings, state.simulated)
        (self.isTerminal, self.say) = (isTerminal, say)
        client = try CloudClient(directory: directory)
    }

    /// Makes the guest.
    /// - Parameter image: a disk image; nil for the test image, which is built if it is nowhere.
    public func run(image: String?) async throws {
        let began = ContinuousClock.now
        let imageID = try await timed("image") { try await self.image(image) }
        let flavor = try await timed("flavor") { try self.flavor() }
        let outside = try await timed("network outside") { try self.outsideNetwork() }
        let network = try await timed("network, subnet, router") { try self.insideNetwork(outside: outside) }
        let group = try await timed("security group: ssh, ping") { try self.securityGroup() }
        try await timed("key \(key)") { try await self.keyPair() }
        let server = try await self.server(image: imageID, flavor: flavor, network: network, group: group)
        let address = try await timed("floating IP") { try self.floatingIP(server, outside: outside) }
        try await enter(server, address)
        let program = CommandLine.arguments.first ?? "altostack"
        say("\nAll of it after \(Elapsed.text(.now - began)). Take it away again with: \(program) demo --remove\(directoryFlag)")
    }

    private var directoryFlag: String {
        directory.path == DataDirectory.standard(environment: ProcessInfo.processInfo.environment, isRoot: geteuid() == 0).path
            ? "" : " --data-dir \(directory.path)"
    }

    /// Does something and says how long it took.
    func timed<Value>(_ what: String, _ body: () async throws -> Value) async throws -> Value {
        let began = ContinuousClock.now
        let value = try await body()
        say("✓ \(what.padding(to: 40)) \(Elapsed.text(.now - began))")
        return value
    }

    // MARK: The guest

    private func server(image: String, flavor: String, network: String, group: String) async throws -> String {
        if let known = try await knownServer() {
            say("✓ server \(known) is there already")
            return known
        }
        say("  server \(Self.name):")
        let began = ContinuousClock.now
        let answer = try client.call("POST", "compute", "/servers", ["server": [
            "name": .string(Self.name), "imageRef": .string(image), "flavorRef": .string(flavor), "key_name": .string(Self.name),
            "networks": [["uuid": .string(network)]], "security_groups": [["name": .string(Self.name)]],
        ]])
        guard answer.status == 202, let id = answer.json["server"]?["id"]?.string else {
            throw ProgramError("the server is refused: HTTP \(answer.status): \(CloudClient.reason(answer))")
        }
        try await follow(answer.headers["x-openstack-request-id"] ?? "", began: began)
        let server = try client.demand("GET", "compute", "/servers/\(id)")["server"]
        guard server?["status"]?.string == "ACTIVE" else {
            throw ProgramError("the server is \(server?["status"]?.string ?? "gone"): \(server?["fault"]?["message"]?.string ?? "")")
        }
        say("✓ \("server \(id)".padding(to: 40)) \(Elapsed.text(.now - began))")
        return id
    }

    /// The server of a demonstration before this one; one that could not be built, or stands in error, is taken away.
    private func knownServer() async throws -> String? {
        guard let id = try find("compute", "/servers?name=%5E\(Self.name)%24", "servers") else { return nil }
        let limit = ContinuousClock.now + .seconds(900)
        while ContinuousClock.now < limit {
            switch try client.demand("GET", "compute", "/servers/\(id)")["server"]?["status"]?.string {
            case "BUILD": try await Task.sleep(for: .milliseconds(200))
            case "ERROR":
                try await timed("a server in error is taken away") {
                    try client.demand("DELETE", "compute", "/servers/\(id)")
                    try await gone(id)
                }
                return nil
            default: return id
            }
        }
        throw ProgramError("the server \(id) is not built after 15 minutes; see `altostack workflows list`")
    }

    /// Shows a request's workflow until it is over.
    private func follow(_ requestID: String, began: ContinuousClock.Instant) async throws {
        let console = WorkflowConsole(directory: directory, settings: settings)
        var (view, log) = (WorkflowView(began: began), StepLog(directory: directory, requestID: requestID))
        let limit = began + .seconds(900)
        while ContinuousClock.now < limit {
            let now = ContinuousClock.now
            log.readOn()
            if let detail = try await console.details(request: requestID).first {
                for step in view.see(detail, logged: log.steps, at: now) { say((isTerminal ? "\r\u{1b}[K" : "") + view.line(step)) }
                if [.done, .unwound].contains(detail.record.status) { return }
            }
            if isTerminal {
                print("\r\u{1b}[K" + view.progress(at: now), terminator: "")
                fflush(nil)
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw ProgramError("the server is not built after 15 minutes; see `altostack workflows list`")
    }

    // MARK: The way in

    private func enter(_ server: String, _ address: String) async throws {
        let known = "-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=\(folder)/known_hosts"
        let command = "ssh -i \(key) \(known) \(Self.user)@\(address)"
        guard !isSimulated else {
            let console = try client.demand("POST", "compute", "/servers/\(server)/action", ["os-getConsoleOutput": ["length": 6]])
            say("\nThe guest is simulated: nobody answers at \(address). Its console says:\n")
            return say((console["output"]?.string ?? "").split(whereSeparator: \.isNewline).map { "    \($0)" }.joined(separator: "\n"))
        }
        try await timed("ssh answers") { try await self.tryShell(address) }
        say("\nThe guest is yours:\n\n    \(command)")
    }

    private func tryShell(_ address: String) async throws {
        let arguments = [
            "-i", key, "-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=\(folder)/known_hosts",
            "-o", "ConnectTimeout=5", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "\(Self.user)@\(address)", "hostname",
        ]
        // The address may have been another guest's before.
        unlink("\(folder)/known_hosts")
        let limit = ContinuousClock.now + .seconds(300)
        var last = ""
        while ContinuousClock.now < limit {
            let outcome = try await Command(program: "ssh", arguments: arguments, deadline: .seconds(20)).run()
            if outcome.status == 0 { return }
            last = outcome.errors
            try await Task.sleep(for: .seconds(1))
        }
        throw ProgramError("nobody answers ssh at \(address) after 5 minutes: \(last); `altostack network trace` may tell why")
    }

    // MARK: Names

    /// The folder of its key.
    var folder: String { directory.file("demo") }
    /// The private key.
    var key: String { folder + "/key" }

    /// The id of the first in a list; nil when it is empty.
    func find(_ service: String, _ path: String, _ member: String) throws -> String? {
        try client.demand("GET", service, path)[member]?[0]?["id"]?.string
    }
}
