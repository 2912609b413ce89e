/* SPDX-License-Identifier: MIT */
/*
 * moirai/postgres.h - PostgreSQL, by libpq, waiting as tasks do.
 *
 * A connection is libpq's own (PGconn), to be used with all of libpq that does
 * not wait; what waits there is here. It is one task's at a time. A result is
 * libpq's PGresult, given back with PQclear.
 *
 * A deadline or a cancellation leaves the connection as it is: the server may
 * still be at work, and its results are still to come. Go on with
 * moirai_pg_result later, or ask it to stop with moirai_pg_cancel, or give the
 * connection back.
 *
 * In libmoirai-postgres. Plain threads may call all of it, and then block.
 */
#ifndef MOIRAI_POSTGRES_H
#define MOIRAI_POSTGRES_H

#include <stddef.h>
#include <stdint.h>

#include <moirai/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pg_conn;                     /* PGconn */
struct pg_result;                   /* PGresult */
struct pgNotify;                    /* PGnotify */

/* Connects as PQconnectdb would; names are looked up without keeping a worker.
 * 0, and *conn is the caller's; -ECONNREFUSED, and *err (may be NULL) has what
 * libpq says; -ENOMEM, -ETIMEDOUT, -ECANCELED. Can wait. */
int moirai_pg_connect(const char *conninfo, int64_t deadline_ns,
                      struct pg_conn **conn, struct moirai_error *err);

/* Gives it back; NULL is ignored. Does not wait. */
void moirai_pg_close(struct pg_conn *conn);

/* Runs SQL (one statement or several) as PQexec would: *result, the caller's,
 * is the last, and says whether it failed. 0; -EPIPE: the connection is lost;
 * -EBUSY: there are results to come of before; -ENOMEM, -ETIMEDOUT, -ECANCELED.
 * Can wait. */
int moirai_pg_exec(struct pg_conn *conn, const char *sql, int64_t deadline_ns,
                   struct pg_result **result);

/* The same with n parameters ($1, ...), as PQexecParams: texts (borrowed), NULL
 * for null; one statement only. Can wait. */
int moirai_pg_exec_params(struct pg_conn *conn, const char *sql, int n,
                          const char *const *values, int64_t deadline_ns,
                          struct pg_result **result);

/* The next result of what was sent by whichever of libpq's PQsend functions,
 * the caller's; NULL: that was all. 0, or as above. Can wait. */
int moirai_pg_result(struct pg_conn *conn, int64_t deadline_ns,
                     struct pg_result **result);

/* Waits for a notification (LISTEN): *notify is to be freed with PQfreemem. 0,
 * or as above. Can wait. */
int moirai_pg_notify(struct pg_conn *conn, int64_t deadline_ns,
                     struct pgNotify **notify);

/* Asks the server to stop what it is doing; its result then says so. 0, or
 * -ECONNREFUSED: it was not reached; -ECANCELED. Can wait, on a thread of the
 * blocking pool. */
int moirai_pg_cancel(struct pg_conn *conn);

/* After a COPY FROM: sends bytes of rows (lent until it returns). 0, or as
 * above; -EINVAL: there is no COPY going on. Can wait. */
int moirai_pg_copy_in(struct pg_conn *conn, const void *rows, size_t size,
                      int64_t deadline_ns);

/* Ends that: well, or with `error` (borrowed), which makes the server drop what
 * it was sent. What became of it is the next result. As above. Can wait. */
int moirai_pg_copy_end(struct pg_conn *conn, const char *error,
                       int64_t deadline_ns);

/* After a COPY TO: *row is the next, to be freed with PQfreemem. Its length; 0:
 * that was all; or as above. Can wait. */
int moirai_pg_copy_out(struct pg_conn *conn, int64_t deadline_ns,
                       char **row);

#ifdef __cplusplus
}
#endif

#endif
