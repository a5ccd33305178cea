import Foundation
import Synchronization

/// Writes whole lines, so that lines of concurrent tasks never mix.
public struct LineWriter: Sendable {
    private let write: @Sendable ([UInt8]) -> Void

    /// A writer that hands each line, without its end, to a closure.
    public init(_ write: @escaping @Sendable (String) -> Void) {
        self.write = { write(String(decoding: $0, as: UTF8.self)) }
    }

    /// Writes one line.
    public func callAsFunction(_ line: String) { write(Array(line.utf8)) }

    /// Writes one line of UTF-8.
    public func callAsFunction(_ line: [UInt8]) { write(line) }

    /// The process's standard error.
    public static let standardError = LineWriter(descriptor: STDERR_FILENO)

    /// Writes to an open file. What the file does not take, such as when the disk is full, is lost: logging must not
    /// stop the cloud.
    public init(descriptor: Int32) {
        let queue = LineQueue(descriptor: descriptor)
        write = { line in queue.append(line) }
    }
}

/// Lines on their way to a file. Whoever finds nobody writing writes for all who come meanwhile, so that no task ever
/// waits for another's write.
private final class LineQueue: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var isWriting = false
    }

    /// How many bytes may wait, in bytes; lines beyond are lost, as they are when the disk is full.
    private static let limit = 4 << 20

    private let descriptor: Int32
    private let state = Mutex(State())

    init(descriptor: Int32) { self.descriptor = descriptor }

    func append(_ line: [UInt8]) {
        let isMine = state.withLock { state in
            guard state.pending.count < Self.limit else { return false }
            state.pending.append(contentsOf: line)
            state.pending.append(UInt8(ascii: "\n"))
            defer { state.isWriting = true }
            return !state.isWriting
        }
        guard isMine else { return }
        while let bytes = take() { write(bytes) }
    }

    private func take() -> [UInt8]? {
        state.withLock { state in
            guard !state.pending.isEmpty else {
                state.isWriting = false
                return nil
            }
            defer { state.pending = [] }
            return state.pending
        }
    }

    private func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
