/* SPDX-License-Identifier: MIT */
/*
 * supervisor.c - children that are started again when they fail.
 *
 * Each child has a keeper: a task that opens a scope, spawns the child there,
 * waits for its end, and notes it. So a child's failure never reaches the
 * supervisor's scope, and has ended only with all that it spawned; and to
 * cancel a child is to cancel the keeper, whose handle cannot go meanwhile.
 *
 * A child is IDLE, RUNNING, or ENDED and not dealt with yet. The supervisor's
 * task alone makes it run and makes it idle; its keeper notes the end, under
 * the lock, with a number, so that ends are dealt with in their order. Who
 * waits for ends is the supervisor's task, one at a time: one place for a
 * waiter is enough.
 *
 * Stopping is masked: its memory is lent to the children until they have
 * ended, and those who are stopped in order would not be if the supervisor
 * were hurried. What hurries them is their scope.
 */
#include <moirai/supervisor.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wait.h"
#include "worker.h"

enum { IDLE, RUNNING, ENDED };

/* Where dumps say that these were spawned. */
static struct moirai_site keeper_site = {
    .file = "core/flow/supervisor.c", .function = "keep", .name = "keeper",
    .line = __LINE__,
};
static struct moirai_site child_site = {
    .file = "core/flow/supervisor.c", .function = "keep", .name = "child",
    .line = __LINE__,
};

/* --- set up -------------------------------------------------------------- */

static void fill(int64_t *value, int64_t preset)
{
    if (*value == 0)
        *value = preset;
}

static int read_attr(struct moirai_supervisor_attr *attr,
                     const struct moirai_supervisor_attr *given)
{
    if (given != NULL) {
        if (given->size != sizeof *attr)
            return -EINVAL;
        *attr = *given;
    }
    attr->size = sizeof *attr;
    if (attr->restarts == 0)
        attr->restarts = 3;
    fill(&attr->window_ns, 5 * MOIRAI_S);
    fill(&attr->backoff_ns, 10 * MOIRAI_MS);
    fill(&attr->backoff_most_ns, MOIRAI_S);
    fill(&attr->stop_ns, 5 * MOIRAI_S);
    if (attr->policy > MOIRAI_REST_FOR_ONE || attr->restarts < -1
        || attr->restarts > MOIRAI_RESTARTS_MOST || attr->window_ns < 0
        || attr->backoff_ns < -1 || attr->backoff_most_ns < 0
        || attr->stop_ns < 0)
        return -EINVAL;
    return 0;
}

int moirai_supervisor_init(struct moirai_supervisor *supervisor,
                           struct moirai_child *children, uint32_t n,
                           const struct moirai_supervisor_attr *attr)
{
    memset(supervisor, 0, sizeof *supervisor);
    for (uint32_t i = 0; i < n; i++) {
        struct moirai_child *child = &children[i];

        if (child->fn == NULL || child->restart > MOIRAI_TEMPORARY
            || child->stop_ns < 0)
            return -EINVAL;
        child->state = IDLE;
        child->again = 0;
        child->handle = NULL;
        child->supervisor = supervisor;
    }
    supervisor->children = children;
    supervisor->n = n;
    return read_attr(&supervisor->attr, attr);
}

/* --- what others tell the supervisor ------------------------------------- */

/* The lock is held. */
static void wake(struct moirai_supervisor *s)
{
    struct mo_waiter *waiter = s->waiter;

    s->waiter = NULL;
    if (waiter != NULL && mo_wait_claim(waiter))
        mo_wait_end(waiter, 0);
}

static void note_end(struct moirai_supervisor *s, struct moirai_child *child,
                     int result, const char *text)
{
    mo_race_release(s);
    mo_word_lock(&s->lock);
    child->result = result;
    snprintf(child->text, sizeof child->text, "%s", text);
    child->state = ENDED;
    child->end = ++s->ends;
    mo_store_relaxed(&s->running, s->running - 1);
    wake(s);
    mo_word_unlock(&s->lock);
}

void moirai_supervisor_stop(struct moirai_supervisor *supervisor)
{
    mo_word_lock(&supervisor->lock);
    mo_store_relaxed(&supervisor->stopping, 1);     /* read without the lock */
    wake(supervisor);
    mo_word_unlock(&supervisor->lock);
}

int moirai_supervisor_read(struct moirai_supervisor *supervisor,
                           struct moirai_supervisor_stats *stats)
{
    if (stats->size != sizeof *stats)
        return -EINVAL;
    mo_word_lock(&supervisor->lock);
    stats->running = supervisor->running;
    stats->started = supervisor->started;
    stats->restarted = supervisor->restarted;
    stats->failed = supervisor->failed;
    stats->overdue = supervisor->overdue;
    mo_word_unlock(&supervisor->lock);
    return 0;
}

const char *moirai_supervisor_text(const struct moirai_supervisor *supervisor)
{
    return supervisor->text;
}

/* --- waiting ------------------------------------------------------------- */

/* Waits for the next thing to happen. The lock is held, and is on return. */
static int wait_for_more(struct moirai_supervisor *s, bool masked,
                         int64_t deadline_ns)
{
    struct mo_native native;
    struct mo_waiter *waiter = mo_node_self(&native)->waiter;
    struct mo_wait how = {
        .waiter = waiter, .kind = MO_WAIT_CHILDREN, .masked = masked,
        .object = s, .deadline_ns = deadline_ns, .lock = &s->lock,
    };
    int rc;

    s->waiter = waiter;
    rc = mo_wait(&how);
    mo_word_lock(&s->lock);
    s->waiter = NULL;
    return rc;
}

/* Has the child ended when the deadline comes? */
static bool wait_for_end(struct moirai_supervisor *s,
                         const struct moirai_child *child, int64_t deadline_ns)
{
    bool ended;
    int rc = 0;

    mo_word_lock(&s->lock);
    while (child->state == RUNNING && rc == 0)
        rc = wait_for_more(s, true, deadline_ns);
    ended = child->state != RUNNING;
    mo_word_unlock(&s->lock);
    return ended;
}

/* --- one child ----------------------------------------------------------- */

static int keep(void *arg)
{
    struct moirai_child *child = arg;
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_scope scope;
    const char *text = "";
    int rc = moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);

    if (rc == 0) {
        int error;

        attr.name = child->name;
        rc = moirai_spawn_at(&child_site, &scope, child->fn, child->arg, &attr,
                             NULL);
        error = moirai_scope_end(&scope);
        text = moirai_scope_text(&scope);
        if (rc == 0)
            rc = error;
    }
    note_end(child->supervisor, child, rc, text);
    return 0;
}

static void start(struct moirai_supervisor *s, struct moirai_child *child)
{
    int rc;

    mo_word_lock(&s->lock);
    child->state = RUNNING;
    mo_store_relaxed(&s->running, s->running + 1);
    s->started++;
    mo_word_unlock(&s->lock);
    child->again = 0;
    rc = moirai_spawn_at(&keeper_site, &s->scope, keep, child, NULL,
                         &child->handle);
    if (rc != 0)
        note_end(s, child, rc, "");
}

/* It has ended, and that is dealt with. */
static void put_away(struct moirai_supervisor *s, struct moirai_child *child)
{
    mo_race_acquire(s);
    moirai_handle_put(child->handle);
    child->handle = NULL;
    mo_word_lock(&s->lock);
    child->state = IDLE;
    mo_word_unlock(&s->lock);
}

static void stop(struct moirai_supervisor *s, struct moirai_child *child)
{
    int64_t patience = child->stop_ns != 0 ? child->stop_ns : s->attr.stop_ns;
    bool ended;

    mo_word_lock(&s->lock);
    ended = child->state != RUNNING;
    mo_word_unlock(&s->lock);
    if (!ended && child->stop != NULL && mo_load(&s->scope.cancelled) == 0) {
        child->stop(child->arg);
        ended = wait_for_end(s, child, moirai_after(patience));
        if (!ended) {
            mo_word_lock(&s->lock);
            s->overdue++;
            mo_word_unlock(&s->lock);
        }
    }
    if (!ended) {
        moirai_handle_cancel(child->handle);
        wait_for_end(s, child, MOIRAI_NEVER);
    }
    put_away(s, child);
}

static bool is_idle(struct moirai_supervisor *s,
                    const struct moirai_child *child)
{
    bool idle;

    mo_word_lock(&s->lock);
    idle = child->state == IDLE;
    mo_word_unlock(&s->lock);
    return idle;
}

/* Those from `first` up to `end`, the last of them first. */
static void stop_all(struct moirai_supervisor *s, uint32_t first, uint32_t end)
{
    while (end-- > first) {
        if (!is_idle(s, &s->children[end]))
            stop(s, &s->children[end]);
    }
}

/* --- ends, and what comes of them ---------------------------------------- */

static bool wants_restart(const struct moirai_child *child)
{
    return child->restart == MOIRAI_PERMANENT
        || (child->restart == MOIRAI_TRANSIENT && child->result != 0);
}

/* Is one more within the limit? It counts then. */
static bool may_restart(struct moirai_supervisor *s)
{
    int64_t now = moirai_now();
    uint32_t old = 0;

    while (old < s->recent && now - s->times[old] >= s->attr.window_ns)
        old++;
    s->recent -= old;
    memmove(s->times, s->times + old, s->recent * sizeof s->times[0]);
    if ((int32_t)s->recent >= s->attr.restarts)
        return false;
    s->times[s->recent++] = now;
    return true;
}

/* Waits before the restart that was just counted. 0, or what ended the wait
 * too early; 0 also when it is told to stop. */
static int back_off(struct moirai_supervisor *s)
{
    int64_t delay = s->attr.backoff_ns;
    int64_t until;
    int rc = 0;

    if (delay < 0)
        return 0;
    for (uint32_t i = 1; i < s->recent && delay < s->attr.backoff_most_ns; i++)
        delay *= 2;
    if (delay > s->attr.backoff_most_ns)
        delay = s->attr.backoff_most_ns;
    until = moirai_after(delay);
    mo_word_lock(&s->lock);
    while (rc == 0 && !s->stopping)
        rc = wait_for_more(s, false, until);
    mo_word_unlock(&s->lock);
    return rc == -ETIMEDOUT && moirai_now() >= until ? 0 : rc;
}

static void describe(struct moirai_supervisor *s,
                     const struct moirai_child *child)
{
    snprintf(s->text, sizeof s->text, "%.100s ended with %d%s%s",
             child->name != NULL ? child->name : "a child", child->result,
             child->text[0] != '\0' ? ": " : "", child->text);
}

/* Stops and starts whom the policy says. */
static int restart(struct moirai_supervisor *s, uint32_t at)
{
    uint32_t first = s->attr.policy == MOIRAI_ONE_FOR_ALL ? 0 : at;
    uint32_t end = s->attr.policy == MOIRAI_ONE_FOR_ONE ? at + 1 : s->n;
    int rc;

    mo_word_lock(&s->lock);
    mo_store_relaxed(&s->restarted, s->restarted + 1);
    for (uint32_t i = first; i < end; i++) {
        struct moirai_child *child = &s->children[i];

        if (child->state == RUNNING)
            child->again = child->restart != MOIRAI_TEMPORARY;
        else if (child->state == ENDED)
            child->again = wants_restart(child);
    }
    s->children[at].again = 1;
    mo_word_unlock(&s->lock);
    stop_all(s, first, end);
    rc = back_off(s);
    for (uint32_t i = first; i < end; i++) {
        if (rc == 0 && !mo_load_relaxed(&s->stopping) && s->children[i].again)
            start(s, &s->children[i]);
        s->children[i].again = 0;
    }
    return rc;
}

static int deal_with(struct moirai_supervisor *s, uint32_t at)
{
    struct moirai_child *child = &s->children[at];

    put_away(s, child);
    if (child->result != 0) {
        mo_word_lock(&s->lock);
        s->failed++;
        mo_word_unlock(&s->lock);
    }
    if (child->result != 0 || wants_restart(child))
        describe(s, child);
    if (!wants_restart(child))
        return 0;
    if (!may_restart(s))
        return child->result != 0 ? child->result : -ENOTRECOVERABLE;
    return restart(s, at);
}

/* Which ended first of those that are not dealt with; n: none. By lock. */
static uint32_t first_end(const struct moirai_supervisor *s)
{
    uint32_t found = s->n;

    for (uint32_t i = 0; i < s->n; i++) {
        const struct moirai_child *child = &s->children[i];

        if (child->state == ENDED
            && (found == s->n || child->end < s->children[found].end))
            found = i;
    }
    return found;
}

/* Until there is nothing left to do: 0, or what the end of it is. */
static int look_after(struct moirai_supervisor *s)
{
    for (;;) {
        uint32_t at;
        int rc = 0;

        mo_word_lock(&s->lock);
        at = first_end(s);
        if (s->stopping || (at == s->n && s->running == 0)) {
            mo_word_unlock(&s->lock);
            return 0;
        }
        if (at == s->n)
            rc = wait_for_more(s, false, MOIRAI_NEVER);
        mo_word_unlock(&s->lock);
        if (rc == 0 && mo_load(&s->scope.cancelled) != 0)
            rc = -ECANCELED;
        if (rc == 0 && at != s->n)
            rc = deal_with(s, at);
        if (rc != 0)
            return rc;
    }
}

int moirai_supervisor_run(struct moirai_supervisor *supervisor,
                          struct moirai_runtime *runtime)
{
    struct moirai_supervisor *s = supervisor;
    int rc = moirai_scope_begin(&s->scope, runtime, MOIRAI_NEVER);

    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < s->n && !mo_load_relaxed(&s->stopping); i++)
        start(s, &s->children[i]);
    rc = look_after(s);
    stop_all(s, 0, s->n);
    moirai_scope_end(&s->scope);
    return rc;
}
