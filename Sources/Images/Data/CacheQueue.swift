import ImageStores
import Logging
import NIOCore
import Synchronization

/// Images that administrators asked to be copied into the cache, one after another.
final class CacheQueue: Sendable {
    private struct State {
        var waiting: [String] = []
        /// The image that is copied at the moment; it counts as queued until its copy is there.
        var current: String?
        var isRunning = false
    }

    let cache: ImageCache
    private let state = Mutex(State())
    private let logger = Logger(label: "images")

    init(cache: ImageCache) { self.cache = cache }

    /// The images that wait, in their order.
    var images: [String] { state.withLock { [$0.current].compactMap { $0 } + $0.waiting } }

    /// Puts an image at the end, unless it waits already or has a copy.
    /// - Parameter open: opens an image's bytes; nil for an image that is gone.
    func add(_ id: String, open: @escaping @Sendable (String) async throws -> (any ImageContent)?) {
        guard !cache.holds(id) else { return }
        let begins = state.withLock { state in
            guard state.current != id, !state.waiting.contains(id) else { return false }
            state.waiting.append(id)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if begins { Task { await run(open) } }
    }

    /// Takes an image out; a copy under way is given up.
    /// - Returns: whether it waited.
    @discardableResult func remove(_ id: String) -> Bool {
        state.withLock { state in
            let count = state.waiting.count
            state.waiting.removeAll { $0 == id }
            guard state.current == id else { return state.waiting.count < count }
            state.current = nil
            return true
        }
    }

    /// Takes out all.
    func removeAll() { for id in images { remove(id) } }

    private func run(_ open: @Sendable (String) async throws -> (any ImageContent)?) async {
        while let id = begin() {
            do {
                // Reading the copying content through is what makes the copy.
                guard let content = try await open(id) else { continue }
                var offset = 0
                while offset < content.size, isCurrent(id) {
                    let bytes = try await content.read(at: offset, count: Images.Parts.chunk)
                    guard bytes.readableBytes > 0 else { break }
                    offset += bytes.readableBytes
                }
            } catch {
                logger.warning("an image could not be cached", metadata: ["image": "\(id)", "error": "\(error)"])
            }
        }
    }

    private func begin() -> String? {
        state.withLock { state in
            state.current = state.waiting.isEmpty ? nil : state.waiting.removeFirst()
            state.isRunning = state.current != nil
            return state.current
        }
    }

    private func isCurrent(_ id: String) -> Bool { state.withLock { $0.current == id } }
}
