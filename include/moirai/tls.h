/* SPDX-License-Identifier: MIT */
/*
 * moirai/tls.h - TLS over a descriptor, by OpenSSL.
 *
 * In a library of its own, libmoirai-tls: what does not need OpenSSL does not
 * load it. OpenSSL only turns bytes into other bytes here; waiting for the
 * descriptor is moirai's, with deadlines and cancellation as in moirai/io.h,
 * from tasks and plain threads. TLS 1.2 and 1.3.
 *
 * A connection may be read by one task and written by another at the same time.
 * A deadline that comes in the middle of a record breaks nothing: the rest is
 * sent before anything else the next time.
 */
#ifndef MOIRAI_TLS_H
#define MOIRAI_TLS_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/error.h>
#include <moirai/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Who we are and whom we trust; for any number of connections. */
struct moirai_tls_context;

/* One connection. */
struct moirai_tls;

struct moirai_tls_attr {
    uint32_t size;                  /* sizeof(struct moirai_tls_attr) */
    uint32_t flags;                 /* MOIRAI_TLS_... */
    const char *certificate;        /* file: our chain, PEM; NULL: none */
    const char *key;                /* file: our key, PEM; NULL: none */
    const char *authorities;        /* file: whom to trust, PEM; NULL: whom the
                                     * system trusts */
    const char *const *protocols;   /* ALPN, best first, NULL-terminated; or
                                     * NULL */
};

#define MOIRAI_TLS_ATTR_INIT                                                  \
    { sizeof(struct moirai_tls_attr), 0, NULL, NULL, NULL, NULL }

#define MOIRAI_TLS_SERVER 1u        /* else a client */
#define MOIRAI_TLS_MUTUAL 2u        /* server: the client has to show a
                                     * certificate that we trust */
#define MOIRAI_TLS_UNVERIFIED 4u    /* client: believe anybody. For tests */

/* Reads files: call it at start-up. On 0 *context is the caller's. -EINVAL:
 * the attributes, or what is in a file; -ENOENT, -EACCES, ... of a file;
 * -ENOMEM. *err (or NULL) says which and why. Plain threads and tasks. */
int moirai_tls_context_make(struct moirai_tls_context **context,
                            const struct moirai_tls_attr *attr,
                            struct moirai_error *err);

/* One reference less; connections keep theirs. NULL is allowed. */
void moirai_tls_context_put(struct moirai_tls_context *context);

/* Makes a connection of a connected stream (kept, stays the caller's to close
 * after the connection). A client says whom it wants to talk to: `host`, a name
 * or an IP address, is sent and looked for in the certificate; NULL only with
 * MOIRAI_TLS_UNVERIFIED. A server passes NULL. On 0 *tls is the caller's.
 * -EACCES: the peer's certificate is not trusted, or is another's; -EPROTO: the
 * peer speaks something else, or refused; -EPIPE: it hung up; or as of
 * moirai_recv. *err (or NULL) says why. Can wait. */
int moirai_tls_open(struct moirai_tls **tls,
                    struct moirai_tls_context *context, int fd,
                    const char *host, int64_t deadline_ns,
                    struct moirai_error *err);

/* As moirai_read: 0 is the peer's goodbye. -EPIPE: the stream ended without
 * one, so perhaps something is missing. -EPROTO: what came is no TLS, or was
 * tampered with. Can wait. */
int64_t moirai_tls_read(struct moirai_tls *tls, void *buffer, size_t size,
                        int64_t deadline_ns);

/* As moirai_write. What is taken is on its way, or goes with the next call, or
 * with moirai_tls_close. Can wait. */
int64_t moirai_tls_write(struct moirai_tls *tls, const void *buffer,
                         size_t size, int64_t deadline_ns);

/* All of it, as moirai_write_all. Can wait. */
int moirai_tls_write_all(struct moirai_tls *tls, const void *buffer,
                         size_t size, size_t *done, int64_t deadline_ns);

/* Sends what is left, and a goodbye. Reading goes on until the peer has said
 * its own. 0, or why it could not. Can wait. */
int moirai_tls_close(struct moirai_tls *tls, int64_t deadline_ns);

/* Gives the connection back, without a word to the peer. NULL is allowed.
 * Nobody uses it any more. Does not wait. */
void moirai_tls_free(struct moirai_tls *tls);

/* The protocol agreed on by ALPN, "" if none. The connection's. */
const char *moirai_tls_protocol(const struct moirai_tls *tls);

/* The version in force: "TLSv1.3". The connection's. */
const char *moirai_tls_version(const struct moirai_tls *tls);

/* The subject of the peer's certificate, "" if it showed none. The
 * connection's. */
const char *moirai_tls_peer(const struct moirai_tls *tls);

#ifdef __cplusplus
}
#endif

#endif
