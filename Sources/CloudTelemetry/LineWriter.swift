import Foundation
import Synchronization

/// Writes whole lines, one write a line, so that lines of concurrent tasks never mix.
public struct LineWriter: Sendable {
    private let write: @Sendable (String) -> Void

    /// A writer that hands each line, without its end, to a closure.
    public init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }

    /// Writes one line.
    public func callAsFunction(_ line: String) { write(line) }

    /// The process's standard error.
    public static let standardError = LineWriter(descriptor: STDERR_FILENO)

    /// Writes to an open file. What the file does not take, such as when the disk is full, is lost: logging must not
    /// stop the cloud.
    public init(descriptor: Int32) {
        let lock = Mutex(())
        write = { line in
            var bytes = Array(line.utf8)
            bytes.append(UInt8(ascii: "\n"))
            lock.withLock { _ in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
                    if count < 0 && errno == EINTR { continue }
                    guard count > 0 else { return }
                    rest = rest.dropFirst(count)
                }
            }
        }
    }
}
