import CloudBus
import Logging

/// Serves metadata to the guests of this host: for each of their networks a namespace that holds the network's metadata
/// port, with an HTTP server in it. The namespace goes with the network's last guest.
actor MetadataPlane {
    private let options: NetworkAgentOptions
    private let userspace: Bool
    private let local: OVSDBClient
    private let southbound: OVSDBClient
    private let source: any MetadataSource
    private let links: LinkCommands
    private let logger: Logger

    /// What is in place, by network.
    private var served: [String: (endpoint: MetadataEndpoint, server: MetadataServer)] = [:]
    private static let deadline = Duration.seconds(30)

    init(
        options: NetworkAgentOptions, userspace: Bool, local: OVSDBClient, southbound path: String, source: any MetadataSource,
        logger: Logger
    ) throws {
        (self.options, self.userspace, self.local, self.source, self.logger) = (options, userspace, local, source, logger)
        southbound = OVSDBClient(path: path, monitor: MetadataEndpoint.monitor, logger: logger)
        links = try LinkCommands(namespace: options.namespace)
    }

    /// Keeps the namespaces right until the task is cancelled, then closes the servers and leaves the namespaces.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [southbound] in await southbound.run() }
            let (signals, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            for client in [local, southbound] {
                group.addTask { for await _ in await client.changes() { continuation.yield() } }
            }
            group.addTask {
                // What was mended by nobody's signal, such as a namespace deleted by hand, is found by looking again.
                while !Task.isCancelled {
                    do { try await Task.sleep(for: .seconds(30)) } catch { return }
                    continuation.yield()
                }
            }
            for await _ in signals where await !converge() {
                group.addTask {
                    do { try await Task.sleep(for: .seconds(1)) } catch { return }
                    continuation.yield()
                }
            }
            group.cancelAll()
        }
        for networkID in served.keys.sorted() { await closeServer(of: networkID) }
    }

    /// Removes every namespace of ours.
    func removeAll() async {
        let networks = (try? await records().filter { $0.kind == .metadata }.map(\.networkID)) ?? []
        for networkID in Set(networks).union(served.keys).sorted() { await remove(networkID) }
    }

    private func records() async throws -> [InterfaceRecord] {
        try await local.read(deadline: .now + Self.deadline) { InterfaceRecord.all(in: $0) }
    }

    /// Makes the namespaces those that are wanted. Returns whether everything is right now.
    private func converge() async -> Bool {
        do {
            var isRight = true
            let records = try await records()
            let networks = try await local.read(deadline: .now + Self.deadline) { InterfaceRecord.guestNetworks(in: $0) }
            let endpoints = try await southbound.read(deadline: .now + Self.deadline) { replica in
                networks.compactMap { MetadataEndpoint.of($0, in: replica) }
            }
            let wanted = Set(endpoints.map(\.networkID))
            let present = Set(records.filter { $0.kind == .metadata }.map(\.networkID)).union(served.keys)
            for networkID in present.subtracting(wanted).sorted() {
                if await !remove(networkID) { isRight = false }
            }
            for endpoint in endpoints.sorted(by: { $0.networkID < $1.networkID }) where !isServed(endpoint) {
                if await !serve(endpoint) { isRight = false }
            }
            return isRight
        } catch {
            logger.debug("Metadata waits for the databases", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func isServed(_ endpoint: MetadataEndpoint) -> Bool {
        served[endpoint.networkID]?.endpoint == endpoint
            && NetworkNamespace.names().contains(InterfaceName.namespace(endpoint.networkID))
    }

    private func serve(_ endpoint: MetadataEndpoint) async -> Bool {
        let networkID = endpoint.networkID
        do {
            await closeServer(of: networkID)
            // The record comes first: whatever a crash leaves behind it is found by it.
            let bridge = options.integrationBridge
            let operations = try await local.read(deadline: .now + Self.deadline) { replica in
                try endpoint.record.insertion(into: bridge, in: replica)
            }
            if !operations.isEmpty { try await local.transact(operations, deadline: .now + Self.deadline) }
            let name = InterfaceName.namespace(networkID)
            let namespace = NetworkNamespace.named(name)
            try await links.makeNamespace(name)
            try await links.makePair(InterfaceName.metadata(networkID), into: name, mtu: 1500)
            try await links.batch(endpoint.shape, in: namespace)
            if userspace { try await links.disableTransmitChecksum("eth0", in: namespace) }
            let server = MetadataServer(networkID: networkID, source: source, logger: logger)
            try await server.start(in: namespace)
            served[networkID] = (endpoint, server)
            return true
        } catch {
            logger.warning("No metadata on a network", metadata: ["network": "\(networkID)", "error": "\(error)"])
            return false
        }
    }

    private func closeServer(of networkID: String) async {
        guard let (_, server) = served.removeValue(forKey: networkID) else { return }
        await server.stop()
    }

    @discardableResult
    private func remove(_ networkID: String) async -> Bool {
        do {
            await closeServer(of: networkID)
            let device = InterfaceName.metadata(networkID)
            try await links.remove(device)
            try await links.removeNamespace(InterfaceName.namespace(networkID))
            try await local.removeInterface(device, deadline: .now + Self.deadline)
            return true
        } catch {
            logger.warning("A metadata namespace remains", metadata: ["network": "\(networkID)", "error": "\(error)"])
            return false
        }
    }
}
