import CloudCore
import CloudStore
import Synchronization

/// The administrators' passwords of servers that are being built, rebuilt, evacuated or rescued. They are kept in this process's memory until the guest has
/// them, and nowhere else: a program that is killed in between forgets them.
final class PassingPasswords: Sendable {
    /// More than are built at the same time; what lies longer is forgotten.
    private static let limit = 10_000
    private let held = Mutex<(passwords: [String: Secret<String>], order: [String])>(([:], []))

    /// Keeps a server's password.
    func hold(_ password: Secret<String>, for server: String) {
        held.withLock { held in
            if held.passwords.updateValue(password, forKey: server) == nil { held.order.append(server) }
            guard held.order.count > Self.limit else { return }
            held.passwords[held.order.removeFirst()] = nil
        }
    }

    /// Keeps a server's password once the transaction that begins to make the guest is on disk.
    func hold(_ password: Secret<String>, for server: String, from transaction: any Transaction) {
        transaction.onCommit { [self] in hold(password, for: server) }
    }

    /// Forgets a server's password once the transaction that ends the making of its guest is on disk.
    func forget(_ server: String, after transaction: any Transaction) {
        transaction.onCommit { [self] in forget(server) }
    }

    /// A server's password; nil when it is not known.
    func password(of server: String) -> Secret<String>? { held.withLock { $0.passwords[server] } }

    /// Forgets a server's password.
    func forget(_ server: String) {
        held.withLock { held in
            guard held.passwords.removeValue(forKey: server) != nil else { return }
            held.order.removeAll { $0 == server }
        }
    }
}
