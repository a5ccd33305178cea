import ComputeMessages
import Synchronization

/// An image of a simulated disk: small, complete, and readable for every tool that knows its format.
struct SimulatedImage: Sendable {
    /// The image.
    let bytes: [UInt8]
    /// The size of the disk that it holds, in bytes.
    let virtualSize: Int

    /// An image of an empty disk with a word about its content where no tool minds.
    /// - Throws: `GuestFailure` for a format that disks aren't packed in.
    init(format: String, virtualSize: Int, content: String) throws {
        switch format {
        case "qcow2": (bytes, self.virtualSize) = (Self.qcow2(virtualSize, content), virtualSize)
        case "raw":
            let text = Array(content.utf8.prefix(4096))
            bytes = text + [UInt8](repeating: 0, count: (1 << 20) - text.count)
            self.virtualSize = bytes.count
        default: throw GuestFailure(.unsupported, "Snapshots are made as qcow2 or raw, not as \(format).")
        }
    }

    /// Reads it once from first to last.
    func reader() -> @Sendable () async throws -> ArraySlice<UInt8>? {
        let position = Position()
        return { [bytes] in
            let start = position.advance(by: 256 << 10)
            return start < bytes.count ? bytes[start..<min(bytes.count, start + (256 << 10))] : nil
        }
    }

    private final class Position: Sendable {
        private let value = Mutex(0)

        func advance(by count: Int) -> Int {
            value.withLock { value in
                defer { value += count }
                return value
            }
        }
    }

    /// A qcow2 file of version 3 without any data (QEMU's docs/interop/qcow2): header, one refcount table, one block of
    /// refcounts, and the L1 table, in clusters of 64 KiB.
    private static func qcow2(_ virtualSize: Int, _ content: String) -> [UInt8] {
        let cluster = 1 << 16
        let entries = (virtualSize + cluster * 8192 - 1) / (cluster * 8192)
        let tableClusters = (entries * 8 + cluster - 1) / cluster
        var bytes = [UInt8](repeating: 0, count: cluster * (3 + tableClusters))
        func put(_ value: UInt64, _ length: Int, at offset: Int) {
            for index in 0..<length { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (length - 1 - index))) }
        }
        let fields: [(value: Int, length: Int, offset: Int)] = [
            (0x5146_49fb, 4, 0), (3, 4, 4), (16, 4, 20), (virtualSize, 8, 24), (entries, 4, 36), (cluster * 3, 8, 40),
            (cluster, 8, 48), (1, 4, 56), (4, 4, 96), (104, 4, 100),
        ]
        for field in fields { put(UInt64(field.value), field.length, at: field.offset) }
        put(UInt64(cluster * 2), 8, at: cluster)
        for index in 0..<3 + tableClusters { put(1, 2, at: cluster * 2 + index * 2) }
        // Behind the end of the header's extensions, eight zero bytes at 104.
        for (index, byte) in content.utf8.prefix(1024).enumerated() { bytes[4096 + index] = byte }
        return bytes
    }
}
