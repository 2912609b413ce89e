/* SPDX-License-Identifier: MIT */
/*
 * switch_arm.c - laying out a fresh context for switch_arm.S.
 */
#include "arch/switch.h"

#include <stdint.h>

#define FRAME 26                    /* words */

void mo_switch_first(void);

void *mo_switch_fresh(char *base, size_t size, void (*entry)(void *),
                      void *arg)
{
    uintptr_t top = ((uintptr_t)base + size) & ~(uintptr_t)7;
    void **sp = (void **)top - FRAME;

    for (int i = 0; i < FRAME; i++)
        sp[i] = NULL;               /* r7 and r11 too: no frame is above */
    sp[17] = (void *)(uintptr_t)entry;  /* r4 */
    sp[18] = arg;                   /* r5 */
    sp[25] = (void *)(uintptr_t)mo_switch_first;
    return sp;
}
