import CloudCore
import Synchronization

/// The tokens of imports from other clouds, for as long as this process carries them out. They are nowhere on disk: an
/// import that a crash interrupts before it has its bytes fails.
final class ImportTokens: Sendable {
    private let tokens = Mutex<[String: Secret<String>]>([:])

    /// Remembers a task's token.
    func keep(_ token: Secret<String>, for task: String) { tokens.withLock { $0[task] = token } }

    /// A task's token.
    func token(of task: String) -> Secret<String>? { tokens.withLock { $0[task] } }

    /// Forgets a task's token.
    func forget(_ task: String) { tokens.withLock { $0[task] = nil } }
}
