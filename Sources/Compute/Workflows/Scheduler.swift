import CloudCore
import CloudStore

/// Chooses a host for a server and claims its room there.
struct Scheduler: Sendable {
    let placement: any ComputePlacement
    let options: ComputeOptions

    /// How many candidates are looked at for one server.
    private static let candidateLimit = 100

    /// The best host that has room and was not tried yet, with the room claimed; nil when there is none. The claim is
    /// made in the transaction that read the candidates, so nobody can come in between.
    func place(_ server: Server, avoiding failed: [String], in transaction: any Transaction) throws -> ComputeHost? {
        let candidates = try placement.candidates(
            server.resources, limit: Self.candidateLimit + failed.count, in: transaction)
        let hosts = Dictionary(
            uniqueKeysWithValues: try HostRecords.find(ids: candidates.map(\.provider), in: transaction).map { ($0.id, $0) })
        let eligible = candidates.filter { candidate in
            guard let host = hosts[candidate.provider] else { return false }
            return isUp(host) && !host.isDisabled && !failed.contains(host.name)
        }
        // Upstream's default weigher spreads by free memory; equals keep placement's order.
        let ranked = eligible.enumerated().sorted { left, right in
            let (first, second) = (left.element.free["MEMORY_MB"] ?? 0, right.element.free["MEMORY_MB"] ?? 0)
            return first == second ? left.offset < right.offset : first > second
        }
        guard let best = ranked.first?.element, let host = hosts[best.provider] else { return nil }
        try placement.claim(
            server: server.id, projectID: server.projectID, userID: server.userID, provider: best.provider,
            resources: server.resources, in: transaction)
        return host
    }

    /// Whether the host's agent has reported lately.
    func isUp(_ host: ComputeHost) -> Bool {
        !host.isForcedDown && host.seenAt + options.serviceDownTime > .now
    }
}
