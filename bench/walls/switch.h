/* SPDX-License-Identifier: MIT */
/*
 * switch.h - the least that changing stacks can cost: inlined where it is used,
 * so that the compiler saves just what lives, and returning by a jump that is
 * that place's own. x86-64 only; elsewhere HAVE_SWITCH is not defined.
 */
#ifndef BENCH_SWITCH_H
#define BENCH_SWITCH_H

#if defined(__x86_64__) && defined(__LP64__)
#define HAVE_SWITCH 1

#include <stddef.h>

struct place {
    void *sp;
    void (*ip)(void);
    void *bp, *padding;
};

/* Leaves to come back here when somebody enters `from`. What lies below the
 * stack pointer is not touched. */
static inline __attribute__((always_inline)) void
change_place(struct place *from, struct place *to)
{
    __asm__ volatile(
        "leaq 1f(%%rip), %%rax\n\t"
        "movq %%rsp, (%0)\n\t"
        "movq %%rax, 8(%0)\n\t"
        "movq %%rbp, 16(%0)\n\t"
        "movq (%1), %%rsp\n\t"
        "movq 16(%1), %%rbp\n\t"
        "jmpq *8(%1)\n"
        "1:"
        : "+S"(from), "+D"(to)
        :
        : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",
          "r14", "r15", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
          "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
          "xmm13", "xmm14", "xmm15");
}

/* A place on a fresh stack that ends at `end`: fn is called there when it is
 * first entered, and must not return. */
static inline void new_place(struct place *place, char *end, void (*fn)(void))
{
    *place = (struct place){ end - 8, fn, NULL, NULL };
}

#endif
#endif
