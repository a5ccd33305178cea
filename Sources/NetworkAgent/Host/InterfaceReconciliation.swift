import NetworkMessages

extension InterfaceDriver {
    /// Plugs what is wanted and missing, and takes away what is not wanted. What fails is told and left to the next time.
    /// Those that are there are plugged again, because that mends whatever of them was lost.
    public func reconcile(
        wanted: [PlugInterface], deadline: ContinuousClock.Instant
    ) async throws -> InterfaceReconciliation {
        let present = Set(try await plugged(deadline: deadline))
        let wantedPorts = Set(wanted.map(\.portID))
        var result = InterfaceReconciliation(plugged: [], unplugged: [], failed: [])
        for portID in present.subtracting(wantedPorts).sorted() {
            do {
                try await unplug(portID: portID, deadline: deadline)
                result.unplugged.append(portID)
            } catch {
                result.failed.append(portID)
            }
        }
        for request in wanted.sorted(by: { $0.portID < $1.portID }) {
            do {
                _ = try await plug(request, deadline: deadline)
                if !present.contains(request.portID) { result.plugged.append(request.portID) }
            } catch {
                result.failed.append(request.portID)
            }
        }
        return result
    }
}
