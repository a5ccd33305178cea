internal import CLibvirt
import ComputeMessages
import Foundation

/// What libvirt does to guests that run.
extension LibvirtHypervisor {
    /// Holds the guest's processors.
    public func pause(_ id: String) async throws {
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            if try domain.power != .paused { try domain.pause() }
        }
    }

    /// Lets the guest's processors run again.
    public func unpause(_ id: String) async throws {
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            if try domain.power != .running { try domain.unpause() }
        }
    }

    /// Writes the guest's memory where libvirt keeps it and ends its process (a managed save).
    public func suspend(_ id: String) async throws {
        try await call(deadline: options.saveDeadline) { connection in
            let domain = try Self.existing(id, on: connection)
            if try domain.power != .suspended { try domain.save() }
        }
    }

    /// Starts the guest, which goes on from what was written.
    public func resume(_ id: String) async throws {
        try await call(deadline: options.saveDeadline) { try Self.existing(id, on: $0).start() }
    }

    /// Injects a non-maskable interrupt.
    public func injectInterrupt(_ id: String) async throws {
        try await call { try Self.existing(id, on: $0).injectInterrupt() }
    }

    // MARK: Interfaces

    /// Plugs an interface in, unless one with its MAC address is there.
    public func attach(_ device: GuestDevice, to guest: GuestSpecification) async throws {
        let model = try MachineProperties(guest.properties).interfaceModel
        let xml = DomainXML.interface(device, model: model).text
        let mac = device.interface.mac
        try await call { connection in
            let domain = try Self.existing(guest.id, on: connection)
            if try domain.description.interface(mac: mac) == nil { try domain.attach(xml) }
        }
    }

    /// Takes an interface out.
    public func detachInterface(mac: String, from guest: GuestSpecification) async throws {
        try await detach(from: guest.id, "interface \(mac)") { $0.interface(mac: mac) }
    }

    /// Asks for a device until it is gone: a guest that is still booting doesn't hear the first time.
    private func detach(from id: String, _ what: String, _ find: @escaping @Sendable (MarkupNode) -> MarkupNode?) async throws {
        let end = ContinuousClock.now + options.detachDeadline
        var nextRequest = ContinuousClock.now
        while true {
            let asks = ContinuousClock.now >= nextRequest
            if asks { nextRequest = .now + .seconds(5) }
            let isGone = try await call { connection in
                guard let domain = try connection.domain(id), try domain.power.isOn, let device = find(try domain.description) else { return true }
                if asks { do { try domain.detach(device.source) } catch let error as LibvirtError where error.isBeingDetached {} }
                return find(try domain.description) == nil
            }
            if isGone { return }
            guard ContinuousClock.now < end else {
                throw GuestFailure(.guestUnresponsive, "The guest did not let go of \(what) in time.")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    // MARK: Volumes

    /// Refuses a volume whose file isn't there.
    func checkFile(of volume: GuestVolume) throws {
        guard case .file(let path, _) = volume.connection else {
            throw GuestFailure(.volumeUnavailable, "This host attaches volumes that are files, and no others yet.")
        }
        guard FileSystem.exists(path) else { throw GuestFailure(.volumeUnavailable, "The volume \(volume.id) is not on this host.") }
    }

    /// Plugs a volume in, unless one with its serial number is there. A guest that is off gets it when it is started.
    public func attach(_ volume: GuestVolume, to guest: GuestSpecification) async throws -> String {
        try checkFile(of: volume)
        let machine = try MachineProperties(guest.properties)
        return try await call { connection in
            let domain = try Self.existing(guest.id, on: connection)
            let disks = try domain.description.disks
            if let present = disks.first(where: { $0.serial == volume.serial }) { return present.name }
            let disk = try DiskLayout.disk(of: volume, machine, taken: Set(disks.map(\.name)))
            if try domain.power.isOn { try domain.attach(disk.markup(hasDirectIO: Self.hasDirectIO(for: disk.file.path)).text) }
            return disk.name
        }
    }

    /// Takes a volume out.
    public func detachVolume(_ volumeID: String, from guest: GuestSpecification) async throws {
        try await detach(from: guest.id, "volume \(volumeID)") { $0.disks.first { $0.serial == volumeID }?.node }
    }

    /// Tells the guest the volume's new size.
    public func extendVolume(_ volumeID: String, of id: String, bytes: Int) async throws {
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            guard try domain.power.isOn else { return }
            guard let disk = try domain.description.disks.first(where: { $0.serial == volumeID }) else {
                throw GuestFailure(.volumeUnavailable, "The volume \(volumeID) is not attached to the guest.")
            }
            try domain.attempt { virDomainBlockResize($0, disk.name, UInt64(bytes), VIR_DOMAIN_BLOCK_RESIZE_BYTES.rawValue) }
        }
    }

    /// Copies one volume onto another while the guest writes, and lets it go on with the other.
    public func swapVolume(_ oldID: String, for volume: GuestVolume, in guest: GuestSpecification) async throws {
        try checkFile(of: volume)
        let machine = try MachineProperties(guest.properties)
        let name = try await call { connection -> String? in
            let domain = try Self.existing(guest.id, on: connection)
            let disks = try domain.description.disks
            let target = try DiskLayout.disk(of: volume, machine, taken: [])
            if disks.contains(where: { $0.path == target.file.path }) { return nil }
            guard let old = disks.first(where: { $0.serial == oldID }) else {
                throw GuestFailure(.volumeUnavailable, "The volume \(oldID) is not attached to the guest.")
            }
            var job = virDomainBlockJobInfo()
            if virDomainGetBlockJobInfo(domain.pointer, old.name, &job, 0) == 1 { return old.name }
            let flags = VIR_DOMAIN_BLOCK_COPY_REUSE_EXT.rawValue | VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB.rawValue
            try domain.attempt { virDomainBlockCopy($0, old.name, target.markup(hasDirectIO: true).text, nil, 0, flags) }
            return old.name
        }
        if let name { try await pivot(name, of: guest.id) }
    }

    private func pivot(_ name: String, of id: String) async throws {
        let end = ContinuousClock.now + options.saveDeadline
        while ContinuousClock.now < end {
            let isDone = try await call { connection in
                let domain = try Self.existing(id, on: connection)
                var job = virDomainBlockJobInfo()
                let state = virDomainGetBlockJobInfo(domain.pointer, name, &job, 0)
                guard state == 1 else { throw GuestFailure(.volumeUnavailable, "The copying of the volume broke off.") }
                guard job.end > 0, job.cur == job.end else { return false }
                try domain.attempt { virDomainBlockJobAbort($0, name, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT.rawValue) }
                return true
            }
            if isDone { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        try await call { connection in
            let domain = try Self.existing(id, on: connection)
            try domain.attempt { virDomainBlockJobAbort($0, name, 0) }
        }
        throw GuestFailure(.volumeUnavailable, "The volume was not copied in time.")
    }
}

extension LibvirtError {
    /// Whether the guest was asked already and has not answered yet.
    var isBeingDetached: Bool {
        code == VIR_ERR_DEVICE_MISSING.rawValue || message.contains("in the process of unplug") || message.contains("already in the process")
    }

    /// The failure that callers see.
    var failure: GuestFailure {
        if isNoDomain { return GuestFailure(.guestNotFound, "There is no such guest on this host.", cause: self) }
        if isAgentSilent { return GuestFailure(.guestUnresponsive, "The guest's agent does not answer.", cause: self) }
        if isUnsupported { return GuestFailure(.unsupported, "The hypervisor can't do that: \(message)", cause: self) }
        if isWrongState { return GuestFailure(.wrongState, "The guest's power doesn't allow that: \(message)", cause: self) }
        return GuestFailure(.hypervisorError, "The hypervisor failed: \(message)", cause: self)
    }
}
