import CloudAPI
import CloudStore
import Compute
import ComputeAgent
import Images

/// Images of servers as compute asks for them.
extension ComputeImagesAdapter {
    func snapshotMaker(for token: TokenContext) async throws -> SnapshotMaker {
        let reservation = try await images.reservation(for: token)
        return { [images] new, transaction in
            let description = ImageDescription(
                id: new.id, name: new.name, sharedWith: new.sharedWith, diskFormat: new.diskFormat,
                minimumDiskGiB: new.minDiskGiB, minimumMemoryMiB: new.minMemoryMiB, properties: new.properties)
            do {
                try images.create(description, reservation, in: transaction)
            } catch let error as any FaultConvertible {
                throw SnapshotRefusal(error.fault.status == .contentTooLarge ? .limit : .invalid, error.fault.message)
            }
        }
    }

    func snapshotStatus(_ id: String, in reader: any Reader) throws -> String? { try images.status(id, in: reader) }

    func discardSnapshot(_ id: String, in transaction: any Transaction) throws { try images.remove(id, in: transaction) }

    func finishWithoutBytes(_ id: String) async throws {
        try await images.receive(id, format: "raw", size: 0) { nil }
    }

    func snapshots(of projectID: String, with properties: [String: String], in reader: any Reader) throws -> [String] {
        try images.images(of: projectID, with: properties, in: reader)
    }
}

/// Where hosts on this machine send the images that they make.
struct LocalImageSink: ImageSink {
    let images: Images

    func store(
        _ imageID: String, format: String, size: Int, read: @escaping @Sendable () async throws -> ArraySlice<UInt8>?
    ) async throws {
        try await images.receive(imageID, format: format, size: size, read: read)
    }
}
