/* SPDX-License-Identifier: MIT */
/*
 * tls.h - what the two halves of the TLS adapter share.
 */
#ifndef TLS_H
#define TLS_H

#include <openssl/ssl.h>

#include <moirai/tls.h>

struct moirai_tls_context {
    SSL_CTX *ssl;
    uint32_t flags;
    unsigned char *protocols;       /* as on the wire; NULL: none */
    unsigned protocols_size;
};

/* What OpenSSL has to say of the last call on this thread, no wait since. */
const char *tls_reason(char *text, size_t size);

#endif
