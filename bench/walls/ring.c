/* SPDX-License-Identifier: MIT */
/*
 * ring.c - the least that changing tasks can cost: a ring of stacks, each of
 * which changes to the next and prefetches the one AHEAD of that. ring-2 to
 * ring-100000, ns per change. With more workers each has its part of the ring
 * to itself.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "bench.h"
#include "switch.h"
#include "team.h"

#ifdef HAVE_SWITCH

#define STACK_BYTES 16384
#define AHEAD 10
#define LINE 64

struct ring {
    struct place *places;           /* [n] is the thread's own */
    int64_t n;
    int64_t rounds;                 /* left */
    int64_t made;                   /* stacks that have been entered */
};

static _Thread_local struct ring *here;

/* Both lines that a stack's owner is going to touch: what lies at its end, and
 * what it keeps below that. One of them alone gains little. The runtime also
 * has the ends of stacks at different distances from the page's (core/fiber.c):
 * where a stack has so little else, that gains little, and is left out. */
static void prefetch_stack(const struct place *place)
{
    __builtin_prefetch((char *)place->sp);
    __builtin_prefetch((char *)place->sp - LINE);
}

/* What runs on each stack of the ring. The first of them counts the rounds. */
static void go_round(void)
{
    struct ring *ring = here;
    int64_t self = ring->made++;
    int64_t next = self + 1 < ring->n ? self + 1 : 0;
    int64_t later = (self + AHEAD) % ring->n;

    for (;;) {
        if (self == 0 && ring->rounds-- == 0)
            change_place(&ring->places[self], &ring->places[ring->n]);
        prefetch_stack(&ring->places[later]);
        change_place(&ring->places[self], &ring->places[next]);
    }
}

static void make_ring(struct ring *ring, int64_t n, void (*fn)(void))
{
    char *stacks = mmap(NULL, (size_t)n * STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (stacks == MAP_FAILED)
        bench_fail("no memory for %lld stacks", (long long)n);
    ring->n = n;
    ring->places = bench_alloc((size_t)(n + 1) * sizeof *ring->places);
    for (int64_t i = 0; i < n; i++)
        new_place(&ring->places[i], stacks + (i + 1) * STACK_BYTES, fn);
}

static void enter(struct ring *ring)
{
    here = ring;
    change_place(&ring->places[ring->n], &ring->places[0]);
}

struct rings {
    struct ring *ring;              /* one for each member */
    struct team *team;
    int64_t rounds;
    unsigned n;
};

static void run_ring(void *arg, unsigned member)
{
    struct rings *rings = arg;

    rings->ring[member].rounds = rings->rounds;
    enter(&rings->ring[member]);
}

static int64_t run_rings(void *arg)
{
    struct rings *rings = arg;
    int64_t start = bench_clock(), ns;

    team_run(rings->team, run_ring, rings);
    ns = bench_clock() - start;
    for (unsigned i = 0; i < rings->n; i++)
        bench_expect("rounds left", rings->ring[i].rounds, -1);
    return ns;
}

static void ring(const struct bench *bench)
{
    int64_t tasks = atoi(bench->question + sizeof "ring");
    struct rings rings = { .n = bench->workers };
    int64_t each = tasks / rings.n > 0 ? tasks / rings.n : 1;
    double ns;

    rings.rounds = (int64_t)bench_scaled(bench, 3e6 / (double)tasks, 3);
    rings.team = team_start(rings.n);
    rings.ring = bench_alloc(rings.n * sizeof *rings.ring);
    for (unsigned i = 0; i < rings.n; i++)
        make_ring(&rings.ring[i], each, go_round);
    ns = bench_median(bench, run_rings, &rings);
    team_stop(rings.team);
    bench_print("ns", ns / (double)(each * rings.n * rings.rounds));
}

int main(int argc, char **argv)
{
    static const struct bench_question questions[] = {
        { "ring-2", ring },
        { "ring-100", ring },
        { "ring-10000", ring },
        { "ring-100000", ring },
        { NULL, NULL },
    };

    return bench_main(argc, argv, questions);
}

#else

int main(int argc, char **argv)
{
    static const struct bench_question none[] = { { NULL, NULL } };

    return bench_main(argc, argv, none);
}

#endif
