/* SPDX-License-Identifier: MIT */
/*
 * test_postgres.c - libpq, with a PostgreSQL of the test's own.
 *
 * It refuses to be run by root, and then is run by "nobody".
 */
#include "check.h"
#include "peers.h"
#include "with.h"

#include <moirai/postgres.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libpq-fe.h>

#define NOBODY 65534
#define TASKS 8
#define ROWS 3000

static struct peer server;
static char conninfo[200];

static void configure(const struct peer *peer)
{
    peer_write(peer, "data/postgresql.conf",
               "listen_addresses = '127.0.0.1'\nport = %u\n"
               "unix_socket_directories = '%s'\nfsync = off\n"
               "shared_buffers = 1MB\nmax_connections = 30\n"
               "max_wal_senders = 0\nautovacuum = off\n", peer->port,
               peer->folder);
}

/* A program of the newest version that is here. */
static const char *program_of(const char *name, char path[200])
{
    for (int version = 25; version > 9; version--) {
        snprintf(path, 200, "/usr/lib/postgresql/%d/bin/%s", version, name);
        if (access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

/* False: there is no PostgreSQL. */
static bool begin(void)
{
    char initdb[200], postgres[200], data[200];
    const char *make[] = { program_of("initdb", initdb), "-D", data, "-N",
                           "-A", "trust", "-U", "me", "--no-instructions",
                           "--locale=C", NULL };
    const char *run[] = { program_of("postgres", postgres), "-D", data, NULL };
    uid_t uid = geteuid() == 0 ? NOBODY : 0;

    if (make[0] == NULL || run[0] == NULL)
        return false;
    peer_open(&server);
    CHECK_EQ(chmod(server.folder, 0777), 0);
    snprintf(data, sizeof data, "%s/data", server.folder);
    CHECK_EQ(peer_run(&server, make, uid), 0);
    peer_start(&server, configure, run, uid);
    snprintf(conninfo, sizeof conninfo,
             "host=localhost port=%u user=me dbname=postgres", server.port);
    return true;
}

static void end(void)
{
    peer_close(&server, SIGQUIT);
}

/* It listens before it lets anybody in. */
static PGconn *enter(void)
{
    struct moirai_error err = { .code = 0 };
    PGconn *conn = NULL;
    int rc = -ECONNREFUSED;

    while (rc == -ECONNREFUSED) {
        rc = moirai_pg_connect(conninfo, moirai_after(30 * MOIRAI_S), &conn,
                               &err);
        if (rc == -ECONNREFUSED)
            CHECK_FMT(strstr(err.text, "starting up") != NULL, "%s", err.text);
    }
    CHECK_FMT(rc == 0, "%d: %s", rc, err.text);
    return conn;
}

static void run(PGconn *conn, const char *sql, const char *wanted)
{
    PGresult *result = NULL;

    CHECK_EQ(moirai_pg_exec(conn, sql, MOIRAI_NEVER, &result), 0);
    CHECK_FMT(PQresultStatus(result) == PGRES_TUPLES_OK
              || PQresultStatus(result) == PGRES_COMMAND_OK, "%s",
              PQresultErrorMessage(result));
    if (wanted != NULL)
        CHECK_STR(PQgetvalue(result, 0, 0), wanted);
    PQclear(result);
}

/* --- queries -------------------------------------------------------------- */

static int query(void *arg)
{
    const char *values[] = { "20", "22" };
    PGconn *conn = enter();
    PGresult *result = NULL;

    (void)arg;
    run(conn, "select 6 * 7", "42");
    run(conn, "select 1; select 2", "2");
    run(conn, "select length(repeat('x', 3000000))", "3000000");
    CHECK_EQ(moirai_pg_exec_params(conn, "select $1::int + $2::int", 2, values,
                                   MOIRAI_NEVER, &result), 0);
    CHECK_STR(PQgetvalue(result, 0, 0), "42");
    PQclear(result);
    CHECK_EQ(moirai_pg_exec(conn, "select nonsense", MOIRAI_NEVER, &result),
             0);
    CHECK_EQ(PQresultStatus(result), PGRES_FATAL_ERROR);
    PQclear(result);
    moirai_pg_close(conn);
    return 0;
}

static int query_at_once(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(moirai_spawn(&scope, query, arg), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

/* --- COPY ----------------------------------------------------------------- */

static void copy_in(PGconn *conn)
{
    PGresult *result = NULL;
    char row[32];

    run(conn, "create temporary table t (n int, text text)", NULL);
    CHECK_EQ(moirai_pg_exec(conn, "copy t from stdin", MOIRAI_NEVER, &result),
             0);
    CHECK_EQ(PQresultStatus(result), PGRES_COPY_IN);
    PQclear(result);
    for (int i = 0; i < ROWS; i++) {
        int n = snprintf(row, sizeof row, "%d\trow %d\n", i, i);

        CHECK_EQ(moirai_pg_copy_in(conn, row, (size_t)n, MOIRAI_NEVER), 0);
    }
    CHECK_EQ(moirai_pg_copy_end(conn, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_pg_result(conn, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    CHECK_EQ(moirai_pg_result(conn, MOIRAI_NEVER, &result), 0);
    CHECK(result == NULL);
}

static int copy(void *arg)
{
    PGconn *conn = enter();
    PGresult *result = NULL;
    char *row = NULL;
    int rows = 0, n;

    (void)arg;
    copy_in(conn);
    run(conn, "select sum(n) from t", "4498500");
    CHECK_EQ(moirai_pg_exec(conn, "copy t to stdout", MOIRAI_NEVER, &result),
             0);
    CHECK_EQ(PQresultStatus(result), PGRES_COPY_OUT);
    PQclear(result);
    while ((n = moirai_pg_copy_out(conn, MOIRAI_NEVER, &row)) > 0) {
        CHECK_EQ(row[n - 1], '\n');
        PQfreemem(row);
        rows++;
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(rows, ROWS);
    CHECK_EQ(moirai_pg_result(conn, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    CHECK_EQ(moirai_pg_result(conn, MOIRAI_NEVER, &result), 0);
    CHECK_EQ(moirai_pg_copy_in(conn, "x", 1, MOIRAI_NEVER), -EINVAL);
    moirai_pg_close(conn);
    return 0;
}

/* --- notifications -------------------------------------------------------- */

static int notify(void *arg)
{
    PGconn *listener = enter();
    PGconn *speaker = enter();
    PGnotify *note = NULL;

    (void)arg;
    run(listener, "listen news", NULL);
    CHECK_EQ(moirai_pg_notify(listener, MOIRAI_NOW, &note), -EAGAIN);
    CHECK_EQ(moirai_pg_notify(listener, moirai_after(MOIRAI_MS), &note),
             -ETIMEDOUT);
    run(speaker, "notify news, 'today'", NULL);
    CHECK_EQ(moirai_pg_notify(listener, MOIRAI_NEVER, &note), 0);
    CHECK_STR(note->relname, "news");
    CHECK_STR(note->extra, "today");
    PQfreemem(note);
    moirai_pg_close(listener);
    moirai_pg_close(speaker);
    return 0;
}

/* --- giving up ------------------------------------------------------------ */

static int sleep_there(void *arg)
{
    PGconn **conn = arg;
    PGresult *result = NULL;

    CHECK_EQ(moirai_pg_exec(*conn, "select pg_sleep(60)", MOIRAI_NEVER,
                            &result), -ECANCELED);
    return 0;
}

static int give_up(void *arg)
{
    PGconn *conn = enter();
    PGresult *result = NULL;
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_pg_exec(conn, "select pg_sleep(60)",
                            moirai_after(5 * MOIRAI_MS), &result),
             -ETIMEDOUT);
    CHECK_EQ(moirai_pg_exec(conn, "select 1", MOIRAI_NEVER, &result), -EBUSY);
    CHECK_EQ(moirai_pg_cancel(conn), 0);
    CHECK_EQ(moirai_pg_result(conn, MOIRAI_NEVER, &result), 0);
    CHECK_STR(PQresultErrorField(result, PG_DIAG_SQLSTATE), "57014");
    PQclear(result);
    CHECK_EQ(moirai_pg_result(conn, MOIRAI_NEVER, &result), 0);
    CHECK(result == NULL);
    run(conn, "select 1", "1");
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, sleep_there, &conn), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    moirai_pg_close(conn);
    return 0;
}

/* The server ends the connection. */
static int lose(void *arg)
{
    PGconn *conn = enter();
    PGconn *other = enter();
    PGresult *result = NULL;
    char sql[100];
    int rc;

    (void)arg;
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%d, 5000)",
             PQbackendPID(conn));
    run(other, sql, "t");
    rc = moirai_pg_exec(conn, "select 1", MOIRAI_NEVER, &result);
    CHECK(rc == -EPIPE
          || (rc == 0 && PQresultStatus(result) == PGRES_FATAL_ERROR));
    if (rc == 0)
        PQclear(result);
    CHECK_EQ(moirai_pg_exec(conn, "select 1", MOIRAI_NEVER, &result), -EPIPE);
    moirai_pg_close(conn);
    moirai_pg_close(other);
    return 0;
}

TEST(postgres, is_served_by_a_real_server)
{
    if (!begin())
        SKIP("no PostgreSQL: apt-get install postgresql");
    with_one(1, query_at_once, NULL);
    with_one(4, query_at_once, NULL);
    query(NULL);                    /* a plain thread */
    with_one(1, copy, NULL);
    with_one(2, notify, NULL);
    with_one(1, give_up, NULL);
    with_one(2, lose, NULL);
    end();
}

static int be_refused(void *arg)
{
    struct moirai_error err;
    PGconn *conn;

    (void)arg;
    CHECK_EQ(moirai_pg_connect("host=127.0.0.1 port=1", MOIRAI_NEVER, &conn,
                               &err), -ECONNREFUSED);
    CHECK_FMT(strstr(err.text, "refused") != NULL, "%s", err.text);
    CHECK_EQ(moirai_pg_connect("nonsense", MOIRAI_NEVER, &conn, &err),
             -ECONNREFUSED);
    return 0;
}

TEST(postgres, says_why_it_cannot_connect)
{
    with_one(2, be_refused, NULL);
    be_refused(NULL);
    moirai_pg_close(NULL);
}
