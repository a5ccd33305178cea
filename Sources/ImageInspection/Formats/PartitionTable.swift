/// A disk with a GPT behind its protective MBR, or with an MBR alone (UEFI 2.10 section 5).
enum PartitionTable {
    private static let firstEntry = 446
    private static let entryLength = 16
    private static let protective: UInt8 = 0xEE

    static func match(_ head: HeaderBytes, size: Int) -> FormatMatch? {
        guard let sector = head.part(0, 512), sector.holds([0x55, 0xAA], at: 510), !isFAT(sector) else { return nil }
        let failures = failure(sector).map { [SafetyFailure(.mbr, $0)] } ?? []
        return FormatMatch(.gpt, virtualSize: size, failures: failures)
    }

    /// A FAT volume's boot record has the same signature: two tables on a fixed disk.
    private static func isFAT(_ sector: HeaderBytes) -> Bool { sector.byte(0x10) == 2 && sector.byte(0x15) == 0xF8 }

    private static func failure(_ sector: HeaderBytes) -> String? {
        let entries = (0..<4).compactMap { sector.part(firstEntry + $0 * entryLength, entryLength) }
        guard entries.allSatisfy({ [0, 0x80].contains($0.byte(0)) }) else { return "a partition's boot flag is invalid" }
        let used = entries.indices.filter { entries[$0].byte(4) != 0 }
        guard !used.isEmpty else { return "it defines no partition" }
        let guards = entries.filter { $0.byte(4) == protective }
        guard !guards.isEmpty else { return nil }
        guard guards.allSatisfy({ $0.holds([0, 2, 0], at: 1) && $0.little(8) == 1 as UInt32 }) else {
            return "the protective partition begins in the wrong place"
        }
        return used == [0] ? nil : "there are partitions beside the protective one"
    }
}
