/* SPDX-License-Identifier: MIT */
/*
 * test_tls.c - TLS between tasks, with OpenSSL's own programs, and with those
 * who should not be talked to.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <moirai/tls.h>

#include "certs.h"
#include "check.h"
#include "with.h"

#define HOUR 3600L

static struct {
    char folder[64];
    struct cert authority, stranger;    /* who sign */
    struct cert server, client, expired, odd;
} pki;

static void open_pki(void)
{
    struct cert_form form = { .folder = pki.folder, .from_s = -HOUR,
                              .until_s = HOUR };

    snprintf(pki.folder, sizeof pki.folder, "/tmp/moirai-tls-XXXXXX");
    CHECK(mkdtemp(pki.folder) != NULL);
    form.name = "authority";
    cert_make(&pki.authority, &form);
    form.name = "stranger";
    cert_make(&pki.stranger, &form);
    form.signer = &pki.authority;
    form.name = "server";
    form.alt = "DNS:localhost,IP:127.0.0.1";
    cert_make(&pki.server, &form);
    form.name = "client";
    form.alt = NULL;
    cert_make(&pki.client, &form);
    form.signer = &pki.stranger;
    form.name = "odd";
    form.alt = "DNS:localhost";
    cert_make(&pki.odd, &form);
    form.signer = &pki.authority;
    form.name = "expired";
    form.until_s = -60;
    cert_make(&pki.expired, &form);
}

static void close_pki(void)
{
    struct cert *all[] = { &pki.authority, &pki.stranger, &pki.server,
                           &pki.client, &pki.expired, &pki.odd };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cert_free(all[i]);
    CHECK_EQ(rmdir(pki.folder), 0);
}

/* --- two ends, both ours -------------------------------------------------- */

/* What each side says of itself, and what becomes of it. */
struct meeting {
    struct moirai_tls_attr server, client;
    const char *host;               /* that the client expects */
    int server_rc, client_rc;       /* of opening; the second may only show */
    int client_read;                /* when the client reads */
    struct moirai_tls *ends[2];
    struct moirai_tls_context *contexts[2];
    struct moirai_error errs[2];
    int fds[2];
};

static void introduce(struct meeting *m)
{
    *m = (struct meeting){ .server = MOIRAI_TLS_ATTR_INIT,
                           .client = MOIRAI_TLS_ATTR_INIT,
                           .host = "localhost" };
    m->server.flags = MOIRAI_TLS_SERVER;
    m->server.certificate = pki.server.file;
    m->client.authorities = pki.authority.file;
}

static int open_client(void *arg)
{
    struct meeting *m = arg;
    char byte;

    m->client_rc = moirai_tls_open(&m->ends[1], m->contexts[1], m->fds[1],
                                   m->host, moirai_after(20 * MOIRAI_S),
                                   &m->errs[1]);
    if (m->client_rc == 0 && m->server.flags & MOIRAI_TLS_MUTUAL)
        m->client_read = (int)moirai_tls_read(m->ends[1], &byte, 1,
                                              moirai_after(20 * MOIRAI_S));
    if (m->client_rc != 0)
        moirai_socket_shutdown(m->fds[1], SHUT_RDWR);
    return 0;
}

static void meet(struct meeting *m)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_tls_context_make(&m->contexts[0], &m->server, NULL), 0);
    CHECK_EQ(moirai_tls_context_make(&m->contexts[1], &m->client, NULL), 0);
    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, m->fds), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, open_client, m), 0);
    m->server_rc = moirai_tls_open(&m->ends[0], m->contexts[0], m->fds[0],
                                   NULL, moirai_after(20 * MOIRAI_S),
                                   &m->errs[0]);
    if (m->server_rc == 0 && m->server.flags & MOIRAI_TLS_MUTUAL)
        CHECK_EQ(moirai_tls_write(m->ends[0], "!", 1, MOIRAI_NEVER), 1);
    if (m->server_rc != 0)
        moirai_socket_shutdown(m->fds[0], SHUT_RDWR);
    CHECK_EQ(moirai_scope_end(&scope), 0);
}

static void part(struct meeting *m)
{
    for (int i = 0; i < 2; i++) {
        moirai_tls_free(m->ends[i]);
        CHECK_EQ(moirai_close(m->fds[i]), 0);
        moirai_tls_context_put(m->contexts[i]);
    }
}

#define BULK ((size_t)300000)

static int pour(void *arg)
{
    struct moirai_tls *tls = arg;
    unsigned char *bytes = malloc(BULK);
    size_t done = 0;

    CHECK(bytes != NULL);
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = (unsigned char)(i >> 4);
    CHECK_EQ(moirai_tls_write_all(tls, bytes, BULK, &done, MOIRAI_NEVER), 0);
    CHECK_EQ(done, BULK);
    CHECK_EQ(moirai_tls_close(tls, MOIRAI_NEVER), 0);
    free(bytes);
    return 0;
}

static int drink(void *arg)
{
    struct moirai_tls *tls = arg;
    unsigned char bytes[1000];
    size_t at = 0;
    int64_t n;

    while ((n = moirai_tls_read(tls, bytes, sizeof bytes, MOIRAI_NEVER)) > 0)
        for (int64_t i = 0; i < n; i++)
            CHECK_EQ(bytes[i], (unsigned char)(at++ >> 4));
    CHECK_EQ(n, 0);
    CHECK_EQ(at, BULK);
    return 0;
}

/* Each end is read by one task and written by another. */
static int both_ways(void *arg)
{
    struct moirai_scope scope;
    struct meeting m;

    (void)arg;
    introduce(&m);
    meet(&m);
    CHECK_EQ(m.server_rc, 0);
    CHECK_EQ(m.client_rc, 0);
    CHECK_STR(moirai_tls_version(m.ends[0]), "TLSv1.3");
    CHECK_STR(moirai_tls_protocol(m.ends[1]), "");
    CHECK_STR(moirai_tls_peer(m.ends[1]), "/CN=server");
    CHECK_STR(moirai_tls_peer(m.ends[0]), "");
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(moirai_spawn(&scope, pour, m.ends[i]), 0);
        CHECK_EQ(moirai_spawn(&scope, drink, m.ends[i]), 0);
    }
    CHECK_EQ(moirai_scope_end(&scope), 0);
    part(&m);
    return 0;
}

TEST(tls, carries_much_both_ways)
{
    open_pki();
    with_each(both_ways, NULL);
    close_pki();
}

/* --- whom to talk to ------------------------------------------------------ */

static int judge(void *arg)
{
    struct meeting m;

    (void)arg;
    introduce(&m);
    m.host = "example.org";
    meet(&m);
    CHECK_EQ(m.client_rc, -EACCES);
    CHECK(strstr(m.errs[1].text, "ostname mismatch") != NULL);
    CHECK_EQ(m.server_rc, -EPROTO);
    part(&m);

    introduce(&m);
    m.host = "127.0.0.1";
    meet(&m);
    CHECK_EQ(m.client_rc, 0);
    part(&m);

    introduce(&m);
    m.server.certificate = pki.odd.file;
    meet(&m);
    CHECK_EQ(m.client_rc, -EACCES);
    part(&m);

    introduce(&m);
    m.server.certificate = pki.expired.file;
    meet(&m);
    CHECK_EQ(m.client_rc, -EACCES);
    CHECK(strstr(m.errs[1].text, "expired") != NULL);
    part(&m);

    introduce(&m);
    m.server.certificate = pki.odd.file;
    m.client.flags = MOIRAI_TLS_UNVERIFIED;
    m.client.authorities = NULL;
    m.host = NULL;
    meet(&m);
    CHECK_EQ(m.client_rc, 0);
    part(&m);
    return 0;
}

TEST(tls, talks_to_who_was_meant_only)
{
    open_pki();
    with_one(2, judge, NULL);
    close_pki();
}

static void demand(struct meeting *m, const char *certificate)
{
    introduce(m);
    m->server.flags |= MOIRAI_TLS_MUTUAL;
    m->server.authorities = pki.authority.file;
    m->client.certificate = certificate;
    meet(m);
}

static int both_show(void *arg)
{
    struct meeting m;

    (void)arg;
    demand(&m, pki.client.file);
    CHECK_EQ(m.server_rc, 0);
    CHECK_EQ(m.client_read, 1);
    CHECK_STR(moirai_tls_peer(m.ends[0]), "/CN=client");
    part(&m);

    demand(&m, NULL);
    CHECK_EQ(m.server_rc, -EPROTO);
    CHECK(m.client_rc != 0 || m.client_read < 0);
    part(&m);

    demand(&m, pki.odd.file);
    CHECK_EQ(m.server_rc, -EACCES);
    CHECK(m.client_rc != 0 || m.client_read < 0);
    part(&m);
    return 0;
}

TEST(tls, lets_both_show_certificates)
{
    open_pki();
    with_one(2, both_show, NULL);
    close_pki();
}

static int agree(void *arg)
{
    static const char *const ours[] = { "two", "one", NULL };
    static const char *const theirs[] = { "zero", "one", "two", NULL };
    static const char *const others[] = { "three", NULL };
    struct meeting m;

    (void)arg;
    introduce(&m);
    m.server.protocols = ours;
    m.client.protocols = theirs;
    meet(&m);
    for (int i = 0; i < 2; i++)
        CHECK_STR(moirai_tls_protocol(m.ends[i]), "two");
    part(&m);

    introduce(&m);
    m.server.protocols = ours;
    m.client.protocols = others;
    meet(&m);
    CHECK_EQ(m.client_rc, -EPROTO);
    CHECK_EQ(m.server_rc, -EPROTO);
    part(&m);
    return 0;
}

TEST(tls, agrees_on_a_protocol_or_ends)
{
    open_pki();
    with_one(2, agree, NULL);
    close_pki();
}

/* --- peers that misbehave ------------------------------------------------- */

static struct moirai_tls_context *client_context(void)
{
    struct moirai_tls_attr attr = MOIRAI_TLS_ATTR_INIT;
    struct moirai_tls_context *context;

    attr.flags = MOIRAI_TLS_UNVERIFIED;
    CHECK_EQ(moirai_tls_context_make(&context, &attr, NULL), 0);
    return context;
}

static int odd_peers(void *arg)
{
    struct moirai_tls_context *context = client_context();
    struct moirai_error err;
    struct moirai_tls *tls;
    int fds[2];

    (void)arg;
    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, fds), 0);
    CHECK_EQ(moirai_tls_open(&tls, context, fds[0], NULL,
                             moirai_after(5 * MOIRAI_MS), &err), -ETIMEDOUT);
    CHECK_EQ(moirai_send(fds[1], "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0,
                         MOIRAI_NEVER), 28);
    CHECK_EQ(moirai_tls_open(&tls, context, fds[0], NULL, MOIRAI_NEVER, &err),
             -EPROTO);
    CHECK(strstr(err.text, "wrong version") != NULL);
    CHECK_EQ(moirai_close(fds[1]), 0);
    CHECK_EQ(moirai_tls_open(&tls, context, fds[0], NULL, MOIRAI_NEVER, &err),
             -EPIPE);
    CHECK_EQ(moirai_close(fds[0]), 0);
    moirai_tls_context_put(context);
    return 0;
}

TEST(tls, gives_up_on_who_speaks_something_else)
{
    with_each(odd_peers, NULL);
    odd_peers(NULL);
}

/* Hangs up without a goodbye; and a byte on the way is not what it was. */
static int cut_and_forged(void *arg)
{
    char byte, forged[] = "\x17\x03\x03\x00\x1f nothing of this is encrypted.";
    struct meeting m;

    (void)arg;
    introduce(&m);
    meet(&m);
    CHECK_EQ(moirai_tls_write(m.ends[0], "x", 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_tls_read(m.ends[1], &byte, 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_tls_read(m.ends[1], &byte, 1, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_tls_read(m.ends[1], &byte, 1, moirai_after(MOIRAI_MS)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_socket_shutdown(m.fds[0], SHUT_WR), 0);
    CHECK_EQ(moirai_tls_read(m.ends[1], &byte, 1, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(moirai_send(m.fds[1], forged, sizeof forged, 0, MOIRAI_NEVER),
             sizeof forged);
    CHECK_EQ(moirai_tls_read(m.ends[0], &byte, 1, MOIRAI_NEVER), -EPROTO);
    part(&m);
    return 0;
}

TEST(tls, notices_what_is_missing_and_what_is_forged)
{
    open_pki();
    with_each(cut_and_forged, NULL);
    close_pki();
}

/* Deadlines in the middle of records: nothing is lost or doubled. */
static int drink_slowly(void *arg)
{
    moirai_sleep_until(moirai_after(20 * MOIRAI_MS));
    return drink(arg);
}

static int pour_with_deadlines(void *arg)
{
    struct moirai_tls *tls = arg;
    unsigned char *bytes = malloc(BULK);
    size_t at = 0;

    CHECK(bytes != NULL);
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = (unsigned char)(i >> 4);
    while (at < BULK) {
        size_t done = 0;
        int rc = moirai_tls_write_all(tls, bytes + at, BULK - at, &done,
                                      moirai_after(MOIRAI_MS));

        CHECK(rc == 0 || rc == -ETIMEDOUT);
        at += done;
    }
    CHECK_EQ(moirai_tls_close(tls, MOIRAI_NEVER), 0);
    free(bytes);
    return 0;
}

static int late(void *arg)
{
    struct moirai_scope scope;
    struct meeting m;

    (void)arg;
    introduce(&m);
    meet(&m);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, pour_with_deadlines, m.ends[0]), 0);
    CHECK_EQ(moirai_spawn(&scope, drink_slowly, m.ends[1]), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    part(&m);
    return 0;
}

TEST(tls, loses_nothing_to_deadlines)
{
    open_pki();
    with_one(1, late, NULL);
    with_one(2, late, NULL);
    close_pki();
}

/* --- with OpenSSL's own --------------------------------------------------- */

static pid_t run_openssl(char *const *argv, int *in)
{
    int ends[2];
    pid_t pid;

    CHECK_EQ(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[0], 0);
        close(ends[0]);
        close(ends[1]);
        execvp(argv[0], argv);
        _exit(127);
    }
    CHECK(pid > 0);
    close(ends[0]);
    *in = ends[1];
    return pid;
}

struct visit {
    int fd;
    char text[64];
};

static int serve(void *arg)
{
    struct visit *visit = arg;
    struct moirai_tls_attr attr = MOIRAI_TLS_ATTR_INIT;
    struct moirai_tls_context *context;
    struct moirai_tls *tls;
    struct moirai_error err;
    int fd = moirai_accept(visit->fd, MOIRAI_NEVER);

    attr.flags = MOIRAI_TLS_SERVER;
    attr.certificate = pki.server.file;
    CHECK_EQ(moirai_tls_context_make(&context, &attr, NULL), 0);
    CHECK(fd >= 0);
    CHECK_FMT(moirai_tls_open(&tls, context, fd, NULL, MOIRAI_NEVER, &err)
              == 0, "%s", err.text);
    CHECK_EQ(moirai_tls_read(tls, visit->text, sizeof visit->text - 1,
                             MOIRAI_NEVER), 6);
    CHECK_EQ(moirai_tls_close(tls, MOIRAI_NEVER), 0);
    moirai_tls_free(tls);
    CHECK_EQ(moirai_close(fd), 0);
    moirai_tls_context_put(context);
    return 0;
}

TEST(tls, is_understood_by_s_client)
{
    char where[MOIRAI_ADDRESS_SIZE];
    char *argv[] = { "openssl", "s_client", "-quiet", "-no_ign_eof",
                     "-verify_return_error", "-CAfile", NULL, "-connect",
                     where, "-verify_hostname", "localhost", NULL };
    struct moirai_runtime *rt;
    struct visit visit = { .text = "" };
    int in, status;
    pid_t pid;

    signal(SIGPIPE, SIG_IGN);
    open_pki();
    argv[6] = pki.authority.file;
    visit.fd = moirai_listen("127.0.0.1:0", NULL);
    CHECK(visit.fd >= 0);
    CHECK_EQ(moirai_socket_name(visit.fd, where, sizeof where), 0);
    pid = run_openssl(argv, &in);
    CHECK_EQ(write(in, "hello\n", 6), 6);
    rt = with_workers(2);
    CHECK_EQ(moirai_run(rt, serve, &visit), 0);
    with_end(rt);
    CHECK_STR(visit.text, "hello\n");
    close(in);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_FMT(WIFEXITED(status) && WEXITSTATUS(status) != 127, "no openssl");
    CHECK_EQ(moirai_close(visit.fd), 0);
    close_pki();
}

/* --- contexts ------------------------------------------------------------- */

static void refused(const struct moirai_tls_attr *attr, int rc,
                    const char *wanted)
{
    struct moirai_tls_context *context;
    struct moirai_error err;

    CHECK_EQ(moirai_tls_context_make(&context, attr, &err), rc);
    CHECK_FMT(strstr(err.text, wanted) != NULL, "%s", err.text);
}

TEST(tls, says_what_is_wrong_with_its_files)
{
    static const char *const empty[] = { "", NULL };
    struct moirai_tls_attr attr = MOIRAI_TLS_ATTR_INIT;

    open_pki();
    attr.flags = MOIRAI_TLS_SERVER;
    refused(&attr, -EINVAL, "needs a certificate");
    attr.certificate = "/nowhere.pem";
    refused(&attr, -ENOENT, "/nowhere.pem");
    attr.certificate = "/dev/null";
    refused(&attr, -EINVAL, "/dev/null");
    attr.certificate = pki.server.file;
    attr.key = pki.client.file;
    refused(&attr, -EINVAL, pki.client.file);
    attr.key = NULL;
    attr.protocols = empty;
    refused(&attr, -EINVAL, "protocol");
    attr = (struct moirai_tls_attr)MOIRAI_TLS_ATTR_INIT;
    attr.authorities = "/dev/null";
    refused(&attr, -EINVAL, "/dev/null");
    attr.flags = 1u << 30;
    refused(&attr, -EINVAL, "version");
    attr.flags = MOIRAI_TLS_MUTUAL;
    refused(&attr, -EINVAL, "both sides");
    close_pki();
}
