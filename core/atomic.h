/* SPDX-License-Identifier: MIT */
/*
 * atomic.h - the one spelling of atomic operations in the core.
 *
 * Fields that threads share are declared MO_ATOMIC(type) and touched only by
 * these macros. Their orders: load acquires, store releases, read-modify-write
 * does both; `relaxed` variants order nothing; the fence is sequentially
 * consistent. In a build with MO_POINTS each of them is a point where the
 * simulator may let another worker run, so that interleavings inside a
 * primitive are explored, not only those between tasks; and a test may look at
 * each address that is written. In one with MO_MODEL nothing is done by other
 * means than the compiler's, which tells tests/models of all accesses.
 *
 * The fence is a locked instruction: gcc and clang would emit mfence, which
 * costs eight times as much on the machines we measured. ThreadSanitizer does
 * not see fences, so there it is a read-modify-write that it does see.
 */
#ifndef MO_ATOMIC_H
#define MO_ATOMIC_H

#include <stdint.h>

/* i386 aligns 64-bit fields to 4, and one that straddles two cache lines is
 * not read in one. */
#define MO_ATOMIC(type) _Alignas(sizeof(type)) type

#ifdef MO_POINTS
void mo_point(void);
void mo_wrote(const volatile void *p);
extern void (*mo_wrote_hook)(const volatile void *p);   /* NULL: nobody */
#else
#define mo_point() ((void)0)
#define mo_wrote(p) ((void)0)
#endif

#define mo_load(p) (mo_point(), __atomic_load_n((p), __ATOMIC_ACQUIRE))
#define mo_load_seq(p) (mo_point(), __atomic_load_n((p), __ATOMIC_SEQ_CST))
#define mo_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define mo_store(p, v)                                                        \
    (mo_point(), mo_wrote(p), __atomic_store_n((p), (v), __ATOMIC_RELEASE))
#define mo_store_relaxed(p, v)                                                \
    (mo_wrote(p), __atomic_store_n((p), (v), __ATOMIC_RELAXED))
#define mo_swap(p, v)                                                         \
    (mo_point(), mo_wrote(p),                                                 \
     __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#define mo_add(p, v)                                                          \
    (mo_point(), mo_wrote(p),                                                 \
     __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST))
#define mo_sub(p, v)                                                          \
    (mo_point(), mo_wrote(p),                                                 \
     __atomic_fetch_sub((p), (v), __ATOMIC_SEQ_CST))

/* Strong; on failure *expected is what was found. */
#define mo_cas(p, expected, desired)                                          \
    (mo_point(), mo_wrote(p),                                                 \
     __atomic_compare_exchange_n((p), (expected), (desired), 0,               \
                                 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))

/* The same without a choice point: for what is done once in a process, which
 * would shift all choices of its first simulation against later ones. */
#define mo_add_once(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define mo_cas_once(p, expected, desired)                                     \
    __atomic_compare_exchange_n((p), (expected), (desired), 0,                \
                                __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)

/* Counters that one thread writes and any may read, and on which nothing but
 * statistics depend: bench/bare.sh has them left out, to see what they cost.
 * Compilers make three instructions of it where the machine has one. */
static inline void mo_count(uint64_t *counter, uint64_t n)
{
#if defined(MO_BARE)
    (void)counter;
    (void)n;
#elif defined(__x86_64__) && !defined(MO_SANITIZE_THREAD)                     \
    && !defined(MO_POINTS) && !defined(MO_MODEL)
    __asm__ volatile("addq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
    mo_store_relaxed(counter, mo_load_relaxed(counter) + n);
#endif
}

/* Orders nothing but what the compiler does: half of a fence whose other half
 * makes all processors do one (mo_os_barrier). */
#define mo_compiler_fence() __asm__ volatile("" ::: "memory")

/* What was stored before is seen before what is stored after. */
static inline void mo_release_fence(void)
{
#if defined(MO_MODEL)
    __atomic_thread_fence(__ATOMIC_RELEASE);
#elif defined(__x86_64__) || defined(__i386__) || defined(MO_SANITIZE_THREAD)
    mo_compiler_fence();
#else
    __atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

#ifdef MO_SANITIZE_THREAD
extern MO_ATOMIC(uint32_t) mo_fence_word;
#endif

static inline void mo_fence(void)
{
    mo_point();
#if defined(MO_MODEL)
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#elif defined(MO_SANITIZE_THREAD)
    __atomic_fetch_add(&mo_fence_word, 1, __ATOMIC_SEQ_CST);
#elif defined(__x86_64__)
    __asm__ volatile("lock; orl $0, (%%rsp)" ::: "memory", "cc");
#elif defined(__i386__)
    __asm__ volatile("lock; orl $0, (%%esp)" ::: "memory", "cc");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#endif
