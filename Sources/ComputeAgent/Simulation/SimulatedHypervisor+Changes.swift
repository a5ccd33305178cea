import CloudCore
import ComputeMessages
import Synchronization

/// What a simulated guest bears while it runs.
extension SimulatedHypervisor {
    /// Holds a guest.
    public func pause(_ id: String) async throws {
        try await perform(.pause, on: id) { try move(id, from: [.running], to: .paused) }
    }

    /// Lets a guest go on.
    public func unpause(_ id: String) async throws {
        try await perform(.unpause, on: id) { try move(id, from: [.paused], to: .running) }
    }

    /// Puts a guest to sleep.
    public func suspend(_ id: String) async throws {
        try await perform(.suspend, on: id) { try move(id, from: [.running, .paused], to: .suspended) }
    }

    /// Wakes a guest.
    public func resume(_ id: String) async throws {
        try await perform(.resume, on: id) { try move(id, from: [.suspended], to: .running) }
    }

    /// Prints what a kernel prints that was interrupted so.
    public func injectInterrupt(_ id: String) async throws {
        try await perform(.interrupt, on: id) {
            guard try existing(id).power.isOn else { throw Self.wrongState }
            try change(id) { $0.note("NMI received for unknown reason 30 on CPU 0.") }
        }
    }

    // MARK: Devices

    /// Remembers the interface.
    public func attach(_ device: GuestDevice, to guest: GuestSpecification) async throws {
        try await perform(.attachInterface, on: guest.id) {
            _ = try existing(guest.id)
            try change(guest.id) { known in
                known.specification = guest
                known.note("virtio_net: hot-plugged, mac \(device.interface.mac) mtu \(device.interface.mtu)")
            }
        }
    }

    /// Forgets the interface.
    public func detachInterface(mac: String, from guest: GuestSpecification) async throws {
        try await perform(.detachInterface, on: guest.id) {
            _ = try existing(guest.id)
            try change(guest.id) { known in
                known.specification = guest
                known.note("virtio_net: unplugged, mac \(mac)")
            }
        }
    }

    /// Remembers the volume.
    public func attach(_ volume: GuestVolume, to guest: GuestSpecification) async throws -> String {
        try await perform(.attachVolume, on: guest.id) {
            _ = try existing(guest.id)
            _ = try DiskLimits(volume)
            let device = volume.deviceName.map { String($0.split(separator: "/").last ?? "vdb") } ?? freeDevice(for: volume, of: guest)
            try change(guest.id) { known in
                known.specification = guest
                known.note("virtio_blk: [\(device)] volume \(volume.id)")
                known.noteLimits(of: volume)
            }
            return device
        }
    }

    /// Forgets the volume.
    public func detachVolume(_ volumeID: String, from guest: GuestSpecification) async throws {
        try await perform(.detachVolume, on: guest.id) {
            _ = try existing(guest.id)
            try change(guest.id) { known in
                known.specification = guest
                known.note("virtio_blk: volume \(volumeID) gone")
            }
        }
    }

    /// Tells the guest.
    public func extendVolume(_ volumeID: String, of id: String, bytes: Int) async throws {
        try await perform(.extendVolume, on: id) {
            guard try existing(id).specification.volumes.contains(where: { $0.id == volumeID }) else {
                throw GuestFailure(.volumeUnavailable, "The volume \(volumeID) is not attached to the guest.")
            }
            try change(id) { $0.note("virtio_blk: volume \(volumeID) has \(bytes) bytes now") }
        }
    }

    /// Copies the volume and remembers the other one.
    public func swapVolume(_ oldID: String, for volume: GuestVolume, in guest: GuestSpecification) async throws {
        _ = try DiskLimits(volume)
        let old = try existing(guest.id).specification.volumes.first { $0.id == oldID }
        if let old, try existing(guest.id).power.isOn { try await options.copyVolume?(old.connection, volume.connection) }
        try await perform(.swapVolume, on: guest.id) {
            guard try existing(guest.id).power.isOn else { throw Self.wrongState }
            try change(guest.id) { known in
                known.specification = guest
                known.noteLimits(of: volume)
            }
        }
    }

    /// Nothing is locked; what no hypervisor can keep is refused.
    public func prepareVolumes(of guest: GuestSpecification) async throws { try checkLimits(of: guest) }

    func checkLimits(of guest: GuestSpecification) throws {
        for volume in guest.volumes { _ = try DiskLimits(volume) }
    }

    /// Prints that the volume was copied.
    public func copyVolume(_ volumeID: String, of id: String, to target: GuestVolume.Connection) async throws {
        try await perform(.copyVolume, on: id) {
            guard try existing(id).specification.volumes.contains(where: { $0.id == volumeID }) else {
                throw GuestFailure(.wrongState, "The guest does not have the volume \(volumeID).")
            }
            try change(id) { $0.note("virtio_blk: volume \(volumeID) copied") }
        }
    }

    /// Remembers the file and prints that it is written from now on.
    public func snapshotVolume(_ volumeID: String, of id: String, into file: String) async throws {
        try await perform(.snapshotVolume, on: id) {
            let guest = try existing(id)
            guard guest.specification.volumes.contains(where: { $0.id == volumeID }) else { throw Self.isNotAttached(volumeID) }
            guard guest.overlays?[volumeID]?.contains(file) != true else {
                throw GuestFailure(.volumeUnavailable, "The volume \(volumeID) is in the file \(file) already.")
            }
            try change(id) { guest in
                guest.addOverlay(file, to: volumeID)
                guest.note("virtio_blk: volume \(volumeID) goes on in another file")
            }
        }
    }

    /// Forgets files that were remembered.
    public func mergeVolume(_ volumeID: String, of id: String, file: String?, into target: String?) async throws {
        try await perform(.mergeVolume, on: id) {
            let guest = try existing(id)
            guard guest.specification.volumes.contains(where: { $0.id == volumeID }) else { throw Self.isNotAttached(volumeID) }
            try change(id) { guest in
                guest.removeOverlays(of: volumeID, file: file, into: target)
                guest.note("virtio_blk: volume \(volumeID) merged")
            }
        }
    }

    private static func isNotAttached(_ volumeID: String) -> GuestFailure {
        GuestFailure(.volumeUnavailable, "The volume \(volumeID) is not attached to the guest.")
    }

    /// The volumes that were remembered.
    public func volumes() async throws -> [String: [String]] {
        guests.withLock { guests in
            guests.filter { $0.value.isDefined && !$0.key.contains("_") }.mapValues { $0.specification.volumes.map(\.id) }
        }
    }

    // MARK: What a guest says and shows

    /// Figures that follow from the time the guest has run.
    public func diagnostics(_ id: String) async throws -> GuestDiagnostics {
        try await perform(.diagnostics, on: id) {
            let guest = try existing(id)
            guard guest.power.isOn else { throw Self.wrongState }
            let seconds = guest.bootedAt.map { max(0, Timestamp.now.seconds - $0.seconds) } ?? 0
            let traffic = GuestDiagnostics.Interface.Traffic(octets: 2070 + seconds * 60, packets: 26 + seconds, errors: 0, dropped: 0)
            let names = diskNames(of: guest.specification)
            return GuestDiagnostics(
                power: guest.power, driver: "fake", hypervisor: "fake", hypervisorOS: "simulated", uptime: seconds,
                hasConfigDrive: guest.specification.configDrive != nil,
                processors: (0..<guest.specification.vcpus).map { .init(id: $0, time: seconds * 20_000_000, utilisation: 2) },
                interfaces: guest.specification.interfaces.map {
                    .init(mac: $0.mac, device: "tap" + $0.portID.prefix(11), received: traffic, sent: traffic)
                },
                disks: names.map {
                    .init(
                        device: $0, readBytes: 262_144, readRequests: 112, writeBytes: 5_778_432 + seconds * 512,
                        writeRequests: 488 + seconds, errors: 0)
                },
                memoryMaximumMiB: guest.specification.memoryMiB, memoryUsedMiB: guest.specification.memoryMiB / 4)
        }
    }

    /// Opens the guest's screen or serial port.
    public func consoleAddress(_ id: String, _ kind: OpenGuestConsole.Kind) async throws -> GuestConsoleAddress {
        try await perform(.openConsole, on: id) {
            guard try existing(id).power.isOn else { throw Self.wrongState }
        }
        if let screen = screens.withLock({ $0[id]?[kind] }) { return .tcp(host: "127.0.0.1", port: screen.port, tlsPort: nil) }
        guard let screen = try await SimulatedScreen.open(kind, of: try existing(id)) else {
            throw GuestFailure(.unsupported, "Simulated guests have no \(kind.rawValue) console.")
        }
        // Another question may have opened one meanwhile.
        let kept = screens.withLock { screens in
            let kept = screens[id]?[kind] ?? screen
            screens[id, default: [:]][kind] = kept
            return kept
        }
        if kept.port != screen.port { screen.close() }
        return .tcp(host: "127.0.0.1", port: kept.port, tlsPort: nil)
    }

    /// Prints that the password was changed.
    public func setPassword(_ id: String, user: String?, password: String) async throws {
        try await perform(.setPassword, on: id) {
            try requireAgent(id)
            try change(id) { guest in
                let name = user ?? guest.specification.properties["os_admin_user"] ?? "root"
                guest.note("qemu-ga: password of \(name.filter { $0.isASCII && $0.isLetter }) changed")
            }
        }
    }

    /// Prints that the file systems were frozen or thawed.
    public func quiesce(_ id: String, freeze: Bool) async throws {
        try await perform(.quiesce, on: id) {
            try requireAgent(id)
            try change(id) { $0.note("qemu-ga: file systems \(freeze ? "frozen" : "thawed")") }
        }
    }

    /// Nothing goes through simulated interfaces.
    public func wantsQueues(_ guest: GuestSpecification) throws -> Bool { false }

    // MARK: Parts

    static let wrongState = GuestFailure(.wrongState, "The guest's power doesn't allow that.")

    private func move(_ id: String, from states: Set<PowerState>, to power: PowerState) throws {
        let now = try existing(id).power
        guard states.contains(now) || now == power else { throw Self.wrongState }
        try change(id) { $0.power = power }
    }

    private func requireAgent(_ id: String) throws {
        guard try existing(id).hasAgent else {
            throw GuestFailure(.unsupported, "The guest's image doesn't say that it runs QEMU's guest agent.")
        }
    }

    private func diskNames(of guest: GuestSpecification) -> [String] {
        let own = (guest.root == nil ? 0 : 1) + guest.ephemeralDisks.count + (guest.swapMiB > 0 ? 1 : 0)
        return DeviceNames.first(own + guest.volumes.count, prefix: "vd")
    }

    private func freeDevice(for volume: GuestVolume, of guest: GuestSpecification) -> String {
        let taken = Set(guest.volumes.filter { $0.id != volume.id }.compactMap { $0.deviceName?.split(separator: "/").last.map(String.init) })
        let own = diskNames(of: guest).count - guest.volumes.count
        return DeviceNames.first(own + guest.volumes.count + taken.count + 1, prefix: "vd").dropFirst(own).first { !taken.contains($0) } ?? "vdz"
    }
}
