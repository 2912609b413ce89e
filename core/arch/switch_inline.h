/* SPDX-License-Identifier: MIT */
/*
 * switch_inline.h - the switch of switch_x86_64.S, at the place of the wait.
 *
 * Each place has a jump of its own then, which the processor learns, and the
 * compiler saves what is live there instead of all that might be. What lies on
 * the stack that was left has the shape that switch_x86_64.S draws, so that
 * debuggers need to know one only; r15 to rbx in it mean nothing, as this
 * function's frame has what its callers kept there.
 *
 * Unwinders find the frame by rbp: our code is compiled with frame pointers. So
 * they see the stack that is left until rbp changes, and from then on, for one
 * instruction, the other as if from here. The code of functions that call this
 * calls others too, and so has nothing in the red zone.
 */
#ifndef MO_SWITCH_INLINE_H
#define MO_SWITCH_INLINE_H

#ifdef __AVX512F__
#define MO_SWITCH_AVX512                                                      \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", \
    "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31",   \
    "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define MO_SWITCH_AVX512
#endif

static inline __attribute__((always_inline))
void mo_switch_here(void **save, void *to)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rax, -8(%%rsp)\n\t"
                     "movq %%rbp, -16(%%rsp)\n\t"
                     "leaq -56(%%rsp), %%rax\n\t"
                     "movq %%rax, (%%rdi)\n\t"
                     "movq 48(%%rsi), %%rcx\n\t"
                     "leaq 56(%%rsi), %%rsp\n\t"
                     "movq 40(%%rsi), %%rbp\n\t"
                     "notrack jmp *%%rcx\n"
                     "1:"
                     : "+D"(save), "+S"(to)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11",
                       "r12", "r13", "r14", "r15", "memory", "cc", "xmm0",
                       "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
                       "xmm14", "xmm15" MO_SWITCH_AVX512);
}

#endif
