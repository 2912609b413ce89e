/* SPDX-License-Identifier: MIT */
/*
 * bugs.c - small programs with one mistake each, as people make them.
 */
#include "bugs.h"

#include <moirai/moirai.h>

#include <stdint.h>
#include <string.h>

#include "atomic.h"

int bugs_together(moirai_fn *const *bodies, size_t n)
{
    struct moirai_scope scope;
    int rc = moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);

    for (size_t i = 0; i < n; i++)
        rc |= moirai_spawn(&scope, bodies[i], NULL);
    return rc | moirai_scope_end(&scope);
}

/* --- a counter without a lock --------------------------------------------- */

static MO_ATOMIC(uint32_t) number;

static int count_one(void *arg)
{
    uint32_t seen = mo_load(&number);

    (void)arg;
    mo_store(&number, seen + 1);
    return 0;
}

static int unlocked_counter(void)
{
    number = 0;
    BUGS_TOGETHER(count_one, count_one, count_one);
    return number != 3;
}

/* --- a lock that looks, and then takes ------------------------------------ */

static MO_ATOMIC(uint32_t) taken, inside, met;

static int take_lock(void *arg)
{
    (void)arg;
    while (mo_load(&taken) != 0)
        moirai_yield();
    mo_store(&taken, 1);
    if (mo_add(&inside, 1) != 0)
        mo_store(&met, 1);
    mo_sub(&inside, 1);
    mo_store(&taken, 0);
    return 0;
}

static int test_then_set(void)
{
    taken = inside = met = 0;
    BUGS_TOGETHER(take_lock, take_lock);
    return met != 0;
}

/* --- who wants to be woken says so too late ------------------------------- */

static struct moirai_event event;
static MO_ATOMIC(uint32_t) ready, waiting;

static int wait_if_not_ready(void *arg)
{
    (void)arg;
    if (mo_load(&ready) != 0)
        return 0;
    mo_store(&waiting, 1);
    return moirai_event_wait(&event, MOIRAI_NEVER);
}

static int wake_if_waiting(void *arg)
{
    (void)arg;
    mo_store(&ready, 1);
    if (mo_load(&waiting) != 0)
        moirai_event_set(&event);
    return 0;
}

static int lost_wakeup(void)
{
    event = (struct moirai_event)MOIRAI_EVENT_INIT;
    ready = waiting = 0;
    return BUGS_TOGETHER(wait_if_not_ready, wake_if_waiting);
}

/* --- a stack whose nodes come back ---------------------------------------- */

struct node {
    MO_ATOMIC(uintptr_t) next;
    MO_ATOMIC(uint32_t) owners;
};

static MO_ATOMIC(uintptr_t) top;
static MO_ATOMIC(uint32_t) popped_twice;

static struct node *pop(void)
{
    uintptr_t first = mo_load(&top);
    struct node *node;
    uintptr_t next;

    do {
        node = (struct node *)first;
        if (node == NULL)
            return NULL;
        next = mo_load(&node->next);
    } while (!mo_cas(&top, &first, next));
    if (mo_add(&node->owners, 1) != 0)
        mo_store(&popped_twice, 1);
    return node;
}

static void push(struct node *node)
{
    uintptr_t first = mo_load(&top);

    mo_sub(&node->owners, 1);
    do
        mo_store(&node->next, first);
    while (!mo_cas(&top, &first, (uintptr_t)node));
}

static int pop_one(void *arg)
{
    (void)arg;
    pop();
    return 0;
}

static int pop_two_push_one(void *arg)
{
    struct node *node = pop();

    (void)arg;
    pop();
    if (node != NULL)
        push(node);
    return 0;
}

static int aba(void)
{
    struct node nodes[3];

    memset(nodes, 0, sizeof nodes);
    nodes[0].next = (uintptr_t)&nodes[1];
    nodes[1].next = (uintptr_t)&nodes[2];
    top = (uintptr_t)&nodes[0];
    popped_twice = 0;
    BUGS_TOGETHER(pop_one, pop_two_push_one, pop_one);
    return popped_twice != 0;
}

/* --- closed by whoever finds it open -------------------------------------- */

static MO_ATOMIC(uint32_t) open_flag, closes;

static int close_if_open(void *arg)
{
    (void)arg;
    if (mo_load(&open_flag) != 0) {
        mo_store(&open_flag, 0);
        mo_add(&closes, 1);
    }
    return 0;
}

static int double_close(void)
{
    open_flag = 1;
    closes = 0;
    BUGS_TOGETHER(close_if_open, close_if_open);
    return closes != 1;
}

/* --- what is waited for is looked at without the mutex -------------------- */

static struct moirai_mutex mutex, other;
static struct moirai_cond filled;

static int wait_filled(void *arg)
{
    (void)arg;
    if (mo_load(&ready) != 0)
        return 0;
    moirai_mutex_lock(&mutex, MOIRAI_NEVER);
    moirai_cond_wait(&filled, &mutex, MOIRAI_NEVER);
    return moirai_mutex_unlock(&mutex);
}

static int fill(void *arg)
{
    (void)arg;
    moirai_mutex_lock(&mutex, MOIRAI_NEVER);
    mo_store(&ready, 1);
    moirai_cond_signal(&filled);
    return moirai_mutex_unlock(&mutex);
}

static int missed_signal(void)
{
    mutex = (struct moirai_mutex)MOIRAI_MUTEX_INIT;
    filled = (struct moirai_cond)MOIRAI_COND_INIT;
    ready = 0;
    return BUGS_TOGETHER(wait_filled, fill);
}

/* --- two mutexes, in either order ----------------------------------------- */

static int lock_both(struct moirai_mutex *first, struct moirai_mutex *second)
{
    moirai_mutex_lock(first, MOIRAI_NEVER);
    moirai_mutex_lock(second, MOIRAI_NEVER);
    moirai_mutex_unlock(second);
    return moirai_mutex_unlock(first);
}

static int lock_forwards(void *arg)
{
    (void)arg;
    return lock_both(&mutex, &other);
}

static int lock_backwards(void *arg)
{
    (void)arg;
    return lock_both(&other, &mutex);
}

static int deadlock_by_order(void)
{
    mutex = other = (struct moirai_mutex)MOIRAI_MUTEX_INIT;
    return BUGS_TOGETHER(lock_forwards, lock_backwards);
}

/* --- whoever comes late never gets it ------------------------------------- */

static MO_ATOMIC(uint32_t) given_up, holders;

static int hold_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++) {
        mo_store(&holders, 1);
        moirai_yield();
        mo_store(&holders, 0);
    }
    return 0;
}

static int try_five_times(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        if (mo_load(&holders) == 0)
            return 0;
        moirai_yield();
    }
    mo_store(&given_up, 1);
    return 0;
}

static int starvation(void)
{
    given_up = holders = 0;
    BUGS_TOGETHER(hold_often, hold_often, hold_often, try_five_times);
    return given_up != 0;
}

/* --- known before it is made ---------------------------------------------- */

static MO_ATOMIC(uint32_t) made, value;

static int make_or_use(void *arg)
{
    (void)arg;
    if (mo_load(&made) == 0) {
        mo_store(&made, 1);
        mo_store(&value, 7);
    } else if (mo_load(&value) != 7) {
        mo_store(&met, 1);
    }
    return 0;
}

static int early_publication(void)
{
    made = value = met = 0;
    BUGS_TOGETHER(make_or_use, make_or_use);
    return met != 0;
}

/* --- a reference taken of what has none left ------------------------------ */

static MO_ATOMIC(uint32_t) references, freed;

static int put_reference(void *arg)
{
    (void)arg;
    if (mo_sub(&references, 1) == 1)
        mo_store(&freed, 1);
    return 0;
}

static int use_reference(void *arg)
{
    if (mo_load(&references) == 0)
        return 0;
    mo_add(&references, 1);
    if (mo_load(&freed) != 0)
        mo_store(&met, 1);
    return put_reference(arg);
}

static int resurrection(void)
{
    references = 1;
    freed = met = 0;
    BUGS_TOGETHER(use_reference, put_reference);
    return met != 0;
}

/* --- two words that belong together --------------------------------------- */

static MO_ATOMIC(uint32_t) low, high;

static int write_pair(void *arg)
{
    (void)arg;
    mo_store(&low, 1);
    mo_store(&high, 1);
    return 0;
}

static int read_pair(void *arg)
{
    uint32_t seen = mo_load(&high);

    (void)arg;
    if (mo_load(&low) != seen)
        mo_store(&met, 1);
    return 0;
}

static int torn_pair(void)
{
    low = high = met = 0;
    BUGS_TOGETHER(write_pair, read_pair);
    return met != 0;
}

/* --- cleared after it was looked at --------------------------------------- */

static MO_ATOMIC(uint32_t) jobs, done;

static int work_when_told(void *arg)
{
    (void)arg;
    while (mo_load(&done) < 2) {
        moirai_event_wait(&event, MOIRAI_NEVER);
        while (mo_load(&jobs) != 0) {
            mo_sub(&jobs, 1);
            mo_add(&done, 1);
        }
        moirai_event_clear(&event);
    }
    return 0;
}

static int tell(void *arg)
{
    (void)arg;
    mo_add(&jobs, 1);
    moirai_event_set(&event);
    return 0;
}

static int cleared_too_late(void)
{
    event = (struct moirai_event)MOIRAI_EVENT_INIT;
    jobs = done = 0;
    return BUGS_TOGETHER(work_when_told, tell, tell);
}

/* --- an order that nobody promised ---------------------------------------- */

static MO_ATOMIC(uint32_t) stage;

static int prepare(void *arg)
{
    (void)arg;
    mo_store(&stage, 1);
    return 0;
}

static int rely_on_it(void *arg)
{
    (void)arg;
    for (int i = 0; i < 12; i++)
        moirai_yield();
    if (mo_load(&stage) == 0)
        mo_store(&met, 1);
    return 0;
}

/* Twelve turns are surely enough: unless it is passed over. */
static int hoped_for_order(void)
{
    stage = met = 0;
    BUGS_TOGETHER(prepare, rely_on_it, rely_on_it, rely_on_it);
    return met != 0;
}

/* --- a message left behind ------------------------------------------------ */

static struct moirai_chan *chan;
static MO_ATOMIC(uint32_t) received;

static int receive_until_told(void *arg)
{
    int message;

    (void)arg;
    do {
        if (moirai_chan_recv(chan, &message, MOIRAI_NOW) == 0)
            mo_add(&received, 1);
        else
            moirai_yield();
    } while (mo_load(&done) == 0);
    return 0;
}

static int send_and_tell(void *arg)
{
    int message = 1;
    int rc = moirai_chan_send(chan, &message, MOIRAI_NEVER);

    (void)arg;
    mo_store(&done, 1);
    return rc;
}

static int message_left(void)
{
    static const char *const four[] = { "capacity=4", NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int);
    int rc = moirai_chan_make(NULL, "ring", four, &elem, &chan, NULL);

    done = received = 0;
    if (rc == 0)
        BUGS_TOGETHER(receive_until_told, send_and_tell);
    moirai_chan_put(chan);
    return rc != 0 || received != 1;
}

/* --- all of them ---------------------------------------------------------- */

const struct bug bugs[] = {
    { "unlocked-counter", "read, and written back later", unlocked_counter,
      NULL },
    { "test-then-set", "a lock that looks, and then takes", test_then_set,
      NULL },
    { "lost-wakeup", "who wants to be woken says so too late", lost_wakeup,
      NULL },
    { "aba", "a lock-free stack whose nodes come back", aba, NULL },
    { "double-close", "closed by whoever finds it open", double_close, NULL },
    { "missed-signal", "looked at without the mutex, then waited for",
      missed_signal, NULL },
    { "deadlock-by-order", "two mutexes, in either order", deadlock_by_order,
      NULL },
    { "starvation", "tried five times, then given up", starvation, NULL },
    { "early-publication", "known before it is made", early_publication,
      NULL },
    { "resurrection", "a reference to what has none left", resurrection,
      NULL },
    { "torn-pair", "two words that belong together", torn_pair, NULL },
    { "cleared-too-late", "an event, cleared after it was looked at",
      cleared_too_late, NULL },
    { "hoped-for-order", "twelve turns are surely enough", hoped_for_order,
      NULL },
    { "message-left", "told to end before the last message", message_left,
      NULL },
    { "ring-told-early", "a ring that tells before it writes",
      ring_told_early, NULL },
    { "sequence-half", "a sequence lock without its odd half", sequence_half,
      NULL },
    { "barrier-reset-late", "a barrier that opens, then counts anew",
      barrier_reset_late, NULL },
    { "push-cut-off", "a queue reset in the middle of a push", push_cut_off,
      NULL },
    { "hazard-unchecked", "a hazard pointer that is not looked at again",
      hazard_unchecked, NULL },
    { "reader-with-writer", "a reader that looks, and then counts itself",
      reader_with_writer, NULL },
    { "sleep-for-join", "slept in place of a join", sleep_for_join,
      "scheduler.inject_timers=10" },
    { "if-for-while", "a condition looked at once", if_for_while,
      "scheduler.inject_wakes=10" },
    { "spawn-unchecked", "a spawn whose result nobody looks at",
      spawn_unchecked, "scheduler.inject_memory=10" },
    { "permit-kept", "left early, with a permit", permit_kept,
      "scheduler.inject_cancels=10" },
};

const size_t bug_count = sizeof bugs / sizeof bugs[0];
