/* SPDX-License-Identifier: MIT */
/*
 * switch_ucontext.c - the switch for machines without one of their own.
 *
 * POSIX contexts, some fifty times slower: each switch also saves the signal
 * mask by a system call. A context that is not running is the address of the
 * ucontext_t that holds it, which lies on its own stack.
 */
#include "arch/switch.h"

#include <stdint.h>
#include <ucontext.h>

struct start {                      /* at the top of a fresh stack */
    ucontext_t context;
    void (*entry)(void *);
    void *arg;
};

/* makecontext hands over ints only: the address comes in two halves. */
static void start_here(unsigned high, unsigned low)
{
    uintptr_t address = (uintptr_t)low;
    struct start *start;

    address |= (uintptr_t)(((uint64_t)high << 32) & UINTPTR_MAX);
    start = (struct start *)address;
    start->entry(start->arg);
}

void mo_switch(void **save, void *to)
{
    ucontext_t here;

    *save = &here;
    swapcontext(&here, to);
}

void *mo_switch_fresh(char *base, size_t size, void (*entry)(void *),
                      void *arg)
{
    uintptr_t top = ((uintptr_t)base + size - sizeof(struct start));
    struct start *start = (struct start *)(top & ~(uintptr_t)63);
    uint64_t address = (uintptr_t)start;

    getcontext(&start->context);
    start->entry = entry;
    start->arg = arg;
    start->context.uc_stack.ss_sp = base;
    start->context.uc_stack.ss_size = (size_t)((char *)start - base);
    start->context.uc_link = NULL;
    makecontext(&start->context, (void (*)(void))start_here, 2,
                (unsigned)(address >> 32), (unsigned)address);
    return &start->context;
}

/* Where a context keeps its registers is the C library's secret. */
void mo_switch_walk(void *sp, void (*fn)(void *), void *arg)
{
    (void)sp;
    (void)fn;
    (void)arg;
}
