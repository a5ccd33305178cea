import CloudAPI
import CloudCore

/// What the query of an operation may say. Upstream looks at known parameters from the start, and refuses others from
/// some microversion on.
struct QueryRules: Sendable {
    private let members: [(name: String, schema: Schema)]
    private let strictFrom: Microversion

    /// - Parameter minor: the microversion 2.x from which unknown parameters are refused.
    init(_ members: [(name: String, schema: Schema)] = [], strictFrom minor: Int) {
        (self.members, strictFrom) = (members, Microversion(2, minor))
    }

    /// - Throws: 400 for a parameter with a wrong value, or one that is unknown where those are refused.
    func check(_ request: APIRequest) throws {
        let additional: Schema? = request.microversion >= strictFrom ? nil : .any
        do {
            try Schema.object(members, additional: additional).validate(query: request.query)
        } catch {
            throw Refusal.invalidQuery(error)
        }
    }

    /// Refuses every parameter from 2.102 on, as most operations that show one thing do.
    static let none = QueryRules(strictFrom: 102)

    /// The members of a list's pages.
    static let paging: [(name: String, schema: Schema)] = [("limit", .integer(0...Int.max)), ("marker", .string())]
}

/// Texts as nova checks them (nova.api.validation.parameter_types).
enum TextSchemas {
    /// Characters that nova takes for printable, with spaces. It knows those of Unicode's first plane only.
    private static let printable = #"[^\p{C}\p{Zl}\p{Zp}\x{10000}-\x{10FFFF}]"#
    /// The same without spaces.
    private static let visible = #"[^\p{C}\p{Z}\x{10000}-\x{10FFFF}]"#

    /// A name of printable characters without white space at its ends.
    static let name: Schema = .string(length: 1...255, pattern: "\(visible)(?:\(printable)*\(visible))?")
    /// Text of printable characters, or none.
    static func description(upTo length: Int) -> Schema {
        .nullable(.string(length: 0...length, pattern: "\(printable)*"))
    }
    /// A tag of a server.
    static let tag: Schema = .string(length: 1...60, pattern: "[^,/]*")
    /// Truth values as nova spells them.
    static let boolean: Schema = .anyOf([
        .boolean(),
        .oneOf(
            ["True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "False", "FALSE", "false", "0", "OFF", "Off", "off",
                "NO", "No", "no"].map { .string($0) }),
    ])
    /// Names and values of metadata.
    static let metadata: Schema = .map(names: #"[a-zA-Z0-9\-_:. ]{1,255}"#, values: .string(length: 0...255))
}

extension Server {
    /// The states in which a server's metadata and tags can be changed.
    static let settledStates: Set<State> = [.active, .paused, .suspended, .stopped]

    /// - Throws: `ActionRefused` unless the server is in one of the states and, where asked for, nothing is being done to it.
    func requireState(in states: Set<State>, idle: Bool, for action: String) throws(ActionRefused) {
        guard states.contains(state) else {
            throw ActionRefused(action: action, server: id, attribute: "vm_state", value: state.rawValue)
        }
        if idle, let task {
            throw ActionRefused(action: action, server: id, attribute: "task_state", value: task.rawValue)
        }
    }
}
