import Foundation

/// What text both databases can hold.
enum PortableText {
    /// PostgreSQL has no NUL in text, so neither driver takes one.
    /// - Throws: `constraint(.check)` when there is one.
    static func check(_ bytes: UnsafeBufferPointer<UInt8>) throws {
        guard let start = bytes.baseAddress, memchr(start, 0, bytes.count) != nil else { return }
        throw StoreError.constraint(.check, detail: "a text with a NUL character")
    }
}
