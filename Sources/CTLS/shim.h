#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

// OpenSSL has these as macros, which Swift does not see.

static inline int altostack_tls_server_name(SSL *session, const char *name) {
    return SSL_set_tlsext_host_name(session, name);
}

static inline int altostack_tls_minimum_1_2(SSL_CTX *context) {
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

static inline int altostack_tls_pending(BIO *memory) {
    return (int)BIO_pending(memory);
}
