internal import CLibSSL
import NIOCore

/// What connections over TLS are made with: the least version, whom to trust, what to show.
///
/// Safe to share: nothing changes it once it is made, and OpenSSL counts those who hold it atomically.
final class TLSContext: @unchecked Sendable {
    fileprivate let pointer: OpaquePointer

    /// OpenSSL's `SSL_OP_NO_RENEGOTIATION`, a macro that Swift does not see: TLS 1.2's renegotiation has only ever been
    /// a source of attacks.
    private static let refusesRenegotiation: UInt64 = 1 << 30

    /// Takes over an `SSL_CTX`, and frees it in the end.
    init(adopting pointer: OpaquePointer) { self.pointer = pointer }

    deinit { SSL_CTX_free(pointer) }

    /// For connections to servers, which must prove who they are.
    /// - Parameter authorities: a PEM file with the authorities to trust; nil for the system's.
    /// - Throws: `WebError.untrusted` when the authorities cannot be read: nobody can be trusted then.
    convenience init(authorities: String?) throws {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(TLS_method()) else { throw WebError.untrusted(TLSConnection.queuedWords()) }
        self.init(adopting: pointer)
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
        SSL_CTX_set_options(pointer, Self.refusesRenegotiation)
        let isSet = SSL_CTX_ctrl(pointer, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil) == 1
        let isRead = authorities.map { SSL_CTX_load_verify_file(pointer, $0) } ?? SSL_CTX_set_default_verify_paths(pointer)
        guard isSet, isRead == 1 else { throw WebError.untrusted("no authorities: \(TLSConnection.queuedWords())") }
    }
}

/// Who is on the other side of a connection.
enum TLSPeer: Sendable {
    /// A server whose certificate must be for this name, which it is told.
    case name(String)
    /// A server whose certificate must be for this address, given in four or sixteen bytes.
    case address([UInt8])
    /// A client: this side is the server.
    case client
}

/// One side of a connection over TLS, between plain bytes and buffers in memory for what is on the wire. Belongs to its
/// channel's event loop: OpenSSL keeps the reasons of a failure by thread, and they are cleared before each call.
final class TLSConnection {
    /// What reading came to.
    enum Reading {
        /// All is read that came.
        case waiting
        /// The other side has said that it sends no more.
        case ended
        case failed(WebError)
    }

    private let ssl: OpaquePointer
    /// What came from the wire and what is to go there; both are the connection's, which frees them.
    private let incoming, outgoing: OpaquePointer

    /// How much is sealed at once: four records, so that OpenSSL's own buffer stays small.
    private static let sealedAtOnce = 1 << 16
    /// The most that a record holds.
    private static let record = 1 << 14

    /// - Throws: `WebError.untrusted` when no certificate could be for that peer.
    init(_ context: TLSContext, to peer: TLSPeer) throws {
        ERR_clear_error()
        let made = (ssl: SSL_new(context.pointer), incoming: BIO_new(BIO_s_mem()), outgoing: BIO_new(BIO_s_mem()))
        guard let ssl = made.ssl, let incoming = made.incoming, let outgoing = made.outgoing else {
            SSL_free(made.ssl)
            BIO_free(made.incoming)
            BIO_free(made.outgoing)
            throw WebError.untrusted(Self.queuedWords())
        }
        SSL_set_bio(ssl, incoming, outgoing)
        (self.ssl, self.incoming, self.outgoing) = (ssl, incoming, outgoing)
        guard prepare(for: peer) else { throw WebError.untrusted("no certificate can be for \(peer)") }
    }

    deinit { SSL_free(ssl) }

    private func prepare(for peer: TLSPeer) -> Bool {
        switch peer {
        case .client:
            SSL_set_accept_state(ssl)
            return true
        case .address(let bytes):
            SSL_set_connect_state(ssl)
            return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), bytes, bytes.count) == 1
        case .name(let name):
            SSL_set_connect_state(ssl)
            // To OpenSSL, no name means any, and a dot before one means all below it.
            guard !name.isEmpty, !name.hasPrefix(".") else { return false }
            let isTold = name.withCString {
                SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), UnsafeMutableRawPointer(mutating: $0))
            }
            return isTold == 1 && SSL_set1_host(ssl, name) == 1
        }
    }

    // MARK: The wire

    /// Takes bytes that came.
    func take(_ bytes: ByteBuffer) {
        ERR_clear_error()
        bytes.withUnsafeReadableBytes { bytes in
            // A buffer in memory takes all; no bytes are no call.
            if !bytes.isEmpty { BIO_write(incoming, bytes.baseAddress, Int32(clamping: bytes.count)) }
        }
    }

    /// Adds what is to be sent to a buffer.
    func give(to bytes: inout ByteBuffer) {
        ERR_clear_error()
        let count = BIO_ctrl_pending(outgoing)
        guard count > 0 else { return }
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { space in
            max(0, Int(BIO_read(outgoing, space.baseAddress, Int32(clamping: count))))
        }
    }

    // MARK: What goes over it

    /// Goes on with the handshake; true when it is done.
    func shakeHands() throws -> Bool {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 { return true }
        guard SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ else { throw failure() }
        return false
    }

    /// Adds the plain bytes of all whole records that came to a buffer.
    func read(into bytes: inout ByteBuffer) -> Reading {
        while true {
            var result: Int32 = 0
            bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.record) { space in
                var count = 0
                ERR_clear_error()
                result = SSL_read_ex(ssl, space.baseAddress, space.count, &count)
                return result == 1 ? count : 0
            }
            if result == 1 { continue }
            switch SSL_get_error(ssl, result) {
            case SSL_ERROR_WANT_READ: return .waiting
            case SSL_ERROR_ZERO_RETURN: return .ended
            default: return .failed(failure())
            }
        }
    }

    /// Adds plain bytes to a buffer as records, after whatever else is to be sent.
    func seal(_ plain: ByteBuffer, to bytes: inout ByteBuffer) throws {
        var plain = plain
        while let piece = plain.readSlice(length: min(plain.readableBytes, Self.sealedAtOnce)), piece.readableBytes > 0 {
            ERR_clear_error()
            let isSealed = piece.withUnsafeReadableBytes { piece in
                var count = 0
                return SSL_write_ex(ssl, piece.baseAddress, piece.count, &count) == 1 && count == piece.count
            }
            guard isSealed else { throw failure() }
            give(to: &bytes)
        }
    }

    /// Says that nothing more is sent, so that the other side can tell the end from a broken connection.
    func sayGoodbye() {
        ERR_clear_error()
        SSL_shutdown(ssl)
    }

    // MARK: Failures

    private func failure() -> WebError {
        let verdict = SSL_get_verify_result(ssl)
        guard verdict == Int(X509_V_OK) else {
            return .untrusted(X509_verify_cert_error_string(verdict).map { String(cString: $0) } ?? "error \(verdict)")
        }
        return .untrusted(Self.queuedWords())
    }

    /// The first reason of the last call's failure.
    fileprivate static func queuedWords() -> String {
        let code = ERR_get_error()
        return ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
