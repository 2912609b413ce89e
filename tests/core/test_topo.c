/* SPDX-License-Identifier: MIT */
/*
 * test_topo.c - how many processors there are, by affinity and by the quotas
 * of the groups this process is in; and what the system allows.
 *
 * The files of the kernel are replaced, for the whole program, by the texts
 * that a test gives.
 */
#include "topo.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "with.h"

struct file {
    const char *path, *text;
};

static const struct file *files;    /* path NULL ends them */
static int cores;                   /* 0: it cannot be asked */

__attribute__((visibility("default")))
FILE *fopen(const char *path, const char *mode)
{
    const struct file *f = files;

    while (f != NULL && f->path != NULL && strcmp(f->path, path) != 0)
        f++;
    if (f == NULL || f->path == NULL)
        return NULL;
    CHECK_STR(mode, "re");
    return fmemopen((void *)(uintptr_t)f->text, strlen(f->text), "r");
}

__attribute__((visibility("default")))
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    (void)pid;
    if (cores == 0)
        return -1;
    CPU_ZERO_S(size, set);
    for (int i = 0; i < cores; i++)
        CPU_SET_S((size_t)i, size, set);
    return 0;
}

#define GROUP { "/proc/self/cgroup", "12:cpu:/old\n0::/a/b\n" }
#define QUOTA(path, text) { "/sys/fs/cgroup" path "/cpu.max", text }
#define END { NULL, NULL }

static void counts(const struct file *given, int of, unsigned expected)
{
    files = given;
    cores = of;
    CHECK_EQ(mo_topo_workers(), expected);
}

TEST(topo, counts_what_affinity_leaves)
{
    counts(NULL, 3, 3);
    counts(NULL, 1, 1);
    counts(NULL, 0, 1);
}

TEST(topo, takes_the_tightest_quota_of_all_groups_above)
{
    static const struct file own[] = {
        GROUP, QUOTA("/a/b", "250000 100000\n"), END,
    };
    static const struct file above[] = {
        GROUP, QUOTA("/a/b", "800000 100000\n"), QUOTA("/a", "150000 100000\n"),
        QUOTA("", "max 100000\n"), END,
    };
    static const struct file root[] = {
        { "/proc/self/cgroup", "0::/\n" }, QUOTA("/", "50000 100000\n"), END,
    };

    counts(own, 8, 3);
    counts(above, 8, 2);
    counts(root, 8, 1);
    counts(own, 2, 2);
}

TEST(topo, is_not_bound_by_what_makes_no_sense)
{
    static const struct file odd[] = {
        GROUP, QUOTA("/a/b", "max 100000\n"), QUOTA("/a", "0 0\n"),
        QUOTA("", "-5 100000\n"), END,
    };
    static const struct file none[] = {
        { "/proc/self/cgroup", "12:cpu:/a/b\n" },
        QUOTA("/a/b", "100000 100000\n"), END,
    };

    counts(odd, 4, 4);
    counts(none, 4, 4);
}

static int yield(void *arg)
{
    (void)arg;
    return moirai_yield();
}

/* The stack plugin guards as many as vm.max_map_count allows, or a number of
 * its own where that cannot be read. */
TEST(topo, of_mappings_bounds_the_guards)
{
    static const struct file few[] = {
        { "/proc/sys/vm/max_map_count", "0\n" }, END,
    };
    static const struct file odd[] = {
        { "/proc/sys/vm/max_map_count", "many\n" }, END,
    };
    static const struct file *const each[] = { few, odd };
    static const char *const set[] = { "stacks.guard_kind=mprotect",
                                       "runtime.workers=1", NULL };

    setenv("MOIRAI_LOG", "off", 1);
    for (int i = 0; i < 2; i++) {
        struct moirai_runtime *rt;

        files = each[i];
        cores = 1;
        rt = with_settings(set);
        CHECK_EQ(moirai_run(rt, yield, NULL), 0);
        with_end(rt);
    }
}
