internal import CLibvirt
import Foundation

/// The one thread on which libvirt delivers events. It runs for as long as the process.
enum LibvirtEventLoop {
    private final class Listener: Sendable {
        let onEvent: @Sendable (String) -> Void
        let onClose: @Sendable () -> Void

        init(onEvent: @escaping @Sendable (String) -> Void, onClose: @escaping @Sendable () -> Void) {
            (self.onEvent, self.onClose) = (onEvent, onClose)
        }
    }

    private static let started: Void = {
        virInitialize()
        // By default libvirt prints every error on standard error.
        virSetErrorFunc(nil) { _, _ in }
        virEventRegisterDefaultImpl()
        let thread = Thread {
            while true {
                // An error here means a moment without events, which a pause keeps from becoming a busy loop.
                if virEventRunDefaultImpl() < 0 { usleep(100_000) }
            }
        }
        thread.name = "libvirt-events"
        thread.start()
    }()

    /// Starts the thread. To be called before the first connection is opened.
    static func start() { _ = started }

    /// Listens to a connection's guests and to its end.
    static func listen(
        _ connection: virConnectPtr, onEvent: @escaping @Sendable (String) -> Void, onClose: @escaping @Sendable () -> Void
    ) {
        let listener = Listener(onEvent: onEvent, onClose: onClose)
        let lifecycle: virConnectDomainEventCallback = { _, domain, _, _, opaque in
            guard let domain, let opaque else { return 0 }
            Unmanaged<Listener>.fromOpaque(opaque).takeUnretainedValue().onEvent(LibvirtDomain.id(of: domain))
            return 0
        }
        // libvirt has one type for all callbacks and casts it back by the event's id (VIR_DOMAIN_EVENT_CALLBACK).
        let generic = unsafeBitCast(lifecycle, to: virConnectDomainEventGenericCallback.self)
        let release: virFreeCallback = { opaque in
            if let opaque { Unmanaged<Listener>.fromOpaque(opaque).release() }
        }
        virConnectDomainEventRegisterAny(
            connection, nil, Int32(VIR_DOMAIN_EVENT_ID_LIFECYCLE.rawValue), generic,
            Unmanaged.passRetained(listener).toOpaque(), release)
        let closed: virConnectCloseFunc = { _, _, opaque in
            if let opaque { Unmanaged<Listener>.fromOpaque(opaque).takeUnretainedValue().onClose() }
        }
        virConnectRegisterCloseCallback(connection, closed, Unmanaged.passRetained(listener).toOpaque(), release)
    }
}
