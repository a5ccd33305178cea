internal import CLibvirt
import ComputeMessages
import Foundation
import Synchronization

/// A failed call of libvirt.
struct LibvirtError: Error, Sendable, CustomStringConvertible {
    /// libvirt's code (virErrorNumber).
    let code: UInt32
    /// libvirt's words.
    let message: String

    /// The error that the calling thread met last.
    static var last: LibvirtError {
        guard let error = virGetLastError() else { return LibvirtError(code: 0, message: "unknown libvirt error") }
        let message = error.pointee.message.map { String(cString: $0) } ?? "unknown libvirt error"
        return LibvirtError(code: UInt32(bitPattern: error.pointee.code), message: message)
    }

    /// Whether the guest isn't there.
    var isNoDomain: Bool { code == VIR_ERR_NO_DOMAIN.rawValue }
    /// Whether the domain has no element of ours.
    var isNoMetadata: Bool { code == VIR_ERR_NO_DOMAIN_METADATA.rawValue }
    /// Whether the operation asks for a state that the guest isn't in.
    var isWrongState: Bool { code == VIR_ERR_OPERATION_INVALID.rawValue }
    /// Whether the connection, rather than the guest, is the trouble.
    var isConnectionLost: Bool {
        [VIR_ERR_INTERNAL_ERROR, VIR_ERR_SYSTEM_ERROR, VIR_ERR_RPC, VIR_ERR_NO_CONNECT, VIR_ERR_INVALID_CONN].map(\.rawValue).contains(code)
    }

    var description: String { "libvirt error \(code): \(message)" }
}

/// A connection to libvirtd. Every call blocks its thread; errors are kept by thread, so a call and the reading of its
/// error stay on one.
final class LibvirtConnection: Sendable {
    // Safe to send: libvirt's connections may be used from several threads at once ("Thread safety" in its
    // documentation of virConnectPtr), and the pointer never changes.
    private struct Handle: @unchecked Sendable { let pointer: virConnectPtr }

    private let handle: Handle
    private var connection: virConnectPtr { handle.pointer }

    /// Connects.
    /// - Parameters:
    ///   - uri: to whom.
    ///   - onEvent: called with a guest's id when its power may have changed; must not block.
    ///   - onClose: called once when libvirtd is gone; must not block.
    init(
        uri: String, onEvent: @escaping @Sendable (String) -> Void, onClose: @escaping @Sendable () -> Void
    ) throws {
        LibvirtEventLoop.start()
        guard let pointer = virConnectOpen(uri) else { throw LibvirtError.last }
        handle = Handle(pointer: pointer)
        // Without it a call to a hanging libvirtd never ends.
        virConnectSetKeepAlive(pointer, 5, 4)
        LibvirtEventLoop.listen(pointer, onEvent: onEvent, onClose: onClose)
    }

    deinit { virConnectClose(handle.pointer) }

    /// Whether libvirtd still answers.
    var isAlive: Bool { virConnectIsAlive(connection) == 1 }

    // MARK: The host

    /// What the hypervisor and its host have to offer.
    func inventory() throws -> HypervisorInventory {
        var node = virNodeInfo()
        var version: UInt = 0
        guard virNodeGetInfo(connection, &node) == 0, virConnectGetVersion(connection, &version) == 0 else {
            throw LibvirtError.last
        }
        let type = virConnectGetType(connection).map { String(cString: $0) } ?? "QEMU"
        return HypervisorInventory(
            type: type, version: Int(version), vcpus: Int(node.cpus), memoryMiB: Int(node.memory / 1024),
            cpuInfo: ProcessorDescription(
                cells: Int(node.nodes), sockets: Int(node.sockets), cores: Int(node.cores), threads: Int(node.threads)
            ).json)
    }

    // MARK: Guests

    /// All guests of ours.
    func guests() throws -> [GuestStatus] {
        var list: UnsafeMutablePointer<virDomainPtr?>?
        let count = virConnectListAllDomains(connection, &list, 0)
        guard count >= 0 else { throw LibvirtError.last }
        defer { free(list) }
        var guests: [GuestStatus] = []
        for index in 0..<Int(count) {
            guard let pointer = list?[index] else { continue }
            let domain = LibvirtDomain(pointer)
            // A domain that vanishes between the list and the look is no error.
            if (try? domain.isOurs) == true, let power = try? domain.power { guests.append(GuestStatus(id: domain.id, power: power)) }
        }
        return guests.sorted { $0.id < $1.id }
    }

    /// A guest of ours.
    func domain(_ id: String) throws -> LibvirtDomain? {
        guard let pointer = virDomainLookupByUUIDString(connection, id) else {
            let error = LibvirtError.last
            if error.isNoDomain { return nil }
            throw error
        }
        let domain = LibvirtDomain(pointer)
        return try domain.isOurs ? domain : nil
    }

    /// Defines a guest, or defines it anew.
    func define(_ xml: String) throws -> LibvirtDomain {
        guard let pointer = virDomainDefineXML(connection, xml) else { throw LibvirtError.last }
        return LibvirtDomain(pointer)
    }
}

/// A guest in libvirt's hands.
final class LibvirtDomain {
    private let pointer: virDomainPtr

    /// Takes over a reference.
    init(_ pointer: virDomainPtr) { self.pointer = pointer }

    deinit { virDomainFree(pointer) }

    /// The server's UUID.
    var id: String { Self.id(of: pointer) }

    static func id(of pointer: virDomainPtr) -> String {
        var buffer = [CChar](repeating: 0, count: Int(VIR_UUID_STRING_BUFLEN))
        guard virDomainGetUUIDString(pointer, &buffer) == 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Our element in its metadata; nil when it isn't ours.
    private var metadata: String? {
        get throws {
            let type = Int32(VIR_DOMAIN_METADATA_ELEMENT.rawValue)
            guard let text = virDomainGetMetadata(pointer, type, DomainXML.namespace, 0) else {
                let error = LibvirtError.last
                if error.isNoMetadata || error.isNoDomain { return nil }
                throw error
            }
            defer { free(text) }
            return String(cString: text)
        }
    }

    /// Whether it was made by us.
    var isOurs: Bool { get throws { try metadata != nil } }

    /// The file with what its console printed.
    var consolePath: String? { get throws { try metadata.flatMap { Markup.attribute("console", in: $0) } } }

    /// Its power.
    var power: PowerState {
        get throws {
            var (state, reason): (Int32, Int32) = (0, 0)
            guard virDomainGetState(pointer, &state, &reason, 0) == 0 else { throw LibvirtError.last }
            switch virDomainState(rawValue: UInt32(bitPattern: state)) {
            case VIR_DOMAIN_RUNNING, VIR_DOMAIN_BLOCKED, VIR_DOMAIN_SHUTDOWN: return .running
            case VIR_DOMAIN_PAUSED: return .paused
            case VIR_DOMAIN_SHUTOFF:
                return UInt32(bitPattern: reason) == VIR_DOMAIN_SHUTOFF_CRASHED.rawValue ? .crashed : .shutdown
            case VIR_DOMAIN_CRASHED: return .crashed
            case VIR_DOMAIN_PMSUSPENDED: return .suspended
            default: return .noState
            }
        }
    }

    /// Starts it; one that runs is left alone.
    func start() throws {
        guard virDomainCreate(pointer) == 0 else {
            let error = LibvirtError.last
            if error.isWrongState, try power.isOn { return }
            throw error
        }
    }

    /// Presses its power button. One that is off doesn't mind.
    func pressPowerButton() throws {
        guard virDomainShutdownFlags(pointer, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN.rawValue) == 0 else {
            let error = LibvirtError.last
            if error.isWrongState { return }
            throw error
        }
    }

    /// Turns it off; one that is off already is success.
    func turnOff() throws {
        guard virDomainDestroyFlags(pointer, 0) == 0 else {
            let error = LibvirtError.last
            if error.isWrongState || error.isNoDomain { return }
            throw error
        }
    }

    /// Forgets it, with all that libvirt keeps of it.
    func undefine() throws {
        let flags = [
            VIR_DOMAIN_UNDEFINE_MANAGED_SAVE, VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA, VIR_DOMAIN_UNDEFINE_NVRAM,
            VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
        ].reduce(0) { $0 | $1.rawValue }
        guard virDomainUndefineFlags(pointer, flags) == 0 else {
            let error = LibvirtError.last
            if error.isNoDomain { return }
            throw error
        }
    }
}
