/* SPDX-License-Identifier: MIT */
/*
 * switch_x86_64.c - laying out a fresh context for switch_x86_64.S.
 */
#include "arch/switch.h"

#include <stdint.h>

void mo_switch_first(void);

void *mo_switch_fresh(char *base, size_t size, void (*entry)(void *),
                      void *arg)
{
    uintptr_t top = ((uintptr_t)base + size) & ~(uintptr_t)15;
    void **sp = (void **)top;

    /* A frame, for who unwinds by rbp just before the start. */
    *--sp = (void *)(uintptr_t)mo_switch_first;
    *--sp = NULL;
    *--sp = (void *)(uintptr_t)mo_switch_first;
    *--sp = (void *)(top - 16);     /* rbp */
    *--sp = NULL;                   /* rbx */
    *--sp = (void *)(uintptr_t)entry;   /* r12 */
    *--sp = arg;                    /* r13 */
    *--sp = NULL;                   /* r14 */
    *--sp = NULL;                   /* r15 */
    return sp;
}
