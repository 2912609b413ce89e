/* SPDX-License-Identifier: MIT */
/*
 * cpu.h - the few things the core must know about the processor.
 */
#ifndef MO_CPU_H
#define MO_CPU_H

/* Two lines, because processors fetch them in pairs. */
#define MO_CACHE_LINE 128
#define MO_LINE 64                  /* one of them, on most machines */

/* Words in what __cxa_get_globals returns: exceptions caught, how many are not,
 * and, in the ABI of 32-bit Arm, those on their way through a cleanup. */
#if defined(__arm__) && defined(__ARM_EABI__)
#define MO_CXX_GLOBALS 3
#else
#define MO_CXX_GLOBALS 2
#endif

static inline void mo_cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");   /* yield is over at once */
#elif defined(__arm__) && __ARM_ARCH >= 7
    __asm__ volatile("yield" ::: "memory");
#elif defined(__riscv)
    __asm__ volatile(".word 0x0100000f" ::: "memory");  /* pause: a hint */
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
