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
        var users: [String: Int] = [:]
    }

    private static let mostUsers = 10_000
    private let state = Mutex(State())
    private let count = Atomic(0)

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
    var changes: Int { count.load(ordering: .acquiring) }

    /// The count of changes that concern everyone, such as those of the catalog.
    var everyone: Int { state.withLock { $0.everyone } }

    /// Something changed for one user.
    func advance(user userID: String) {
        state.withLock { state in
            // After the counts, so that whoever sees this sees them as well.
            defer { count.add(1, ordering: .releasing) }
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
            state.everyone += 1
            count.add(1, ordering: .releasing)
        }
    }
}

/// Remembers values by key up to a number, forgetting those not used for longest in two coarse steps. Each of several
/// parts has a lock of its own, so that requests on several processors seldom wait for each other.
final class BoundedCache<Value: Sendable>: Sendable {
    private final class Part: Sendable {
        struct State {
            var recent: [String: Value] = [:]
            var older: [String: Value] = [:]

            mutating func insert(_ value: Value, _ key: String, _ half: Int) {
                if recent.count >= half { (older, recent) = (recent, [:]) }
                recent[key] = value
            }
        }

        let state = Mutex(State())
    }

    private let parts: [Part]
    /// How many values a part takes before it forgets the older ones.
    private let half: Int

    /// A cache of at most so many values.
    init(capacity: Int) {
        let count = capacity >= 1024 ? 16 : 1
        parts = (0..<count).map { _ in Part() }
        half = max(1, capacity / 2 / count)
    }

    /// Tokens end in a digest, whose last letters are as good as random.
    private func part(of key: String) -> Part {
        let sum = key.utf8.suffix(4).reduce(0) { $0 &* 31 &+ Int($1) }
        return parts[sum % parts.count]
    }

    subscript(key: String) -> Value? {
        part(of: key).state.withLock { state in
            if let value = state.recent[key] { return value }
            guard let value = state.older[key] else { return nil }
            state.insert(value, key, half)
            return value
        }
    }

    func insert(_ value: Value, for key: String) {
        part(of: key).state.withLock { $0.insert(value, key, half) }
    }

    func remove(_ key: String) {
        part(of: key).state.withLock {
            $0.recent[key] = nil
            $0.older[key] = nil
        }
    }
}
