/* SPDX-License-Identifier: MIT */
/*
 * tls_context.c - who we are and whom we trust.
 *
 * Its references are those of the SSL_CTX within, which OpenSSL counts: each
 * connection has one, and the last to go takes our part along.
 */
#include "tls.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

#define FLAGS (MOIRAI_TLS_SERVER | MOIRAI_TLS_MUTUAL | MOIRAI_TLS_UNVERIFIED)
#define PROTOCOLS 1024              /* bytes, as on the wire */

const char *tls_reason(char *text, size_t size)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    snprintf(text, size, "%s", reason != NULL ? reason : "it does not say why");
    ERR_clear_error();
    return text;
}

static int refuse(struct moirai_error *err, const char *what)
{
    char reason[200];

    return moirai_error_set(err, -EINVAL, "TLS: %s: %s", what,
                            tls_reason(reason, sizeof reason));
}

/* --- files ---------------------------------------------------------------- */

static int can_read(const char *file, struct moirai_error *err)
{
    int rc = access(file, R_OK) == 0 ? 0 : -errno;

    return rc == 0 ? 0 : moirai_error_set(err, rc, "TLS: %s: %s", file,
                                          strerror(-rc));
}

static int load_certificate(SSL_CTX *ssl, const struct moirai_tls_attr *attr,
                            struct moirai_error *err)
{
    const char *key = attr->key != NULL ? attr->key : attr->certificate;
    int rc = can_read(attr->certificate, err);

    if (rc == 0)
        rc = can_read(key, err);
    if (rc != 0)
        return rc;
    if (SSL_CTX_use_certificate_chain_file(ssl, attr->certificate) != 1)
        return refuse(err, attr->certificate);
    if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_check_private_key(ssl) != 1)
        return refuse(err, key);
    return 0;
}

static int load_authorities(SSL_CTX *ssl, const struct moirai_tls_attr *attr,
                            struct moirai_error *err)
{
    STACK_OF(X509_NAME) *names;
    int rc;

    if (attr->authorities == NULL)
        return SSL_CTX_set_default_verify_paths(ssl) == 1
             ? 0 : refuse(err, "the system's authorities");
    rc = can_read(attr->authorities, err);
    if (rc != 0)
        return rc;
    if (SSL_CTX_load_verify_file(ssl, attr->authorities) != 1)
        return refuse(err, attr->authorities);
    if ((attr->flags & MOIRAI_TLS_MUTUAL) == 0)
        return 0;
    names = SSL_load_client_CA_file(attr->authorities);
    if (names == NULL)
        return refuse(err, attr->authorities);
    SSL_CTX_set_client_CA_list(ssl, names);
    return 0;
}

/* --- protocols ------------------------------------------------------------ */

/* Ours, in our order, of those that the client names; none of them: an end. */
static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                  const unsigned char *offered, unsigned size, void *arg)
{
    const struct moirai_tls_context *context = arg;
    unsigned char *chosen;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_size, context->protocols,
                              context->protocols_size, offered, size)
        != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int set_protocols(struct moirai_tls_context *context,
                         const char *const *names, struct moirai_error *err)
{
    unsigned char *to;

    if (names == NULL || names[0] == NULL)
        return 0;
    to = context->protocols = malloc(PROTOCOLS);
    if (to == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    for (; *names != NULL; names++) {
        size_t n = strlen(*names);

        if (n == 0 || n > 255
            || n + 1 > PROTOCOLS - (size_t)(to - context->protocols))
            return moirai_error_set(err, -EINVAL, "TLS: protocol \"%.40s\": "
                                    "its name, or all together, are too long "
                                    "or empty", *names);
        *to++ = (unsigned char)n;
        memcpy(to, *names, n);
        to += n;
    }
    context->protocols_size = (unsigned)(to - context->protocols);
    if ((context->flags & MOIRAI_TLS_SERVER) != 0)
        SSL_CTX_set_alpn_select_cb(context->ssl, choose, context);
    else if (SSL_CTX_set_alpn_protos(context->ssl, context->protocols,
                                     context->protocols_size) != 0)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    return 0;
}

/* --- the whole ------------------------------------------------------------ */

static int check(const struct moirai_tls_attr *attr, struct moirai_error *err)
{
    bool server = (attr->flags & MOIRAI_TLS_SERVER) != 0;

    if (attr->size != sizeof *attr || (attr->flags & ~FLAGS) != 0)
        return moirai_error_set(err, -EINVAL, "TLS: attributes of another "
                                "version");
    if (server && attr->certificate == NULL)
        return moirai_error_set(err, -EINVAL, "TLS: a server needs a "
                                "certificate");
    if (server && (attr->flags & MOIRAI_TLS_UNVERIFIED) != 0)
        return moirai_error_set(err, -EINVAL, "TLS: only a client believes "
                                "anybody; a server asks for a certificate or "
                                "does not");
    if (!server && (attr->flags & MOIRAI_TLS_MUTUAL) != 0)
        return moirai_error_set(err, -EINVAL, "TLS: a server says that both "
                                "sides show certificates");
    if (attr->certificate == NULL && attr->key != NULL)
        return moirai_error_set(err, -EINVAL, "TLS: a key without a "
                                "certificate");
    return 0;
}

static int wants(uint32_t flags)
{
    if ((flags & MOIRAI_TLS_SERVER) == 0)
        return (flags & MOIRAI_TLS_UNVERIFIED) != 0 ? SSL_VERIFY_NONE
                                                    : SSL_VERIFY_PEER;
    return (flags & MOIRAI_TLS_MUTUAL) == 0 ? SSL_VERIFY_NONE
        : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

static int set_up(struct moirai_tls_context *context,
                  const struct moirai_tls_attr *attr, struct moirai_error *err)
{
    SSL_CTX *ssl = context->ssl;
    int rc = 0;

    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ssl, wants(attr->flags), NULL);
    if ((attr->flags & MOIRAI_TLS_SERVER) != 0)
        SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"moirai",
                                       6);
    if (attr->certificate != NULL)
        rc = load_certificate(ssl, attr, err);
    if (rc == 0 && wants(attr->flags) != SSL_VERIFY_NONE)
        rc = load_authorities(ssl, attr, err);
    return rc != 0 ? rc : set_protocols(context, attr->protocols, err);
}

/* The last reference to the SSL_CTX went. */
static void free_ours(void *parent, void *ours, CRYPTO_EX_DATA *data,
                      int index, long argl, void *argp)
{
    struct moirai_tls_context *context = ours;

    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    if (context == NULL)
        return;
    free(context->protocols);
    free(context);
}

static int ours_index = -1;

static void make_index(void)
{
    ours_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_ours);
}

int moirai_tls_context_make(struct moirai_tls_context **context,
                            const struct moirai_tls_attr *attr,
                            struct moirai_error *err)
{
    static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
    struct moirai_tls_context *c;
    int rc = check(attr, err);

    if (rc != 0)
        return rc;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    c->flags = attr->flags;
    ERR_clear_error();
    CRYPTO_THREAD_run_once(&once, make_index);
    c->ssl = SSL_CTX_new(TLS_method());
    if (c->ssl == NULL || ours_index < 0
        || SSL_CTX_set_ex_data(c->ssl, ours_index, c) != 1) {
        SSL_CTX_free(c->ssl);
        free(c);
        return moirai_error_set(err, -ENOMEM, "out of memory");
    }
    rc = set_up(c, attr, err);
    if (rc != 0)
        SSL_CTX_free(c->ssl);
    else
        *context = c;
    ERR_clear_error();
    return rc;
}

void moirai_tls_context_put(struct moirai_tls_context *context)
{
    if (context != NULL)
        SSL_CTX_free(context->ssl);
}
