import CloudBus
import CloudCore
import ComputeMessages
import Foundation
import HostCommands
import NetworkMessages
import Synchronization
import Testing

@testable import ComputeAgent

/// A folder of its own for a test, deleted with the value that holds it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("ca-\(UUID().uuidString.prefix(8))").path
        try FileSystem.makeDirectory(path)
    }

    deinit { try? FileSystem.removeDirectory(path) }
}

/// Waits for something that comes about outside the test's reach, looking again and again.
func eventually(
    within limit: Duration = .seconds(20), _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("timed out: \(what)", sourceLocation: sourceLocation)
    throw TimedOut()
}

struct TimedOut: Error {}

/// Values that come from elsewhere, to be waited for.
final class Inbox<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    func put(_ value: Value) { values.withLock { $0.append(value) } }
    var all: [Value] { values.withLock { $0 } }

    /// Waits for the first value that fits and takes it and all before it away.
    func take(
        within limit: Duration = .seconds(20), _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
        where fits: (Value) -> Bool = { _ in true }
    ) async throws -> Value {
        var found: Value?
        try await eventually(within: limit, what, sourceLocation: sourceLocation) {
            found = values.withLock { values in
                guard let index = values.firstIndex(where: fits) else { return nil }
                defer { values.removeFirst(index + 1) }
                return values[index]
            }
            return found != nil
        }
        return try #require(found)
    }
}

/// The controllers' end of the bus: keeps what agents say.
final class ControllerStub: Sendable {
    let reports = Inbox<HostReport>()
    let events = Inbox<GuestEvent>()
    private let guests = Mutex<[String: GuestSpecification]>([:])

    /// Says from now on that these guests belong to the host that asks.
    func know(_ known: [GuestSpecification]) { guests.withLock { for guest in known { $0[guest.id] = guest } } }

    func listen(on bus: any Bus) async throws {
        var service = BusService()
        service.on(HostReport.self) { [reports] request, _ in
            reports.put(request)
            return BusNothing()
        }
        service.on(GuestEvent.self) { [events] request, _ in
            events.put(request)
            return BusNothing()
        }
        service.on(DescribeGuest.self) { [self] request, _ in
            guard let guest = guests.withLock({ $0[request.id] }) else {
                throw BusFailure(code: GuestFailureCode.guestNotFound.rawValue, message: "It belongs elsewhere.")
            }
            return guest
        }
        _ = try await bus.serve(service, at: BusAddress(topic: ComputeTopic.controller), concurrency: 4, queueLimit: 1000)
    }
}

/// The network agent's end: remembers what is plugged, makes real taps where asked to, fails to order.
final class NetworkAgentStub: Sendable {
    private struct State {
        var plugged: Set<String> = []
        var everPlugged: Set<String> = []
        var isFailing = false
    }

    private let state = Mutex(State())
    private let makesTaps: Bool
    /// One at a time, in the order of the messages, as the real one does for each port: a caller that was cancelled
    /// unplugs while its plug may still be on the way.
    private let turn = Gate(limit: 1)

    init(makesTaps: Bool) { self.makesTaps = makesTaps }

    var plugged: Set<String> { state.withLock { $0.plugged } }

    /// The devices of all ports that ever were plugged.
    var devices: Set<String> { state.withLock { Set($0.everPlugged.map(Self.device)) } }

    func fail(_ isFailing: Bool) { state.withLock { $0.isFailing = isFailing } }

    func listen(on bus: any Bus, host: String) async throws {
        var service = BusService()
        service.on(PlugInterface.self) { [self] request, _ in
            try check()
            return try await turn.admit { try await plug(request.portID) }
        }
        service.on(UnplugInterface.self) { [self] request, _ in
            try check()
            return try await turn.admit {
                if makesTaps { _ = try await ip("link", "del", Self.device(request.portID)) }
                state.withLock { _ = $0.plugged.remove(request.portID) }
                return BusNothing()
            }
        }
        service.on(ListInterfaces.self) { [self] _, _ in
            try check()
            return plugged.sorted()
        }
        _ = try await bus.serve(service, at: BusAddress(topic: NetworkTopic.agent, host: host), concurrency: 8, queueLimit: 100)
    }

    static func device(_ portID: String) -> String { "tap" + portID.prefix(11) }

    private func check() throws {
        if state.withLock({ $0.isFailing }) { throw BusFailure(code: "port_unknown", message: "the data plane is away") }
    }

    private func plug(_ port: String) async throws -> PluggedInterface {
        let device = Self.device(port)
        state.withLock { state in
            state.plugged.insert(port)
            state.everPlugged.insert(port)
        }
        if makesTaps { try await makeTap(device) }
        return PluggedInterface(device: device, offload: false)
    }

    private func makeTap(_ device: String) async throws {
        if try await ip("link", "show", device).status == 0 { return }
        try #require(try await ip("tuntap", "add", "dev", device, "mode", "tap").status == 0)
        try #require(try await ip("link", "set", device, "up").status == 0)
    }

    private func ip(_ arguments: String...) async throws -> Command.Outcome {
        try await Command(program: "ip", arguments: arguments, deadline: .seconds(10)).run()
    }
}

/// An image source in memory.
final class ImageSourceStub: ImageSource {
    private struct State {
        var images: [String: [UInt8]] = [:]
        var reads = 0
        var isHanging = false
    }

    struct Missing: Error {}

    private let state = Mutex(State())

    init(_ images: [String: [UInt8]] = [:]) { state.withLock { $0.images = images } }

    var reads: Int { state.withLock { $0.reads } }
    func add(_ id: String, _ bytes: [UInt8]) { state.withLock { $0.images[id] = bytes } }
    /// Makes reads stop half-way until they are cancelled.
    func hang(_ isHanging: Bool) { state.withLock { $0.isHanging = isHanging } }

    func read(_ imageID: String, write: @Sendable (ArraySlice<UInt8>) async throws -> Void) async throws {
        let (bytes, isHanging) = state.withLock { state in
            state.reads += 1
            return (state.images[imageID], state.isHanging)
        }
        guard let bytes else { throw Missing() }
        let chunk = max(1, min(1 << 20, bytes.count / 3))
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            try await write(bytes[start..<min(start + chunk, bytes.count)])
            if isHanging { try await Task.sleep(for: .seconds(3600)) }
        }
    }
}

/// Takes images into memory.
final class MemoryImageSink: ImageSink {
    private let images = Mutex<[String: [UInt8]]>([:])

    func image(_ id: String) -> [UInt8]? { images.withLock { $0[id] } }

    func store(
        _ imageID: String, format: String, size: Int, read: @escaping @Sendable () async throws -> ArraySlice<UInt8>?
    ) async throws {
        var bytes: [UInt8] = []
        while let chunk = try await read() { bytes += chunk }
        images.withLock { $0[imageID] = bytes }
    }
}

/// A guest to ask for.
func specification(
    id: String = Identifier.uuid(), name: String = "web 1", root: RootDisk? = nil, ports: Int = 1,
    ephemeralGiB: Int = 0, swapMiB: Int = 0, properties: [String: String] = [:]
) -> GuestSpecification {
    GuestSpecification(
        id: id, name: name, domainName: "instance-\(id.prefix(8))", projectID: Identifier.hex(), vcpus: 1, memoryMiB: 128,
        root: root ?? RootDisk(imageID: Identifier.uuid(), format: "raw", checksum: nil, sizeGiB: 0),
        ephemeralGiB: ephemeralGiB, swapMiB: swapMiB,
        interfaces: (0..<ports).map { number in
            GuestInterface(portID: Identifier.uuid(), networkID: Identifier.uuid(), mac: "fa:16:3e:00:00:0\(number)", mtu: 1442)
        }, properties: properties)
}

/// The code of a failure on the bus; nil when the call succeeds.
func failureCode(_ call: () async throws -> some Sendable) async -> String? {
    do {
        _ = try await call()
        return nil
    } catch BusError.remote(let code, _) {
        return code
    } catch {
        return "\(error)"
    }
}

/// Whether tests that need more than the language must run rather than be skipped.
let isContinuousIntegration = ProcessInfo.processInfo.environment["CI"] != nil

func programExists(_ name: String) -> Bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"].contains { FileSystem.exists($0 + "/" + name) }
}

/// Whether disks can be made.
let hasDiskTools = isContinuousIntegration || programExists("qemu-img")
