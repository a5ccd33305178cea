import CloudStore
import NetworkMessages

// Where gateways live.
extension Operations {
    /// Places a router's gateway on the agents with the fewest, unless it has places already.
    func place(router id: String, in transaction: any Transaction) throws {
        guard try RouterAgentRecords.all(router: id, in: transaction).isEmpty else { return }
        for (position, agent) in try RouterAgentRecords.candidates(in: transaction).enumerated() {
            let binding = RouterAgentRecords.Binding(agentID: agent, priority: RouterAgentRecords.spread - position)
            try RouterAgentRecords.insert(binding, router: id, in: transaction)
        }
    }

    /// Places the gateways that no agent has, as when the first agent has come.
    func placeUnplaced(in transaction: any Transaction) throws {
        for router in try RouterAgentRecords.unplaced(in: transaction) {
            try place(router: router, in: transaction)
            try mark(.router, router, in: transaction)
        }
    }

    func add(router id: String, to agent: String, priority: Int?, in transaction: any Transaction) throws {
        try Self.check(priority)
        _ = try RouterRecords.find(id, in: transaction).orThrow(.routerNotFound(id))
        _ = try AgentRecords.find(agent, in: transaction).orThrow(.invalidL3Agent(agent))
        let bindings = try RouterAgentRecords.all(router: id, in: transaction)
        guard !bindings.contains(where: { $0.agentID == agent }) else {
            throw NetworkingError(
                .conflict, "RouterHostedByL3Agent", "The router \(id) is hosted by the L3 agent \(agent) already.")
        }
        try Self.check(priority, isFreeAmong: bindings)
        let chosen = priority ?? (bindings.map(\.priority).min() ?? RouterAgentRecords.spread + 1) - 1
        try Self.check(chosen)
        let binding = RouterAgentRecords.Binding(agentID: agent, priority: chosen)
        try RouterAgentRecords.insert(binding, router: id, in: transaction)
        try mark(.router, id, in: transaction)
    }

    func update(router id: String, on agent: String, priority: Int?, in transaction: any Transaction) throws {
        guard let priority else { return }
        try Self.check(priority)
        _ = try AgentRecords.find(agent, in: transaction).orThrow(.invalidL3Agent(agent))
        let bindings = try RouterAgentRecords.all(router: id, in: transaction)
        guard bindings.contains(where: { $0.agentID == agent }) else { throw NetworkingError.notHosted(id, agent: agent) }
        try Self.check(priority, isFreeAmong: bindings)
        let binding = RouterAgentRecords.Binding(agentID: agent, priority: priority)
        try RouterAgentRecords.update(binding, router: id, in: transaction)
        try mark(.router, id, in: transaction)
    }

    func remove(router id: String, from agent: String, in transaction: any Transaction) throws {
        _ = try AgentRecords.find(agent, in: transaction).orThrow(.invalidL3Agent(agent))
        guard try RouterAgentRecords.delete(router: id, agent: agent, in: transaction) else {
            throw NetworkingError.notHosted(id, agent: agent)
        }
        try mark(.router, id, in: transaction)
    }

    private static func check(_ priority: Int?) throws(NetworkingError) {
        guard let priority, !RouterAgentRecords.priorities.contains(priority) else { return }
        let range = RouterAgentRecords.priorities
        throw NetworkingError(
            .badRequest, "InvalidHAChassisPriority",
            "HA Chassis priority must be between \(range.lowerBound) and \(range.upperBound)")
    }

    private static func check(_ priority: Int?, isFreeAmong bindings: [RouterAgentRecords.Binding]) throws(NetworkingError) {
        guard let priority, bindings.contains(where: { $0.priority == priority }) else { return }
        throw NetworkingError(
            .conflict, "HAChassisPriorityAlreadyAssigned", "HA Chassis priority \(priority) is assigned already.")
    }
}

extension NetworkingError {
    static func invalidL3Agent(_ id: String) -> Self {
        Self(.notFound, "InvalidL3Agent", "Agent \(id) is not a L3 Agent or has been disabled")
    }
    static func notHosted(_ router: String, agent: String) -> Self {
        Self(.conflict, "RouterNotHostedByL3Agent", "The router \(router) is not hosted by the L3 agent \(agent).")
    }
}
