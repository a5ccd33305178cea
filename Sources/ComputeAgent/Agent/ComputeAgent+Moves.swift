import CloudBus
import CloudCore
import ComputeMessages
import Logging

/// Moves of guests that are off.
extension ComputeAgent {
    /// Takes the guest down and puts its disks aside.
    func release(_ request: ReleaseGuest) async throws -> ReleasedGuest {
        let id = try checked(request.id)
        return try await turns.run(on: id, interruptible: true) { [self] in
            // What is aside was put there by an earlier attempt; a guest beside it is the one that came back changed.
            if let files = try await disks.released(id) { return ReleasedGuest(host: host, files: files) }
            if try await driver.guest(id) != nil {
                try await bringDown(id, grace: .seconds(max(0, request.graceSeconds)))
                try await driver.destroy(id)
            }
            forget(id)
            for port in request.portIDs { try await interfaces.unplug(port) }
            guard let files = try await disks.release(id) else { throw GuestFailure.notFound(id) }
            logger.info("guest put aside", metadata: ["server": "\(id)"])
            return ReleasedGuest(host: host, files: files)
        }
    }

    /// Makes the guest of what a host put aside.
    func receive(_ request: ReceiveGuest) async throws -> GuestStatus {
        let guest = request.guest
        try guest.check()
        return try await turns.run(on: guest.id, interruptible: true) { [self] in
            try await builds.admit {
                let source = self.reader(of: guest.id, on: request.released.host)
                let status = try await self.launch(guest, start: request.start) {
                    try await self.disks.receive(guest, request.released.files, from: source)
                }
                self.logger.info("guest moved here", metadata: ["server": "\(guest.id)", "from": "\(request.released.host)"])
                return status
            }
        }
    }

    /// Reads another host's files by its agent; nil for this host's and for disks that all hosts see.
    private func reader(of id: String, on source: String) -> ReleasedFileReader? {
        guard source != host, !disks.isShared else { return nil }
        let address = BusAddress(topic: ComputeTopic.agent, host: source)
        return { [bus, options] name, offset, length in
            do {
                return try await bus.call(
                    ReadGuestFile(id: id, name: name, offset: offset, length: length), to: address,
                    deadline: options.transferDeadline)
            } catch let error as BusError {
                throw GuestFailure(.hypervisorError, "The guest's disk \(name) could not be read from \(source).", cause: error)
            }
        }
    }

    /// Deletes what was put aside.
    func confirmMove(_ id: String) async throws {
        guard Identifier.isUUID(id) else { return }
        try await turns.run(on: id, interruptible: false) { [self] in try await disks.discardReleased(id) }
    }

    /// Puts the guest back as it was.
    func revertMove(_ guest: GuestSpecification, start: Bool) async throws -> GuestStatus {
        try guest.check()
        return try await turns.run(on: guest.id, interruptible: true) { [self] in
            if try await disks.released(guest.id) != nil {
                try await driver.destroy(guest.id)
                try await disks.restoreReleased(guest.id)
            }
            return try await relaunch(guest, start: start)
        }
    }

    /// A piece of a file that was put aside.
    func readFile(_ request: ReadGuestFile) async throws -> GuestFileChunk {
        let id = try checked(request.id)
        guard request.offset >= 0, (1...ReadGuestFile.maximumLength).contains(request.length) else {
            throw GuestFailure(.unsupported, "A piece of a file begins at zero or later and has 1 to \(ReadGuestFile.maximumLength) bytes.")
        }
        return try await disks.readReleased(id, name: request.name, offset: request.offset, length: request.length)
    }

    private func checked(_ id: String) throws -> String {
        guard Identifier.isUUID(id) else { throw GuestFailure.notFound(id) }
        return id
    }
}
