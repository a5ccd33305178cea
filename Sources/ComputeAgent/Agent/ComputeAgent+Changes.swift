import ComputeMessages
import Foundation
import Logging

/// What changes a guest in place.
extension ComputeAgent {
    /// Makes the root disk anew.
    func rebuild(_ request: RebuildGuest) async throws -> GuestStatus {
        let guest = request.guest
        try guest.check()
        return try await turns.run(on: guest.id, interruptible: true) { [self] in
            let isHere = try await driver.guest(guest.id) != nil
            // A guest whose definition was lost half-way still has its disks.
            if !isHere, try await disks.locate(guest) == nil { throw GuestFailure.notFound(guest.id) }
            return try await builds.admit {
                if isHere { try await self.driver.powerOff(guest.id) }
                return try await self.launch(guest, start: request.start) {
                    try await self.disks.rebuild(guest, preserveEphemeral: request.preserveEphemeral, token: request.token)
                }
            }
        }
    }

    /// Copies the root disk into an image.
    func snapshot(_ request: SnapshotGuest) async throws -> GuestSnapshot {
        guard let sink = imageSink else { throw GuestFailure(.unsupported, "Images can't be made on this host.") }
        guard UUID(uuidString: request.imageID) != nil else {
            throw GuestFailure(.imageUnavailable, "The image's id is not a UUID.")
        }
        let (id, name) = (request.id, request.imageID.lowercased())
        let image: PackedDisk
        do {
            // The guest's turn lasts only as long as it is held; packing and sending go on beside its life.
            try await turns.run(on: id, interruptible: true) { [self] in
                try await capture(id, as: name, quiesce: request.quiesce)
            }
            image = try await disks.pack(id, capture: name, format: request.format)
            let digest = SnapshotDigest()
            try await send(image, to: sink, request, digest)
            await disks.discard(id, capture: name)
            return GuestSnapshot(sizeBytes: image.size, virtualSizeBytes: image.virtualSize, checksum: digest.text)
        } catch {
            await disks.discard(id, capture: name)
            throw error
        }
    }

    private func send(
        _ image: PackedDisk, to sink: any ImageSink, _ request: SnapshotGuest, _ digest: SnapshotDigest
    ) async throws {
        do {
            try await sink.store(request.imageID, format: request.format, size: image.size) {
                try Task.checkCancellation()
                guard let bytes = try await image.read() else { return nil }
                digest.update(bytes)
                return bytes
            }
        } catch let error where !(error is GuestFailure || error is CancellationError) {
            throw GuestFailure(.imageUnavailable, "The image \(request.imageID) did not take the snapshot.", cause: error)
        }
    }

    /// Copies a running guest's disk: beside its life where that takes long, else while it is held for a moment. Whatever happens it
    /// runs on afterwards.
    private func capture(_ id: String, as name: String, quiesce: Bool) async throws {
        let power = try await existing(id).power
        guard power == .running else { return try await disks.capture(id, as: name) }
        let slow = try await disks.slowCapture(id, as: name)
        let isFrozen = try await freeze(id, mustSucceed: quiesce)
        do {
            if let slow, try await copy(slow, of: id, isFrozen: isFrozen) { return }
            try await driver.pause(id)
            try await disks.capture(id, as: name)
            try await release(id, isFrozen: isFrozen)
        } catch {
            // In a task of its own: this one may be cancelled, and the guest must run all the same.
            await Task { [self] in try? await release(id, isFrozen: isFrozen) }.value
            throw error
        }
    }

    /// - Returns: false where the hypervisor can't copy beside the guest's life.
    private func copy(_ files: SlowCapture, of id: String, isFrozen: Bool) async throws -> Bool {
        do {
            try await driver.copyDisk(files.disk, of: id, into: files.copy) { [driver] in
                if isFrozen { try await driver.quiesce(id, freeze: false) }
            }
            return true
        } catch let failure as GuestFailure where failure.code == .unsupported {
            logger.notice("a snapshot holds its guest while it is copied", metadata: ["server": "\(id)", "reason": "\(failure.message)"])
            return false
        }
    }

    private func freeze(_ id: String, mustSucceed: Bool) async throws -> Bool {
        do {
            try await driver.quiesce(id, freeze: true)
            return true
        } catch let failure as GuestFailure where !mustSucceed {
            logger.debug("a snapshot is made without freezing", metadata: ["server": "\(id)", "reason": "\(failure.message)"])
            return false
        }
    }

    private func release(_ id: String, isFrozen: Bool) async throws {
        try await driver.unpause(id)
        if isFrozen { try await driver.quiesce(id, freeze: false) }
    }

    // MARK: Devices

    /// Plugs an interface into a guest.
    func attach(_ request: AttachInterface) async throws -> GuestStatus {
        let guest = request.guest
        try guest.check()
        return try await turns.run(on: guest.id, interruptible: true) { [self] in
            let power = try await existing(guest.id).power
            try await remember(guest)
            let devices = try await plug([request.interface], of: guest)
            do {
                if power.isOn { for device in devices { try await driver.attach(device, to: guest) } }
            } catch {
                await Task { [self] in try? await interfaces.unplug(request.interface.portID) }.value
                throw error
            }
            return try await status(guest.id)
        }
    }

    /// Takes an interface out of a guest.
    func detach(_ request: DetachInterface) async throws -> GuestStatus {
        let guest = request.guest
        try guest.check()
        return try await turns.run(on: guest.id, interruptible: true) { [self] in
            let status = try await driver.guest(guest.id)
            if let status, status.power.isOn { try await driver.detachInterface(mac: request.mac, from: guest) }
            try await interfaces.unplug(request.portID)
            if status != nil { try await remember(guest) }
            return try await self.status(guest.id)
        }
    }

    /// Plugs a volume into a guest.
    func attach(_ request: AttachVolume) async throws -> AttachedVolume {
        try request.guest.check()
        return try await turns.run(on: request.guest.id, interruptible: true) { [self] in
            _ = try await existing(request.guest.id)
            let device = try await driver.attach(request.volume, to: request.guest)
            try await remember(request.guest)
            return AttachedVolume(deviceName: "/dev/" + device)
        }
    }

    /// Takes a volume out of a guest.
    func detach(_ request: DetachVolume) async throws {
        try await turns.run(on: request.guest.id, interruptible: true) { [self] in
            guard try await driver.guest(request.guest.id) != nil else { return }
            try await driver.detachVolume(request.volumeID, from: request.guest)
            try await remember(request.guest)
        }
    }

    /// Puts a volume in another's place.
    func swap(_ request: SwapVolume) async throws {
        try request.guest.check()
        try await turns.run(on: request.guest.id, interruptible: true) { [self] in
            guard try await existing(request.guest.id).power.isOn else {
                throw GuestFailure(.wrongState, "Volumes are swapped under a guest that runs; this one doesn't.")
            }
            try await driver.swapVolume(request.oldVolumeID, for: request.volume, in: request.guest)
            try await remember(request.guest)
        }
    }

    /// Copies a volume of a guest.
    func copy(_ request: CopyGuestVolume) async throws {
        try await onVolumes(of: request.id) { [driver] in try await driver.copyVolume(request.volumeID, of: request.id, to: request.target) }
    }

    /// Runs what takes volumes that a guest has open.
    func onVolumes(of id: String, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await turns.run(on: id, interruptible: true) { [self] in
            guard try await existing(id).power.isOn else {
                throw GuestFailure(.wrongState, "The guest is off: nobody has its volumes open.")
            }
            try await body()
        }
    }

    /// Keeps what the guest is now; whether it shall run stays as it was.
    private func remember(_ guest: GuestSpecification) async throws {
        let power = try await driver.guest(guest.id)?.power
        try await disks.remember(GuestRecord(guest: guest, runs: power?.isOn ?? false))
    }
}
