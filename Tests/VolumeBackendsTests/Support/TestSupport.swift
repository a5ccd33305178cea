import CloudBus
import CloudCore
import Foundation
import Synchronization
import Testing
import VolumeMessages

@testable import VolumeBackends

/// A folder of its own for a test, deleted with the value that holds it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/vb-test-" + Identifier.hex().prefix(8)
        try Files.makeDirectory(path)
    }

    deinit { try? Files.removeDirectory(path) }
}

/// Whether a program can be run here.
func isInstalled(_ program: String) -> Bool {
    ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/local/bin/"].contains { access($0 + program, X_OK) == 0 }
}

/// How many bytes a sample has.
let sampleLength: Int64 = 8192

/// Bytes that no other seed gives, of which the first is the seed.
func sample(_ seed: UInt8, count: Int = Int(sampleLength)) -> [UInt8] {
    [seed] + (1..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31 &+ $0 >> 8) &+ Int(seed)) }
}

func volume(_ name: String = "volume-" + Identifier.uuid(), gib: Int = 1, encryption: VolumeEncryption? = nil) -> VolumeSpecification {
    VolumeSpecification(id: Identifier.uuid(), name: name, sizeGiB: gib, encryption: encryption)
}

func snapshot(of volume: VolumeSpecification) -> SnapshotSpecification {
    let id = Identifier.uuid()
    return SnapshotSpecification(id: id, name: "snapshot-" + id, volume: volume)
}

let someHost = VolumeConnector(host: "compute-1", ip: "127.0.0.1", initiator: "iqn.2026-01.test:compute-1")

extension VolumeBackend {
    /// Writes a pattern at a place of a volume.
    func put(_ seed: UInt8, at offset: Int64 = 5 << 20, in volume: VolumeSpecification) async throws {
        let bytes = try await open(volume, writing: true)
        try await bytes.write(sample(seed)[...], at: offset)
        try await bytes.flush()
        await bytes.close()
    }

    /// Which pattern is at a place; 0 for zeros, nil for anything else.
    func pattern(at offset: Int64 = 5 << 20, in volume: VolumeSpecification) async throws -> UInt8? {
        try await seed(at: offset, of: try await open(volume, writing: false))
    }

    func pattern(at offset: Int64 = 5 << 20, in snapshot: SnapshotSpecification) async throws -> UInt8? {
        try await seed(at: offset, of: try await open(snapshot))
    }

    func bytes(of volume: VolumeSpecification) async throws -> Int64 {
        let bytes = try await open(volume, writing: false)
        await bytes.close()
        return bytes.size
    }
}

private func seed(at offset: Int64, of bytes: any VolumeBytes) async throws -> UInt8? {
    let found = try await bytes.read(offset..<offset + sampleLength)
    await bytes.close()
    if found.allSatisfy({ $0 == 0 }) { return 0 }
    return found.first.flatMap { found == sample($0) ? $0 : nil }
}

/// What an operation fails with.
func code(_ body: () async throws -> Void) async -> VolumeFailureCode? {
    do {
        try await body()
        return nil
    } catch let failure as VolumeFailure {
        return failure.code
    } catch BusError.remote(let code, _) {
        return VolumeFailureCode(rawValue: code)
    } catch {
        Issue.record(error)
        return nil
    }
}

/// Bytes that break off in the middle.
struct BrokenBytes: VolumeBytes {
    struct Broken: Error {}

    let size: Int64 = 1 << 30
    func dataRanges() async throws -> [Range<Int64>] { [0..<(64 << 20)] }
    func read(_ range: Range<Int64>) async throws -> [UInt8] {
        if range.lowerBound >= 16 << 20 { throw Broken() }
        return [UInt8](repeating: 7, count: range.count)
    }
    func write(_ bytes: ArraySlice<UInt8>, at offset: Int64) async throws { throw Broken() }
    func zero(_ range: Range<Int64>) async throws { throw Broken() }
    func flush() async throws {}
    func close() async {}
}

/// Images in memory.
final class MemoryImages: VolumeImageSource, VolumeImageSink {
    private let images = Mutex<[String: [UInt8]]>([:])

    func put(_ id: String, _ bytes: [UInt8]) { images.withLock { $0[id] = bytes } }
    func bytes(_ id: String) -> [UInt8]? { images.withLock { $0[id] } }

    func read(_ imageID: String, write: @Sendable (ArraySlice<UInt8>) async throws -> Void) async throws {
        guard let bytes = bytes(imageID) else { throw VolumeFailure(.notFound, imageID) }
        var offset = 0
        while offset < bytes.count {
            let end = min(offset + 1 << 20, bytes.count)
            try await write(bytes[offset..<end])
            offset = end
        }
    }

    func store(
        _ imageID: String, format: String, size: Int, read: @escaping @Sendable () async throws -> ArraySlice<UInt8>?
    ) async throws {
        // The beginning is enough to be looked at: volumes are large.
        var (bytes, count) = ([UInt8](), 0)
        while let chunk = try await read() {
            if bytes.count < 8 << 20 { bytes += chunk }
            count += chunk.count
        }
        #expect(count == size)
        put(imageID, bytes)
    }
}
