/// ISO 9660 and UDF, told by the first volume descriptor at 32 KiB (ECMA-119 section 8.4).
enum ISO9660 {
    private static let descriptor = 32 << 10
    private static let signatures = ["CD001", "NSR02", "NSR03"]
    private static let primaryVolume: UInt8 = 1

    static func match(_ head: HeaderBytes) -> FormatMatch? {
        guard let volume = head.part(descriptor, 2 << 10),
            signatures.contains(where: { volume.holds($0.utf8, at: 1) })
        else { return nil }
        return FormatMatch(.iso, virtualSize: size(volume))
    }

    /// The volume's blocks times their size; both numbers stand there in both byte orders, the little end first.
    private static func size(_ volume: HeaderBytes) -> Int? {
        guard volume.byte(0) == primaryVolume, let blocks = volume.little(80, UInt32.self),
            let blockSize = volume.little(128, UInt16.self)
        else { return nil }
        return Int(blocks) * Int(blockSize)
    }
}
