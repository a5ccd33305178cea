import CLinux
import Foundation
import Glibc
import Synchronization

/// The bytes of a raw file or block device.
final class FileBytes: VolumeBytes {
    let size: Int64
    private let path: String
    private let descriptor: Mutex<Int32>

    /// Opens a file or device.
    /// - Parameter size: how many bytes it stands for, the missing ones being zeros; nil for its own.
    init(path: String, size: Int64? = nil, writing: Bool = false) throws {
        let descriptor = Glibc.open(path, (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(operation: "open \(path)", code: errno) }
        self.path = path
        self.size = size ?? Int64(lseek(descriptor, 0, SEEK_END))
        self.descriptor = Mutex(descriptor)
    }

    deinit { closeNow() }

    /// A file's data between its holes; a device's all.
    func dataRanges() async throws -> [Range<Int64>] {
        try await onDescriptor { descriptor, path, size in
            let (seekData, seekHole): (Int32, Int32) = (3, 4)
            var (ranges, offset) = ([Range<Int64>](), Int64(0))
            while offset < size {
                let start = Int64(lseek(descriptor, off_t(offset), seekData))
                if start < 0, errno == ENXIO { break }
                guard start >= 0 else { return [0..<size] }
                let end = Int64(lseek(descriptor, off_t(start), seekHole))
                guard end > start, start < size else { break }
                ranges.append(start..<min(end, size))
                offset = end
            }
            return ranges
        }
    }

    func read(_ range: Range<Int64>) async throws -> [UInt8] {
        try await onDescriptor { descriptor, path, _ in
            var bytes = try Files.read(range.count, at: range.lowerBound, from: descriptor, path)
            bytes.append(contentsOf: repeatElement(0, count: range.count - bytes.count))
            return bytes
        }
    }

    func write(_ bytes: ArraySlice<UInt8>, at offset: Int64) async throws {
        try await onDescriptor { descriptor, path, _ in try Files.write(bytes, at: offset, to: descriptor, path) }
    }

    func zero(_ range: Range<Int64>) async throws {
        try await onDescriptor { descriptor, path, _ in
            // Punches a hole and keeps the length; where that isn't possible, zeros are written.
            if altostack_punch(descriptor, off_t(range.lowerBound), off_t(range.count)) == 0 { return }
            let zeros = [UInt8](repeating: 0, count: 1 << 20)
            var offset = range.lowerBound
            while offset < range.upperBound {
                let count = Int(min(Int64(zeros.count), range.upperBound - offset))
                try Files.write(zeros[..<count], at: offset, to: descriptor, path)
                offset += Int64(count)
            }
        }
    }

    func flush() async throws {
        try await onDescriptor { descriptor, path, _ in
            guard fdatasync(descriptor) == 0 else { throw FileError(operation: "fsync \(path)", code: errno) }
        }
    }

    func close() async { closeNow() }

    private func closeNow() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { Glibc.close(descriptor) }
            descriptor = -1
        }
    }

    private func onDescriptor<Value: Sendable>(
        _ job: @escaping @Sendable (Int32, String, Int64) throws -> Value
    ) async throws -> Value {
        let number = descriptor.withLock { $0 }
        guard number >= 0 else { throw FileError(operation: "use \(path)", code: EBADF) }
        return try await Blocking.run { [path, size] in try job(number, path, size) }
    }
}
