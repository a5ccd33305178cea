import CloudCore
import Synchronization

/// Counts changes to what tokens depend on. A token remembered under older counts is looked up anew; so every
/// revocation and every change of roles takes effect at once and costs one addition, however many tokens there are.
final class Generations: Sendable {
    /// The counts a token depends on.
    struct Mark: Sendable, Hashable {
        fileprivate let everyone: Int
        fileprivate let users: Int
    }

    private struct State {
        var everyone = 0
        /// All changes there were.
        var changes = 0
        var users: [String: Int] = [:]
    }

    private static let mostUsers = 10_000
    private let state = Mutex(State())

    /// The counts at this moment. Take it before reading what is to be remembered.
    func mark(for userID: String) -> Mark {
        state.withLock { Mark(everyone: $0.everyone, users: $0.users[userID] ?? 0) }
    }

    /// The counts of several users at this moment.
    func mark(for userIDs: Set<String>) -> Mark {
        state.withLock { state in
            Mark(everyone: state.everyone, users: userIDs.reduce(0) { $0 + (state.users[$1] ?? 0) })
        }
    }

    /// The count of all changes, for noticing that nothing changed meanwhile.
    var changes: Int { state.withLock { $0.changes } }

    /// The count of changes that concern everyone, such as those of the catalog.
    var everyone: Int { state.withLock { $0.everyone } }

    /// Something changed for one user.
    func advance(user userID: String) {
        state.withLock { state in
            state.changes += 1
            state.users[userID, default: 0] += 1
            // Counting for everyone instead is always right, and keeps the table small.
            guard state.users.count > Self.mostUsers else { return }
            state.everyone += 1
            state.users = [:]
        }
    }

    /// Something changed for any number of users: roles, projects, domains, groups, endpoints.
    func advanceEveryone() {
        state.withLock { state in
            state.changes += 1
            state.everyone += 1
        }
    }
}

/// Remembers values by key up to a number, forgetting those not used for longest in two coarse steps.
final class BoundedCache<Value: Sendable>: Sendable {
    private struct State {
        var recent: [String: Value] = [:]
        var older: [String: Value] = [:]
    }

    private let half: Int
    private let state = Mutex(State())

    /// A cache of at most so many values.
    init(capacity: Int) { half = max(1, capacity / 2) }

    subscript(key: String) -> Value? {
        state.withLock { state in
            if let value = state.recent[key] { return value }
            guard let value = state.older[key] else { return nil }
            Self.insert(value, key, half, &state)
            return value
        }
    }

    func insert(_ value: Value, for key: String) {
        state.withLock { Self.insert(value, key, half, &$0) }
    }

    func remove(_ key: String) {
        state.withLock {
            $0.recent[key] = nil
            $0.older[key] = nil
        }
    }

    private static func insert(_ value: Value, _ key: String, _ half: Int, _ state: inout State) {
        if state.recent.count >= half { (state.older, state.recent) = (state.recent, [:]) }
        state.recent[key] = value
    }
}
