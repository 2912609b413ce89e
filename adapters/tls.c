/* SPDX-License-Identifier: MIT */
/*
 * tls.c - a TLS connection over a descriptor.
 *
 * OpenSSL works on memory: what came is put in, what is to go is taken out, and
 * no call of its waits. `lock` is held around each call, and never across a
 * wait: so the error queue of OpenSSL, which is a thread's, is read on the
 * thread that filled it. Who reads the descriptor, and who writes it, has a
 * mutex of its own, held across the wait, so that bytes stay in their order;
 * one task may read while another writes.
 */
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <moirai/net.h>
#include <moirai/sync.h>

#define RECORD 16384                /* most that one holds */
#define TEXT 256

struct moirai_tls {
    struct moirai_mutex lock;       /* guards what is OpenSSL's */
    SSL *ssl;
    BIO *in, *out;                  /* the SSL's */
    struct moirai_mutex receiving;  /* guards `came`, and reading fd */
    struct moirai_mutex sending;    /* guards `going`, and writing fd */
    size_t from, to;                /* of `going`, not written yet */
    int fd;
    char protocol[TEXT], peer[TEXT];
    char came[RECORD];
    char going[RECORD + TEXT];
};

/* How a call of OpenSSL ended. */
struct outcome {
    int how;                        /* SSL_ERROR_... */
    char reason[200];
};

static void enter(struct moirai_tls *tls)
{
    while (moirai_mutex_lock(&tls->lock, MOIRAI_NEVER) == -ECANCELED)
        moirai_yield();             /* it is never held for long */
    ERR_clear_error();
}

/* Before any wait: what it says of the last call is this thread's. */
static void leave(struct moirai_tls *tls, int rc, struct outcome *outcome)
{
    outcome->how = SSL_get_error(tls->ssl, rc);
    if (outcome->how == SSL_ERROR_SSL || outcome->how == SSL_ERROR_SYSCALL)
        tls_reason(outcome->reason, sizeof outcome->reason);
    moirai_mutex_unlock(&tls->lock);
}

/* --- the descriptor ------------------------------------------------------- */

static size_t take_out(struct moirai_tls *tls)
{
    int n;

    enter(tls);
    n = BIO_read(tls->out, tls->going, sizeof tls->going);
    moirai_mutex_unlock(&tls->lock);
    return n > 0 ? (size_t)n : 0;
}

/* Sends all that is to go. */
static int flush(struct moirai_tls *tls, int64_t deadline_ns)
{
    int64_t n = moirai_mutex_lock(&tls->sending, deadline_ns);

    if (n != 0)
        return (int)n;
    for (;;) {
        if (tls->from == tls->to) {
            tls->from = 0;
            tls->to = take_out(tls);
        }
        if (tls->to == 0)
            break;
        n = moirai_send(tls->fd, tls->going + tls->from, tls->to - tls->from,
                        0, deadline_ns);
        if (n < 0)
            break;
        tls->from += (size_t)n;
    }
    moirai_mutex_unlock(&tls->sending);
    return n < 0 ? (int)n : 0;
}

/* Another reader brought something meanwhile. */
static bool has_input(struct moirai_tls *tls)
{
    bool has;

    enter(tls);
    has = BIO_ctrl_pending(tls->in) != 0;
    moirai_mutex_unlock(&tls->lock);
    return has;
}

/* Receives more. More than 0: there is; 0: the stream has ended. */
static int64_t fill(struct moirai_tls *tls, int64_t deadline_ns)
{
    int64_t n = moirai_mutex_lock(&tls->receiving, deadline_ns);

    if (n != 0)
        return n;
    if (has_input(tls)) {
        n = 1;
    } else {
        n = moirai_recv(tls->fd, tls->came, sizeof tls->came, 0, deadline_ns);
        if (n > 0) {
            enter(tls);
            if (BIO_write(tls->in, tls->came, (int)n) != n)
                n = -ENOMEM;
            moirai_mutex_unlock(&tls->lock);
        }
    }
    moirai_mutex_unlock(&tls->receiving);
    return n;
}

/* --- opening -------------------------------------------------------------- */

static bool is_number(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1
        || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool expect(SSL *ssl, const char *host)
{
    if (is_number(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host) == 1
        && SSL_set1_host(ssl, host) == 1;
}

static struct moirai_tls *make(struct moirai_tls_context *context, int fd,
                               const char *host)
{
    struct moirai_tls *tls = calloc(1, sizeof *tls);
    BIO *in, *out;

    if (tls == NULL)
        return NULL;
    tls->fd = fd;
    in = BIO_new(BIO_s_mem());
    out = BIO_new(BIO_s_mem());
    tls->ssl = SSL_new(context->ssl);
    if (in == NULL || out == NULL || tls->ssl == NULL
        || (host != NULL && !expect(tls->ssl, host))) {
        BIO_free(in);
        BIO_free(out);
        SSL_free(tls->ssl);
        free(tls);
        return NULL;
    }
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(tls->ssl, in, out);
    tls->in = in;
    tls->out = out;
    if ((context->flags & MOIRAI_TLS_SERVER) != 0)
        SSL_set_accept_state(tls->ssl);
    else
        SSL_set_connect_state(tls->ssl);
    return tls;
}

static void learn(struct moirai_tls *tls)
{
    const unsigned char *protocol = NULL;
    unsigned n = 0;
    X509 *peer = SSL_get0_peer_certificate(tls->ssl);

    SSL_get0_alpn_selected(tls->ssl, &protocol, &n);
    if (n != 0)
        snprintf(tls->protocol, TEXT, "%.*s", (int)n, (const char *)protocol);
    if (peer != NULL)
        X509_NAME_oneline(X509_get_subject_name(peer), tls->peer, TEXT);
}

static int say_why(struct moirai_tls *tls, const struct outcome *outcome,
                   struct moirai_error *err)
{
    long verified = SSL_get_verify_result(tls->ssl);

    if (verified != X509_V_OK)
        return moirai_error_set(err, -EACCES, "TLS: the peer's certificate: "
                                "%s", X509_verify_cert_error_string(verified));
    return moirai_error_set(err, -EPROTO, "TLS: %s", outcome->reason);
}

static int64_t shake_hands(struct moirai_tls *tls, int64_t deadline_ns,
                           struct moirai_error *err)
{
    struct outcome outcome;
    int64_t rc;

    for (;;) {
        enter(tls);
        leave(tls, SSL_do_handshake(tls->ssl), &outcome);
        rc = flush(tls, deadline_ns);   /* an alert, too */
        if (outcome.how == SSL_ERROR_SSL)
            return say_why(tls, &outcome, err);
        if (rc == 0 && outcome.how == SSL_ERROR_NONE)
            return 0;
        if (rc == 0)
            rc = fill(tls, deadline_ns);
        if (rc == 0)
            rc = -EPIPE;
        if (rc < 0)
            return moirai_error_set(err, (int)rc, "TLS: handshake: %s",
                                    rc == -EPIPE ? "the peer hung up"
                                                 : strerror(-(int)rc));
    }
}

int moirai_tls_open(struct moirai_tls **tls,
                    struct moirai_tls_context *context, int fd,
                    const char *host, int64_t deadline_ns,
                    struct moirai_error *err)
{
    struct moirai_tls *made;
    int64_t rc;

    if (host == NULL
        && (context->flags & (MOIRAI_TLS_SERVER | MOIRAI_TLS_UNVERIFIED)) == 0)
        return moirai_error_set(err, -EINVAL, "TLS: a client that trusts "
                                "certificates has to say whose it expects");
    made = make(context, fd, host);
    if (made == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    rc = shake_hands(made, deadline_ns, err);
    if (rc == 0) {
        learn(made);
        *tls = made;
    } else {
        moirai_tls_free(made);
    }
    return (int)rc;
}

/* --- talking -------------------------------------------------------------- */

/* What a reader goes on with: more than 0, or its result. */
static int64_t after_read(struct moirai_tls *tls,
                          const struct outcome *outcome, int64_t deadline_ns)
{
    int64_t n;

    if (outcome->how == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (outcome->how != SSL_ERROR_WANT_READ)
        return -EPROTO;
    n = fill(tls, deadline_ns);
    return n == 0 ? -EPIPE : n;
}

int64_t moirai_tls_read(struct moirai_tls *tls, void *buffer, size_t size,
                        int64_t deadline_ns)
{
    struct outcome outcome;
    size_t n = 0;
    int64_t rc;

    if (size == 0)
        return 0;
    for (;;) {
        bool answers;

        enter(tls);
        rc = SSL_read_ex(tls->ssl, buffer, size, &n);
        answers = BIO_ctrl_pending(tls->out) != 0;
        leave(tls, (int)rc, &outcome);
        if (answers)                /* to what is the protocol's own */
            flush(tls, MOIRAI_NOW);
        if (outcome.how == SSL_ERROR_NONE)
            return (int64_t)n;
        rc = after_read(tls, &outcome, deadline_ns);
        if (rc <= 0)
            return rc;
    }
}

/* Nothing is wrong with the connection: what was taken goes later. */
static bool is_late(int rc)
{
    return rc == -EAGAIN || rc == -ETIMEDOUT || rc == -ECANCELED;
}

int64_t moirai_tls_write(struct moirai_tls *tls, const void *buffer,
                         size_t size, int64_t deadline_ns)
{
    struct outcome outcome;
    size_t n = 0;
    int64_t rc = flush(tls, deadline_ns);   /* of before */

    if (rc != 0 || size == 0)
        return rc;
    enter(tls);
    rc = SSL_write_ex(tls->ssl, buffer, size < RECORD ? size : RECORD, &n);
    leave(tls, (int)rc, &outcome);
    if (outcome.how != SSL_ERROR_NONE)
        return outcome.how == SSL_ERROR_ZERO_RETURN ? -EPIPE : -EPROTO;
    rc = flush(tls, deadline_ns);
    return rc == 0 || is_late((int)rc) ? (int64_t)n : rc;
}

int moirai_tls_write_all(struct moirai_tls *tls, const void *buffer,
                         size_t size, size_t *done, int64_t deadline_ns)
{
    size_t put = 0;
    int64_t n = 1;

    while (put < size && n > 0) {
        n = moirai_tls_write(tls, (const char *)buffer + put, size - put,
                             deadline_ns);
        if (n > 0)
            put += (size_t)n;
    }
    if (done != NULL)
        *done = put;
    return n > 0 ? flush(tls, deadline_ns) : (int)n;
}

int moirai_tls_close(struct moirai_tls *tls, int64_t deadline_ns)
{
    struct outcome outcome;

    enter(tls);
    leave(tls, SSL_shutdown(tls->ssl), &outcome);
    return flush(tls, deadline_ns);
}

void moirai_tls_free(struct moirai_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    free(tls);
}

const char *moirai_tls_protocol(const struct moirai_tls *tls)
{
    return tls->protocol;
}

const char *moirai_tls_version(const struct moirai_tls *tls)
{
    return SSL_get_version(tls->ssl);
}

const char *moirai_tls_peer(const struct moirai_tls *tls)
{
    return tls->peer;
}
