/* SPDX-License-Identifier: MIT */
/*
 * topo.c - processors and quotas.
 *
 * The quota of any ancestor group binds too, so the whole path up to the root
 * is read; the tightest wins. Files that are not there bind nothing.
 */
#include "topo.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#define GROUP_ROOT "/sys/fs/cgroup"

static uint32_t processors(void)
{
    cpu_set_t set;
    int n;

    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    n = CPU_COUNT(&set);
    return n > 0 ? (uint32_t)n : 1;
}

/* Processors that the group at `path` allows, rounded up; 0: no limit. */
static uint32_t group_quota(const char *path)
{
    char file[4352];
    long long quota = 0;
    long long period = 0;
    FILE *f;

    snprintf(file, sizeof file, GROUP_ROOT "%s/cpu.max", path);
    f = fopen(file, "re");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%lld %lld", &quota, &period) != 2)
        quota = period = 0;         /* "max": unlimited */
    fclose(f);
    if (quota <= 0 || period <= 0)
        return 0;
    return (uint32_t)((quota + period - 1) / period);
}

/* This process's group in the unified hierarchy, "" if there is none. */
static void own_group(char *path, size_t size)
{
    char line[4096];
    FILE *f = fopen("/proc/self/cgroup", "re");

    path[0] = '\0';
    if (f == NULL)
        return;
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "0::", 3) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(path, size, "%s", line + 3);
    }
    fclose(f);
}

void mo_topo_read(struct mo_topo *topo)
{
    char path[4096];

    *topo = (struct mo_topo){ .processors = processors() };
    topo->workers = topo->processors;
    own_group(path, sizeof path);
    for (;;) {
        char *slash = strrchr(path, '/');
        uint32_t quota = group_quota(path);

        if (quota != 0 && (topo->quota == 0 || quota < topo->quota)) {
            topo->quota = quota;
            snprintf(topo->group, sizeof topo->group, "%.255s",
                     path[0] != '\0' ? path : "/");
        }
        if (slash == NULL)
            break;
        *slash = '\0';
    }
    if (topo->quota != 0 && topo->quota < topo->workers)
        topo->workers = topo->quota;
}

uint32_t mo_topo_workers(void)
{
    struct mo_topo topo;

    mo_topo_read(&topo);
    return topo.workers;
}
