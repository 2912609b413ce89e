/* SPDX-License-Identifier: MIT */
/*
 * test_embed.c - runtimes inside a loop that is not theirs, here of poll(2).
 */
#include "check.h"
#include "with.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct moirai_runtime *embed_as(const char *const *set)
{
    struct moirai_config config = { .size = sizeof config, .set = set,
                                    .flags = MOIRAI_CONFIG_EMBEDDED };
    struct moirai_runtime *rt = NULL;
    struct moirai_error err = { .code = 0 };
    int rc = moirai_start(&rt, &config, &err);

    CHECK_FMT(rc == 0, "moirai_start: %d: %s", rc, err.text);
    return rt;
}

static struct moirai_runtime *embed(void)
{
    return embed_as(NULL);
}

/* The foreign loop: nothing but the descriptor. */
static void turn(struct moirai_runtime *rt)
{
    struct pollfd fd = { .fd = moirai_embed_fd(rt), .events = POLLIN };

    CHECK_EQ(poll(&fd, 1, -1), 1);
    CHECK(moirai_embed_run(rt, MOIRAI_NOW, NULL) >= 0);
}

static void loop_until(struct moirai_runtime *rt, const int *flag)
{
    while (!with_get(flag))
        turn(rt);
}

/* On each that it can be: the body starts tasks and loops. */
static void embed_each(void (*body)(struct moirai_runtime *rt))
{
    static const char *const fifo[] = { "scheduler.plugin=fifo", NULL };
    static const char *const many[] = { "runtime.workers=4",
                                        "runtime.workers_max=8", NULL };
    static const char *const spin[] = { "scheduler.idle=spin", NULL };
    const char *const *const as[] = { NULL, fifo, many, spin };

    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        struct moirai_runtime *rt = embed_as(as[i]);

        body(rt);
        with_end(rt);
    }
}

static int tell(void *arg)
{
    with_set((int *)arg, 1);
    return 0;
}

static int sleep_and_tell(void *arg)
{
    CHECK_EQ(moirai_sleep_until(moirai_after(2 * MOIRAI_MS)), 0);
    return tell(arg);
}

static pthread_t runs_on;

static int note_thread(void *arg)
{
    runs_on = pthread_self();
    return tell(arg);
}

/* --- running -------------------------------------------------------------- */

static void by_and_by(struct moirai_runtime *rt)
{
    int slept = 0, told = 0;

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), sleep_and_tell, &slept),
             0);
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), tell, &told), 0);
    CHECK_EQ(with_get(&told), 0);   /* nobody runs it but the loop */
    loop_until(rt, &told);
    loop_until(rt, &slept);
}

TEST(embed, runs_when_its_descriptor_says_so)
{
    embed_each(by_and_by);
}

TEST(embed, runs_on_the_thread_of_the_loop)
{
    struct moirai_runtime *rt;
    int noted = 0;

#ifdef MO_SWITCH_THREADS
    SKIP("each task is a thread in this build");
#endif
    rt = embed();
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), note_thread, &noted), 0);
    loop_until(rt, &noted);
    CHECK(pthread_equal(runs_on, pthread_self()));
    with_end(rt);
}

static int yield_until(void *arg)
{
    while (!with_get((int *)arg))
        moirai_yield();
    return 0;
}

TEST(embed, gives_the_loop_its_turn)
{
    struct moirai_runtime *rt = embed();
    int stop = 0;

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), yield_until, &stop), 0);
    for (int i = 0; i < 5; i++) {
        struct pollfd fd = { .fd = moirai_embed_fd(rt), .events = POLLIN };

        CHECK_EQ(moirai_embed_run(rt, MOIRAI_NOW, NULL), 1);
        CHECK_EQ(poll(&fd, 1, 0), 1);
        CHECK_EQ(moirai_embed_run(rt, moirai_after(MOIRAI_MS), NULL), 1);
    }
    with_set(&stop, 1);
    CHECK_EQ(moirai_embed_run(rt, MOIRAI_NEVER, NULL), 0);
    with_end(rt);
}

TEST(embed, says_when_it_wants_to_be_run_next)
{
    struct moirai_runtime *rt = embed();
    int64_t before = moirai_now();
    int64_t next = 1;
    int slept = 0;

    CHECK_EQ(moirai_embed_run(rt, MOIRAI_NEVER, &next), 0);
    CHECK(next > before);           /* when to tidy up, perhaps */
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), sleep_and_tell, &slept),
             0);
    CHECK_EQ(moirai_embed_run(rt, MOIRAI_NEVER, &next), 0);
    CHECK(slept || (next >= before + 2 * MOIRAI_MS
                    && next <= moirai_now() + 2 * MOIRAI_MS));
    loop_until(rt, &slept);
    with_end(rt);
}

/* --- both ways ------------------------------------------------------------ */

struct talk {
    struct moirai_chan *there, *back;
    int done;
};

static int answer(void *arg)
{
    struct talk *talk = arg;
    int n;

    while (moirai_chan_recv(talk->there, &n, MOIRAI_NEVER) == 0) {
        n *= 2;
        CHECK_EQ(moirai_chan_send(talk->back, &n, MOIRAI_NEVER), 0);
    }
    with_set(&talk->done, 1);
    return 0;
}

/* The callbacks' side of both channels does not wait. */
static void converse(struct moirai_runtime *rt)
{
    const struct moirai_elem elem = MOIRAI_ELEM(int);
    struct talk talk = { .done = 0 };
    int said = 0, heard = 0;

    CHECK_EQ(moirai_chan_make(rt, NULL, NULL, &elem, &talk.there, NULL), 0);
    CHECK_EQ(moirai_chan_make(rt, NULL, NULL, &elem, &talk.back, NULL), 0);
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), answer, &talk), 0);
    while (heard < 1000) {
        int n;

        while (said < 1000
               && moirai_chan_send(talk.there, &said, MOIRAI_NOW) == 0)
            said++;
        turn(rt);
        while (moirai_chan_recv(talk.back, &n, MOIRAI_NOW) == 0) {
            CHECK_EQ(n, 2 * heard);
            heard++;
        }
    }
    moirai_chan_close(talk.there);
    loop_until(rt, &talk.done);
    moirai_chan_put(talk.there);
    moirai_chan_put(talk.back);
}

TEST(embed, talks_with_the_callbacks_of_the_loop)
{
    embed_each(converse);
}

struct pair {
    int fds[2];
    int done;
};

static int echo(void *arg)
{
    struct pair *pair = arg;
    char byte;

    CHECK_EQ(moirai_read(pair->fds[1], &byte, 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_write(pair->fds[1], &byte, 1, MOIRAI_NEVER), 1);
    CHECK_EQ(moirai_read(pair->fds[1], &byte, 1, moirai_after(MOIRAI_MS)),
             -ETIMEDOUT);
    with_set(&pair->done, 1);
    return 0;
}

static void serve(struct moirai_runtime *rt)
{
    struct pair pair = { .done = 0 };
    char byte = 'x';

    CHECK_EQ(moirai_socket_pair(SOCK_STREAM, pair.fds), 0);
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), echo, &pair), 0);
    CHECK_EQ(moirai_embed_run(rt, MOIRAI_NEVER, NULL), 0);
    CHECK_EQ(write(pair.fds[0], &byte, 1), 1);
    loop_until(rt, &pair.done);
    CHECK_EQ(read(pair.fds[0], &byte, 1), 1);
    CHECK_EQ(byte, 'x');
    moirai_close(pair.fds[0]);
    moirai_close(pair.fds[1]);
}

TEST(embed, hears_of_descriptors_through_its_own)
{
    embed_each(serve);
}

/* --- other threads -------------------------------------------------------- */

struct promise {
    struct moirai_future *future;
    int value, done;
};

static void *complete(void *arg)
{
    struct promise *promise = arg;
    int value = 42;

    usleep(1000);
    moirai_future_set(promise->future, &value);
    return NULL;
}

static int await(void *arg)
{
    struct promise *promise = arg;

    CHECK_EQ(moirai_future_wait(promise->future, MOIRAI_NEVER,
                                &promise->value), 0);
    with_set(&promise->done, 1);
    return 0;
}

static void be_promised(struct moirai_runtime *rt)
{
    struct promise promise = { .done = 0 };
    pthread_t thread;

    CHECK_EQ(moirai_future_make(sizeof(int), NULL, &promise.future), 0);
    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), await, &promise), 0);
    CHECK_EQ(pthread_create(&thread, NULL, complete, &promise), 0);
    loop_until(rt, &promise.done);
    CHECK_EQ(promise.value, 42);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    moirai_future_put(promise.future);
}

TEST(embed, has_a_foreign_thread_complete_a_wait)
{
    embed_each(be_promised);
}

static int in_pool(void *arg)
{
    usleep(1000);
    return *(int *)arg;
}

static int block(void *arg)
{
    int value = 7;

    CHECK_EQ(moirai_block(in_pool, &value), 7);
    return tell(arg);
}

static void blocking(struct moirai_runtime *rt)
{
    int done = 0;

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), block, &done), 0);
    loop_until(rt, &done);
}

TEST(embed, has_blocking_calls_elsewhere)
{
    embed_each(blocking);
}

/* --- the thread itself waits ---------------------------------------------- */

static int seven(void *arg)
{
    (void)arg;
    CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    return 7;
}

static void wait_here(struct moirai_runtime *rt)
{
    struct promise promise = { .done = 0 };
    struct moirai_event never = MOIRAI_EVENT_INIT;
    pthread_t thread;

    CHECK_EQ(moirai_run(rt, seven, NULL), 7);
    CHECK_EQ(moirai_future_make(sizeof(int), NULL, &promise.future), 0);
    CHECK_EQ(pthread_create(&thread, NULL, complete, &promise), 0);
    CHECK_EQ(moirai_future_wait(promise.future, MOIRAI_NEVER,
                                &promise.value), 0);
    CHECK_EQ(promise.value, 42);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    moirai_future_put(promise.future);
    CHECK_EQ(moirai_event_wait(&never, moirai_after(MOIRAI_MS)), -ETIMEDOUT);
}

TEST(embed, runs_while_its_thread_waits)
{
    embed_each(wait_here);
}

static int block_for_ever(void *arg)
{
    return moirai_event_wait(arg, MOIRAI_NEVER);
}

TEST(embed, stops_with_tasks_that_wait)
{
    struct moirai_event never = MOIRAI_EVENT_INIT;
    struct moirai_runtime *rt = embed();

    CHECK_EQ(moirai_spawn(moirai_runtime_scope(rt), block_for_ever, &never),
             0);
    CHECK_EQ(moirai_stop(rt, moirai_after(2 * MOIRAI_MS), NULL), -ECANCELED);
}

/* --- what is refused ------------------------------------------------------ */

static int run_inside(void *arg)
{
    return moirai_embed_run(arg, MOIRAI_NOW, NULL);
}

static void *run_elsewhere(void *rt)
{
    CHECK_EQ(moirai_embed_run(rt, MOIRAI_NOW, NULL), -EPERM);
    CHECK_EQ(moirai_stop(rt, MOIRAI_NOW, NULL), -EPERM);
    return NULL;
}

TEST(embed, is_for_its_own_thread)
{
    struct moirai_config config = { .size = sizeof config,
                                    .flags = MOIRAI_CONFIG_EMBEDDED };
    struct moirai_runtime *rt = embed();
    struct moirai_runtime *other;
    struct moirai_error err;
    pthread_t thread;

    CHECK_EQ(moirai_start(&other, &config, &err), -EBUSY);
    CHECK(strstr(err.text, "embedded in this thread") != NULL);
    CHECK_EQ(moirai_run(rt, run_inside, rt), -EDEADLK);
    CHECK_EQ(pthread_create(&thread, NULL, run_elsewhere, rt), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    with_end(rt);
    rt = embed();
    with_end(rt);
}

TEST(embed, refuses_what_cannot_be_embedded)
{
    static const char *const sim[] = { "scheduler.plugin=sim", NULL };
    struct moirai_config config = { .size = sizeof config, .set = sim,
                                    .flags = MOIRAI_CONFIG_EMBEDDED };
    struct moirai_runtime *rt;
    struct moirai_error err;

    CHECK_EQ(moirai_start(&rt, &config, &err), -EINVAL);
    CHECK(strstr(err.text, "simulation") != NULL);
    config.flags |= 1u << 31;
    CHECK_EQ(moirai_start(&rt, &config, &err), -EINVAL);
    rt = with_workers(1);
    CHECK_EQ(moirai_embed_fd(rt), -EPERM);
    CHECK_EQ(moirai_embed_run(rt, MOIRAI_NOW, NULL), -EPERM);
    with_end(rt);
}
