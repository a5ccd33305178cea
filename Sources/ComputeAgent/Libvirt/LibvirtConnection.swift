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
    /// Whether a disk's copy is not ready yet to be gone over to.
    var isCopyUnfinished: Bool { code == VIR_ERR_BLOCK_COPY_ACTIVE.rawValue }
    /// Whether the connection, rather than the guest, is the trouble.
    var isConnectionLost: Bool {
        [VIR_ERR_INTERNAL_ERROR, VIR_ERR_SYSTEM_ERROR, VIR_ERR_RPC, VIR_ERR_NO_CONNECT, VIR_ERR_INVALID_CONN].map(\.rawValue).contains(code)
    }

    /// Whether the domain, its hypervisor or this libvirt has no such thing.
    var isUnsupported: Bool {
        [VIR_ERR_NO_SUPPORT, VIR_ERR_OPERATION_UNSUPPORTED, VIR_ERR_ARGUMENT_UNSUPPORTED, VIR_ERR_CONFIG_UNSUPPORTED].map(\.rawValue).contains(code)
    }
    /// Whether the guest's agent isn't there or doesn't answer.
    var isAgentSilent: Bool { code == VIR_ERR_AGENT_UNRESPONSIVE.rawValue || code == VIR_ERR_AGENT_UNSYNCED.rawValue }
    /// Whether the device isn't there.
    var isNoDevice: Bool { code == VIR_ERR_DEVICE_MISSING.rawValue || code == VIR_ERR_INVALID_ARG.rawValue }

    var description: String { "libvirt error \(code): \(message)" }
}

/// A connection to libvirtd. Every call blocks its thread; errors are kept by thread, so a call and the reading of its
/// error stay on one.
final class LibvirtConnection: Sendable {
    // Safe to send: libvirt's connections may be used from several threads at once ("Thread safety" in its
    // documentation of virConnectPtr), and the pointer never changes.
    private struct Handle: @unchecked Sendable { let pointer: virConnectPtr }

    private let handle: Handle
    var connection: virConnectPtr { handle.pointer }

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
        var inventory = HypervisorInventory(
            type: type, version: Int(version), vcpus: Int(node.cpus), memoryMiB: Int(node.memory / 1024),
            cpuInfo: ProcessorDescription(
                cells: Int(node.nodes), sockets: Int(node.sockets), cores: Int(node.cores), threads: Int(node.threads)
            ).json)
        try describe(&inventory)
        return inventory
    }

    /// What libvirt's capabilities say: cells with their processors and pages, machine types, kinds of guests.
    private func describe(_ inventory: inout HypervisorInventory) throws {
        guard let text = virConnectGetCapabilities(connection) else { throw LibvirtError.last }
        defer { free(text) }
        guard let capabilities = MarkupNode(String(cString: text)) else { return }
        let cells = capabilities.nodes("host", "topology", "cells", "cell")
        inventory.cells = cells.enumerated().map { position, cell in
            let pages = cell.nodes("pages").compactMap { node -> (Int, Int)? in
                guard let size = node.attributes["size"].flatMap({ Int($0) }), let count = Int(node.text), size > 4, count > 0 else { return nil }
                return (size, count)
            }
            return HostInventory.Cell(
                id: cell.attributes["id"].flatMap { Int($0) } ?? position,
                processors: cell.nodes("cpus", "cpu").compactMap { $0.attributes["id"].flatMap { Int($0) } },
                memoryMiB: (cell.nodes("memory").first.flatMap { Int($0.text) } ?? 0) / 1024,
                hugePages: Dictionary(pages) { first, _ in first })
        }
        let guests = capabilities.nodes("guest").filter { $0.nodes("arch").first?.attributes["name"] == "x86_64" }
        inventory.machineTypes = Set(guests.flatMap { $0.nodes("arch", "machine").map(\.text) }).sorted()
        inventory.supportedInstances = guests.flatMap { guest in
            guest.nodes("arch", "domain").compactMap { $0.attributes["type"] }.map { ["x86_64", $0, guest.nodes("os_type").first?.text ?? "hvm"] }
        }
        inventory.usedVCPUs = (try? domains().reduce(0) { $0 + ((try? $1.processors) ?? 0) }) ?? 0
    }

    // MARK: Guests

    /// All guests of ours.
    func guests() throws -> [GuestStatus] {
        // A domain that vanishes between the list and the look is no error.
        try domains().compactMap { domain in (try? domain.power).map { GuestStatus(id: domain.id, power: $0) } }.sorted { $0.id < $1.id }
    }

    /// All guests of ours.
    func domains() throws -> [LibvirtDomain] {
        var list: UnsafeMutablePointer<virDomainPtr?>?
        let count = virConnectListAllDomains(connection, &list, 0)
        guard count >= 0 else { throw LibvirtError.last }
        defer { free(list) }
        return (0..<Int(count)).compactMap { list?[$0].map(LibvirtDomain.init) }.filter { (try? $0.isOurs) == true }
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
