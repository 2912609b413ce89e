/* SPDX-License-Identifier: MIT */
/*
 * context.h - where a thread was when a signal interrupted it.
 */
#ifndef MO_CONTEXT_H
#define MO_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#if defined(__x86_64__)
#define MO_CONTEXT_PC(u) ((u)->uc_mcontext.gregs[REG_RIP])
#define MO_CONTEXT_SP(u) ((u)->uc_mcontext.gregs[REG_RSP])
#elif defined(__i386__)
#define MO_CONTEXT_PC(u) ((u)->uc_mcontext.gregs[REG_EIP])
#define MO_CONTEXT_SP(u) ((u)->uc_mcontext.gregs[REG_ESP])
#elif defined(__aarch64__)
#define MO_CONTEXT_PC(u) ((u)->uc_mcontext.pc)
#define MO_CONTEXT_SP(u) ((u)->uc_mcontext.sp)
#elif defined(__arm__)
#define MO_CONTEXT_PC(u) ((u)->uc_mcontext.arm_pc)
#define MO_CONTEXT_SP(u) ((u)->uc_mcontext.arm_sp)
#elif defined(__riscv)
#define MO_CONTEXT_PC(u) ((u)->uc_mcontext.__gregs[REG_PC])
#define MO_CONTEXT_SP(u) ((u)->uc_mcontext.__gregs[REG_SP])
#endif

#define MO_CONTEXT_THUMB (1u << 5)  /* of arm's cpsr */

/* The instruction that was interrupted, and the stack pointer; 0: not known. */
static inline uintptr_t mo_context_pc(const ucontext_t *context)
{
#ifdef MO_CONTEXT_PC
    return (uintptr_t)MO_CONTEXT_PC(context);
#else
    (void)context;
    return 0;
#endif
}

static inline uintptr_t mo_context_sp(const ucontext_t *context)
{
#ifdef MO_CONTEXT_SP
    return (uintptr_t)MO_CONTEXT_SP(context);
#else
    (void)context;
    return 0;
#endif
}

/* Makes the thread go on in fn, which never returns, on a stack whose highest
 * free byte is below `top`. False: not on this machine. */
static inline bool mo_context_enter(ucontext_t *context, void (*fn)(void),
                                    char *top)
{
#ifdef MO_CONTEXT_PC
    uintptr_t sp = ((uintptr_t)top & ~(uintptr_t)63) - 64;

#if defined(__x86_64__) || defined(__i386__)
    sp -= sizeof(uintptr_t);        /* as if a call had pushed an address */
    *(uintptr_t *)sp = 0;
#elif defined(__arm__)
    if ((uintptr_t)fn & 1)
        context->uc_mcontext.arm_cpsr |= MO_CONTEXT_THUMB;
    else
        context->uc_mcontext.arm_cpsr &= ~(unsigned long)MO_CONTEXT_THUMB;
#endif
    MO_CONTEXT_SP(context) = sp;
    MO_CONTEXT_PC(context) = (uintptr_t)fn;
    return true;
#else
    (void)context;
    (void)fn;
    (void)top;
    return false;
#endif
}

#endif
