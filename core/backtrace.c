/* SPDX-License-Identifier: MIT */
/*
 * backtrace.c - the calls that lead to where a stack is.
 *
 * A stack that nobody runs on is unwound from this one: mo_switch_walk calls
 * us from a frame whose table says that its caller is that other context.
 */
#include "backtrace.h"

#include <unwind.h>

#include "arch/switch.h"

struct walk {
    uintptr_t *pcs;
    size_t n, most;
    size_t skip;                    /* frames of ours before it begins */
    uintptr_t from;                 /* begins with this one; 0: after skip */
};

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *arg)
{
    struct walk *walk = arg;
    uintptr_t pc = _Unwind_GetIP(context);

    if (walk->skip > 0) {
        walk->skip--;
        return _URC_NO_REASON;
    }
    if (pc == 0)
        return _URC_END_OF_STACK;
    if (walk->from != 0) {
        if (pc != walk->from)
            return _URC_NO_REASON;
        walk->from = 0;
    }
    walk->pcs[walk->n++] = pc;
    return walk->n < walk->most ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* Two frames come before the first one wanted: this one, which must therefore
 * not be left by a tail call, and mo_switch_walk. */
static void walk_on(void *arg)
{
    _Unwind_Backtrace(step, arg);
    __asm__ volatile("" ::: "memory");
}

size_t mo_backtrace_of(void *sp, uintptr_t *pcs, size_t n)
{
    struct walk walk = { .pcs = pcs, .most = n, .skip = 2 };

    if (n > 0)
        mo_switch_walk(sp, walk_on, &walk);
    return walk.n;
}

size_t mo_backtrace_from(uintptr_t pc, uintptr_t *pcs, size_t n)
{
    struct walk walk = { .pcs = pcs, .most = n, .from = pc };

    if (n > 0)
        _Unwind_Backtrace(step, &walk);
    return walk.n;
}

struct visit {
    uintptr_t from;                 /* begins with this one */
    bool (*each)(uintptr_t pc, void *arg);
    void *arg;
};

static _Unwind_Reason_Code visit_one(struct _Unwind_Context *context, void *arg)
{
    struct visit *visit = arg;
    uintptr_t pc = _Unwind_GetIP(context);

    if (visit->from != 0 && pc != visit->from)
        return _URC_NO_REASON;
    visit->from = 0;
    return pc != 0 && visit->each(pc, visit->arg) ? _URC_NO_REASON
                                                  : _URC_END_OF_STACK;
}

void mo_backtrace_each(uintptr_t pc, bool (*each)(uintptr_t pc, void *arg),
                       void *arg)
{
    struct visit visit = { pc, each, arg };

    _Unwind_Backtrace(visit_one, &visit);
}
