/* SPDX-License-Identifier: MIT */
/*
 * postgres.c - libpq without its waits.
 *
 * Connections are nonblocking; each call of libpq is followed by a wait for the
 * descriptor where libpq says that it needs one. Only connecting may block for
 * other reasons (names, passwords' files): its steps are run in the blocking
 * pool, and so is a request to cancel, which connects anew.
 */
#include <moirai/postgres.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>

#include <libpq-fe.h>

#include <moirai/moirai.h>

/* Waits for the descriptor. What came, or a negative errno. */
static int await(PGconn *conn, uint32_t events, int64_t deadline_ns)
{
    int fd = PQsocket(conn);

    return fd < 0 ? -EPIPE : moirai_fd_wait(fd, events, deadline_ns);
}

/* --- connecting ----------------------------------------------------------- */

struct step {
    const char *conninfo;           /* the first */
    PGconn *conn;
    PostgresPollingStatusType next;
};

static int take_step(void *arg)
{
    struct step *step = arg;

    if (step->conn == NULL) {
        step->conn = PQconnectStart(step->conninfo);
        step->next = PGRES_POLLING_WRITING;
    } else {
        step->next = PQconnectPoll(step->conn);
    }
    return 0;
}

static int refused(PGconn *conn, struct moirai_error *err)
{
    return moirai_error_set(err, -ECONNREFUSED, "PostgreSQL: %s",
                            PQerrorMessage(conn));
}

static int connect_all(struct step *step, int64_t deadline_ns,
                       struct moirai_error *err)
{
    int rc = moirai_block(take_step, step);

    if (rc == 0 && step->conn == NULL)
        return moirai_error_set(err, -ENOMEM, "out of memory");
    while (rc >= 0 && step->next != PGRES_POLLING_OK) {
        if (step->next == PGRES_POLLING_FAILED
            || PQstatus(step->conn) == CONNECTION_BAD)
            return refused(step->conn, err);
        rc = await(step->conn, step->next == PGRES_POLLING_READING ? POLLIN
                                                                   : POLLOUT,
                   deadline_ns);
        if (rc >= 0)
            rc = moirai_block(take_step, step);
    }
    if (rc < 0)
        return moirai_error_set(err, rc, "PostgreSQL: connecting was given "
                                "up");
    return PQsetnonblocking(step->conn, 1) == 0 ? 0 : refused(step->conn, err);
}

int moirai_pg_connect(const char *conninfo, int64_t deadline_ns,
                      struct pg_conn **conn, struct moirai_error *err)
{
    struct step step = { .conninfo = conninfo };
    int rc = connect_all(&step, deadline_ns, err);

    if (rc == 0)
        *conn = step.conn;
    else
        moirai_pg_close(step.conn);
    return rc;
}

void moirai_pg_close(struct pg_conn *conn)
{
    if (conn == NULL)
        return;
    if (PQsocket(conn) >= 0)
        moirai_fd_forget(PQsocket(conn));
    PQfinish(conn);
}

/* --- results -------------------------------------------------------------- */

/* Sends what libpq holds, and takes meanwhile what the server says, who else
 * may not take any more. */
static int flush(PGconn *conn, int64_t deadline_ns)
{
    int left;

    while ((left = PQflush(conn)) == 1) {
        int rc = await(conn, POLLIN | POLLOUT, deadline_ns);

        if (rc < 0)
            return rc;
        if ((rc & POLLIN) != 0 && PQconsumeInput(conn) == 0)
            return -EPIPE;
    }
    return left == 0 ? 0 : -EPIPE;
}

/* More from the server. What a lost connection had to say is a result, too. */
static int receive(PGconn *conn, int64_t deadline_ns)
{
    int rc = await(conn, POLLIN, deadline_ns);

    if (rc < 0)
        return rc;
    return PQconsumeInput(conn) != 0 ? 0 : -EPIPE;
}

int moirai_pg_result(struct pg_conn *conn, int64_t deadline_ns,
                     struct pg_result **result)
{
    int rc = flush(conn, deadline_ns);

    while (rc == 0 && PQisBusy(conn))
        rc = receive(conn, deadline_ns);
    if (rc == 0)
        *result = PQgetResult(conn);
    return rc;
}

static bool copies(const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return true;
    default:
        return false;
    }
}

/* The last result; that of a COPY comes before the end. */
static int last_result(PGconn *conn, int64_t deadline_ns, PGresult **result)
{
    PGresult *last = NULL;
    PGresult *next = NULL;
    int rc;

    while ((rc = moirai_pg_result(conn, deadline_ns, &next)) == 0
           && next != NULL) {
        PQclear(last);
        last = next;
        if (copies(last) || PQstatus(conn) == CONNECTION_BAD)
            break;
    }
    if (rc == 0 && last != NULL)
        *result = last;
    else
        PQclear(last);
    return rc == 0 && last == NULL ? -EPIPE : rc;
}

static int refusal(PGconn *conn)
{
    if (PQstatus(conn) == CONNECTION_BAD)
        return -EPIPE;
    return PQtransactionStatus(conn) == PQTRANS_ACTIVE ? -EBUSY : -ENOMEM;
}

int moirai_pg_exec(struct pg_conn *conn, const char *sql, int64_t deadline_ns,
                   struct pg_result **result)
{
    if (PQsendQuery(conn, sql) == 0)
        return refusal(conn);
    return last_result(conn, deadline_ns, result);
}

int moirai_pg_exec_params(struct pg_conn *conn, const char *sql, int n,
                          const char *const *values, int64_t deadline_ns,
                          struct pg_result **result)
{
    if (PQsendQueryParams(conn, sql, n, NULL, values, NULL, NULL, 0) == 0)
        return refusal(conn);
    return last_result(conn, deadline_ns, result);
}

/* --- notifications and cancelling ----------------------------------------- */

int moirai_pg_notify(struct pg_conn *conn, int64_t deadline_ns,
                     struct pgNotify **notify)
{
    int rc = flush(conn, deadline_ns);

    while (rc == 0) {
        *notify = PQnotifies(conn);
        if (*notify != NULL)
            break;
        rc = receive(conn, deadline_ns);
    }
    return rc;
}

static int ask_to_stop(void *cancel)
{
    char why[256];

    return PQcancel(cancel, why, sizeof why) != 0 ? 0 : -ECONNREFUSED;
}

int moirai_pg_cancel(struct pg_conn *conn)
{
    PGcancel *cancel = PQgetCancel(conn);
    int rc = cancel != NULL ? moirai_block(ask_to_stop, cancel) : -ENOMEM;

    PQfreeCancel(cancel);
    return rc;
}

/* --- COPY ----------------------------------------------------------------- */

/* The server is slow to take it; it may have something to say about it. */
static int make_room(PGconn *conn, int64_t deadline_ns)
{
    int rc = await(conn, POLLIN | POLLOUT, deadline_ns);

    if (rc >= 0 && (rc & POLLIN) != 0 && PQconsumeInput(conn) == 0)
        rc = -EPIPE;
    return rc < 0 ? rc : 0;
}

static int copy_error(PGconn *conn)
{
    return PQstatus(conn) == CONNECTION_BAD ? -EPIPE : -EINVAL;
}

int moirai_pg_copy_in(struct pg_conn *conn, const void *rows, size_t size,
                      int64_t deadline_ns)
{
    int put, rc = 0;

    if (size > INT32_MAX)
        return -EINVAL;
    while ((put = PQputCopyData(conn, rows, (int)size)) == 0 && rc == 0)
        rc = make_room(conn, deadline_ns);
    return put < 0 ? copy_error(conn) : rc;
}

int moirai_pg_copy_end(struct pg_conn *conn, const char *error,
                       int64_t deadline_ns)
{
    int put, rc = 0;

    while ((put = PQputCopyEnd(conn, error)) == 0 && rc == 0)
        rc = make_room(conn, deadline_ns);
    if (put < 0)
        return copy_error(conn);
    return rc == 0 ? flush(conn, deadline_ns) : rc;
}

int moirai_pg_copy_out(struct pg_conn *conn, int64_t deadline_ns, char **row)
{
    int n, rc = 0;

    *row = NULL;
    while ((n = PQgetCopyData(conn, row, 1)) == 0 && rc == 0)
        rc = receive(conn, deadline_ns);
    if (n == -2)
        return copy_error(conn);
    return n > 0 ? n : rc;
}
