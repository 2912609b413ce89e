/* SPDX-License-Identifier: MIT */
/*
 * test_go_memory.c - as test_go_channels.c: what "The Go Memory Model" says is
 * synchronized before what: "Goroutine creation", "Channel communication",
 * "Locks", "Once".
 *
 * What is passed is plain memory without atomics, so that TSan, too, finds what
 * is not synchronized; and each body runs on several workers, and in many
 * orders of the simulator. Nothing here waits in any other way than by what the
 * sentence is about. It is memory from the heap: members of a struct on the
 * stack are nothing to clang 14's TSan, in the function whose they are.
 */
#include <moirai/select.h>

#include <pthread.h>
#include <stdlib.h>

#include "side.h"

/* What one hands to another; plain. */
struct parcel {
    struct moirai_chan *chan;
    int64_t content;
    int kept;                       /* the other's to see afterwards */
};

static const size_t capacities[] = { 0, 1, 3 };

static void *zeroed(size_t size)
{
    void *memory = calloc(1, size);

    CHECK(memory != NULL);
    return memory;
}

static struct parcel *make_parcel(size_t capacity)
{
    struct parcel *p = zeroed(sizeof *p);

    p->chan = talk_ring_of_ints(NULL, capacity);
    return p;
}

static void free_parcel(struct parcel *p)
{
    moirai_chan_put(p->chan);
    free(p);
}

/* Runs `there` beside what the caller does until `end`. */
static void begin(struct moirai_scope *scope, moirai_fn *there, void *arg)
{
    talk_begin(scope);
    CHECK_EQ(moirai_spawn(scope, there, arg), 0);
}

static void end(struct moirai_scope *scope)
{
    CHECK_EQ(moirai_scope_end(scope), 0);
}

/* --- Goroutine creation and destruction ---------------------------------- */

/* "The go statement that starts a new goroutine is synchronized before the
 * start of the goroutine's execution." "The exit of a goroutine is not
 * guaranteed to be synchronized before any event in the program." Here: it is
 * synchronized before the end of its scope, and before a join of it. */
static int look_and_write(void *arg)
{
    struct parcel *p = arg;

    CHECK_EQ(p->content, 11);
    p->kept = 12;
    return 0;
}

static int create(void *arg)
{
    struct moirai_attr attr = MOIRAI_ATTR_INIT;
    struct moirai_handle *handle = NULL;
    struct moirai_scope scope;
    struct parcel *p = make_parcel(0);
    struct parcel *q = make_parcel(0);

    (void)arg;
    p->content = q->content = 11;
    begin(&scope, look_and_write, p);
    CHECK_EQ(moirai_spawn_with(&scope, look_and_write, q, &attr, &handle), 0);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, NULL), 0);
    CHECK_EQ(q->kept, 12);
    moirai_handle_put(handle);
    end(&scope);
    CHECK_EQ(p->kept, 12);
    free_parcel(p);
    free_parcel(q);
    return 0;
}

TEST(go_memory, a_task_sees_what_was_before_it_and_is_seen_when_it_has_ended)
{
    side_everywhere(create);
}

/* --- Channel communication ----------------------------------------------- */

/* "A send on a channel is synchronized before the completion of the
 * corresponding receive from that channel." */
static int write_and_send(void *arg)
{
    struct parcel *p = arg;

    p->content = 11;
    return talk_send(p->chan, 0, MOIRAI_NEVER);
}

static void receive_in_some_way(struct moirai_chan *chan, int way)
{
    int64_t values[2];
    struct moirai_case on_recv = MOIRAI_ON_RECV(chan, values);

    if (way == 0)
        CHECK_EQ(moirai_chan_recv(chan, values, MOIRAI_NEVER), 0);
    else if (way == 1)
        CHECK_EQ(moirai_chan_recv_batch(chan, values, 1, 2, MOIRAI_NEVER), 1);
    else if (way == 2)
        CHECK_EQ(moirai_select(&on_recv, 1, MOIRAI_NEVER), 0);
    else
        while (moirai_chan_recv(chan, values, MOIRAI_NOW) != 0)
            moirai_yield();
}

static int send_before_receive(void *arg)
{
    (void)arg;
    for (int i = 0; i < 12; i++) {
        struct parcel *p = make_parcel(capacities[i % 3]);
        struct moirai_scope scope;

        begin(&scope, write_and_send, p);
        receive_in_some_way(p->chan, i / 3);
        CHECK_EQ(p->content, 11);
        end(&scope);
        free_parcel(p);
    }
    return 0;
}

TEST(go_memory, a_send_is_before_the_completion_of_its_receive)
{
    side_everywhere(send_before_receive);
}

/* Whatever lies in between. */
static int through_each_discipline(void *arg)
{
    static const char *const names[] = { "ring", "list", "prio", "latest",
                                         "broadcast", "steal" };
    static const char *const no_level[] = { "level_bytes=0", NULL };
    struct moirai_elem elem = MOIRAI_ELEM(int64_t);

    (void)arg;
    for (int i = 0; i < 6; i++) {
        struct parcel *p = zeroed(sizeof *p);
        struct moirai_scope scope;

        CHECK_EQ(moirai_chan_make(NULL, names[i], i == 2 ? no_level : NULL,
                                  &elem, &p->chan, NULL), 0);
        begin(&scope, write_and_send, p);
        CHECK_EQ(talk_recv(p->chan, MOIRAI_NEVER), 0);
        CHECK_EQ(p->content, 11);
        end(&scope);
        free_parcel(p);
    }
    return 0;
}

TEST(go_memory, a_send_is_before_its_receive_in_every_discipline)
{
    side_everywhere(through_each_discipline);
}

static void *write_and_send_thread(void *arg)
{
    CHECK_EQ(write_and_send(arg), 0);
    return NULL;
}

static int receive_from_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        struct parcel *p = make_parcel(capacities[i]);
        pthread_t thread;

        CHECK_EQ(pthread_create(&thread, NULL, write_and_send_thread, p), 0);
        CHECK_EQ(talk_recv(p->chan, MOIRAI_NEVER), 0);
        CHECK_EQ(p->content, 11);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        free_parcel(p);
    }
    return 0;
}

TEST(go_memory, a_send_of_a_thread_is_before_its_receive)
{
    with_each(receive_from_thread, NULL);
}

/* "The closing of a channel is synchronized before a receive that returns a
 * zero value because the channel is closed." Here: that returns -EPIPE; and a
 * channel closes, too, when its last sender goes. */
static int write_and_close(void *arg)
{
    struct parcel *p = arg;

    p->content = 11;
    return moirai_chan_close(p->chan);
}

static int write_and_put(void *arg)
{
    struct parcel *p = arg;

    p->content = 11;
    moirai_chan_put(p->chan);
    p->chan = NULL;
    return 0;
}

static int close_before_receive(void *arg)
{
    (void)arg;
    for (int i = 0; i < 6; i++) {
        struct moirai_chan *chan = talk_ring_of_ints(NULL, capacities[i % 3]);
        struct moirai_chan *out = talk_dup(chan, MOIRAI_RECV);
        struct parcel *p = zeroed(sizeof *p);
        struct moirai_scope scope;

        p->chan = talk_dup(chan, MOIRAI_SEND);
        moirai_chan_put(chan);
        begin(&scope, i < 3 ? write_and_close : write_and_put, p);
        CHECK_EQ(talk_recv(out, MOIRAI_NEVER), -EPIPE);
        CHECK_EQ(p->content, 11);
        end(&scope);
        moirai_chan_put(out);
        free_parcel(p);
    }
    return 0;
}

TEST(go_memory, a_close_is_before_a_receive_that_says_so)
{
    side_everywhere(close_before_receive);
}

/* "A receive from an unbuffered channel is synchronized before the completion
 * of the corresponding send on that channel." */
static int write_and_receive(void *arg)
{
    struct parcel *p = arg;

    p->content = 11;
    return (int)talk_recv(p->chan, MOIRAI_NEVER);
}

static int receive_before_send(void *arg)
{
    int64_t zero = 0;

    (void)arg;
    for (int i = 0; i < 3; i++) {
        struct parcel *p = make_parcel(0);
        struct moirai_case on_send = MOIRAI_ON_SEND(p->chan, &zero);
        struct moirai_scope scope;

        begin(&scope, write_and_receive, p);
        if (i == 0)
            CHECK_EQ(talk_send(p->chan, 0, MOIRAI_NEVER), 0);
        else if (i == 1)
            CHECK_EQ(moirai_chan_send_batch(p->chan, &zero, 1, MOIRAI_NEVER),
                     1);
        else
            CHECK_EQ(moirai_select(&on_send, 1, MOIRAI_NEVER), 0);
        CHECK_EQ(p->content, 11);
        end(&scope);
        free_parcel(p);
    }
    return 0;
}

TEST(go_memory, an_unbuffered_receive_is_before_the_completion_of_its_send)
{
    side_everywhere(receive_before_send);
}

/* "The kth receive from a channel with capacity C is synchronized before the
 * completion of the k+Cth send on that channel." */
struct queue {
    struct moirai_chan *chan;
    int64_t before[EACH];           /* the kth receive: written by who does */
};

static int write_and_receive_all(void *arg)
{
    struct queue *q = arg;

    for (int64_t k = 0; k < EACH; k++) {
        q->before[k] = k + 1;
        CHECK_EQ(talk_recv(q->chan, MOIRAI_NEVER), k);
    }
    return 0;
}

static int kth_before_k_plus_cth(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        int64_t capacity = (int64_t)capacities[i];
        struct queue *q = zeroed(sizeof *q);
        struct moirai_scope scope;

        q->chan = talk_ring_of_ints(NULL, capacities[i]);
        begin(&scope, write_and_receive_all, q);
        for (int64_t k = 0; k < EACH; k++) {
            CHECK_EQ(talk_send(q->chan, k, MOIRAI_NEVER), 0);
            if (k >= capacity)
                CHECK_EQ(q->before[k - capacity], k - capacity + 1);
        }
        end(&scope);
        moirai_chan_put(q->chan);
        free(q);
    }
    return 0;
}

TEST(go_memory, the_kth_receive_is_before_the_kth_plus_capacity_send)
{
    side_everywhere(kth_before_k_plus_cth);
}

/* "This program starts a goroutine for every entry in the work list, but the
 * goroutines coordinate using the limit channel": with a capacity of 1 what is
 * between send and receive is alone. */
static int add_between(void *arg)
{
    struct parcel *p = arg;

    for (int i = 0; i < EACH; i++) {
        CHECK_EQ(talk_send(p->chan, 0, MOIRAI_NEVER), 0);
        p->content++;
        CHECK_EQ(talk_recv(p->chan, MOIRAI_NEVER), 0);
    }
    return 0;
}

static int limit_to_one(void *arg)
{
    struct parcel *p = make_parcel(1);
    struct moirai_scope scope;

    (void)arg;
    begin(&scope, add_between, p);
    for (int i = 1; i < CROWD; i++)
        CHECK_EQ(moirai_spawn(&scope, add_between, p), 0);
    end(&scope);
    CHECK_EQ(p->content, CROWD * EACH);
    free_parcel(p);
    return 0;
}

TEST(go_memory, a_channel_counts_as_a_semaphore)
{
    side_everywhere(limit_to_one);
}

/* --- Locks --------------------------------------------------------------- */

/* "For any sync.Mutex or sync.RWMutex variable l and n < m, call n of
 * l.Unlock() is synchronized before call m of l.Lock() returns." "A successful
 * call to l.TryLock (or l.TryRLock) is equivalent to a call to l.Lock (or
 * l.RLock). An unsuccessful call has no synchronizing effect at all." */
struct guard {
    struct moirai_mutex mutex;
    struct moirai_rwlock rwlock;
    int64_t content;                /* plain, of whoever has the lock */
    int64_t copy;
};

static int add_locked(void *arg)
{
    struct guard *g = arg;

    for (int i = 0; i < EACH; i++) {
        while (i % 2 && moirai_mutex_lock(&g->mutex, MOIRAI_NOW) != 0)
            moirai_yield();
        if (i % 2 == 0)
            CHECK_EQ(moirai_mutex_lock(&g->mutex, MOIRAI_NEVER), 0);
        g->content++;
        CHECK_EQ(moirai_mutex_unlock(&g->mutex), 0);
    }
    return 0;
}

static int share(moirai_fn *fn)
{
    struct guard *g = zeroed(sizeof *g);    /* so are both free */
    struct moirai_scope scope;

    begin(&scope, fn, g);
    for (int i = 1; i < CROWD; i++)
        CHECK_EQ(moirai_spawn(&scope, fn, g), 0);
    end(&scope);
    CHECK_EQ(g->content, CROWD * EACH);
    free(g);
    return 0;
}

static int share_mutex(void *arg)
{
    (void)arg;
    return share(add_locked);
}

TEST(go_memory, an_unlock_is_before_the_next_lock)
{
    side_everywhere(share_mutex);
}

/* "For any call to l.RLock on a sync.RWMutex variable l, there is an n such
 * that the nth call to l.Unlock is synchronized before the return from l.RLock,
 * and the matching call to l.RUnlock is synchronized before the return from
 * call n+1 to l.Lock." */
static int read_and_write(void *arg)
{
    struct guard *g = arg;
    struct moirai_hold hold;

    for (int i = 0; i < EACH; i++) {
        CHECK_EQ(moirai_rwlock_write(&g->rwlock, &hold, MOIRAI_NEVER), 0);
        g->content++;
        g->copy = g->content;
        CHECK_EQ(moirai_rwlock_unlock(&g->rwlock, &hold), 0);
        while (i % 2 && moirai_rwlock_read(&g->rwlock, &hold, MOIRAI_NOW) != 0)
            moirai_yield();
        if (i % 2 == 0)
            CHECK_EQ(moirai_rwlock_read(&g->rwlock, &hold, MOIRAI_NEVER), 0);
        CHECK(g->content > i && g->copy == g->content);
        CHECK_EQ(moirai_rwlock_unlock(&g->rwlock, &hold), 0);
    }
    return 0;
}

static int share_rwlock(void *arg)
{
    (void)arg;
    return share(read_and_write);
}

TEST(go_memory, readers_are_after_one_writer_and_before_the_next)
{
    side_everywhere(share_rwlock);
}

/* --- Once, and the rest of package sync ---------------------------------- */

/* "The completion of a single call of f() from once.Do(f) is synchronized
 * before the return of any call of once.Do(f)." "Only one will run f(), and the
 * other calls block until f() has returned." */
struct setup {
    struct moirai_once once;
    struct moirai_waitgroup group;
    int64_t content;
    int64_t parts[CROWD];
    int64_t next;                   /* atomic */
};

static int set_up(void *arg)
{
    struct setup *s = arg;

    s->content++;
    moirai_yield();
    s->content += 10;
    return 0;
}

static int do_once(void *arg)
{
    struct setup *s = arg;

    CHECK_EQ(moirai_once_do(&s->once, set_up, s, MOIRAI_NEVER), 0);
    CHECK_EQ(s->content, 11);
    return 0;
}

static int share_once(void *arg)
{
    struct setup *s = zeroed(sizeof *s);
    struct moirai_scope scope;

    (void)arg;
    begin(&scope, do_once, s);
    for (int i = 1; i < CROWD; i++)
        CHECK_EQ(moirai_spawn(&scope, do_once, s), 0);
    CHECK_EQ(do_once(s), 0);
    end(&scope);
    free(s);
    return 0;
}

TEST(go_memory, what_is_done_once_is_before_the_return_of_every_call)
{
    side_everywhere(share_once);
}

/* Of sync.WaitGroup: "a call to Done synchronizes before the return of any Wait
 * call that it unblocks." */
static int do_a_part(void *arg)
{
    struct setup *s = arg;

    s->parts[with_add(&s->next, 1) - 1] = 11;
    return moirai_waitgroup_done(&s->group);
}

static int share_waitgroup(void *arg)
{
    struct setup *s = zeroed(sizeof *s);
    struct moirai_scope scope;

    (void)arg;
    CHECK_EQ(moirai_waitgroup_add(&s->group, CROWD), 0);
    begin(&scope, do_a_part, s);
    for (int i = 1; i < CROWD; i++)
        CHECK_EQ(moirai_spawn(&scope, do_a_part, s), 0);
    CHECK_EQ(moirai_waitgroup_wait(&s->group, MOIRAI_NEVER), 0);
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(s->parts[i], 11);
    end(&scope);
    free(s);
    return 0;
}

TEST(go_memory, done_is_before_the_return_of_wait)
{
    side_everywhere(share_waitgroup);
}
