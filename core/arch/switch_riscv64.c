/* SPDX-License-Identifier: MIT */
/*
 * switch_riscv64.c - laying out a fresh context for switch_riscv64.S.
 */
#include "arch/switch.h"

#include <stdint.h>

#define FRAME 26                    /* words */

void mo_switch_first(void);

void *mo_switch_fresh(char *base, size_t size, void (*entry)(void *),
                      void *arg)
{
    uintptr_t top = ((uintptr_t)base + size) & ~(uintptr_t)15;
    void **sp = (void **)top - FRAME;

    for (int i = 0; i < FRAME; i++)
        sp[i] = NULL;               /* s0 too: ends the chain of frames */
    sp[0] = (void *)(uintptr_t)mo_switch_first;     /* ra */
    sp[2] = (void *)(uintptr_t)entry;   /* s1 */
    sp[3] = arg;                    /* s2 */
    return sp;
}
