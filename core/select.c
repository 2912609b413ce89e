/* SPDX-License-Identifier: MIT */
/*
 * select.c - one wait on many things.
 *
 * A call looks at its cases in the order that its rule gives, and the first
 * that can go on does. If none can, it arms: queues a node with each, and waits
 * for all of them by one claim (wait.h). No two locks are ever held together,
 * so there is no order of locks to keep, however many cases there are; what
 * that costs is that the others must leave a select alone that is still arming.
 * They poke it: it looks at its cases anew instead of waiting.
 *
 * Two selects that want to meet can so miss each other: each finds the other
 * arming, pokes it, and arms. Who is poked again and again lets others run.
 *
 * Arming moves no message, and destroys none: it only looks whether a case
 * could go on, and if so, takes all back and looks at the cases again. What it
 * would destroy might have a destructor that waits, and a task is one waiter.
 *
 * Who claims the waiter says which case went on by putting that node in place
 * of the waited-for object (mo_wait_chose). Who claims it without doing so
 * makes the call look at its cases anew: a handle's joiners are woken without
 * knowing what they are.
 *
 * A descriptor is waited for by a call of the I/O backend, which tells when it
 * has ended, and whose memory the call is until then. So calls are taken back
 * in two steps: first they leave this wait alone, and when no case can end it
 * any more, the waiter is used to see each call end. On plain threads and in
 * simulations there is no backend: descriptors are looked at every ms.
 *
 * The order of the cases is a permutation that is made while they are looked
 * at: the k-th step swaps one of those that remain into place k. So a random
 * one costs one number for each case looked at.
 */
#include <moirai/select.h>

#include <errno.h>

#include "box.h"
#include "gate.h"
#include "handle.h"
#include "mem.h"
#include "readiness.h"
#include "runtime.h"
#include "select.h"
#include "task.h"
#include "transfer.h"

#define PATIENCE 4                  /* calls poked before others may run */
#define FEW_FDS 4                   /* whose calls are on the stack */
#define LOOK_AGAIN MOIRAI_MS        /* where descriptors cannot be waited for */

/* In a case, while it is armed. */
struct armed {
    struct mo_node node;
    struct mo_lent lent;
};

_Static_assert(sizeof(struct armed) <= sizeof ((struct moirai_case *)0)->core,
               "a case has room for what it queues");

static struct armed *armed_in(struct moirai_case *it)
{
    return (struct armed *)it->core;
}

/* --- the order they are looked at ----------------------------------------- */

/* Where chance begins, in this call. 0: each choice is the simulator's. */
static uint64_t seed(void)
{
    static _Thread_local uint64_t threads;
    struct mo_worker *w = mo_here();
    struct mo_os *os;

    if (__builtin_expect(w->runtime != NULL, 1)) {
        mo_worker_random(w, 1);
        return w->random;
    }
    os = mo_os_here();
    if (os->sim != NULL)
        return 0;
    if (threads == 0)
        threads = (uint64_t)os->choose(os, UINT32_MAX) << 32;
    return threads += UINT64_C(0x9e3779b97f4a7c15);
}

/* A number in [0, n): a linear congruential generator, by D. Knuth, of which
 * the upper half is used. */
static uint32_t choose(struct mo_select *s, uint32_t n)
{
    if (__builtin_expect(s->random == 0, 0)) {
        struct mo_os *os = mo_os_here();

        return os->choose(os, n);
    }
    s->random = s->random * UINT64_C(6364136223846793005)
        + UINT64_C(1442695040888963407);
    return (uint32_t)(((s->random >> 32) * n) >> 32);
}

/* One of the places from k on, each as likely as its case weighs. */
static size_t weighted(struct mo_select *s, size_t k)
{
    uint64_t total = 0;
    uint64_t at;

    for (size_t i = k; i < s->n; i++)
        total += s->cases[s->cases[i].order].weight;
    if (total == 0)
        return k + choose(s, (uint32_t)(s->n - k));
    at = total <= UINT32_MAX
        ? choose(s, (uint32_t)total)
        : (((uint64_t)choose(s, UINT32_MAX) << 32) | choose(s, UINT32_MAX))
          % total;
    for (size_t i = k;; i++) {
        uint32_t weight = s->cases[s->cases[i].order].weight;

        if (at < weight)
            return i;
        at -= weight;
    }
}

/* Which case is to be looked at as the k-th. */
static size_t pick(struct mo_select *s, size_t k)
{
    size_t from = k;
    uint32_t index;

    if (s->kind == MOIRAI_IN_ORDER)
        return mo_select_at(s, k);
    if (k + 1 < s->n && s->kind == MOIRAI_RANDOM)
        from = k + choose(s, (uint32_t)(s->n - k));
    else if (k + 1 < s->n)
        from = weighted(s, k);
    index = s->cases[from].order;
    s->cases[from].order = s->cases[k].order;
    s->cases[k].order = index;
    return index;
}

/* Where one in order begins. */
static size_t first_of(struct moirai_order *order, size_t n)
{
    if (order->patience == 0 || order->passed++ < order->patience)
        return 0;
    order->passed = 0;
    return ++order->turn % n;
}

/* --- looking -------------------------------------------------------------- */

/* Has the task of a handle ended? The handle's lock is held. */
static bool has_ended(const struct moirai_case *it)
{
    struct moirai_handle *handle = it->object;

    if (!handle->done)
        return false;
    mo_race_acquire(&handle->done);
    if (it->message != NULL)
        *(int *)it->message = handle->result;
    return true;
}

static int try_task(struct moirai_case *it)
{
    struct moirai_handle *handle = it->object;
    bool ended;

    mo_word_lock(&handle->lock);
    ended = has_ended(it);
    mo_word_unlock(&handle->lock);
    return ended ? 0 : -EAGAIN;
}

static int try_gate(struct moirai_gate *gate)
{
    bool open;

    mo_word_lock(&gate->lock);
    open = gate->open != 0;
    if (open)
        mo_race_acquire(gate);
    mo_word_unlock(&gate->lock);
    return open ? 0 : -EAGAIN;
}

/* Does what the case says, if that is possible now: 0, or the error that is the
 * case's result; -EAGAIN. */
static inline int try(struct mo_select *s, struct moirai_case *it)
{
    if (it->kind == MOIRAI_CASE_TIME) {
        if (s->now == 0)
            s->now = moirai_now();
        return s->now >= it->time_ns ? 0 : -EAGAIN;
    }
    if (it->object == NULL)
        return it->kind == MOIRAI_CASE_FD ? mo_readiness_look(it) : -EAGAIN;
    if (it->kind == MOIRAI_CASE_RECV)
        return mo_recv_now(it->object, it->message);
    if (it->kind == MOIRAI_CASE_SEND)
        return mo_send_now(it->object, it->message);
    if (it->kind == MOIRAI_CASE_TASK)
        return try_task(it);
    return it->kind == MOIRAI_CASE_GATE ? try_gate(it->object) : -EAGAIN;
}

/* The case went on, with this result. */
static inline int64_t chosen(struct mo_select *s, size_t index, int rc)
{
    struct moirai_case *it = &s->cases[index];

    it->result = rc;
    if (rc != 0)
        return (int64_t)index;
    if (it->kind == MOIRAI_CASE_SEND)
        mo_count_sent(((struct moirai_chan *)it->object)->to->runtime, 1);
    else if (it->kind == MOIRAI_CASE_RECV)
        mo_count_received(((struct moirai_chan *)it->object)->to->runtime, 1);
    return (int64_t)index;
}

static int64_t look(struct mo_select *s)
{
    s->now = 0;
    for (size_t k = 0; k < s->n; k++) {
        size_t index = pick(s, k);
        int rc = try(s, &s->cases[index]);

        if (rc != -EAGAIN)
            return chosen(s, index, rc);
    }
    return -EAGAIN;
}

/* --- waiting -------------------------------------------------------------- */

static bool arm_task(struct moirai_handle *handle, struct mo_node *node)
{
    bool armed;

    mo_word_lock(&handle->lock);
    armed = !handle->done;
    if (armed)
        mo_queue_add(&handle->joiners, node);
    mo_word_unlock(&handle->lock);
    return armed;
}

static bool arm_gate(struct moirai_gate *gate, struct mo_node *node)
{
    bool armed;

    mo_word_lock(&gate->lock);
    armed = !gate->open;
    if (armed)
        mo_queue_add(mo_gate_queue(gate), node);
    mo_word_unlock(&gate->lock);
    return armed;
}

static void disarm_queue(uint32_t *lock, struct mo_queue *queue,
                         struct mo_node *node)
{
    mo_word_lock(lock);
    if (mo_queue_holds(queue, node))
        mo_queue_remove(queue, node);
    mo_word_unlock(lock);
}

static bool is_queued(const struct moirai_case *it)
{
    return it->object != NULL && it->kind != MOIRAI_CASE_OFF
        && it->kind != MOIRAI_CASE_TIME;
}

static bool arm_fd(struct mo_select *s, struct moirai_case *it, uint32_t which)
{
    struct armed *armed = armed_in(it);
    int rc;

    if (s->calls == NULL || mo_readiness_fd(it) < 0)
        return true;
    armed->node = (struct mo_node){ .waiter = s->waiter, .which = which };
    rc = mo_readiness_arm(it, &s->calls[s->begun++], &armed->node);
    s->error = rc != -EAGAIN ? rc : 0;
    return rc == 0;
}

/* Queues the case's node; false: the case can go on now. */
static bool arm(struct mo_select *s, size_t index)
{
    struct moirai_case *it = &s->cases[index];
    struct armed *armed = armed_in(it);

    if (!is_queued(it))
        return it->kind != MOIRAI_CASE_FD
            || arm_fd(s, it, (uint32_t)index + 1);
    *armed = (struct armed){
        .node = { .waiter = s->waiter, .message = &armed->lent,
                  .which = (uint32_t)index + 1 },
        .lent = { .at = it->message, .left = 1, .least = 1,
                  .chan = it->object },
    };
    if (it->kind == MOIRAI_CASE_TASK)
        return arm_task(it->object, &armed->node);
    if (it->kind == MOIRAI_CASE_GATE)
        return arm_gate(it->object, &armed->node);
    return mo_chan_arm(&armed->node, it->kind == MOIRAI_CASE_SEND
                                         ? MOIRAI_SEND : MOIRAI_RECV);
}

static void disarm_one(struct moirai_case *it)
{
    struct mo_node *node = &armed_in(it)->node;
    struct moirai_handle *handle = it->object;
    struct moirai_gate *gate = it->object;

    if (it->kind == MOIRAI_CASE_SEND)
        mo_chan_disarm(node, MOIRAI_SEND);
    else if (it->kind == MOIRAI_CASE_RECV)
        mo_chan_disarm(node, MOIRAI_RECV);
    else if (it->kind == MOIRAI_CASE_TASK)
        disarm_queue(&handle->lock, &handle->joiners, node);
    else
        disarm_queue(&gate->lock, mo_gate_queue(gate), node);
}

/* Takes back what the first `count` cases looked at had queued, but for the one
 * that went on, which was taken out. */
static void disarm(struct mo_select *s, size_t count,
                   const struct mo_node *fired)
{
    for (size_t k = 0; k < count; k++) {
        struct moirai_case *it = &s->cases[mo_select_at(s, k)];

        if (is_queued(it) && &armed_in(it)->node != fired)
            disarm_one(it);
    }
    for (size_t i = 0; i < s->begun; i++)
        mo_io_leave(&s->calls[i]);
}

/* The waiter is free for another wait. */
static void finish_calls(struct mo_select *s)
{
    for (size_t i = 0; i < s->begun; i++)
        mo_io_finish(&s->calls[i]);
    s->begun = 0;
}

/* All are armed: waits. Returns what the wait did, and -EAGAIN for whatever
 * made it look anew. */
static int wait_for_one(struct mo_select *s, int64_t deadline_ns,
                        struct mo_node **fired)
{
    struct mo_wait how = { .waiter = s->waiter, .kind = MO_WAIT_SELECT,
                           .object = s, .deadline_ns = deadline_ns,
                           .lock = &s->committing };
    int rc;

    s->committing = 1;
    rc = mo_wait(&how);
    mo_word_lock(&s->committing);   /* see mo_commit_select */
    *fired = NULL;
    if (rc != 0 && rc != -EPIPE)
        return rc;
    if (s->waiter->object == s)
        return -EAGAIN;
    *fired = (struct mo_node *)s->waiter->object;
    return rc;
}

/* The case whose node that is went on by a wait that ended with rc. */
static int64_t went_on(struct mo_select *s, const struct mo_node *fired, int rc)
{
    size_t index = fired->which - 1;

    if (s->cases[index].kind == MOIRAI_CASE_FD)
        rc = mo_readiness_told(&s->cases[index], fired->message);
    return chosen(s, index, rc);
}

/* No later than this it looks at its cases again. */
static int64_t latest(const struct mo_select *s, int64_t deadline_ns)
{
    int64_t until = s->soonest_ns < deadline_ns ? s->soonest_ns : deadline_ns;
    int64_t again = MOIRAI_NEVER;

    if (s->fds != 0 && s->calls == NULL)
        again = moirai_after(LOOK_AGAIN);
    return again < until ? again : until;
}

/* A case could not be armed, the one looked at as the k-th. */
static int64_t take_back(struct mo_select *s, size_t k)
{
    disarm(s, k, NULL);
    mo_store(&s->waiter->claim, MO_CLAIM_IDLE);
    finish_calls(s);
    return s->error == 0 ? -EAGAIN : chosen(s, mo_select_at(s, k), s->error);
}

/* Nothing is ready. Returns as moirai_select does, or -EAGAIN: look anew. */
static MO_APART int64_t arm_and_wait(struct mo_select *s, int64_t deadline_ns)
{
    struct mo_native native;
    struct mo_node *fired;
    int64_t until = latest(s, deadline_ns);
    int64_t ended_ns;
    int rc;

    s->waiter = mo_node_self(&native)->waiter;
    mo_store(&s->waiter->claim, MO_CLAIM_ARMING);
    for (size_t k = 0; k < s->n; k++)
        if (!arm(s, mo_select_at(s, k)))
            return take_back(s, k);
    rc = wait_for_one(s, until, &fired);
    ended_ns = s->waiter->deadline_ns;      /* a scope's may be sooner */
    disarm(s, s->n, fired);
    finish_calls(s);
    if (fired != NULL)
        return went_on(s, fired, rc);
    if (rc == -ETIMEDOUT && s->soonest_ns <= ended_ns)
        return chosen(s, s->soonest, 0);
    if (rc == -ETIMEDOUT && ended_ns == until && until < deadline_ns)
        return -EAGAIN;
    return rc;
}

/* The same with room for calls, of which the backend knows until they end. */
static MO_APART int64_t arm_and_wait_fds(struct mo_select *s,
                                         int64_t deadline_ns)
{
    struct mo_io_call few[FEW_FDS], *calls = few;
    int64_t rc;

    if (!mo_io_may_begin())
        return arm_and_wait(s, deadline_ns);
    if (s->fds > FEW_FDS)
        calls = mo_mem_alloc(s->fds * sizeof *calls, sizeof(void *));
    if (calls == NULL)
        return -ENOMEM;
    s->calls = calls;
    rc = arm_and_wait(s, deadline_ns);
    s->calls = NULL;
    if (calls != few)
        mo_mem_free(calls);
    return rc;
}

/* --- the call ------------------------------------------------------------- */

/* What is wrong with a case that is a send or a receive, or 0. Who runs on a
 * runtime, `home`, may use it. */
static inline int refused_chan(const struct moirai_chan *chan, uint32_t mode,
                               const struct moirai_runtime *home)
{
    uint32_t needed = mode | MO_CHAN_CAN;
    struct moirai_runtime *rt;

    if (chan == NULL)
        return 0;
    if (__builtin_expect((chan->mode & needed) != needed, 0))
        return (chan->mode & mode) == 0 ? -EBADF : -ENOTSUP;
    rt = chan->to->runtime;
    if (__builtin_expect(rt == home, 1))
        return 0;
    return mo_runtime_usable(rt) ? 0 : mo_runtime_refusal(rt);
}

/* The same of one that sends, and may not send copies: may it send that? */
static int refused_loan(const struct moirai_case *it,
                        const struct moirai_runtime *home)
{
    const struct moirai_chan *chan = it->object;
    int rc = refused_chan(chan, MOIRAI_SEND, home);

    if (rc != 0 || chan->to->boxes == NULL)
        return rc;
    return mo_box_fits(chan->to->boxes, *(void *const *)it->message);
}

/* And with any other. */
static int refused_other(struct mo_select *s, size_t index)
{
    struct moirai_case *it = &s->cases[index];
    struct moirai_handle *handle = it->object;

    switch (it->kind) {
    case MOIRAI_CASE_TIME:
        if (it->time_ns < s->soonest_ns) {
            s->soonest_ns = it->time_ns;
            s->soonest = index;
        }
        return 0;
    case MOIRAI_CASE_TASK:
        if (handle == NULL || mo_runtime_usable(handle->runtime))
            return 0;
        return mo_runtime_refusal(handle->runtime);
    case MOIRAI_CASE_FD:
        s->fds++;
        return 0;
    case MOIRAI_CASE_OFF:
    case MOIRAI_CASE_GATE:
        return 0;
    default:
        return -EINVAL;
    }
}

static inline int refused(struct mo_select *s, struct moirai_case *it,
                          const struct moirai_runtime *home)
{
    if (it->kind == MOIRAI_CASE_RECV)
        return refused_chan(it->object, MOIRAI_RECV, home);
    if (it->kind == MOIRAI_CASE_SEND) {
        const struct moirai_chan *chan = it->object;

        return chan == NULL || (chan->mode & MO_CHAN_COPIES_IN) != 0
            ? refused_chan(chan, MOIRAI_SEND, home) : refused_loan(it, home);
    }
    return refused_other(s, (size_t)(it - s->cases));
}

static int check(struct mo_select *s, const struct moirai_order *order,
                 int64_t deadline_ns)
{
    const struct mo_worker *w = mo_here();
    struct moirai_case *cases = s->cases;
    size_t n = s->n;

    if (n > INT32_MAX || s->kind > MOIRAI_WEIGHTED)
        return -EINVAL;
    if (order != NULL && order->size < sizeof *order)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        int rc = refused(s, &cases[i], w->runtime);

        cases[i].order = (uint32_t)i;
        if (__builtin_expect(rc != 0, 0))
            return rc;
    }
    if (w->task == NULL)
        return mo_runtime_bereft() && deadline_ns > MOIRAI_NOW ? -ECHILD : 0;
    if (deadline_ns > MOIRAI_NOW && mo_task_cancelled(w->task)) {
        mo_task_saw_cancel(w->task);
        return -ECANCELED;
    }
    return 0;
}

int64_t moirai_select_by(struct moirai_order *order,
                         struct moirai_case *cases, size_t n,
                         int64_t deadline_ns)
{
    struct mo_select s = { .cases = cases, .n = n,
                           .soonest_ns = MOIRAI_NEVER,
                           .kind = order != NULL ? order->kind
                                                 : MOIRAI_RANDOM };
    int64_t rc = check(&s, order, deadline_ns);

    if (rc != 0)
        return rc;
    if (s.kind != MOIRAI_IN_ORDER)
        s.random = seed();
    else if (n != 0)
        s.first = first_of(order, n);
    for (uint32_t round = 1;; round++) {
        rc = look(&s);
        if (rc != -EAGAIN || deadline_ns <= MOIRAI_NOW)
            return rc;
        rc = s.fds == 0 ? arm_and_wait(&s, deadline_ns)
                        : arm_and_wait_fds(&s, deadline_ns);
        if (rc != -EAGAIN)
            return rc;
        if (round % PATIENCE == 0)
            moirai_yield();
    }
}

int64_t moirai_select(struct moirai_case *cases, size_t n,
                      int64_t deadline_ns)
{
    return moirai_select_by(NULL, cases, n, deadline_ns);
}
