/* SPDX-License-Identifier: MIT */
/*
 * engine.h - the parts of the checker of models, among themselves.
 */
#ifndef MODEL_ENGINE_H
#define MODEL_ENGINE_H

#include "model.h"

#define MAIN MODEL_THREADS          /* who begins and ends: not a thread */
#define ACTORS (MODEL_THREADS + 1)

enum access { READ, WRITE, ATOMIC_READ, ATOMIC_WRITE, ACCESSES };
enum change { EXCHANGE, ADD, SUB, AND, OR, XOR, COMPARE };

/* What a thread is about to do, in the eyes of others. */
struct step {
    enum { STEP_ACCESS, STEP_FENCE, STEP_RELAX, STEP_TAKE, STEP_ALL } kind;
    bool writes;
    bool total;                     /* sequentially consistent */
    uint32_t size;
    uint32_t when;                  /* a take's */
    uintptr_t at;
};

struct change_of {                  /* a read-modify-write */
    enum change how;
    uint64_t operand;
    uint64_t expected;              /* of COMPARE */
    int order;
    bool newest;                    /* what is stored last is to be found */
    int failed;                     /* order, if COMPARE does not find it */
    bool done;                      /* out: it was written */
};

/* memory.c: what a load may find. */
void memory_reset(void);
void memory_start(void);            /* threads begin, after MAIN */
void memory_join(void);             /* MAIN goes on, after all threads */
uint64_t memory_load(uint32_t actor, uintptr_t at, uint32_t size, int order);
void memory_store(uint32_t actor, uintptr_t at, uint32_t size, uint64_t value,
                  int order);
uint64_t memory_change(uint32_t actor, uintptr_t at, uint32_t size,
                       struct change_of *change);
void memory_fence(uint32_t actor, int order);
void memory_plain(uint32_t actor, uintptr_t at, size_t size, bool write);
uint64_t memory_newest(uintptr_t at, uint32_t size);
bool memory_watched(uint32_t actor, uintptr_t at, uint32_t size);
bool memory_may_relax(uint32_t actor);
void memory_relax(uint32_t actor);

/* explore.c: who goes on. */
uint32_t explore_actor(void);
uint32_t explore_choose(uint32_t n);
void explore_point(const struct step *step);
_Noreturn void explore_fail(const char *format, ...);
void explore_site(uintptr_t site, const char *what, int order);
int explore_order(uintptr_t site, int order);
void explore_say(uintptr_t site, const char *what, uintptr_t at, int order,
                 uint64_t value);

#endif
