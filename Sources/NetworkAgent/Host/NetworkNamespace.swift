import CLinux
import Foundation

/// A network namespace of the host.
enum NetworkNamespace: Sendable, Hashable {
    /// The one in which the program runs.
    case current
    /// One that has a name under `/run/netns`.
    case named(String)

    /// Where named namespaces are.
    static let directory = "/run/netns"

    /// The file that stands for it; nil for the current one.
    var path: String? { if case .named(let name) = self { "\(Self.directory)/\(name)" } else { nil } }

    /// The names of all that have one.
    static func names() -> [String] {
        let fileManager = FileManager.default
        guard fileManager.fileExists(atPath: directory) else { return [] }
        do {
            return try fileManager.contentsOfDirectory(atPath: directory).sorted()
        } catch {
            return []
        }
    }

    /// Runs a body on a thread of its own that stands in the namespace: what it opens or spawns stays there. The body may
    /// block.
    /// - Throws: `HostError`, and what the body throws.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(with: Result {
                    try enter()
                    return try body()
                })
            }
            thread.stackSize = 512 << 10
            thread.start()
        }
    }

    /// Moves the calling thread.
    private func enter() throws {
        guard let path else { return }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HostError.last("open \(path)") }
        defer { close(descriptor) }
        guard altostack_setns_network(descriptor) == 0 else { throw HostError.last("setns \(path)") }
    }
}
