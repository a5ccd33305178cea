import CloudSettings
import CloudStore
import Foundation
import Logging
import NetworkAgent
import Networking

/// What `altostack network trace` shows: what becomes of a packet, and which rules decide it.
public struct NetworkTrace: Sendable {
    private let directory: DataDirectory
    private let settings: Settings

    /// The traces of a cloud.
    public init(directory: DataDirectory, settings: Settings) { (self.directory, self.settings) = (directory, settings) }

    /// The way of a packet between two ends, in lines for people; with `full`, also what OVN says of each step. Without
    /// a TCP or UDP port it is an echo request.
    /// - Throws: an error that says, for people, why there is no answer.
    public func text(
        from sender: String, to receiver: String, tcp: Int?, udp: Int?, full: Bool
    ) async throws -> String {
        let transport: TracedPacket.Transport = tcp.map { .tcp($0) } ?? udp.map { .udp($0) } ?? .icmp
        guard settings[CloudSettingKeys.database] != nil || FileManager.default.fileExists(atPath: directory.database) else {
            throw ProgramError("there is no cloud in \(directory.path)")
        }
        let services = ServiceOptions(settings: settings, directory: directory, simulate: false)
        let options = CloudHosts.networkOptions(directory: directory, settings: settings, hostName: services.hostName)
        guard FileManager.default.fileExists(atPath: directory.network) else {
            throw ProgramError("there are no real networks in \(directory.path): a simulated cloud moves no packets")
        }
        let route = try await route(from: sender, to: receiver)
        let packet = TracedPacket(
            port: route.source.id, sourceMAC: route.source.mac, destinationMAC: route.nextHopMAC, source: route.source.address,
            destination: route.destination, transport: transport)
        let trace = try await PacketTracer(options: options, logger: Logger(label: "altostack.trace")).trace(packet)
        let lines = [Self.headline(route, transport)] + trace.steps.map { "  " + Self.line($0) } + [Self.line(trace.outcome, route)]
        return (lines + (full ? ["", trace.text] : [])).joined(separator: "\n")
    }

    private func route(from sender: String, to receiver: String) async throws -> PacketRoute {
        let database = try StoreOpening.open(directory, settings)
        do {
            let route = try await database.read { try PacketRoute.find(from: sender, to: receiver, in: $0) }
            await database.close()
            return route
        } catch {
            await database.close()
            throw error
        }
    }

    private static func headline(_ route: PacketRoute, _ transport: TracedPacket.Transport) -> String {
        let what =
            switch transport {
            case .icmp: "an echo request"
            case .tcp(let port): "TCP to port \(port)"
            case .udp(let port): "UDP to port \(port)"
            }
        let target = route.target.map { "\($0.name) (\($0.address))" } ?? route.destination
        let hop = route.nextHop == route.destination ? "on the same network" : "by the router at \(route.nextHop)"
        return "\(what) from \(route.source.name) (\(route.source.address)) to \(target), \(hop)"
    }

    private static func line(_ step: PacketTrace.Step) -> String {
        switch step {
        case .entered(let port): "enters by port \(port)"
        case .spoofed: "dropped: the port may not send from this address (port security, allowed address pairs)"
        case .rule(let rule, let passes):
            switch (rule.group, passes) {
            case (let group?, true): "let through by rule \(rule.id) of security group \(group)"
            case (let group?, false): "dropped by rule \(rule.id) of security group \(group)"
            case (nil, true): "let through by the cloud's own rule \(rule.id)"
            case (nil, false): "dropped: no rule of the port's security groups lets it through"
            }
        case .routed(let range): "routed as \(range)"
        case .translatedSource(let address): "its source becomes \(address)"
        case .translatedDestination(let address): "its destination becomes \(address)"
        case .dropped(let stage, let match): "dropped in \(stage), which matches \(match)"
        }
    }

    private static func line(_ outcome: PacketTrace.Outcome, _ route: PacketRoute) -> String {
        switch outcome {
        case .delivered(let port) where port == route.target?.id: "delivered to \(route.target?.name ?? port)"
        case .delivered(let port): "delivered to port \(port)"
        case .leftCloud: "leaves the cloud for the physical network"
        case .flooded: "goes to every port that may want it"
        case .answered: "answered by the network itself"
        case .waiting: "waits in the router, which asks for the MAC address of where it goes next"
        case .dropped: "dropped"
        }
    }
}
