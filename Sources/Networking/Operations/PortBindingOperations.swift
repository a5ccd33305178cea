import CloudCore
import CloudStore

/// A binding as the API shows it: the one that is in force, or one that waits.
struct BindingState: Sendable, Hashable {
    var binding: PortBinding
    var isActive: Bool
    /// Whether the host knows of it.
    var isBound: Bool
    var isTrusted: Bool?
}

/// What a request says of a binding; nil says nothing.
struct BindingChange: Sendable {
    var profile: JSON?
    var vnicType: String?
}

// Bindings of a port to several hosts, as a live migration needs them.
extension Operations {
    /// A port's bindings: the active one first.
    func bindings(of port: Port, in reader: any Reader) throws -> [BindingState] {
        try checkBindable(port)
        let active = BindingState(
            binding: port.binding, isActive: true, isBound: !port.binding.host.isEmpty, isTrusted: port.extras.isTrusted)
        return [active] + (try PortBindingRecords.all(port: port.id, in: reader)).map { state($0, of: port) }
    }

    private func state(_ inactive: InactiveBinding, of port: Port) -> BindingState {
        BindingState(
            binding: inactive.binding, isActive: false, isBound: inactive.isBound, isTrusted: port.extras.isTrusted)
    }

    /// Only the ports of guests and file shares move between hosts.
    private func checkBindable(_ port: Port) throws(NetworkingError) {
        guard !["compute:", "manila:"].contains(where: port.deviceOwner.hasPrefix) else { return }
        throw .badRequest("port", "Invalid port \(port.id). Operation only valid on compute and shared filesystem ports")
    }

    func binding(of port: Port, host: String, in reader: any Reader) throws -> BindingState {
        try bindings(of: port, in: reader).first { $0.binding.host == host }.orThrow(Self.bindingNotFound(port, host))
    }

    private static func bindingNotFound(_ port: Port, _ host: String) -> NetworkingError {
        NetworkingError(.notFound, "PortBindingNotFound", "Binding for port \(port.id) for host \(host) could not be found.")
    }

    func createBinding(
        of port: Port, host: String, _ change: BindingChange, in transaction: any Transaction
    ) throws -> BindingState {
        guard try !bindings(of: port, in: transaction).contains(where: { $0.binding.host == host }) else {
            throw NetworkingError(
                .conflict, "PortBindingAlreadyExists", "Binding for port \(port.id) on host \(host) already exists.")
        }
        let binding = PortBinding(
            host: host, profile: change.profile ?? .object([:]), vnicType: change.vnicType ?? "normal")
        let inactive = InactiveBinding(portID: port.id, binding: binding, isBound: true)
        try PortBindingRecords.put(inactive, in: transaction)
        return state(inactive, of: port)
    }

    func updateBinding(
        of port: Port, host: String, _ change: BindingChange, in transaction: any Transaction
    ) throws -> BindingState {
        var changed = try binding(of: port, host: host, in: transaction)
        if changed.isActive {
            let update = PortChange(profile: change.profile, vnicType: change.vnicType)
            changed.binding = try updatePort(port, update, by: .service, in: transaction).binding
        } else {
            changed.binding.profile = change.profile ?? changed.binding.profile
            changed.binding.vnicType = change.vnicType ?? changed.binding.vnicType
            changed.isBound = true
            try PortBindingRecords.put(
                InactiveBinding(portID: port.id, binding: changed.binding, isBound: true), in: transaction)
        }
        return changed
    }

    /// Puts a waiting binding in force. The one that was stays behind as inactive, with nothing on its host.
    func activateBinding(of port: Port, host: String, in transaction: any Transaction) throws -> BindingState {
        let wanted = try binding(of: port, host: host, in: transaction)
        guard !wanted.isActive else {
            throw NetworkingError(
                .conflict, "PortBindingAlreadyActive", "Binding for port \(port.id) on host \(host) is already active.")
        }
        try PortBindingRecords.delete(port: port.id, host: host, in: transaction)
        if !port.binding.host.isEmpty {
            try PortBindingRecords.put(
                InactiveBinding(portID: port.id, binding: port.binding, isBound: false), in: transaction)
        }
        let update = PortChange(host: host, profile: wanted.binding.profile, vnicType: wanted.binding.vnicType)
        let moved = try updatePort(port, update, by: .service, in: transaction)
        return BindingState(binding: moved.binding, isActive: true, isBound: true, isTrusted: port.extras.isTrusted)
    }

    /// Forgets a binding; without its active one a port is plugged nowhere.
    func deleteBinding(of port: Port, host: String, in transaction: any Transaction) throws {
        let gone = try binding(of: port, host: host, in: transaction)
        if gone.isActive {
            _ = try updatePort(port, PortChange(host: "", profile: .object([:])), by: .service, in: transaction)
        } else {
            try PortBindingRecords.delete(port: port.id, host: host, in: transaction)
        }
    }
}
