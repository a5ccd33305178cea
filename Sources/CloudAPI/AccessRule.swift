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
        var positions = closure(of: [0])
        for byte in text.utf8 {
            var next: Set<Int> = []
            for position in positions where position < pieces.count {
                switch pieces[position] {
                case .literal(let wanted): if byte == wanted { next.insert(position + 1) }
                case .segment: if byte != UInt8(ascii: "/") { next.formUnion([position, position + 1]) }
                case .anything: next.insert(position)
                }
            }
            guard !next.isEmpty else { return false }
            positions = closure(of: next)
        }
        return positions.contains(pieces.count)
    }

    /// The positions with those behind pieces that may match nothing.
    private func closure(of positions: Set<Int>) -> Set<Int> {
        var closed = positions
        for var position in positions {
            while position < pieces.count, pieces[position] == .anything {
                position += 1
                closed.insert(position)
            }
        }
        return closed
    }
}
