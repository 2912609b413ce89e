/* SPDX-License-Identifier: MIT */
/*
 * switch_i386.c - laying out a fresh context for switch_i386.S.
 */
#include "arch/switch.h"

#include <stdint.h>

void mo_switch_first(void);

void *mo_switch_fresh(char *base, size_t size, void (*entry)(void *),
                      void *arg)
{
    uintptr_t top = ((uintptr_t)base + size) & ~(uintptr_t)15;
    void **sp = (void **)top;

    *--sp = NULL;                   /* three words: with the argument, esp is */
    *--sp = NULL;                   /* a multiple of 16 before the call */
    *--sp = NULL;
    *--sp = (void *)(uintptr_t)mo_switch_first;
    *--sp = NULL;                   /* ebp */
    *--sp = NULL;                   /* ebx */
    *--sp = (void *)(uintptr_t)entry;   /* esi */
    *--sp = arg;                    /* edi */
    return sp;
}
