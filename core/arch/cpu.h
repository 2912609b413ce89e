/* SPDX-License-Identifier: MIT */
/*
 * cpu.h - the few things the core must know about the processor.
 */
#ifndef MO_CPU_H
#define MO_CPU_H

/* Two lines, because processors fetch them in pairs. */
#define MO_CACHE_LINE 128

static inline void mo_cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
