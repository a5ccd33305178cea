/// Tells what an image's content is while it passes, chunk by chunk, in bounded memory and without trusting any of it.
///
/// What counts as a match, which sizes are read and what is unsafe follow oslo.utils' `format_inspector`, where Glance,
/// Nova and Cinder share them; where this one is stricter, the format's own file says so.
public struct ImageInspector: Sendable {
    private var capture = StreamCapture()

    /// An inspector that has seen nothing.
    public init() {}

    /// How many bytes are held.
    public var footprint: Int { capture.head.count + capture.tail.count + (capture.trail?.footprint ?? 0) }

    /// Looks at the next bytes of the content; chunks may be of any size. What is not needed is not copied.
    public mutating func consume(_ chunk: UnsafeRawBufferPointer) { capture.consume(chunk) }

    /// Looks at the next bytes of the content.
    public mutating func consume(_ chunk: [UInt8]) { chunk.withUnsafeBytes { capture.consume($0) } }

    /// Looks at the next bytes of the content.
    public mutating func consume(_ chunk: ArraySlice<UInt8>) { chunk.withUnsafeBytes { capture.consume($0) } }

    /// What the content is, taking what has passed for all of it.
    public func report() -> InspectionReport {
        let head = HeaderBytes(capture.head)
        let matches = [
            QCOW2.match(head), QED.match(head), VHD.match(head), VHDX.match(head, capture.trail),
            VMDK.match(head, tail: HeaderBytes(capture.tail)), VDI.match(head), ISO9660.match(head),
            PartitionTable.match(head, size: capture.total), LUKS.match(head, size: capture.total),
        ]
        return InspectionReport(size: capture.total, matches: matches.compactMap { $0 })
    }
}
