import Foundation

/// A target as tgtd describes it.
struct TargetState: Sendable, Equatable {
    /// A connection of an initiator's session.
    struct Peer: Sendable, Equatable {
        var session: UInt64
        var connection: UInt32
        var address: String
    }

    var number: Int32
    var name: String
    /// The file behind unit 1; nil without one.
    var path: String?
    var peers: [Peer] = []
    /// In the order in which tgtd keeps them.
    var users: [String] = []
    var addresses: Set<String> = []

    /// Reads the answer to "show targets".
    static func all(in text: String) -> [TargetState] {
        var (targets, reader) = ([TargetState](), Reader())
        for line in text.split(separator: "\n") {
            if line.hasPrefix("Target "), let colon = line.range(of: ": "), let number = Int32(line[..<colon.lowerBound].dropFirst(7)) {
                targets.append(TargetState(number: number, name: String(line[colon.upperBound...])))
                reader = Reader()
            } else if let last = targets.indices.last {
                reader.read(line, into: &targets[last])
            }
        }
        return targets
    }

    /// What of a target was read so far: the answer's structure is in its indentation.
    private struct Reader {
        var section = ""
        var lun = ""
        var session: UInt64 = 0
        var connection: UInt32 = 0

        mutating func read(_ line: Substring, into target: inout TargetState) {
            let depth = line.prefix { $0 == " " }.count / 4
            let text = line.trimmingCharacters(in: .whitespaces)
            let parts = text.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            let value = parts.count == 2 ? parts[1] : ""
            if depth == 1 { return section = text }
            switch (section, depth, parts.first) {
            case ("I_T nexus information:", 2, _): session = UInt64(value) ?? 0
            case ("I_T nexus information:", 3, "Connection"): connection = UInt32(value) ?? 0
            case ("I_T nexus information:", 4, "IP Address"):
                target.peers.append(Peer(session: session, connection: connection, address: value))
            case ("LUN information:", 2, _): lun = value
            case ("LUN information:", 3, "Backing store path") where lun == "1": target.path = value == "None" ? nil : value
            case ("Account information:", 2, _): target.users.append(text)
            case ("ACL information:", 2, _): target.addresses.insert(text)
            default: break
            }
        }
    }
}
