/// Encrypted disks (LUKS on-disk format, versions 1 and 2). What is inside can't be told without the key. Version 2 is
/// recognised and refused, because QEMU can't open it.
enum LUKS {
    /// The header with its eight key slots.
    private static let headerLength = 592

    static func match(_ head: HeaderBytes, size: Int) -> FormatMatch? {
        guard head.holds(Array("LUKS".utf8) + [0xBA, 0xBE]) else { return nil }
        guard head.count >= headerLength, let version = head.big(6, UInt16.self), let payload = head.big(104, UInt32.self) else {
            return .malformed(.luks, "its header is cut off")
        }
        guard version == 1 else {
            return FormatMatch(.luks, virtualSize: nil, failures: [SafetyFailure(.version, "LUKS version \(version) is not supported")])
        }
        return FormatMatch(.luks, virtualSize: max(0, size - Int(payload) * 512))
    }
}
