import CloudBus
import CloudCore
import ComputeMessages
import Logging

extension ComputeAgent {
    /// The handlers of every message that an agent understands.
    func service() -> BusService {
        var service = BusService()
        service.on(SpawnGuest.self) { [self] request, _ in
            try await answering("spawn", request.guest.id) { try await spawn(request.guest) }
        }
        service.on(DestroyGuest.self) { [self] request, _ in
            try await answering("destroy", request.id) {
                try await destroy(request.id, portIDs: request.portIDs)
                return BusNothing()
            }
        }
        service.on(PowerGuest.self) { [self] request, _ in
            try await answering("power", request.guest.id) { try await power(request.guest, request.action) }
        }
        service.on(ReadConsole.self) { [self] request, _ in
            try await answering("console", request.id) { try await console(request.id, lines: request.lines) }
        }
        service.on(ListGuests.self) { [self] _, _ in
            try await answering("list", nil) { try await driver.guests() }
        }
        return service
    }

    /// Runs an operation and puts its failure into the bus's words; whoever reads the log gets the cause as well.
    private func answering<Reply>(
        _ operation: String, _ id: String?, _ body: () async throws -> Reply
    ) async throws -> Reply {
        var metadata: Logger.Metadata = ["operation": "\(operation)"]
        if let id { metadata["server"] = "\(id)" }
        do {
            return try await body()
        } catch let failure as GuestFailure {
            metadata["code"] = "\(failure.code.rawValue)"
            if let cause = failure.cause { metadata["cause"] = "\(cause)" }
            logger.notice("\(failure.message)", metadata: metadata)
            throw failure.onBus
        } catch is CancellationError {
            throw GuestFailure(.interrupted, "The operation was put to an end by a later one or by its deadline.").onBus
        } catch {
            metadata["cause"] = "\(error)"
            logger.error("an operation failed in an unexpected way", metadata: metadata)
            throw GuestFailure(.hypervisorError, "The host failed in an unexpected way; its log says more.").onBus
        }
    }
}
