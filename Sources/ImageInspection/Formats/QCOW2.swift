/// QEMU's copy-on-write format, in the versions 1 to 3 (QEMU's docs/interop/qcow2.rst). A file that names a backing or
/// data file has whoever opens it read that one too: CVE-2022-47951's and CVE-2024-32498's way to other people's bytes.
enum QCOW2 {
    /// Dirty, corrupt, external data file and compression type. What came later (extended L2 entries) upstream refuses.
    private static let knownFeatures: UInt64 = 0b1111
    private static let externalData: UInt64 = 1 << 2
    private static let headerLength = 512

    static func match(_ head: HeaderBytes) -> FormatMatch? {
        guard head.count >= headerLength, head.holds([0x51, 0x46, 0x49, 0xFB]) else { return nil }
        guard let version = head.big(4, UInt32.self), let backingOffset = head.big(8, UInt64.self),
            let features = head.big(72, UInt64.self)
        else { return .malformed(.qcow2, "its header is cut off") }
        guard let size = Int(bytes: head.big(24)) else { return .malformed(.qcow2, "its size is out of range") }
        var failures: [SafetyFailure] = []
        if backingOffset != 0 { failures.append(SafetyFailure(.backingFile, "it has a backing file")) }
        failures += version == 3 ? featureFailures(features) : versionFailures(version)
        return FormatMatch(.qcow2, virtualSize: size, failures: failures)
    }

    private static func featureFailures(_ features: UInt64) -> [SafetyFailure] {
        var failures: [SafetyFailure] = []
        if features & externalData != 0 { failures.append(SafetyFailure(.dataFile, "its data are in another file")) }
        if features & ~knownFeatures != 0 { failures.append(SafetyFailure(.unknownFeatures, "it needs unknown features")) }
        return failures
    }

    /// Version 2 has no features; version 1 names its backing file elsewhere and is long gone.
    private static func versionFailures(_ version: UInt32) -> [SafetyFailure] {
        version == 2 ? [] : [SafetyFailure(.unknownFeatures, "its version \(version) is not supported")]
    }
}

/// QEMU's enhanced disk, which had backing files too and was given up.
enum QED {
    static func match(_ head: HeaderBytes) -> FormatMatch? {
        guard head.count >= 512, head.holds("QED\0".utf8) else { return nil }
        return FormatMatch(.qed, virtualSize: nil, failures: [SafetyFailure(.banned, "the format is not allowed")])
    }
}
