/* SPDX-License-Identifier: MIT */
/*
 * sanitize.h - telling the tools that watch us which stack we are on.
 *
 * AddressSanitizer wants to hear before a switch where we go, and after it
 * that we arrived; ThreadSanitizer keeps a "fiber" per stack; valgrind a
 * registered range. Each call is empty in a build without its tool. The pairs
 * must be exact: every leave is followed by one arrive, on the other side.
 */
#ifndef MO_SANITIZE_H
#define MO_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef HAVE_VALGRIND_H
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#endif

#ifdef MO_SANITIZE_ADDRESS
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#ifdef MO_SANITIZE_THREAD
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#endif

struct mo_sanitize {                /* one per stack */
    void *fake_stack;               /* ASan's, while the stack is left */
    void *tsan;
    const void *base;
    size_t size;
    unsigned valgrind;
};

/* A stack of ours comes to life: [base, base + size). */
static inline void mo_sanitize_born(struct mo_sanitize *s, void *base,
                                    size_t size)
{
    s->fake_stack = NULL;
    s->base = base;
    s->size = size;
    s->tsan = NULL;
#ifdef MO_SANITIZE_THREAD
    s->tsan = __tsan_create_fiber(0);
#endif
#ifdef HAVE_VALGRIND_H
    s->valgrind = VALGRIND_STACK_REGISTER(base, (char *)base + size);
#endif
}

/* Nobody will run on it again. */
static inline void mo_sanitize_dead(struct mo_sanitize *s)
{
    (void)s;
#ifdef MO_SANITIZE_THREAD
    __tsan_destroy_fiber(s->tsan);
#endif
#ifdef HAVE_VALGRIND_H
    VALGRIND_STACK_DEREGISTER(s->valgrind);
#endif
}

/* The stack was left at `sp` for good, its frames from there up without having
 * returned: what ASan poisoned in them must not haunt who runs there next. */
static inline void mo_sanitize_wipe(struct mo_sanitize *s, const void *sp)
{
    (void)s;
    (void)sp;
#ifdef MO_SANITIZE_ADDRESS
    __asan_unpoison_memory_region(sp, (size_t)((const char *)s->base + s->size
                                               - (const char *)sp));
#endif
#ifdef MO_SANITIZE_THREAD
    __tsan_destroy_fiber(s->tsan);  /* its record of calls never unwound */
    s->tsan = __tsan_create_fiber(0);
#endif
}

/* The calling thread's own stack. */
void mo_sanitize_native(struct mo_sanitize *s);

/* Just before mo_switch; `dying`: `from` will never be resumed as it is. */
static inline void mo_sanitize_leave(struct mo_sanitize *from,
                                     struct mo_sanitize *to, bool dying)
{
    (void)from;
    (void)to;
    (void)dying;
#ifdef MO_SANITIZE_ADDRESS
    __sanitizer_start_switch_fiber(dying ? NULL : &from->fake_stack, to->base,
                                   to->size);
#endif
#ifdef MO_SANITIZE_THREAD
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* Just after, on the other side; `self` is the stack we are on now. A fresh
 * context has no fake stack yet. */
static inline void mo_sanitize_arrive(struct mo_sanitize *self)
{
    (void)self;
#ifdef MO_SANITIZE_ADDRESS
    __sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
    self->fake_stack = NULL;
#endif
}

#endif
