/// Every path of the cloud as a tree of segments, built once. A literal segment wins over a parameter, and a
/// parameter over the rest of the path; where the better branch leads nowhere, the next one is tried.
struct RouteTrie {
    struct Node {
        var literals: [String: Int] = [:]
        var parameter: Int?
        var rest: Int?
        /// What is here: the position of the first entry in `destinations`.
        var destination: Int?
    }

    /// Where a path leads, with the values of its parameters in order.
    struct Match {
        let destination: Int
        let values: [String]
    }

    private var nodes: [Node] = [Node()]
    private(set) var destinationCount = 0

    /// Adds a path and gives the number of its destination; paths that differ only in their parameters' names share one.
    mutating func insert(_ parts: [PathPattern.Part]) -> Int {
        var node = 0
        for part in parts { node = child(of: node, for: part) }
        if let destination = nodes[node].destination { return destination }
        nodes[node].destination = destinationCount
        destinationCount += 1
        return destinationCount - 1
    }

    private mutating func child(of node: Int, for part: PathPattern.Part) -> Int {
        let existing: Int? =
            switch part {
            case .literal(let text): nodes[node].literals[text]
            case .parameter: nodes[node].parameter
            case .rest: nodes[node].rest
            }
        if let existing { return existing }
        nodes.append(Node())
        let added = nodes.count - 1
        switch part {
        case .literal(let text): nodes[node].literals[text] = added
        case .parameter: nodes[node].parameter = added
        case .rest: nodes[node].rest = added
        }
        return added
    }

    /// Where the segments lead; nil when nowhere.
    func match(_ path: RequestPath) -> Match? {
        var values: [String] = []
        guard let destination = search(0, path, 0, &values) else { return nil }
        return Match(destination: destination, values: values)
    }

    private func search(_ node: Int, _ path: RequestPath, _ position: Int, _ values: inout [String]) -> Int? {
        guard position < path.segments.count else { return nodes[node].destination }
        let segment = path.segments[position]
        if let next = nodes[node].literals[segment], let found = search(next, path, position + 1, &values) { return found }
        let known = values.count
        if let next = nodes[node].parameter {
            values.append(segment)
            if let found = search(next, path, position + 1, &values) { return found }
            values.removeLast(values.count - known)
        }
        guard let next = nodes[node].rest, let rest = path.rest(from: position) else { return nil }
        values.append(rest)
        return nodes[next].destination
    }
}
