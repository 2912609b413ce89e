/* SPDX-License-Identifier: MIT */
/*
 * self.c - which worker this thread runs.
 *
 * Inline code in moirai/fork.h reads the variable off the thread's register,
 * which works only in the initial-exec model: the library has to be there when
 * the program starts, or find room in the static block that the C library keeps
 * for such. i386 and 32-bit Arm need some instructions to find their own GOT;
 * there it is a call.
 */
#define MOIRAI_SLOW_SELF 1          /* the call is there in any case: programs
                                     * may be compiled to use it */
#include "arch/self.h"

#include "arch/cpu.h"

/* No room for a fork, and nothing to join: both go the slow path. */
static uintptr_t outside_slots[2];
_Alignas(MO_CACHE_LINE) struct moirai_worker mo_outside[8] = {{
    .fork_top = &outside_slots[1],
    .fork_limit = &outside_slots[1],
    .fork_base = &outside_slots[1],
}};

_Thread_local struct moirai_worker *moirai_self_worker
    __attribute__((tls_model("initial-exec"), visibility("default")))
    = mo_outside;

_Thread_local struct mo_sim *mo_self_sim;

__attribute__((noinline)) struct moirai_worker *moirai_self(void)
{
    return *(struct moirai_worker *volatile *)&moirai_self_worker;
}
