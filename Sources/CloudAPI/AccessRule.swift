/// One kind of request that a limited token is good for: Keystone's access rules of application credentials, which
/// keystonemiddleware enforces in front of every service.
public struct AccessRule: Sendable, Hashable {
    /// The service's type, such as "compute".
    public let service: String
    /// The HTTP method.
    public let method: String
    /// The pattern of the path below the service's own: `*` and `{name}` stand for one segment or a part of one, `**`
    /// for anything.
    public let path: String

    /// A rule.
    public init(service: String, method: String, path: String) { (self.service, self.method, self.path) = (service, method, path) }

    /// Whether a request is of this kind.
    /// - Parameter path: as sent, without the query.
    public func admits(service: String, method: String, path: String) -> Bool {
        self.service == service && self.method == method && PathGlob(self.path).matches(path)
    }
}

/// A pattern of an access rule, matched by following all positions in it at once, so that no pattern is costly.
struct PathGlob {
    private enum Piece: Equatable {
        case literal(UInt8)
        /// One or more bytes other than a slash.
        case segment
        /// Any bytes, or none.
        case anything
    }

    private let pieces: [Piece]

    init(_ pattern: String) {
        var (pieces, rest) = ([Piece](), Substring(pattern).utf8)
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*") where rest.first == UInt8(ascii: "*"):
                rest.removeFirst()
                pieces.append(.anything)
            case UInt8(ascii: "*"): pieces.append(.segment)
            case UInt8(ascii: "{"):
                guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else { fallthrough }
                rest = rest[rest.index(after: end)...]
                pieces.append(.segment)
            default: pieces.append(.literal(byte))
            }
        }
        self.pieces = pieces
    }

    func matches(_ text: String) -> Bool {
        var reached = [Bool](repeating: false, count: pieces.count + 1)
        reached[0] = true
        passEmpty(&reached)
        for byte in text.utf8 {
            var next = [Bool](repeating: false, count: pieces.count + 1)
            for position in pieces.indices where reached[position] {
                switch pieces[position] {
                case .literal(let wanted): if byte == wanted { next[position + 1] = true }
                case .segment: if byte != UInt8(ascii: "/") { (next[position], next[position + 1]) = (true, true) }
                case .anything: next[position] = true
                }
            }
            passEmpty(&next)
            guard next.contains(true) else { return false }
            reached = next
        }
        return reached[pieces.count]
    }

    /// Goes on behind pieces that may match nothing.
    private func passEmpty(_ reached: inout [Bool]) {
        for position in pieces.indices where reached[position] && pieces[position] == .anything { reached[position + 1] = true }
    }
}
