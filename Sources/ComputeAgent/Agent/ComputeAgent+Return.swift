import CloudBus
import ComputeMessages
import Logging
import NetworkMessages

/// What an agent does when it comes back: after a crash of the program, or with the host.
extension ComputeAgent {
    /// Starts what ran when the host went down, as far as it still belongs here.
    func bringBack() async {
        do {
            let isNewBoot = try await disks.noteBoot(try await driver.inventory().bootID)
            guard isNewBoot, options.resumesGuests else { return }
            for record in try await disks.records() where record.runs && !Task.isCancelled { await startAgain(record.guest) }
        } catch {
            logger.notice("guests could not be looked through after the start", metadata: ["error": "\(error)"])
        }
    }

    private func startAgain(_ guest: GuestSpecification) async {
        do {
            guard let known = try await current(guest) else {
                return logger.notice("a guest that belongs elsewhere by now stays off", metadata: ["server": "\(guest.id)"])
            }
            let status = try await turns.run(on: guest.id, interruptible: true) { [self] () async throws -> GuestStatus? in
                guard let status = try await driver.guest(guest.id), !status.power.isOn, status.power != .suspended else { return nil }
                return try await relaunch(known)
            }
            guard let status else { return }
            logger.info("guest started again after the host's reboot", metadata: ["server": "\(guest.id)"])
            try await bus.cast(GuestEvent(host: host, status: status), to: BusAddress(topic: ComputeTopic.controller))
        } catch {
            logger.warning("a guest could not be started again after the host's reboot", metadata: ["server": "\(guest.id)", "error": "\(error)"])
        }
    }

    /// The guest as the controllers know it, with what unlocks its volumes. While the host was down it may have been deleted, or made
    /// anew on another host: started here too, two guests would write to the same volumes and answer at the same address. So the
    /// host waits for an answer, as long as its guests' owners may be expected to.
    /// - Returns: nil when the guest belongs here no more.
    private func current(_ guest: GuestSpecification) async throws -> GuestSpecification? {
        let end = ContinuousClock.now + options.controllerPatience
        while true {
            do {
                return try await bus.call(
                    DescribeGuest(host: host, id: guest.id), to: BusAddress(topic: ComputeTopic.controller), deadline: .seconds(60))
            } catch BusError.remote(code: GuestFailureCode.guestNotFound.rawValue, message: _) {
                return nil
            } catch let error as BusError where error != .closed && ContinuousClock.now < end {
                logger.notice("waiting for a controller", metadata: ["server": "\(guest.id)", "error": "\(error)"])
                try await Task.sleep(for: .seconds(2))
            }
        }
    }

    /// Takes away interfaces that are no guest's: a crash between the making of an interface and that of its guest
    /// leaves the interface. Only where each guest's interfaces are known, lest a guest lose one that it uses, and
    /// before any message is taken, lest a guest that is being made does.
    func removeOrphans() async {
        do {
            let records = try await disks.records()
            let known = Set(records.map(\.guest.id))
            guard try await driver.guests().allSatisfy({ known.contains($0.id) }) else { return }
            let wanted = Set(records.flatMap { $0.guest.interfaces.map(\.portID) })
            for port in try await interfaces.plugged() where !wanted.contains(port) {
                try await interfaces.unplug(port)
                logger.notice("an interface without a guest was removed", metadata: ["port": "\(port)"])
            }
        } catch {
            logger.notice("interfaces without guests could not be looked for", metadata: ["error": "\(error)"])
        }
    }
}
