import Dispatch
import Foundation

/// A file descriptor that is closed with its owner.
final class Descriptor: Sendable {
    let number: Int32

    /// - Throws: `ImageStoreError.io`.
    init(opening path: String, _ flags: Int32, mode: mode_t = 0) throws {
        number = Glibc.open(path, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw ImageStoreError.io(operation: "open", errno: errno) }
    }

    deinit { close(number) }
}

/// Runs blocking file work off the threads that serve requests.
enum BlockingWork {
    private static let queue = DispatchQueue(label: "image-store", attributes: .concurrent)

    static func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try work() }) }
        }
    }
}
