/* SPDX-License-Identifier: MIT */
/*
 * faults.c - libc's functions, that fail when told to.
 *
 * malloc and its family call glibc's other names for them, because looking up
 * the real ones allocates. The rest are looked up at their first call, which
 * may be before any constructor has run.
 */
#include "faults.h"

#if FAULTS_WORK

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/types.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

/* --- which call fails ---------------------------------------------------- */

static uint32_t kinds;              /* 0: none is looked at */
static uint64_t first, last, asked;
static int64_t blocks, maps;

void faults_begin(uint32_t of, uint64_t from, uint64_t n)
{
    first = from;
    last = n < UINT64_MAX - from ? from + n - 1 : UINT64_MAX;
    __atomic_store_n(&asked, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&kinds, of, __ATOMIC_SEQ_CST);
}

struct faults_count faults_end(void)
{
    __atomic_store_n(&kinds, 0, __ATOMIC_SEQ_CST);
    return (struct faults_count){
        .asked = __atomic_load_n(&asked, __ATOMIC_SEQ_CST),
        .blocks = __atomic_load_n(&blocks, __ATOMIC_SEQ_CST),
        .maps = __atomic_load_n(&maps, __ATOMIC_SEQ_CST),
    };
}

/* Is this the one? errno then says so. */
static bool refused(uint32_t kind, int error)
{
    uint64_t n;

    if ((__atomic_load_n(&kinds, __ATOMIC_ACQUIRE) & kind) == 0)
        return false;
    n = __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
    if (first == 0 || n < first || n > last)
        return false;
    errno = error;
    return true;
}

static void count(int64_t *what, int64_t step)
{
    __atomic_add_fetch(what, step, __ATOMIC_RELAXED);
}

/* --- memory -------------------------------------------------------------- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *memory);

SHOWN void *malloc(size_t size)
{
    void *memory;

    if (refused(FAULTS_MEMORY, ENOMEM))
        return NULL;
    memory = __libc_malloc(size);
    count(&blocks, memory != NULL);
    return memory;
}

SHOWN void *calloc(size_t n, size_t size)
{
    void *memory;

    if (refused(FAULTS_MEMORY, ENOMEM))
        return NULL;
    memory = __libc_calloc(n, size);
    count(&blocks, memory != NULL);
    return memory;
}

SHOWN void *realloc(void *memory, size_t size)
{
    void *moved;

    if (refused(FAULTS_MEMORY, ENOMEM))
        return NULL;
    moved = __libc_realloc(memory, size);
    count(&blocks, memory == NULL && moved != NULL);
    return moved;
}

SHOWN int posix_memalign(void **memory, size_t align, size_t size)
{
    void *made;

    if (refused(FAULTS_MEMORY, ENOMEM))
        return ENOMEM;
    made = __libc_memalign(align, size);
    if (made == NULL)
        return ENOMEM;
    count(&blocks, 1);
    *memory = made;
    return 0;
}

SHOWN void free(void *memory)
{
    count(&blocks, memory != NULL ? -1 : 0);
    __libc_free(memory);
}

/* --- the rest ------------------------------------------------------------ */

/* Fills *function, a pointer to a function, with libc's. */
static void look_up(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(function, &found, sizeof found);
}

/* A variable `real` that points at libc's function of that name. */
#define REAL(name)                                                            \
    static __typeof__(&name) real;                                            \
                                                                              \
    if (real == NULL)                                                         \
        look_up(&real, #name)

SHOWN void *mmap(void *at, size_t size, int protection, int flags, int fd,
                 off_t offset)
{
    void *memory;
    REAL(mmap);

    if (refused(FAULTS_PAGES, ENOMEM))
        return MAP_FAILED;
    memory = real(at, size, protection, flags, fd, offset);
    count(&maps, memory != MAP_FAILED);
    return memory;
}

SHOWN int munmap(void *at, size_t size)
{
    REAL(munmap);

    count(&maps, -1);
    return real(at, size);
}

SHOWN int mprotect(void *at, size_t size, int protection)
{
    REAL(mprotect);

    return refused(FAULTS_PAGES, ENOMEM) ? -1 : real(at, size, protection);
}

SHOWN int madvise(void *at, size_t size, int advice)
{
    REAL(madvise);

    return refused(FAULTS_PAGES, ENOMEM) ? -1 : real(at, size, advice);
}

SHOWN int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;
    REAL(open);

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return refused(FAULTS_FILES, EMFILE) ? -1 : real(path, flags, mode);
}

SHOWN FILE *fopen(const char *path, const char *mode)
{
    REAL(fopen);

    return refused(FAULTS_FILES, EMFILE) ? NULL : real(path, mode);
}

SHOWN ssize_t read(int fd, void *bytes, size_t n)
{
    REAL(read);

    return refused(FAULTS_FILES, EIO) ? -1 : real(fd, bytes, n);
}

SHOWN ssize_t pread(int fd, void *bytes, size_t n, off_t offset)
{
    REAL(pread);

    return refused(FAULTS_FILES, EIO) ? -1 : real(fd, bytes, n, offset);
}

SHOWN int scandir(const char *path, struct dirent ***entries,
                  int (*wanted)(const struct dirent *),
                  int (*order)(const struct dirent **,
                               const struct dirent **))
{
    REAL(scandir);

    return refused(FAULTS_FILES, EMFILE) ? -1
                                         : real(path, entries, wanted, order);
}

SHOWN int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                         void *(*body)(void *), void *arg)
{
    REAL(pthread_create);

    return refused(FAULTS_THREADS, EAGAIN) ? EAGAIN
                                           : real(thread, attr, body, arg);
}

SHOWN pid_t fork(void)
{
    REAL(fork);

    return refused(FAULTS_THREADS, EAGAIN) ? -1 : real();
}

SHOWN int pthread_mutex_init(pthread_mutex_t *mutex,
                             const pthread_mutexattr_t *attr)
{
    REAL(pthread_mutex_init);

    return refused(FAULTS_REST, ENOMEM) ? ENOMEM : real(mutex, attr);
}

SHOWN ssize_t getrandom(void *bytes, size_t n, unsigned flags)
{
    REAL(getrandom);

    return refused(FAULTS_REST, EAGAIN) ? -1 : real(bytes, n, flags);
}

SHOWN int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    REAL(sched_getaffinity);

    return refused(FAULTS_REST, EINVAL) ? -1 : real(pid, size, set);
}

/* --- by LD_PRELOAD ------------------------------------------------------- */

static int report_fd = -1;
static pid_t reporter;              /* its children have nothing to say */

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("MO_FAULTS");
    unsigned long long from, n;
    unsigned of;

    if (text == NULL ||
        sscanf(text, "%u %llu %llu %d", &of, &from, &n, &report_fd) != 4)
        return;
    unsetenv("MO_FAULTS");          /* it is not for those it starts */
    reporter = getpid();
    faults_begin(of, from, n);
}

__attribute__((destructor)) static void report(void)
{
    struct faults_count now;

    if (reporter == 0 || getpid() != reporter)
        return;
    now = faults_end();
    if (write(report_fd, &now, sizeof now) != (ssize_t)sizeof now)
        _exit(99);
}

#else

void faults_begin(uint32_t kinds, uint64_t first, uint64_t n)
{
    (void)kinds;
    (void)first;
    (void)n;
}

struct faults_count faults_end(void)
{
    return (struct faults_count){ .asked = 0 };
}

#endif
