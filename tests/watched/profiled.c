/* SPDX-License-Identifier: MIT */
/*
 * profiled.c - a profiler interrupts a program that switches all the time.
 *
 * Each tick of ITIMER_PROF unwinds whatever it interrupted, in the handler, as
 * profilers do: the middle of a switch, the first instruction of a stack, the
 * loop. Every way up must come to an end, and lead through the program's
 * functions, which lie in a section of their own, when a task was running.
 * Prints TAP.
 */
#include <moirai/moirai.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unwind.h>

#define PROGRAM __attribute__((noinline, section("program_code")))
#define DEEPEST 10000               /* calls; more means going in circles */
#define WANTED 1000                 /* samples */

extern const char __start_program_code[], __stop_program_code[];

static int samples, circles, in_program, in_loop;

struct walk {
    int calls;
    bool through_program;
};

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *arg)
{
    struct walk *walk = arg;
    const char *pc = (const char *)_Unwind_GetIP(context);

    if (pc >= __start_program_code && pc < __stop_program_code)
        walk->through_program = true;
    return ++walk->calls < DEEPEST ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static void on_tick(int signo)
{
    struct walk walk = { 0, false };

    (void)signo;
    if (moirai_worker_index() < 0)
        return;
    _Unwind_Backtrace(step, &walk);
    __atomic_add_fetch(&samples, 1, __ATOMIC_RELAXED);
    if (walk.calls >= DEEPEST)
        __atomic_add_fetch(&circles, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(walk.through_program ? &in_program : &in_loop, 1,
                       __ATOMIC_RELAXED);
}

static struct moirai_chan *there, *back;

static bool enough(void)
{
    return __atomic_load_n(&samples, __ATOMIC_RELAXED) >= WANTED;
}

PROGRAM static int ping(void *arg)
{
    int number = 0;

    while (!enough() && moirai_chan_send(there, &number, MOIRAI_NEVER) == 0)
        if (moirai_chan_recv(back, &number, MOIRAI_NEVER) != 0)
            break;
    moirai_chan_close(there);
    return arg == &number;
}

PROGRAM static int pong(void *arg)
{
    int number;

    while (moirai_chan_recv(there, &number, MOIRAI_NEVER) == 0)
        if (moirai_chan_send(back, &number, MOIRAI_NEVER) != 0)
            break;
    moirai_chan_close(back);
    return arg == &number;
}

PROGRAM static int fib(void *arg)
{
    long n = *(long *)arg;
    long less[2] = { n - 1, n - 2 };
    struct moirai_frame frame;

    if (n < 2)
        return (int)n;
    moirai_fork(&frame, fib, &less[0]);
    n = fib(&less[1]);
    return (int)n + moirai_join(&frame);
}

PROGRAM static int yield_and_spawn(void *arg)
{
    long twenty = 20;

    while (!enough()) {
        struct moirai_scope scope;

        moirai_scope_begin(&scope, NULL, MOIRAI_NEVER);
        for (int i = 0; i < 10; i++)
            moirai_spawn(&scope, fib, &twenty);
        moirai_scope_end(&scope);
        moirai_yield();
    }
    return arg == &twenty;
}

static struct moirai_chan *make(struct moirai_runtime *rt)
{
    static const char *const none[] = { "capacity=0", NULL };
    struct moirai_elem element = MOIRAI_ELEM(int);
    struct moirai_chan *chan;

    if (moirai_chan_make(rt, NULL, none, &element, &chan, NULL) != 0)
        errx(1, "cannot make a channel");
    return chan;
}

int main(void)
{
    struct sigaction action = { .sa_handler = on_tick,
                                .sa_flags = SA_RESTART };
    struct itimerval tick = { { 0, 1000 }, { 0, 1000 } };
    struct moirai_scope scope;
    struct moirai_runtime *rt;
    struct moirai_error error;

    sigaction(SIGPROF, &action, NULL);
    if (moirai_start(&rt, NULL, &error) != 0)
        errx(1, "%s", error.text);
    there = make(rt);
    back = make(rt);
    setitimer(ITIMER_PROF, &tick, NULL);
    moirai_scope_begin(&scope, rt, MOIRAI_NEVER);
    moirai_spawn(&scope, ping, NULL);
    moirai_spawn(&scope, pong, NULL);
    moirai_spawn(&scope, yield_and_spawn, NULL);
    moirai_spawn(&scope, yield_and_spawn, NULL);
    while (!enough())
        moirai_sleep_until(moirai_after(10 * MOIRAI_MS));
    memset(&tick, 0, sizeof tick);
    setitimer(ITIMER_PROF, &tick, NULL);
    printf("1..3\n# %d samples, %d through the program's functions\n", samples,
           in_program);
    printf("%s 1 - stacks can be unwound at any instruction\n",
           samples >= WANTED ? "ok" : "not ok");
    printf("%s 2 - each way up has an end\n", circles == 0 ? "ok" : "not ok");
    printf("%s 3 - and leads through the program\n",
           in_program > samples / 10 ? "ok" : "not ok");
    moirai_chan_close(there);
    moirai_chan_close(back);
    moirai_scope_end(&scope);       /* they use the channels until then */
    moirai_chan_put(there);
    moirai_chan_put(back);
    return moirai_stop(rt, MOIRAI_NEVER, NULL) != 0;
}
