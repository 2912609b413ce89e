/* SPDX-License-Identifier: MIT */
/*
 * test_descriptor.c - what a module says about itself is believed only where
 * it makes sense: sizes, texts, tables that belong together.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <moirai/chan_ops.h>
#include <moirai/io_ops.h>
#include <moirai/sched.h>
#include <moirai/tran.h>

#include "builtin.h"
#include "descriptor.h"

static struct mo_arena arena;
static char why[MO_DESCRIPTOR_WHY];

/* A copy of the plugin that is built in under that name. */
static struct moirai_plugin like(const char *name)
{
    const struct moirai_plugin *const *p = mo_builtin_list();

    while (*p != NULL && strcmp((*p)->name, name) != 0)
        p++;
    CHECK_FMT(*p != NULL, "no %s is built in", name);
    return **p;
}

static int take(const struct moirai_plugin *raw, size_t size)
{
    const struct moirai_plugin *plugin;
    const void *ops;
    int rc;

    rc = mo_descriptor_take(&arena, raw, size, mo_kind_of(raw->kind),
                            raw->name, &plugin, &ops, why);
    mo_arena_fini(&arena);
    return rc;
}

static void refused(const struct moirai_plugin *raw, const char *words)
{
    CHECK_EQ(take(raw, 0), -ENOEXEC);
    CHECK_STR(why, words);
}

TEST(descriptor, must_have_its_head)
{
    struct moirai_plugin p = like("fifo");

    CHECK_EQ(take(&p, sizeof p), 0);
    CHECK_EQ(take(&p, 4), -ENOEXEC);
    CHECK_STR(why, "its constant has 4 bytes, which is too few");
}

TEST(descriptor, must_have_texts_of_a_line)
{
    struct moirai_plugin p = like("fifo");

    p.version = "1\n";
    refused(&p, "its version is not a line of text");
    p = like("fifo");
    p.summary = "\x1b[31m";
    refused(&p, "its summary is not a line of text");
    p = like("fifo");
    p.name = "fi\tfo";
    refused(&p, "its name is not a line of text");
    p = like("fifo");
    p.version = p.summary = NULL;
    CHECK_EQ(take(&p, 0), 0);
}

TEST(descriptor, must_have_a_config_struct_that_fits)
{
    struct moirai_plugin p = like("fifo");

    p.config_size = (size_t)1 << 40;
    refused(&p, "its config struct has 1099511627776 bytes, which is too "
                "many");
}

TEST(descriptor, must_have_options_that_end)
{
    static const char *const odd[] = { "good", "bad\n", NULL };
    static struct moirai_option many[300];
    static char names[300][8];
    struct moirai_plugin p = like("fifo");
    struct moirai_option o[2] = { p.options[0], { .name = NULL } };

    for (int i = 0; i < 299; i++) {
        many[i] = o[0];
        snprintf(names[i], sizeof names[i], "n%d", i);
        many[i].name = names[i];
        many[i].offset = (uint32_t)i * 8;
    }
    p.options = many;
    p.config_size = 300 * 8;
    CHECK_EQ(take(&p, 0), -ENOEXEC);
    CHECK_FMT(strstr(why, "the table of options does not end") != NULL, "%s",
              why);
    o[0].choices = odd;
    p.options = o;
    refused(&p, "option \"batch\": its choices are not words");
}

/* What is in the vtables of a kind, besides the functions each has. */
static const char *flaw(uint32_t kind, const void *ops)
{
    const char *found = mo_kind_of(kind)->check(ops);

    return found != NULL ? found : "";
}

static void nobody(void)
{
}

/* Any function: the check asks only whether it is there. */
#define HAS(slot)                                                             \
    do {                                                                      \
        void (*function)(void) = nobody;                                      \
                                                                              \
        memcpy(&(slot), &function, sizeof function);                          \
    } while (0)

#define TORN "reserve, commit and abort come together or not at all"

TEST(descriptor, of_a_channel_has_functions_that_belong_together)
{
    struct moirai_chan_ops ops;

    memset(&ops, 0, sizeof ops);
    CHECK_STR(flaw(MOIRAI_CHAN, &ops), "");
    HAS(ops.reserve);
    CHECK_STR(flaw(MOIRAI_CHAN, &ops), TORN);
    HAS(ops.commit);
    HAS(ops.abort);
    CHECK_STR(flaw(MOIRAI_CHAN, &ops), "");
    ops.flags = MOIRAI_CHAN_CONCURRENT;
    CHECK_STR(flaw(MOIRAI_CHAN, &ops),
              "it says it is concurrent, but has no seal");
    HAS(ops.seal);
    CHECK_STR(flaw(MOIRAI_CHAN, &ops), "");
    ops.flags |= MOIRAI_CHAN_RING;
    CHECK_STR(flaw(MOIRAI_CHAN, &ops), "it says it is concurrent, but its "
                                       "ring works under the core's lock only");
    ops.flags = MOIRAI_CHAN_RING;
    HAS(ops.peek);
    CHECK_STR(flaw(MOIRAI_CHAN, &ops), "");
    ops.flags = MOIRAI_CHAN_CONCURRENT;
    CHECK_STR(flaw(MOIRAI_CHAN, &ops), "it says it is concurrent, but what it "
                                       "lets peek at needs the core's lock");
}

TEST(descriptor, of_a_scheduler_has_the_deque_that_it_says)
{
    struct moirai_sched_ops ops;

    memset(&ops, 0, sizeof ops);
    ops.flags = MOIRAI_SCHED_ORDERED;
    CHECK_STR(flaw(MOIRAI_SCHED, &ops), "");
    ops.flags = MOIRAI_SCHED_DEQUE;
    ops.worker_size = sizeof(struct moirai_sched_local);
    CHECK_STR(flaw(MOIRAI_SCHED, &ops), "");
    ops.worker_size--;
    CHECK(strstr(flaw(MOIRAI_SCHED, &ops), "smaller than that") != NULL);
    ops.worker_size++;
    ops.flags |= MOIRAI_SCHED_ORDERED;
    CHECK(strstr(flaw(MOIRAI_SCHED, &ops), "keeps no order") != NULL);
}

TEST(descriptor, of_a_transport_has_functions_that_belong_together)
{
    struct moirai_tran_ops ops;

    memset(&ops, 0, sizeof ops);
    CHECK_STR(flaw(MOIRAI_TRAN, &ops), "");
    HAS(ops.commit);
    CHECK_STR(flaw(MOIRAI_TRAN, &ops), TORN);
    memset(&ops, 0, sizeof ops);
    ops.flags = MOIRAI_TRAN_LOANS;
    CHECK_STR(flaw(MOIRAI_TRAN, &ops),
              "it says it lends frames, but has no reserve");
    ops.flags = MOIRAI_TRAN_PEER_KNOWN;
    CHECK_STR(flaw(MOIRAI_TRAN, &ops),
              "it says it knows its peers, but has no peer");
    HAS(ops.peer);
    CHECK_STR(flaw(MOIRAI_TRAN, &ops), "");
}
