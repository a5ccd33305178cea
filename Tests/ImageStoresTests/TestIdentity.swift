import CLibSSL
@testable import ImageStores

/// A certificate that is signed by itself, and its key.
struct TestIdentity {
    let certificate: String
    let key: String

    /// What a server shows it with.
    func serving() throws -> TLSContext {
        guard let pointer = SSL_CTX_new(TLS_method()) else { throw Unusable() }
        let context = TLSContext(adopting: pointer)
        let certificate = Self.read(certificate) { PEM_read_bio_X509($0, nil, nil, nil) }
        let key = Self.read(key) { PEM_read_bio_PrivateKey($0, nil, nil, nil) }
        defer {
            X509_free(certificate)
            EVP_PKEY_free(key)
        }
        guard SSL_CTX_use_certificate(pointer, certificate) == 1, SSL_CTX_use_PrivateKey(pointer, key) == 1
        else { throw Unusable() }
        return context
    }

    private struct Unusable: Error {}

    private static func read(_ text: String, _ parse: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
        // The file reads the text where it is.
        text.withCString { text in
            guard let file = BIO_new_mem_buf(text, -1) else { return nil }
            defer { BIO_free(file) }
            return parse(file)
        }
    }

    /// For `images.test`.
    static let images = TestIdentity(
        certificate: """
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
            """,
        key: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgclVCZjzhWE/VlyvH
            Ar4uGyofIE9Eopw45xTlZjQzZY2hRANCAATyDvicm+3yR0eu3ickhnJbvT2jXKDV
            CXMmI6U5+/bW/7vNSx+hIM3PudGtk1nlFVn2pexj1/EhwKs6Ru9jdW0L
            -----END PRIVATE KEY-----
            """)

    /// For `images.test` and 127.0.0.1.
    static let other = TestIdentity(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBbjCCAROgAwIBAgIBAjAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtpbWFnZXMu
            dGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFjEUMBIGA1UE
            AwwLaW1hZ2VzLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQjSz3jN4Lw
            UK01L7UumEHWKESqTS7UwsSUGCG/t/rCtGHaIXUXDSIRPHJurCY4GfHqD3kwAEBd
            U46FQMe4PRI4o1AwTjAPBgNVHRMBAf8EBTADAQH/MBwGA1UdEQQVMBOCC2ltYWdl
            cy50ZXN0hwR/AAABMB0GA1UdDgQWBBTJo54tgthVDe94s87+Lq3yVpCjIjAKBggq
            hkjOPQQDAgNJADBGAiEAxd55hOSiefgc6z36slDGGhjMF+wFelRmAWxyDxLBOmcC
            IQCCB2uIR2kHURMtqD8p6MWXcWhW5ZSUe1/NNBwPRz/GCQ==
            -----END CERTIFICATE-----
            """,
        key: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmJaJ47qodGm2MDZ9
            /qMG/GwmCa36/jTI0qGyLMUn1HmhRANCAAQjSz3jN4LwUK01L7UumEHWKESqTS7U
            wsSUGCG/t/rCtGHaIXUXDSIRPHJurCY4GfHqD3kwAEBdU46FQMe4PRI4
            -----END PRIVATE KEY-----
            """)

    /// For `images.test` and 127.0.0.1, until 2021.
    static let expired = TestIdentity(
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBajCCARGgAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtpbWFnZXMu
            dGVzdDAeFw0yMDAxMDEwMDAwMDBaFw0yMTAxMDEwMDAwMDBaMBYxFDASBgNVBAMM
            C2ltYWdlcy50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEp2P7U+aoCIhW
            zZZs75KuCLCDJ/9UBAvZDQR/eN4zdjSes5YfjFXhP0j97dVaOXjXur+fkkWR8a/p
            BibeAOqk4qNQME4wDwYDVR0TAQH/BAUwAwEB/zAcBgNVHREEFTATggtpbWFnZXMu
            dGVzdIcEfwAAATAdBgNVHQ4EFgQUqJ8r2RfZrLHbm/OQR9B3uUu5A04wCgYIKoZI
            zj0EAwIDRwAwRAIgKPFCkJ6UgBEHGW/Kb6Plh77fR11mCB+zK1yW8TAOzDoCIEpP
            TY19jaj85tLz4DqVv+ejF3ORFvRMuyWy56fAO8d8
            -----END CERTIFICATE-----
            """,
        key: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgll0hnahCQZNpMZAE
            jKZUO610iKEeGcIBOp8jp98IDxihRANCAASnY/tT5qgIiFbNlmzvkq4IsIMn/1QE
            C9kNBH943jN2NJ6zlh+MVeE/SP3t1Vo5eNe6v5+SRZHxr+kGJt4A6qTi
            -----END PRIVATE KEY-----
            """)
}
