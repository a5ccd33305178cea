/// The header of a qcow2 file (QEMU's docs/interop/qcow2), read without asking any tool: a tool opens the other files
/// that a header names, and the header is whatever a user uploaded.
struct QCOW2Header: Sendable, Hashable {
    /// How many bytes from the file's beginning are needed to read a header with its backing file's name.
    static let prefixLength = 64 * 1024

    /// The size that a guest sees, in bytes.
    let virtualSize: Int
    /// The name of the backing file, if it has one.
    let backingFile: String?
    /// Whether the guest's data lies in another file.
    let hasExternalData: Bool
    /// Whether the data is encrypted.
    let isEncrypted: Bool

    /// Reads a header.
    /// - Parameter bytes: the file's first bytes, `prefixLength` or all it has.
    /// - Returns: nil when this is no qcow2 file, or one of a shape that no tool writes.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 72, bytes.prefix(4).elementsEqual([0x51, 0x46, 0x49, 0xfb]) else { return nil }
        func number(_ offset: Int, _ length: Int) -> UInt64 {
            bytes[offset..<offset + length].reduce(0) { $0 << 8 | UInt64($1) }
        }
        let version = number(4, 4)
        guard version == 2 || version == 3, version == 2 || bytes.count >= 104 else { return nil }
        guard (9...21).contains(number(20, 4)), let size = Int(exactly: number(24, 8)) else { return nil }
        virtualSize = size
        isEncrypted = number(32, 4) != 0
        hasExternalData = version == 3 && number(72, 8) & 0b100 != 0
        let (nameOffset, nameLength) = (number(8, 8), Int(number(16, 4)))
        if nameOffset == 0 {
            backingFile = nil
        } else {
            guard let start = Int(exactly: nameOffset), nameLength <= 1023, start <= bytes.count - nameLength else { return nil }
            backingFile = String(decoding: bytes[start..<start + nameLength], as: UTF8.self)
        }
    }
}
