/* SPDX-License-Identifier: MIT */
/*
 * explore.c - every order of steps, one run after another.
 *
 *     PROGRAM                     plays all models; exit 1: one does not hold
 *     PROGRAM sites               the atomic accesses: ADDRESS WHAT ORDER
 *     PROGRAM weaken ADDRESS...   plays them with one access at a time without
 *                                 its order: "caught" or "spare", ADDRESS, why
 *     PROGRAM total ADDRESS...    the same with what is sequentially consistent
 *                                 only acquiring and releasing
 *
 * MODEL_MORE=N: N more interruptions than a model says.
 *
 * A run is a sequence of choices: who takes the next step, which value a load
 * finds. The next run is the same up to the last choice that has another way to
 * go. Threads are coroutines that stop before each atomic access.
 *
 * Of runs that differ only in the order of steps that do not concern each other
 * one is enough: a thread that was tried at some point sleeps in the other
 * branches of it, until a step is taken that concerns its own (sleep sets, P.
 * Godefroid, 1996). Accesses to what only one thread touches, or nobody writes,
 * concern nobody: which these are is found out while playing, and everything
 * begins again when that was wrong. Nothing else is left out, but where a model
 * says how often at most a thread that could go on is interrupted: there none
 * sleeps, as what it would do may have become too dear in the other branch.
 *
 * Who waits for a change in a loop goes on when there is one. So there is a
 * finite number of runs, and one in which nobody can go on has lost a wake-up.
 */
#include "engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define DEPTH 8192                  /* choices in a run */
#define STEPS 4000                  /* in a run; more: it does not end */
#define RUNS 20000000
#define STACK (128 << 10)
#define PLACES 4096
#define SITES 1024

enum outcome { DONE = 1, SAME, FAILED, AGAIN };

struct thread {
    jmp_buf at;
    struct step next;
    bool begun, ended;
    _Alignas(64) char stack[STACK];
};

static struct thread threads[MODEL_THREADS];
static uint32_t thread_n;
static uint32_t current = MAIN;
static bool starting;
static jmp_buf explorer;
static ucontext_t fresh;
static const struct model *model;
static char message[512];

static struct {
    uint8_t taken, of;
} path[DEPTH];
static uint32_t path_n, path_at;
static uint32_t asleep;             /* threads, a bit each */
static uint32_t steps;
static uint32_t changes;            /* so far, of a thread that could go on */
static uint32_t more_changes;       /* than each model says */
static bool tracing;

/* Who has touched what, in any run. */
static struct place {
    uintptr_t at;
    uint32_t touched, wrote;        /* a bit for each thread */
} places[PLACES];

static struct site {
    uintptr_t at;
    const char *what;
    int order;
} sites[SITES];
static uint32_t site_n;
static uintptr_t weak_site;
static bool weak_total;             /* only the total order is taken away */

uint32_t explore_actor(void)
{
    return current;
}

static _Noreturn void leave(enum outcome outcome)
{
    current = MAIN;
    _longjmp(explorer, outcome);
}

void explore_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    leave(FAILED);
}

void model_fail(const char *what, const char *file, int line)
{
    const char *slash = strrchr(file, '/');

    explore_fail("%s:%d: not so: %s", slash != NULL ? slash + 1 : file, line,
                 what);
}

/* --- choices ------------------------------------------------------------- */

uint32_t explore_choose(uint32_t n)
{
    if (n == 1)
        return 0;
    if (path_at == DEPTH)
        explore_fail("more choices than explore.c can remember");
    if (path_at == path_n) {
        path[path_n].taken = 0;
        path[path_n++].of = (uint8_t)n;
    }
    if (path[path_at].of != n)
        explore_fail("the model is not the same each time it is played");
    return path[path_at++].taken;
}

uint32_t model_choose(uint32_t n)
{
    return explore_choose(n);
}

void model_skip(void)
{
    leave(SAME);
}

uint32_t model_self(void)
{
    return current;
}

static bool next_path(void)
{
    while (path_n > 0 && path[path_n - 1].taken + 1 == path[path_n - 1].of)
        path_n--;
    if (path_n == 0)
        return false;
    path[path_n - 1].taken++;
    return true;
}

/* --- who goes on --------------------------------------------------------- */

static bool can_go_on(uint32_t i)
{
    const struct step *step = &threads[i].next;

    if (threads[i].ended)
        return false;
    if (step->kind == STEP_TAKE)
        return memory_newest(step->at, step->size) == step->when;
    return step->kind != STEP_RELAX || memory_may_relax(i);
}

static bool overlap(const struct step *a, const struct step *b)
{
    return a->at < b->at + b->size && b->at < a->at + a->size;
}

/* Does it matter which of the two comes first? */
static bool concern(uint32_t i, uint32_t k)
{
    const struct step *a = &threads[i].next;
    const struct step *b = &threads[k].next;

    if (a->kind == STEP_ALL || b->kind == STEP_ALL)
        return true;
    if (a->kind == STEP_RELAX || b->kind == STEP_RELAX) {
        if (a->kind != STEP_RELAX)
            return a->writes && memory_watched(k, a->at, a->size);
        return b->writes && memory_watched(i, b->at, b->size);
    }
    if (a->kind == STEP_FENCE || b->kind == STEP_FENCE)
        return a->total && b->total;
    return overlap(a, b) && (a->writes || b->writes || (a->total && b->total));
}

static _Noreturn void nobody_can(void)
{
    uint32_t waiting = 0;

    for (uint32_t i = 0; i < thread_n; i++)
        waiting |= !threads[i].ended ? 1u << i : 0;
    if (waiting == 0)
        leave(DONE);
    explore_fail("nobody can go on: of threads 0 to %u these wait for ever: "
                 "%#x (bits)", thread_n - 1, waiting);
}

/* Who could take the next step: the one that runs, first. */
static uint32_t list_options(uint32_t options[MODEL_THREADS])
{
    bool somebody = false;
    uint32_t n = 0;

    for (uint32_t k = 0; k < thread_n; k++) {
        uint32_t i = (current + k) % thread_n;

        if (!can_go_on(i))
            continue;
        somebody = true;
        if ((asleep & (1u << i)) == 0)
            options[n++] = i;
        if (k == 0 && model->changes != 0
            && changes == model->changes + more_changes)
            break;
    }
    if (!somebody)
        nobody_can();
    if (n == 0)
        leave(SAME);
    return n;
}

static uint32_t pick_thread(void)
{
    uint32_t options[MODEL_THREADS];
    uint32_t chosen;

    if (++steps > STEPS)
        explore_fail("it does not come to an end");
    chosen = explore_choose(list_options(options));
    if (model->changes != 0) {
        changes += chosen != 0 && options[0] == current;
        return options[chosen];
    }
    for (uint32_t k = 0; k < chosen; k++)
        asleep |= 1u << options[k];
    chosen = options[chosen];
    for (uint32_t i = 0; i < thread_n; i++)
        if ((asleep & (1u << i)) != 0 && concern(i, chosen))
            asleep &= ~(1u << i);
    return chosen;
}

static void go_on_with(uint32_t next)
{
    if (next == current)
        return;
    if (current == MAIN || threads[current].ended
        || _setjmp(threads[current].at) == 0) {
        current = next;
        _longjmp(threads[next].at, 1);
    }
}

/* Is it possible that another thread cares? */
static bool is_shared(const struct step *step)
{
    uint32_t i = (uint32_t)((step->at >> 2) * 2654435761u) % PLACES;
    uint32_t tries = 0;
    uint32_t touched;
    bool shared;

    if (step->kind != STEP_ACCESS && step->kind != STEP_TAKE)
        return step->kind != STEP_FENCE || step->total;
    if (step->kind == STEP_TAKE
        && memory_newest(step->at, step->size) != step->when)
        return true;                /* it has to wait */
    while (places[i].at != 0 && places[i].at != step->at) {
        i = (i + 1) % PLACES;
        if (++tries == PLACES)
            explore_fail("more atomics than explore.c can remember");
    }
    places[i].at = step->at;
    touched = places[i].touched | 1u << current;
    shared = (places[i].touched & (places[i].touched - 1)) != 0
          && places[i].wrote != 0;
    places[i].touched = touched;
    if (step->writes)
        places[i].wrote |= 1u << current;
    if (!shared && (touched & (touched - 1)) != 0 && places[i].wrote != 0)
        leave(AGAIN);
    return shared;
}

void explore_point(const struct step *step)
{
    if (current == MAIN || !is_shared(step))
        return;
    threads[current].next = *step;
    if (starting && _setjmp(threads[current].at) == 0)
        _longjmp(explorer, DONE);
    if (threads[current].begun)
        go_on_with(pick_thread());
    threads[current].begun = true;
}

static void thread_main(void)
{
    model->run[current]();
    threads[current].ended = true;
    if (starting)
        _longjmp(explorer, DONE);
    go_on_with(pick_thread());
}

/* --- runs ---------------------------------------------------------------- */

/* Up to its first step. */
static enum outcome start(uint32_t i)
{
    struct thread *thread = &threads[i];
    ucontext_t context = fresh;
    int outcome;

    thread->ended = thread->begun = false;
    current = i;
    starting = true;
    context.uc_stack.ss_sp = thread->stack;
    context.uc_stack.ss_size = sizeof thread->stack;
    makecontext(&context, thread_main, 0);
    outcome = _setjmp(explorer);
    if (outcome == 0)
        setcontext(&context);
    starting = false;
    current = MAIN;
    return (enum outcome)outcome;
}

static enum outcome run_once(void)
{
    volatile uint32_t i;
    int outcome;

    path_at = steps = changes = 0;
    asleep = 0;
    memory_reset();
    outcome = _setjmp(explorer);
    if (outcome != 0)
        return (enum outcome)outcome;
    model->begin();
    memory_start();
    for (i = 0; i < thread_n; i++) {
        outcome = start(i);
        if (outcome != DONE)
            return (enum outcome)outcome;
    }
    outcome = _setjmp(explorer);
    if (outcome == 0) {
        uint32_t first;

        current = 0;
        first = pick_thread();
        current = MAIN;
        go_on_with(first);
    }
    if (outcome != DONE)
        return (enum outcome)outcome;
    memory_join();
    outcome = _setjmp(explorer);
    if (outcome != 0)
        return (enum outcome)outcome;
    if (model->end != NULL)
        model->end();
    return DONE;
}

/* All runs of the model, or until one fails. */
static bool explore(uint64_t *runs)
{
    path_n = 0;
    message[0] = '\0';
    for (thread_n = 0; thread_n < MODEL_THREADS
                       && model->run[thread_n] != NULL;)
        thread_n++;
    for (*runs = 1; *runs < RUNS; ++*runs) {
        enum outcome outcome = run_once();

        if (outcome == FAILED)
            return false;
        if (outcome == AGAIN)
            path_n = 0;
        else if (!next_path())
            return true;
    }
    snprintf(message, sizeof message, "more than %d runs", RUNS);
    return false;
}

/* The run that failed, step by step. */
static void show(void)
{
    path_n = path_at;
    tracing = true;
    message[0] = '\0';
    run_once();
    tracing = false;
}

/* --- accesses ------------------------------------------------------------ */

void explore_site(uintptr_t site, const char *what, int order)
{
    uint32_t i = 0;

    if (order == __ATOMIC_RELAXED || current == MAIN)
        return;
    while (i < site_n && sites[i].at != site)
        i++;
    if (i < site_n || i == SITES)
        return;
    sites[site_n++] = (struct site){ site, what, order };
}

int explore_order(uintptr_t site, int order)
{
    if (site != weak_site || weak_site == 0)
        return order;
    if (weak_total)
        return order == __ATOMIC_SEQ_CST ? __ATOMIC_ACQ_REL : order;
    return __ATOMIC_RELAXED;
}

static const char *const order_names[] = {
    [__ATOMIC_RELAXED] = "relaxed", [__ATOMIC_CONSUME] = "consume",
    [__ATOMIC_ACQUIRE] = "acquire", [__ATOMIC_RELEASE] = "release",
    [__ATOMIC_ACQ_REL] = "acq_rel", [__ATOMIC_SEQ_CST] = "seq_cst",
};

void explore_say(uintptr_t site, const char *what, uintptr_t at, int order,
                 uint64_t value)
{
    if (tracing)
        printf("#   %c %#lx: %-8s %#14lx %-7s = %#llx\n",
               current == MAIN ? '-' : (char)('0' + current),
               (unsigned long)site, what, (unsigned long)at,
               order_names[order], (unsigned long long)value);
}

/* --- main ---------------------------------------------------------------- */

/* Plays all. False: one failed. */
static bool play(bool talk)
{
    uint64_t runs;
    bool held = true;

    for (model = models; model->name != NULL && held; model++) {
        held = explore(&runs);
        if (talk && held)
            printf("# %s: %llu runs\n", model->name,
                   (unsigned long long)runs);
        if (talk && !held) {
            printf("# %s: %s\n", model->name, message);
            show();
        }
    }
    return held;
}

int main(int argc, char **argv)
{
    bool weaken = argc > 2 && strcmp(argv[1], "weaken") == 0;

    if (getenv("MODEL_MORE") != NULL)
        more_changes = (uint32_t)atoi(getenv("MODEL_MORE"));
    setvbuf(stdout, NULL, _IOLBF, 0);
    getcontext(&fresh);
    weak_total = argc > 2 && strcmp(argv[1], "total") == 0;
    if (!weaken && !weak_total && !play(argc == 1))
        return EXIT_FAILURE;
    for (uint32_t i = 0; argc == 2 && i < site_n; i++)
        printf("%#lx %s %s\n", (unsigned long)sites[i].at, sites[i].what,
               order_names[sites[i].order]);
    for (int i = 2; i < argc; i++) {
        weak_site = strtoul(argv[i], NULL, 0);
        if (play(false))
            printf("spare %s\n", argv[i]);
        else
            printf("caught %s %s\n", argv[i], message);
    }
    return EXIT_SUCCESS;
}
