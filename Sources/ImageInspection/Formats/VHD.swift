/// Connectix' and Microsoft's virtual hard disk: a footer of 512 bytes, whose copy a dynamic disk has in front. A fixed
/// disk has the footer at its end alone and is told, as upstream does, by what the disk holds. That a differencing disk
/// is refused is stricter than upstream.
enum VHD {
    private static let differencing: UInt32 = 4

    static func match(_ head: HeaderBytes) -> FormatMatch? {
        guard head.holds("conectix".utf8) else { return nil }
        guard head.count >= 512, let kind = head.big(60, UInt32.self), let size = Int(bytes: head.big(40)) else {
            return .malformed(.vhd, "its footer is cut off or its size out of range")
        }
        let failures = kind == differencing ? [SafetyFailure(.backingFile, "it differs from another file")] : []
        return FormatMatch(.vhd, virtualSize: size, failures: failures)
    }
}
