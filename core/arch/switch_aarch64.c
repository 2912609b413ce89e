/* SPDX-License-Identifier: MIT */
/*
 * switch_aarch64.c - laying out a fresh context for switch_aarch64.S.
 */
#include "arch/switch.h"

#include <stdint.h>

#define FRAME 20                    /* words */

void mo_switch_first(void);

/* The address as mo_switch will want it: signed, if this build signs. */
static void *start_address(uintptr_t modifier)
{
    register uintptr_t address __asm__("x17") = (uintptr_t)mo_switch_first;
    register uintptr_t with __asm__("x16") = modifier;

#if defined(__ARM_FEATURE_PAC_DEFAULT) && __ARM_FEATURE_PAC_DEFAULT
    __asm__("hint #8" : "+r"(address) : "r"(with));     /* pacia1716 */
#endif
    (void)with;
    return (void *)address;
}

void *mo_switch_fresh(char *base, size_t size, void (*entry)(void *),
                      void *arg)
{
    uintptr_t top = ((uintptr_t)base + size) & ~(uintptr_t)15;
    void **sp = (void **)top - FRAME;

    for (int i = 0; i < FRAME; i++)
        sp[i] = NULL;               /* x29 too: ends the chain of frames */
    sp[1] = start_address(top);      /* x30 */
    sp[2] = (void *)(uintptr_t)entry;   /* x19 */
    sp[3] = arg;                    /* x20 */
    return sp;
}
