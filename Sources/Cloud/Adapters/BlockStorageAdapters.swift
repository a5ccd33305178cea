import BlockStorage
import CloudAPI
import CloudCore
import CloudStore
import Compute
import ComputeMessages
import Identity
import Images
import Synchronization
import VolumeMessages

/// Images as block storage asks for them.
struct VolumeImagesAdapter: VolumeImages {
    let images: Images

    func image(_ id: String, for token: TokenContext) async throws -> VolumeImage? {
        guard let image = try await images.summary(id, for: token) else { return nil }
        return VolumeImage(
            id: image.id, name: image.name, status: image.status, diskFormat: image.diskFormat ?? "raw",
            containerFormat: image.containerFormat ?? "bare", sizeBytes: image.size ?? 0, virtualSizeBytes: image.virtualSize,
            minDiskGiB: image.minimumDiskGiB, minMemoryMiB: image.minimumMemoryMiB, checksum: image.md5, sha512: image.sha512,
            properties: image.properties)
    }

    func images(named name: String, for token: TokenContext) async throws -> [String] {
        try await images.ids(named: name, for: token)
    }

    func imageMaker(for token: TokenContext) async throws -> VolumeImageMaker {
        let reservation = try await images.reservation(for: token)
        return { [images] new, transaction in
            var description = ImageDescription(
                id: new.id, name: new.name, sharedWith: nil, diskFormat: new.diskFormat, minimumDiskGiB: new.minimumDiskGiB,
                minimumMemoryMiB: new.minimumMemoryMiB, properties: new.properties)
            (description.containerFormat, description.visibility) = (new.containerFormat, new.visibility)
            description.isProtected = new.isProtected
            try images.create(description, reservation, in: transaction)
        }
    }

    func imageStatus(_ id: String, in reader: any Reader) throws -> String? { try images.status(id, in: reader) }

    func discardImage(_ id: String, in transaction: any Transaction) throws { try images.remove(id, in: transaction) }
}

/// Identity as block storage asks for it.
struct VolumeIdentityAdapter: VolumeIdentity {
    let identity: Identity

    func projectExists(_ id: String) async throws -> Bool { try await identity.project(id) != nil }
}

/// The servers that have volumes, as block storage asks for them. Compute and block storage need each other, so compute is
/// connected once it is built.
final class VolumeServersAdapter: VolumeServers {
    private let compute = Mutex<Compute?>(nil)

    /// Connects compute once it is built over what is built over this.
    func connect(_ compute: Compute) { self.compute.withLock { $0 = compute } }

    func extended(server: String, volume: String, newSizeGiB: Int, needsResize: Bool, requestID: String?, key: String) async throws {
        try await call { try await $0.volumeExtended(volume, sizeGiB: newSizeGiB, requestID: requestID) }
    }

    func hold(server: String) async throws { try await call { try await $0.holdGuest(of: server) } }

    func letGo(server: String) async throws { try await call { try await $0.letGuestGo(of: server) } }

    func copy(server: String, volume: String, to target: VolumeConnection, key: String) async throws -> Bool {
        try await call { try await $0.copyAttachedVolume(volume, to: GuestVolume.Connection(target), token: key) }
    }

    func swap(server: String, from volume: String, to newVolume: String, key: String) async throws {
        try await call { try await $0.swapAttachedVolume(volume, for: newVolume) }
    }

    private func call<Answer: Sendable>(_ body: (Compute) async throws -> Answer) async throws -> Answer {
        guard let compute = compute.withLock({ $0 }) else { throw VolumeNeighbourMissing("Compute is not running yet.", mayPass: true) }
        do {
            return try await body(compute)
        } catch let refusal as VolumeRefusal {
            throw VolumeNeighbourMissing(refusal.message, mayPass: refusal.kind == .unavailable)
        }
    }
}

extension GuestVolume.Connection {
    /// Where a volume is reached, in compute's words.
    init(_ connection: VolumeConnection) {
        switch connection {
        case .file(let path, let format): self = .file(path: path, format: format)
        case .rbd(let pool, let image, let monitors, let user, let secret):
            self = .rbd(pool: pool, image: image, monitors: monitors, user: user, secret: secret)
        case .iscsi(let portals, let iqn, let lun, let user, let password):
            self = .iscsi(portals: portals, iqn: iqn, lun: lun, user: user, password: password)
        case .nfs(let export, let name, let format): self = .nfs(export: export, name: name, format: format)
        }
    }
}
