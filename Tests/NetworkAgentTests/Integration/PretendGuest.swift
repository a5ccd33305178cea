import CLinux
import Foundation
import Synchronization

@testable import NetworkAgent

/// A guest without a hypervisor: it opens the tap device of its port as QEMU would, and carries every frame to and from a
/// device `eth0` in a network namespace, whose kernel plays the guest's. `stop()` may be repeated.
final class PretendGuest: Sendable {
    let namespace: NetworkNamespace
    private let name: String
    private let isStopped = Atomic(false)
    private let carriers = DispatchGroup()

    /// - Parameters:
    ///   - name: the namespace's name.
    ///   - tap: the port's device in the host's namespace.
    init(name: String, tap: String, on host: NetworkNamespace) async throws {
        self.name = name
        namespace = .named(name)
        let links = try LinkCommands(namespace: namespace)
        try await links.makeNamespace(name)
        let outer = try await host.run { try Self.openTap(tap) }
        let inner: Int32
        do {
            inner = try await namespace.run { try Self.openTap("eth0") }
        } catch {
            close(outer)
            throw error
        }
        carry(from: outer, to: inner)
        carry(from: inner, to: outer)
        carriers.notify(queue: .global()) {
            close(outer)
            close(inner)
        }
    }

    /// Gives the guest its address and way out, as its DHCP client would.
    func configure(
        mac: String, mtu: Int, address: String, routes: [(destination: String, gateway: String)]
    ) async throws {
        let device = ["link set dev lo up", "link set dev eth0 address \(mac) mtu \(mtu) up"]
        let lines = device + ["address replace \(address) dev eth0"] + routes.map { "route replace \($0.destination) via \($0.gateway)" }
        try await LinkCommands(namespace: namespace).batch(lines)
    }

    func stop() async throws {
        isStopped.store(true, ordering: .relaxed)
        await withCheckedContinuation { continuation in
            carriers.notify(queue: .global()) { continuation.resume() }
        }
        try await LinkCommands(namespace: .current).removeNamespace(name)
    }

    private func carry(from source: Int32, to destination: Int32) {
        carriers.enter()
        let thread = Thread { [self] in
            var frame = [UInt8](repeating: 0, count: 65_536)
            var event = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
            while !isStopped.load(ordering: .relaxed) {
                guard poll(&event, 1, 50) > 0 else { continue }
                let count = read(source, &frame, frame.count)
                if count > 0 { _ = write(destination, frame, count) }
                // The device is gone, and would be ready to say so for ever.
                if count < 0, errno != EINTR, errno != EAGAIN { break }
            }
            carriers.leave()
        }
        thread.start()
    }

    private static func openTap(_ name: String) throws -> Int32 {
        let descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw HostError.last("open /dev/net/tun") }
        // struct ifreq: the name in 16 bytes, then the flags IFF_TAP | IFF_NO_PI.
        var request = [UInt8](repeating: 0, count: 40)
        for (position, byte) in name.utf8.enumerated() { request[position] = byte }
        (request[16], request[17]) = (0x02, 0x10)
        let tunSetInterface: UInt = 0x4004_54CA
        let result = request.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { ioctl(descriptor, tunSetInterface, $0) } ?? -1
        }
        guard result == 0 else { throw HostError.last("open tap \(name)") }
        return descriptor
    }
}
