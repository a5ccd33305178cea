import CloudCore
import Foundation
import ImageStores
import NIOSSL
import Testing

/// Fetching over TLS from a server that only some trust.
@Suite(.timeLimit(.minutes(1))) struct WebTLSTests {
    /// A certificate for `images.test`, signed by itself.
    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUH1h62GPPiPU37oU8SQ+FeTCJBwowCgYIKoZIzj0EAwIw
        FjEUMBIGA1UEAwwLaW1hZ2VzLnRlc3QwIBcNMjYxMTIyMDUyNzAzWhgPMjEyNjEw
        MjkwNTI3MDNaMBYxFDASBgNVBAMMC2ltYWdlcy50ZXN0MFkwEwYHKoZIzj0CAQYI
        KoZIzj0DAQcDQgAE8g74nJvt8kdHrt4nJIZyW709o1yg1QlzJiOlOfv21v+7zUsf
        oSDNz7nRrZNZ5RVZ9qXsY9fxIcCrOkbvY3VtC6NrMGkwHQYDVR0OBBYEFDsEXD95
        kvzDRE1LU2yr8BtHeVJmMB8GA1UdIwQYMBaAFDsEXD95kvzDRE1LU2yr8BtHeVJm
        MA8GA1UdEwEB/wQFMAMBAf8wFgYDVR0RBA8wDYILaW1hZ2VzLnRlc3QwCgYIKoZI
        zj0EAwIDSAAwRQIgE2GXSWeqbwu1kofcu3HGPvkXuruG4lUsW8moOHcsdKQCIQDO
        V6sHVhWTRsaPySgQRIxFi+nD3+jUaUaT/DJHRvWF5Q==
        -----END CERTIFICATE-----
        """
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgclVCZjzhWE/VlyvH
        Ar4uGyofIE9Eopw45xTlZjQzZY2hRANCAATyDvicm+3yR0eu3ickhnJbvT2jXKDV
        CXMmI6U5+/bW/7vNSx+hIM3PudGtk1nlFVn2pexj1/EhwKs6Ru9jdW0L
        -----END PRIVATE KEY-----
        """

    private func serving(_ use: (Int, String) async throws -> Void) async throws {
        let certificate = try NIOSSLCertificate(bytes: Array(Self.certificate.utf8), format: .pem)
        let key = try NIOSSLPrivateKey(bytes: Array(Self.key.utf8), format: .pem)
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(certificateChain: [.certificate(certificate)], privateKey: .privateKey(key)))
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("authority-\(Identifier.uuid()).pem")
        try Self.certificate.write(to: file, atomically: true, encoding: .utf8)
        let server = try await TestWeb(["/image": .init(headers: [("content-length", "5")], body: Array("bytes".utf8))], tls: context)
        try await use(server.port, file.path)
        try await server.stop()
        try FileManager.default.removeItem(at: file)
    }

    private func fetch(_ host: String, _ port: Int, authorities: String?) async throws -> [UInt8] {
        var filter = WebFilter()
        filter.allowsPrivate = true
        filter.allowedPorts = [port]
        let resolver = TestResolver(names: ["images.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]])
        let client = WebClient(filter: filter, resolver: resolver, authorities: authorities)
        return try await client.send("GET", "https://\(host):\(port)/image") { _, body in try await body.collect(upTo: 100) }
    }

    @Test func aTrustedServerIsRead() async throws {
        try await serving { port, authority in
            let bytes = try await fetch("images.test", port, authorities: authority)
            #expect(bytes == Array("bytes".utf8))
        }
    }

    @Test func othersAreNotTrusted() async throws {
        try await serving { port, authority in
            for (host, authorities) in [("images.test", nil), ("other.test", authority), ("127.0.0.1", authority)] {
                let error = await #expect(throws: WebError.self) {
                    _ = try await fetch(host, port, authorities: authorities)
                }
                guard case .untrusted? = error else {
                    Issue.record("\(host): \(String(describing: error))")
                    continue
                }
            }
        }
    }
}
