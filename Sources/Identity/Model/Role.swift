import CloudCore

/// A role: a name that policy rules refer to. A domain's own role only implies others and never appears in a token.
struct Role: Sendable, Hashable {
    var id: String
    var name: String
    var domainID: String?
    var description: String?
    var options: JSONObject = [:]
    var extra: JSONObject = [:]

    var isImmutable: Bool { options["immutable"] == .bool(true) }
}

/// "Who has the prior role has the implied role too."
struct ImpliedRole: Sendable, Hashable {
    var priorID: String
    var impliedID: String
}

/// All implications, ready for closing sets of roles over them.
struct RoleInference: Sendable {
    private let impliedByPrior: [String: [String]]

    init(_ rules: [ImpliedRole]) {
        impliedByPrior = Dictionary(grouping: rules, by: \.priorID).mapValues { $0.map(\.impliedID) }
    }

    /// The roles implied directly.
    func implied(by roleID: String) -> [String] { impliedByPrior[roleID] ?? [] }

    /// The roles and all they imply, in the order found, each once.
    func closure(of roleIDs: [String]) -> [String] {
        var (found, seen) = ([String](), Set<String>())
        var waiting = roleIDs
        while !waiting.isEmpty {
            let next = waiting.removeFirst()
            guard seen.insert(next).inserted else { continue }
            found.append(next)
            waiting += implied(by: next)
        }
        return found
    }

    /// Whether a role implies another, over however many steps.
    func implies(_ priorID: String, _ impliedID: String) -> Bool { closure(of: [priorID]).contains(impliedID) }
}
