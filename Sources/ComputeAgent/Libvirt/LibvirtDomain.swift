internal import CLibvirt
import ComputeMessages
import Foundation

/// A guest in libvirt's hands.
final class LibvirtDomain {
    let pointer: virDomainPtr

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

    /// The user whose password is set where none is named.
    var administrator: String? { get throws { try metadata.flatMap { Markup.attribute("administrator", in: $0) } } }

    /// Its power.
    var power: PowerState {
        get throws {
            var (state, reason): (Int32, Int32) = (0, 0)
            guard virDomainGetState(pointer, &state, &reason, 0) == 0 else { throw LibvirtError.last }
            switch virDomainState(rawValue: UInt32(bitPattern: state)) {
            case VIR_DOMAIN_RUNNING, VIR_DOMAIN_BLOCKED, VIR_DOMAIN_SHUTDOWN: return .running
            case VIR_DOMAIN_PAUSED: return .paused
            case VIR_DOMAIN_SHUTOFF:
                if virDomainHasManagedSaveImage(pointer, 0) == 1 { return .suspended }
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

    // MARK: Power

    /// Runs a call of libvirt that answers zero for success.
    func attempt(_ call: (virDomainPtr) -> Int32) throws {
        guard call(pointer) >= 0 else { throw LibvirtError.last }
    }

    /// Holds its processors.
    func pause() throws { try attempt { virDomainSuspend($0) } }

    /// Lets its processors run again.
    func unpause() throws { try attempt { virDomainResume($0) } }

    /// Writes its memory to the disk and ends its process.
    func save() throws { try attempt { virDomainManagedSave($0, 0) } }

    /// Forgets the memory that was written; none is success.
    func forgetSaved() throws {
        if virDomainHasManagedSaveImage(pointer, 0) == 1 { try attempt { virDomainManagedSaveRemove($0, 0) } }
    }

    /// Interrupts it in a way that it can't mask.
    func injectInterrupt() throws { try attempt { virDomainInjectNMI($0, 0) } }

    // MARK: Devices

    /// Plugs a device into the running guest.
    func attach(_ xml: String) throws { try attempt { virDomainAttachDeviceFlags($0, xml, VIR_DOMAIN_AFFECT_LIVE.rawValue) } }

    /// Asks the running guest to let go of a device. That it did is seen by looking.
    func detach(_ xml: String) throws { try attempt { virDomainDetachDeviceFlags($0, xml, VIR_DOMAIN_AFFECT_LIVE.rawValue) } }

    /// The guest as libvirt has it now.
    var description: MarkupNode {
        get throws {
            guard let text = virDomainGetXMLDesc(pointer, 0) else { throw LibvirtError.last }
            defer { free(text) }
            guard let node = MarkupNode(String(cString: text)) else { throw LibvirtError(code: 0, message: "libvirt described the guest in no XML") }
            return node
        }
    }

    /// How many processors it has.
    var processors: Int {
        get throws {
            var info = virDomainInfo()
            try attempt { virDomainGetInfo($0, &info) }
            return Int(info.nrVirtCpu)
        }
    }
}
