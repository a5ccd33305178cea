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

    /// Emulated processors gain nothing by them, and other cards than virtio's have none (nova.virt.libvirt.vif's
    /// get_base_config).
    public func wantsQueues(_ guest: GuestSpecification) throws -> Bool {
        let machine = try MachineProperties(guest.properties)
        return hasKVM && machine.hasQueues && machine.interfaceModel == "virtio" && guest.vcpus > 1
    }

    /// Plugs an interface in, unless one with its MAC address is there.
    public func attach(_ device: GuestDevice, to guest: GuestSpecification) async throws {
        let xml = DomainXML.interface(device, try MachineProperties(guest.properties), vcpus: guest.vcpus).text
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
    func detach(from id: String, _ what: String, _ find: @escaping @Sendable (MarkupNode) -> MarkupNode?) async throws {
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
