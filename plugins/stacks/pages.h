/* SPDX-License-Identifier: MIT */
/*
 * pages.h - what allocators of stacks ask of the kernel.
 *
 * Advice about many ranges is one system call where the kernel takes it so:
 * process_madvise for the own process, Linux 6.15. For the rest it is a call
 * each.
 */
#ifndef MMAP_PAGES_H
#define MMAP_PAGES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <moirai/stack.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102      /* glibc 2.41 has them */
#define MADV_GUARD_REMOVE 103
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41       /* linux/prctl.h */
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440     /* the same on all machines */
#endif

#define MMAP_SELF (-10000)          /* PIDFD_SELF */
#define MMAP_MAPS 65530             /* vm.max_map_count if unknown */

enum mmap_means {                   /* what this kernel has */
    MMAP_NO_GUARDS,                 /* but mprotect's */
    MMAP_GUARDS,                    /* MADV_GUARD_INSTALL, and populate */
    MMAP_BATCHES                    /* for many ranges at once, too */
};

/* Gives the same advice on all ranges; true: it was taken for all of them. */
static inline bool mmap_advise(enum mmap_means means,
                               const struct iovec *ranges, uint32_t n,
                               int advice)
{
    size_t all = 0;
    bool done = true;

    for (uint32_t i = 0; i < n; i++)
        all += ranges[i].iov_len;
    if (means == MMAP_BATCHES && n > 1
        && syscall(SYS_process_madvise, MMAP_SELF, ranges, (size_t)n, advice,
                   0) == (long)all)
        return true;
    for (uint32_t i = 0; i < n; i++)
        done &= madvise(ranges[i].iov_base, ranges[i].iov_len, advice) == 0;
    return done;
}

/* Does the kernel have MADV_GUARD_INSTALL, and allow it to this process? (Not
 * where all memory is locked, on some versions.) Emulators say that it has when
 * they only do not know the number, so the kernel is made to write there, by a
 * call whose argument valgrind does not look at itself. */
static inline enum mmap_means mmap_find_means(size_t page)
{
    void *scratch = mmap(NULL, page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct iovec range = { .iov_base = scratch, .iov_len = page };
    enum mmap_means means = MMAP_NO_GUARDS;

    if (scratch == MAP_FAILED)
        return means;
    if (madvise(scratch, page, MADV_GUARD_INSTALL) == 0
        && uname(scratch) != 0 && errno == EFAULT)
        means = MMAP_GUARDS;
    if (means == MMAP_GUARDS
        && syscall(SYS_process_madvise, MMAP_SELF, &range, (size_t)1,
                   MADV_GUARD_REMOVE, 0) == (long)page
        && uname(scratch) == 0)
        means = MMAP_BATCHES;
    munmap(scratch, page);
    return means;
}

/* How many stacks may have a guard by mprotect. */
static inline uint64_t mo_mmap_guards_allowed(void)
{
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    unsigned long maps = MMAP_MAPS;

    if (file != NULL) {
        if (fscanf(file, "%lu", &maps) != 1)
            maps = MMAP_MAPS;
        fclose(file);
    }
    return (maps - maps / 4) / 2;
}

/* Guards the `size` bytes below `base`. */
static inline bool mmap_guard_set(char *base, size_t size,
                                  enum moirai_guard kind)
{
    if (kind == MOIRAI_GUARD_INSTALL)
        return madvise(base - size, size, MADV_GUARD_INSTALL) == 0;
    return mprotect(base - size, size, PROT_NONE) == 0;
}

/* moirai_stack_ops.relax: the lowest page stays guarded. */
static inline size_t mmap_guard_relax(size_t page,
                                      const struct moirai_stack *stack,
                                      bool open)
{
    char *low = stack->base - stack->guard + page;
    size_t room = stack->guard > page ? stack->guard - page : 0;
    int rc;

    if (room == 0)
        return 0;
    if (stack->guard_kind == MOIRAI_GUARD_INSTALL)
        rc = madvise(low, room, open ? MADV_GUARD_REMOVE : MADV_GUARD_INSTALL);
    else if (open)
        rc = mprotect(low, room, PROT_READ | PROT_WRITE);
    else
        rc = madvise(low, room, MADV_DONTNEED) != 0
            || mprotect(low, room, PROT_NONE) != 0;
    return rc == 0 ? room : 0;
}

/* What /proc/PID/maps calls it; nothing is lost on a kernel without that. */
static inline void mmap_name(void *start, size_t bytes)
{
    prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, start, bytes, "moirai stacks");
}

/* Maps as much of the wanted region as the system grants; *count is then how
 * many stacks it has. NULL: not even one. */
static inline char *mmap_map(size_t stride, uint64_t *count)
{
    for (uint64_t n = *count; n > 0; n /= 2) {
        void *start = mmap(NULL, n * stride, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (start == MAP_FAILED)
            continue;
        /* May fail on a kernel without them, and nothing is lost. */
        madvise(start, n * stride, MADV_NOHUGEPAGE);
        mmap_name(start, n * stride);
        *count = n;
        return start;
    }
    return NULL;
}

#endif
