/// What is kept of a stream: its beginning, as much as the format that it begins with needs, and its end where that
/// matters. Holds about 1 MiB at most, whatever the stream's headers ask for.
struct StreamCapture: Sendable {
    /// Where ISO 9660's first volume descriptor ends; enough for all formats but those below.
    private static let usual = 34 << 10
    /// A descriptor's greatest length, which is QEMU's too.
    static let longestDescriptor = (1 << 20) - 1
    /// How much of a stream tells what else to keep.
    private static let sector = 512

    private(set) var total = 0
    private(set) var head: [UInt8] = []
    private(set) var tail: [UInt8] = []
    private(set) var trail: VHDXTrail?
    private var headLimit = sector
    private var tailLength = 0
    private var isPlanned = false

    mutating func consume(_ chunk: UnsafeRawBufferPointer) {
        guard !chunk.isEmpty else { return }
        let start = total
        total += chunk.count
        var rest = chunk[...]
        while head.count < headLimit, !rest.isEmpty {
            let part = rest.prefix(headLimit - head.count)
            head += part
            rest = rest.dropFirst(part.count)
            if head.count == headLimit { plan() }
        }
        trail?.consume(chunk, at: start)
        if tailLength > 0 {
            tail += chunk.suffix(tailLength)
            tail.removeFirst(max(0, tail.count - tailLength))
        }
    }

    /// Decides what to keep, from what is there.
    private mutating func plan() {
        if isPlanned {
            if trail == nil, VHDX.isNamed(in: head) { trail = VHDXTrail(head: HeaderBytes(head)) }
            return
        }
        isPlanned = true
        let start = HeaderBytes(head)
        headLimit = Self.usual
        if VHDX.isNamed(in: head) {
            headLimit = VHDX.regionTableEnd
        } else if let header = VMDK.SparseHeader(start, at: 0) {
            headLimit = max(Self.usual, header.descriptorEnd ?? 0)
            tailLength = header.hasFooter ? VMDK.footerLength : 0
            tail = head.suffix(tailLength)
        } else if VMDK.isText(head[...]) {
            headLimit = Self.longestDescriptor
        }
    }
}
