/* SPDX-License-Identifier: MIT */
/*
 * sanitize.h - telling the tools that watch us which stack we are on.
 *
 * AddressSanitizer wants to hear before a switch where we go, and after it
 * that we arrived; ThreadSanitizer keeps a "fiber" per stack; valgrind a
 * registered range. The pairs must be exact: every leave is followed by one
 * arrive, on the other side.
 *
 * A build with --enable-sanitizer has the core itself watched. In an ordinary
 * build the program may still be compiled for ASan or TSan: their run-time
 * libraries are then there, and found through weak symbols. TSan sees nothing
 * of the core's own synchronisation in such a program, so it is told what that
 * means for the program's tasks (mo_race_*): a spawn comes before the task's
 * start, a send before the receive, and so on. That a worker runs two tasks one
 * after the other means nothing, so there each of them gets a stack and a TSan
 * fiber of its own, and switching orders nothing. (In a build that watches the
 * core it has to: the worker's own data passes from stack to stack.)
 */
#ifndef MO_SANITIZE_H
#define MO_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef HAVE_VALGRIND_H
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#endif


#if defined(MO_SANITIZE_THREAD) || !defined(__ELF__)
#define MO_WEAK
#else
#define MO_WEAK __attribute__((weak))
#endif

#ifdef __ELF__
void *__tsan_get_current_fiber(void) MO_WEAK;
void *__tsan_create_fiber(unsigned flags) MO_WEAK;
void __tsan_destroy_fiber(void *fiber) MO_WEAK;
void __tsan_switch_to_fiber(void *fiber, unsigned flags) MO_WEAK;
void __tsan_acquire(void *address) MO_WEAK;
void __tsan_release(void *address) MO_WEAK;
void __tsan_mutex_destroy(void *address, unsigned flags) MO_WEAK;
#endif

/* As <sanitizer/...> declares them, which is not there without a sanitizer. */
#if defined(MO_SANITIZE_ADDRESS) || !defined(__ELF__)
#define MO_WEAK_ASAN
#else
#define MO_WEAK_ASAN __attribute__((weak))
#endif

#ifdef __ELF__
void __sanitizer_start_switch_fiber(void **save, const void *base, size_t size)
    MO_WEAK_ASAN;
void __sanitizer_finish_switch_fiber(void *save, const void **base,
                                     size_t *size) MO_WEAK_ASAN;
void __asan_unpoison_memory_region(void const volatile *address, size_t size)
    MO_WEAK_ASAN;
void __asan_poison_memory_region(void const volatile *address, size_t size)
    MO_WEAK_ASAN;
#endif

/* Is ASan there, in the core or in the program alone? TSan's library has its
 * functions, too, which do nothing. */
static inline bool mo_asan(void)
{
#if defined(MO_SANITIZE_ADDRESS)
    return true;
#elif defined(__ELF__)
    return __asan_unpoison_memory_region != NULL;
#else
    return false;
#endif
}

/* Nobody may touch this memory, which is kept for later; and now he may. */
static inline void mo_memory_shut(const void *at, size_t bytes)
{
#ifdef __ELF__
    if (__builtin_expect(mo_asan(), 0))
        __asan_poison_memory_region(at, bytes);
#else
    (void)at;
    (void)bytes;
#endif
}

static inline void mo_memory_open(const void *at, size_t bytes)
{
#ifdef __ELF__
    if (__builtin_expect(mo_asan(), 0))
        __asan_unpoison_memory_region(at, bytes);
#else
    (void)at;
    (void)bytes;
#endif
}

#ifdef __ELF__
size_t __sanitizer_get_heap_size(void) MO_WEAK_ASAN;
#endif

/* May any of the two be there? One load where neither is. */
static inline bool mo_watched(void)
{
#if defined(MO_SANITIZE_THREAD) || defined(MO_SANITIZE_ADDRESS)
    return true;
#elif defined(__ELF__)
    return __sanitizer_get_heap_size != NULL;
#else
    return false;
#endif
}

/* Does valgrind run us? It takes what is below a stack pointer for lost. */
static inline bool mo_valgrind(void)
{
#ifdef HAVE_VALGRIND_H
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

/* For functions that call what is below where it is rarely wanted. A watched
 * one tells TSan when it is entered and left, on the same fiber both times. */
#ifdef MO_SANITIZE_THREAD
#define MO_APART inline __attribute__((always_inline))
#else
#define MO_APART __attribute__((noinline))
#endif

/* The same for what is rarely called at all. */
#ifdef MO_SANITIZE_THREAD
#define MO_COLD
#else
#define MO_COLD __attribute__((noinline, cold))
#endif

#define MO_TSAN_NO_ORDER 1u         /* a flag of __tsan_switch_to_fiber */

/* Is TSan there at all? */
static inline bool mo_tsan(void)
{
#if defined(MO_SANITIZE_THREAD)
    return true;
#elif defined(__ELF__)
    return __tsan_create_fiber != NULL;
#else
    return false;
#endif
}

/* Is it the program alone that TSan watches, and the core tells it about
 * itself? */
static inline bool mo_race_on(void)
{
#ifdef MO_SANITIZE_THREAD
    return false;
#else
    return mo_tsan();
#endif
}

/* What the caller did so far comes before what others do after they acquired
 * the same address. */
static inline void mo_race_release(const void *address)
{
#ifdef __ELF__
    if (mo_race_on())
        __tsan_release((void *)address);
#else
    (void)address;
#endif
}

static inline void mo_race_acquire(const void *address)
{
#ifdef __ELF__
    if (mo_race_on())
        __tsan_acquire((void *)address);
#else
    (void)address;
#endif
}

/* The same, for the only one who acquires: what comes to lie at the address
 * later has nothing to do with what was there so far. */
static inline void mo_race_acquire_last(const void *address)
{
#ifdef __ELF__
    if (mo_race_on()) {
        __tsan_acquire((void *)address);
        __tsan_mutex_destroy((void *)address, 0);
    }
#else
    (void)address;
#endif
}

struct mo_sanitize {                /* one per stack */
    void *fake_stack;               /* ASan's, while the stack is left */
    void *tsan;
    const void *base;
    size_t size;
    unsigned valgrind;
};

static inline void *mo_tsan_create(void)
{
#ifdef __ELF__
    return mo_tsan() ? __tsan_create_fiber(0) : NULL;
#else
    return NULL;
#endif
}

static inline void mo_tsan_destroy(void *fiber)
{
#ifdef __ELF__
    if (mo_tsan())
        __tsan_destroy_fiber(fiber);
#else
    (void)fiber;
#endif
}

/* A stack of ours comes to life: [base, base + size). */
static inline void mo_sanitize_born(struct mo_sanitize *s, void *base,
                                    size_t size)
{
    s->fake_stack = NULL;
    s->base = base;
    s->size = size;
    s->tsan = mo_tsan_create();
#ifdef HAVE_VALGRIND_H
    s->valgrind = VALGRIND_STACK_REGISTER(base, (char *)base + size);
#endif
}

/* Nobody will run on it again. */
static inline void mo_sanitize_dead(struct mo_sanitize *s)
{
    mo_tsan_destroy(s->tsan);
#ifdef HAVE_VALGRIND_H
    VALGRIND_STACK_DEREGISTER(s->valgrind);
#endif
}

/* The stack was left at `sp` for good, its frames from there up without having
 * returned: what ASan poisoned in them must not haunt who runs there next. */
static inline void mo_sanitize_wipe(struct mo_sanitize *s, const void *sp)
{
#ifdef __ELF__
    if (mo_asan())
        __asan_unpoison_memory_region(sp, (size_t)((const char *)s->base
                                          + s->size - (const char *)sp));
#else
    (void)sp;
#endif
    mo_tsan_destroy(s->tsan);       /* its record of calls never unwound */
    s->tsan = mo_tsan_create();
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
#ifdef __ELF__
    if (mo_asan())
        __sanitizer_start_switch_fiber(dying ? NULL : &from->fake_stack,
                                       to->base, to->size);
#endif
#ifdef __ELF__
    if (mo_tsan())
        __tsan_switch_to_fiber(to->tsan,
                               mo_race_on() ? MO_TSAN_NO_ORDER : 0);
#endif
}

/* Just after, on the other side; `self` is the stack we are on now. A fresh
 * context has no fake stack yet. */
static inline void mo_sanitize_arrive(struct mo_sanitize *self)
{
    (void)self;
#ifdef __ELF__
    if (mo_asan()) {
        __sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
        self->fake_stack = NULL;
    }
#endif
}

#endif
