/* SPDX-License-Identifier: MIT */
/*
 * backtrace.h - the calls that lead to where a stack is.
 *
 * The unwinder is the compiler's own, the one that C++ exceptions use, so it
 * finds its way by the tables that the program was built with, with or without
 * frame pointers. It reads the stack as it goes: nobody may run there.
 */
#ifndef MO_BACKTRACE_H
#define MO_BACKTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The calls of the context that was left at `sp`, innermost first: at most n
 * return addresses into pcs. Returns how many; 0 too where the way into such a
 * context is not known. Does not survive a stack that was overwritten, unless
 * mo_fault_try is around it. */
size_t mo_backtrace_of(void *sp, uintptr_t *pcs, size_t n);

/* Those of a thread that was interrupted at `pc`, from its handler. */
size_t mo_backtrace_from(uintptr_t pc, uintptr_t *pcs, size_t n);

/* The same, however many they are, each handed to `each` until that returns
 * false. */
void mo_backtrace_each(uintptr_t pc, bool (*each)(uintptr_t pc, void *arg),
                       void *arg);

#endif
