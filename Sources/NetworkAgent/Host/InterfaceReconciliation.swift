import NetworkMessages

/// Closes the difference between the interfaces that are there and those that are wanted.
enum InterfaceReconciler {
    /// How many ports are worked on at once.
    private static let width = 8
    /// How long one port may take.
    private static let patience = Duration.seconds(20)

    /// Takes away what is not wanted and plugs what is. Those that are there are plugged again, because that mends
    /// whatever of them was lost. What fails is told and left to the next time.
    static func reconcile(
        _ driver: any InterfaceDriver, wanted: [PlugInterface], deadline: ContinuousClock.Instant
    ) async throws -> InterfaceReconciliation {
        let present = Set(try await driver.plugged(deadline: deadline))
        let surplus = present.subtracting(wanted.map(\.portID)).sorted()
        let gone = await each(surplus) { portID in
            try await driver.unplug(portID: portID, deadline: min(deadline, .now + patience))
        }
        let requests = Dictionary(wanted.map { ($0.portID, $0) }, uniquingKeysWith: { $1 })
        let there = await each(requests.keys.sorted()) { portID in
            guard let request = requests[portID] else { return }
            _ = try await driver.plug(request, deadline: min(deadline, .now + patience))
        }
        return InterfaceReconciliation(
            plugged: there.done.filter { !present.contains($0) }, unplugged: gone.done, failed: (gone.failed + there.failed).sorted())
    }

    /// Works on ports, some at once, and tells for which it went well.
    private static func each(
        _ ports: [String], _ work: @escaping @Sendable (String) async throws -> Void
    ) async -> (done: [String], failed: [String]) {
        var (done, failed): ([String], [String]) = ([], [])
        await withTaskGroup(of: (String, Bool).self) { group in
            var rest = ports[...]
            func next() {
                guard let port = rest.popFirst() else { return }
                group.addTask {
                    do {
                        try await work(port)
                        return (port, true)
                    } catch {
                        return (port, false)
                    }
                }
            }
            for _ in 0..<width { next() }
            for await (port, isGood) in group {
                if isGood { done.append(port) } else { failed.append(port) }
                next()
            }
        }
        return (done.sorted(), failed.sorted())
    }
}
