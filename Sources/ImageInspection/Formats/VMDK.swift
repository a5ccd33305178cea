/// VMware's format: a sparse extent with its descriptor inside, or a descriptor alone, which is text that names the
/// files with the data. The latter is CVE-2022-47951: whoever opens it reads any file of the host it names. Only what is
/// whole within one file is let in.
enum VMDK {
    /// A footer's marker, the footer and the end-of-stream marker.
    static let footerLength = 1536
    static let sector = 512
    private static let descriptorTitle = Array("# Disk DescriptorFile".utf8)
    private static let footerMarker: UInt32 = 3
    private static let endMarker: UInt32 = 0

    static func match(_ head: HeaderBytes, tail: HeaderBytes) -> FormatMatch? {
        if head.holds(SparseHeader.signature) { return sparse(head, tail) }
        let text = head.bytes.prefix { $0 != 0 }
        let type = isText(text.prefix(sector)) ? VMDKDescriptor(text)?.createTypes.first : nil
        guard type != nil || head.holds(descriptorTitle) else { return nil }
        return FormatMatch(
            .vmdk, virtualSize: nil, failures: [SafetyFailure(.descriptor, "its data are in other files")], subformat: type)
    }

    /// Whether bytes may be the beginning of a descriptor alone: ASCII without control characters.
    static func isText(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy { (0x20..<0x7F).contains($0) || (0x09...0x0D).contains($0) || (0x1C...0x1F).contains($0) }
    }

    private static func sparse(_ head: HeaderBytes, _ tail: HeaderBytes) -> FormatMatch {
        guard let header = SparseHeader(head, at: 0) else { return .malformed(.vmdk, "its header is cut off") }
        guard (1...3).contains(header.version) else { return .malformed(.vmdk, "its version is not supported") }
        guard let size = Int(bytes: header.sectors, times: sector) else { return .malformed(.vmdk, "its size is out of range") }
        // Without a size QEMU ignores the header and opens what the descriptor names.
        guard size > 0 else { return .malformed(.vmdk, "it has no size") }
        guard let end = header.descriptorEnd else { return .malformed(.vmdk, "its descriptor is in the wrong place") }
        guard let text = head.slice(sector, end - sector) else { return .malformed(.vmdk, "its descriptor is cut off") }
        guard let descriptor = VMDKDescriptor(text.prefix { $0 != 0 }) else {
            return .malformed(.vmdk, "its descriptor is not ASCII text")
        }
        var failures = descriptor.failures
        if header.hasFooter { failures += footerFailures(header, tail) }
        return FormatMatch(.vmdk, virtualSize: size, failures: failures, subformat: descriptor.createTypes.first)
    }

    /// A footer takes precedence over the header, so it must not say anything else.
    private static func footerFailures(_ header: SparseHeader, _ tail: HeaderBytes) -> [SafetyFailure] {
        guard let footer = SparseHeader(tail, at: sector), tail.count == footerLength else {
            return [SafetyFailure(.footer, "it has no footer")]
        }
        var failures: [SafetyFailure] = []
        if footer.version != header.version || footer.descriptorSector != header.descriptorSector
            || footer.descriptorSectors != header.descriptorSectors || footer.hasFooter
        {
            failures.append(SafetyFailure(.footer, "its footer contradicts its header"))
        }
        if !isMarker(tail, at: 0, footerMarker) { failures.append(SafetyFailure(.footer, "its footer's marker is invalid")) }
        if !isMarker(tail, at: 2 * sector, endMarker) || tail.little(2 * sector) != 0 as UInt64 {
            failures.append(SafetyFailure(.footer, "its end-of-stream marker is invalid"))
        }
        return failures
    }

    private static func isMarker(_ tail: HeaderBytes, at offset: Int, _ kind: UInt32) -> Bool {
        tail.little(offset + 8) == 0 as UInt32 && tail.little(offset + 12) == kind
            && tail.slice(offset + 16, sector - 16)?.allSatisfy { $0 == 0 } == true
    }

    /// A "hosted sparse extent" header (VMware's Virtual Disk Format 5.0).
    struct SparseHeader {
        static let signature = Array("KDMV".utf8)
        private static let directoryAtEnd = UInt64.max

        let version: UInt32
        let sectors: UInt64
        let descriptorSector: UInt64
        let descriptorSectors: UInt64
        /// Whether the grain directory is only known at the end, from a footer.
        let hasFooter: Bool

        init?(_ bytes: HeaderBytes, at offset: Int) {
            guard bytes.holds(Self.signature, at: offset), let version = bytes.little(offset + 4, UInt32.self),
                let sectors = bytes.little(offset + 12, UInt64.self), let descriptor = bytes.little(offset + 28, UInt64.self),
                let length = bytes.little(offset + 36, UInt64.self), let directory = bytes.little(offset + 56, UInt64.self)
            else { return nil }
            (self.version, self.sectors) = (version, sectors)
            (descriptorSector, descriptorSectors) = (descriptor, length)
            hasFooter = directory == Self.directoryAtEnd
        }

        /// Where the descriptor ends, cut at its greatest length; nil when it is not where QEMU looks for it.
        var descriptorEnd: Int? {
            guard descriptorSector == 1 else { return nil }
            let most = UInt64(StreamCapture.longestDescriptor / VMDK.sector + 1)
            return VMDK.sector + min(Int(min(descriptorSectors, most)) * VMDK.sector, StreamCapture.longestDescriptor)
        }
    }
}
