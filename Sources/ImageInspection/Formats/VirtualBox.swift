/// VirtualBox's format (QEMU's block/vdi.c). That a differencing image is refused is stricter than upstream: it is
/// nothing without the file that it differs from.
enum VDI {
    private static let differencing: Set<UInt32> = [3, 4]

    static func match(_ head: HeaderBytes) -> FormatMatch? {
        guard head.count >= 512, head.little(0x40) == 0xBEDA_107F as UInt32 else { return nil }
        guard let kind = head.little(0x4C, UInt32.self), let size = Int(bytes: head.little(0x170)) else {
            return .malformed(.vdi, "its size is out of range")
        }
        let failures = differencing.contains(kind) ? [SafetyFailure(.backingFile, "it differs from another file")] : []
        return FormatMatch(.vdi, virtualSize: size, failures: failures)
    }
}
