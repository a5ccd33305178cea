import CTLS
import NIOCore
import Synchronization

/// TLS 1.2 or 1.3 on the client's side of a connection: between the socket, which moves sealed bytes, and HTTP, which
/// moves plain ones. OpenSSL does the cryptography over memory alone; it never touches the socket.
final class TLSClientHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: TLSSession
    private var isOpen = false
    /// What was written before the handshake was done.
    private var waiting: [(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)] = []

    /// - Parameter host: the name or address that the certificate must be for.
    /// - Throws: `WebError.untrusted` when TLS can't be set up.
    init(_ trust: TLSTrust, host: String) throws { session = try TLSSession(trust, host: host) }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { advance(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        advance(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        session.receive(unwrapInboundIn(data))
        advance(context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        waiting.append((unwrapOutboundIn(data), promise))
        if isOpen { advance(context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(WebError.ended)
        // Without the other side's word that this is the end, somebody between may have cut the answer short.
        if !session.hasEnded { context.fireErrorCaught(WebError.ended) }
        context.fireChannelInactive()
    }

    /// Does what can be done: the handshake, then what waits to be written, then what has arrived.
    private func advance(_ context: ChannelHandlerContext) {
        do {
            if !isOpen { isOpen = try session.shakeHands() }
            if isOpen { try seal() }
            send(context)
            while isOpen, let plain = try session.read(context.channel.allocator) {
                context.fireChannelRead(wrapInboundOut(plain))
            }
            send(context)
        } catch {
            send(context)
            fail(error)
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    private func seal() throws {
        for (bytes, promise) in waiting {
            try session.write(bytes)
            promise?.succeed()
        }
        waiting.removeAll()
    }

    private func send(_ context: ChannelHandlerContext) {
        guard let sealed = session.sealed(context.channel.allocator) else { return }
        context.writeAndFlush(wrapOutboundOut(sealed), promise: nil)
    }

    private func fail(_ error: any Error) {
        for (_, promise) in waiting { promise?.fail(error) }
        waiting.removeAll()
    }
}

/// One TLS session over two memory queues. Used on one event loop.
private final class TLSSession {
    private let session: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer

    init(_ trust: TLSTrust, host: String) throws {
        guard let session = SSL_new(try trust.context().pointer) else { throw WebError.untrusted(TLSTrust.lastError()) }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(session)
            throw WebError.untrusted(TLSTrust.lastError())
        }
        // The session owns both queues from here on.
        SSL_set_bio(session, incoming, outgoing)
        (self.session, self.incoming, self.outgoing) = (session, incoming, outgoing)
        SSL_set_connect_state(session)
        guard Self.expect(host, session) else { throw WebError.untrusted(TLSTrust.lastError()) }
    }

    deinit { SSL_free(session) }

    /// Makes the session insist on a certificate for a host.
    private static func expect(_ host: String, _ session: OpaquePointer) -> Bool {
        if let address = InternetAddress(host) {
            return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(session), address.bytes, address.bytes.count) == 1
        }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        SSL_set_hostflags(session, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        return SSL_set1_host(session, name) == 1 && altostack_tls_server_name(session, name) == 1
    }

    /// Whether the other side has said that it is done.
    var hasEnded: Bool { SSL_get_shutdown(session) & SSL_RECEIVED_SHUTDOWN != 0 }

    /// Takes bytes from the socket.
    func receive(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { _ = BIO_write(incoming, $0.baseAddress, Int32($0.count)) }
    }

    /// - Returns: whether the handshake is done; not while the other side has more to say.
    func shakeHands() throws -> Bool {
        ERR_clear_error()
        let result = SSL_do_handshake(session)
        if result == 1 { return true }
        guard SSL_get_error(session, result) == SSL_ERROR_WANT_READ else {
            let verdict = SSL_get_verify_result(session)
            throw WebError.untrusted(
                verdict == X509_V_OK ? TLSTrust.lastError() : String(cString: X509_verify_cert_error_string(verdict)))
        }
        return false
    }

    func write(_ bytes: ByteBuffer) throws {
        guard bytes.readableBytes > 0 else { return }
        ERR_clear_error()
        let count = bytes.withUnsafeReadableBytes { SSL_write(session, $0.baseAddress, Int32($0.count)) }
        guard count == bytes.readableBytes else { throw WebError.malformed(TLSTrust.lastError()) }
    }

    /// Plain bytes that have arrived; nil when there are none now.
    func read(_ allocator: ByteBufferAllocator) throws -> ByteBuffer? {
        var buffer = allocator.buffer(capacity: 16_384)
        ERR_clear_error()
        var result: Int32 = 0
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 16_384) { space in
            result = SSL_read(session, space.baseAddress, Int32(space.count))
            return max(0, Int(result))
        }
        guard result <= 0 else { return buffer }
        switch SSL_get_error(session, result) {
        // The end of the stream is told by the socket; a clean end of TLS before it says nothing new.
        case SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN, SSL_ERROR_SYSCALL, SSL_ERROR_NONE: return nil
        default: throw WebError.malformed(TLSTrust.lastError())
        }
    }

    /// Bytes for the socket; nil when there are none.
    func sealed(_ allocator: ByteBufferAllocator) -> ByteBuffer? {
        let count = Int(altostack_tls_pending(outgoing))
        guard count > 0 else { return nil }
        var buffer = allocator.buffer(capacity: count)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { space in
            max(0, Int(BIO_read(outgoing, space.baseAddress, Int32(count))))
        }
        return buffer
    }
}

/// The certificate authorities that are trusted, read when they are first needed.
final class TLSTrust: Sendable {
    /// What sessions are made from. OpenSSL counts its references in a way that bears several threads, and nothing here
    /// changes it once it is made.
    final class Context: @unchecked Sendable {
        let pointer: OpaquePointer
        init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { SSL_CTX_free(pointer) }
    }

    private let authorities: String?
    private let known = Mutex<Context?>(nil)

    /// - Parameter authorities: a PEM file; nil for the system's authorities.
    init(authorities: String?) { self.authorities = authorities }

    /// - Throws: `WebError.untrusted` when the authorities can't be read.
    func context() throws -> Context {
        try known.withLock { known in
            if let known { return known }
            guard let pointer = SSL_CTX_new(TLS_client_method()) else { throw WebError.untrusted(Self.lastError()) }
            let context = Context(pointer)
            SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
            let isRead = authorities.map { SSL_CTX_load_verify_locations(pointer, $0, nil) }
                ?? SSL_CTX_set_default_verify_paths(pointer)
            guard isRead == 1, altostack_tls_minimum_1_2(pointer) == 1 else { throw WebError.untrusted(Self.lastError()) }
            known = context
            return context
        }
    }

    /// OpenSSL's reason for this thread's last failure.
    static func lastError() -> String {
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(ERR_get_error(), &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
