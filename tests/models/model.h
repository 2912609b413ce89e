/* SPDX-License-Identifier: MIT */
/*
 * model.h - trying out everything that a piece of shared code can do.
 *
 * A model is a C file that includes the very sources it is about and says what
 * a few threads do with them. It is compiled with -fsanitize=thread, so the
 * compiler reports each access to memory; model.c, and not ThreadSanitizer,
 * receives these reports, and plays every order that the threads can run in
 * and every value that a load may find by the rules of C. README.md tells how
 * one is written.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_THREADS 4             /* at most */

/* What threads do, and what has to hold. */
struct model {
    const char *name;
    void (*begin)(void);            /* how it is at first; called each time */
    void (*run[MODEL_THREADS])(void);   /* the threads; NULL: no more */
    void (*end)(void);              /* checked when all have ended; or NULL */
    uint32_t changes;               /* how often at most one is interrupted by
                                     * another; 0: as often as may be */
};

/* Of each model program: the last has no name. */
extern const struct model models[];

/* Which thread is running. */
uint32_t model_self(void);

/* Any number below n: each is tried. */
uint32_t model_choose(uint32_t n);

/* Waits until *word is `when`, and makes it `then`: one step, sequentially
 * consistent. Nobody else needs to be awake for it to go on. */
void model_take(uint32_t *word, uint32_t when, uint32_t then);
bool model_may_take(uint32_t *word, uint32_t when, uint32_t then);

/* In a loop that reads until something changes: goes on only when what it read
 * has been overwritten, and then reads the newer. */
void model_relax(void);

/* The run says nothing new: who tries again, having changed nothing, does what
 * somebody does who only comes now. */
void model_skip(void);

/* Every thread fences, at some moment before this returns. */
void model_barrier(void);

/* Writes all over memory that is no longer to be used by anybody else. */
void model_gone(void *memory, size_t size);

void model_fail(const char *what, const char *file, int line);

/* Each fence of its own, as they are told apart by where they are. */
static inline __attribute__((always_inline)) void mo_fence(void);
static inline __attribute__((always_inline)) void mo_release_fence(void);

#define MODEL_CHECK(what)                                                     \
    ((what) ? (void)0 : model_fail(#what, __FILE__, __LINE__))

#endif
