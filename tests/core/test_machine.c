/* SPDX-License-Identifier: MIT */
/*
 * test_machine.c - what machines are made of: made-up ones, and this one.
 *
 * In some tests hwloc is missing: dlopen finds nothing.
 */
#include "machine.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mem.h"
#include "topo.h"

static struct mo_machine machine;
static struct moirai_error err;

static void made_up(const char *synthetic)
{
    err = (struct moirai_error){ .code = 0 };
    CHECK_EQ(mo_machine_read(synthetic, &machine, &err), 0);
    CHECK_STR(machine.source, synthetic);
    CHECK(!machine.real);
    CHECK_EQ(machine.allowed, machine.pu_count);
}

/* Every pu is in the run of its node and of its cache, and those are all. */
static void check_runs(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < machine.node_count; i++) {
        const struct mo_machine_part *node = &machine.nodes[i];

        for (uint32_t k = 0; k < node->count; k++)
            CHECK_EQ(machine.pus[node->first + k].node, i);
        n += node->count;
    }
    CHECK_EQ(n, machine.pu_count);
    for (uint32_t i = 0; i < machine.pu_count; i++) {
        const struct mo_machine_pu *pu = &machine.pus[i];

        CHECK(pu->core < machine.core_count);
        CHECK(pu->package < machine.package_count);
        if (machine.cache_count == 0)
            continue;
        CHECK(pu->cache < machine.cache_count);
        CHECK(i >= machine.caches[pu->cache].first
              && i < machine.caches[pu->cache].first
                   + machine.caches[pu->cache].count);
    }
}

TEST(machine, has_as_many_as_the_text_says)
{
    static const struct {
        const char *text;
        uint32_t packages, nodes, cores, pus;
    } cases[] = {
        { "numa:2 core:4 pu:1", 1, 2, 8, 8 },
        { "numa:4 core:8 pu:2", 1, 4, 32, 64 },
        { "pack:2 numa:4 l3:1 core:8 pu:2", 2, 8, 64, 128 },
        { "pack:2 numa:1 l3:2 l2:4 core:1 pu:1", 2, 2, 16, 16 },
        { "pu:3", 1, 1, 3, 3 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made_up(cases[i].text);
        CHECK_EQ(machine.package_count, cases[i].packages);
        CHECK_EQ(machine.node_count, cases[i].nodes);
        CHECK_EQ(machine.core_count, cases[i].cores);
        CHECK_EQ(machine.pu_count, cases[i].pus);
        check_runs();
        mo_machine_fini(&machine);
    }
}

TEST(machine, knows_the_last_cache_before_memory)
{
    made_up("pack:1 numa:2 l3:1(size=33554432) l2:4 core:1 pu:2");
    CHECK_EQ(machine.cache_count, 2 + 8);
    CHECK_EQ(machine.caches[0].level, 3);
    CHECK_EQ(machine.caches[0].bytes, 33554432);
    CHECK_EQ(machine.caches[2].level, 2);
    CHECK_EQ(machine.caches[2].count, 2);
    for (uint32_t i = 0; i < 16; i++)
        CHECK_EQ(machine.pus[i].cache, i / 8);
    mo_machine_fini(&machine);
}

TEST(machine, is_further_where_less_is_shared)
{
    made_up("pack:2 group:2 numa:2 core:2 pu:1");
    CHECK_EQ(machine.node_count, 8);
    CHECK(machine.guessed);
    for (uint32_t a = 0; a < 8; a++) {
        CHECK_EQ(mo_machine_distance(&machine, a, a), MO_MACHINE_NEAR);
        for (uint32_t b = 0; b < 8; b++) {
            uint32_t there = mo_machine_distance(&machine, a, b);

            CHECK_EQ(there, mo_machine_distance(&machine, b, a));
            if (a != b)
                CHECK(there > MO_MACHINE_NEAR);
        }
        CHECK(mo_machine_distance(&machine, a, a ^ 1)
              < mo_machine_distance(&machine, a, a ^ 2));
        CHECK(mo_machine_distance(&machine, a, a ^ 2)
              < mo_machine_distance(&machine, a, a ^ 4));
    }
    mo_machine_fini(&machine);
}

TEST(machine, that_makes_no_sense_is_refused)
{
    static const char *const texts[] = { "bogus:4", "numa:0", "core",
                                         "numa:2 pu:x" };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK_EQ(mo_machine_read(texts[i], &machine, &err), -EINVAL);
        CHECK(strstr(err.text, "runtime.topology: hwloc does not understand")
              != NULL);
    }
}

TEST(machine, this_one_has_what_may_be_used)
{
    CHECK_EQ(mo_machine_read("", &machine, &err), 0);
    CHECK_STR(machine.source, "hwloc");
    CHECK(machine.real);
    CHECK(machine.allowed >= mo_topo_workers());
    CHECK(machine.node_count >= 1);
    check_runs();
    mo_machine_fini(&machine);
}

static bool missing;

__attribute__((visibility("default")))
void *dlopen(const char *name, int flags)
{
    static void *(*real)(const char *, int);

    if (missing)
        return NULL;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "dlopen");
    return real(name, flags);
}

__attribute__((visibility("default")))
char *dlerror(void)
{
    static char words[] = "it is not there";

    return missing ? words : NULL;
}

TEST(machine, is_flat_without_hwloc)
{
    missing = true;
    CHECK_EQ(mo_machine_read("", &machine, &err), 0);
    CHECK_STR(machine.source, "no hwloc");
    CHECK_EQ(machine.node_count, 1);
    CHECK_EQ(machine.core_count, machine.pu_count);
    CHECK_EQ(machine.allowed, machine.pu_count);
    check_runs();
    mo_machine_fini(&machine);
    CHECK_EQ(mo_machine_read("numa:2 pu:2", &machine, &err), -ENOTSUP);
    CHECK(strstr(err.text, "cannot be loaded: it is not there") != NULL);
    missing = false;
}

TEST(machine, gives_all_back_when_memory_runs_out)
{
    uint64_t tried = 0;
    int rc = -ENOMEM;

    while (rc == -ENOMEM) {
        struct mo_mem_count seen;

        mo_mem_watch(++tried);
        rc = mo_machine_read("numa:2 core:2 pu:1", &machine, &err);
        if (rc == 0)
            mo_machine_fini(&machine);
        seen = mo_mem_unwatch();
        CHECK_EQ(seen.live, 0);
    }
    CHECK_EQ(rc, 0);
    CHECK(tried > 4);
}
