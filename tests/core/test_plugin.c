/* SPDX-License-Identifier: MIT */
/*
 * test_plugin.c - finding, checking and choosing plugins.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kind.h"
#include "mem.h"
#include "plugin.h"
#include "section.h"

#define BROKEN "tests/broken/.libs"

static struct mo_arena arena;
static struct mo_plugins set;
static char why[MO_PLUGIN_WHY];

static void begin(bool cautious)
{
    unsetenv("MOIRAI_PLUGIN_PATH");
    CHECK_EQ(mo_plugin_init(&set, &arena, cautious), 0);
}

static void end(void)
{
    mo_arena_fini(&arena);
}

static const struct mo_plugin *entry(const char *name)
{
    const struct mo_plugin *p = set.first;

    while (p != NULL && (p->path == NULL || strcmp(p->name, name) != 0))
        p = p->next;
    CHECK_FMT(p != NULL, "no file for %s", name);
    return p;
}

TEST(plugin, builtins_are_there_without_any_directory)
{
    static const struct {
        uint32_t kind;
        const char *name;
    } needed[] = {
        { MOIRAI_SCHED, "fifo" }, { MOIRAI_SCHED, "steal" },
        { MOIRAI_SCHED, "sim" }, { MOIRAI_STACK, "mmap" },
        { MOIRAI_CHAN, "ring" },
    };
    const struct mo_plugin *found;

    begin(false);
    CHECK_EQ(mo_plugin_search(&set, "/nowhere:/no/where", NULL), 0);
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        CHECK_EQ(mo_plugin_find(&set, needed[i].kind, needed[i].name, NULL,
                                &found, why), 0);
        CHECK(found->path == NULL);
        CHECK_STR(found->plugin->name, needed[i].name);
        CHECK(found->ops != NULL);
    }
    CHECK_EQ(set.directories->code, -ENOENT);
    end();
}

TEST(plugin, wrong_modules_are_refused_with_the_true_reason)
{
    static const struct {
        const char *name, *reason;
    } wrong[] = {
        { "wrongabi", "built for plugin ABI 999, this moirai has 1" },
        { "wrongopsabi", "built for scheduler ABI 77, this moirai has 1" },
        { "wrongkind", "its file's name says scheduler, its constant says "
                       "stack allocator" },
        { "nokind", "its kind 4711 is unknown to this moirai" },
        { "wrongname", "its file's name says \"wrongname\", its constant "
                       "says \"other\"" },
        { "nameless", "its constant has no name" },
        { "noslot", "it lacks the function \"pop\", which every scheduler "
                    "has" },
        { "shortops", "it lacks the function \"push\", which every scheduler "
                      "has" },
        { "noops", "it has no table of functions" },
        { "ordereddeque", "it says it is ordered, but lends the core its "
                          "deque, which keeps no order" },
        { "nodeque", "it says its worker state begins with a struct "
                     "moirai_sched_local, but the state is smaller than "
                     "that" },
        { "bothways", "it says it is concurrent, but its ring works under "
                      "the core's lock only" },
        { "badpreset", "option \"batch\": preset: 0 is below the minimum 1" },
        { "badkey", "option \"plugin\": the key is the core's own" },
        { "badoffset", "option \"batch\": its offset is outside the config "
                       "struct" },
        { "nosymbol", "no plugin: it does not export "
                      "sched_nosymbol_LTX_moirai_plugin, which "
                      "MOIRAI_PLUGIN(sched, nosymbol) defines" },
        { "undefined", "undefined symbol: moirai_test_nowhere" },
    };

    begin(true);
    CHECK_EQ(mo_plugin_search(&set, BROKEN, NULL), 0);
    CHECK_EQ(mo_plugin_examine(&set), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct mo_plugin *p = entry(wrong[i].name);

        CHECK_EQ(p->state, MO_PLUGIN_REFUSED);
        CHECK_STR(p->reason, wrong[i].reason);
    }
    CHECK(strstr(entry("small")->reason, "says it has 40 bytes") != NULL);
    CHECK(strstr(entry("liar")->reason, "says it has 4096 bytes, but has ")
          != NULL);
    CHECK(strstr(entry("crash")->reason, "loading it ends the process")
          != NULL);
    CHECK(strstr(entry("crashlate")->reason, "loading it ends the process")
          != NULL);
    CHECK_EQ(entry("good")->state, MO_PLUGIN_READY);
    CHECK(entry("good")->reason == NULL);
    CHECK_EQ(entry("cannot")->state, MO_PLUGIN_READY);
    CHECK_STR(entry("cannot")->reason, "\"cannot\" cannot run here: there is "
                                       "no moon tonight");
    CHECK(strstr(entry("foreign.so")->reason, "no kind of plugin") != NULL);
    end();
}

TEST(plugin, a_named_one_that_cannot_run_is_an_error)
{
    const struct mo_plugin *found;

    begin(false);
    CHECK_EQ(mo_plugin_search(&set, BROKEN, NULL), 0);
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "cannot", NULL, &found, why),
             -ENODEV);
    CHECK_STR(why, "\"cannot\" cannot run here: there is no moon tonight");
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "fails", NULL, &found, why),
             -EIO);
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "wrongabi", NULL, &found,
                            why), -ENOEXEC);
    CHECK_STR(why, BROKEN "/sched_wrongabi.so cannot be used: built for "
                   "plugin ABI 999, this moirai has 1");
    end();
}

TEST(plugin, an_unknown_name_is_told_with_a_guess)
{
    const struct mo_plugin *found;

    begin(false);
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "steel", NULL, &found, why),
             -ENOENT);
    CHECK_STR(why, "there is no scheduler \"steel\", did you mean "
                   "\"steal\"?");
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_CHAN, "zzzzz", NULL, &found, why),
             -ENOENT);
    CHECK(strstr(why, "there is no channel discipline \"zzzzz\"; found: ")
          != NULL);
    end();
}

TEST(plugin, a_path_means_that_very_file)
{
    const struct mo_plugin *found;
    char base[300];

    begin(false);
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, BROKEN "/sched_good.so",
                            NULL, &found, why), 0);
    CHECK_STR(found->path, BROKEN "/sched_good.so");
    CHECK(getcwd(base, sizeof base) != NULL);
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "./" BROKEN "/sched_good.so",
                            base, &found, why), 0);
    CHECK_EQ(found->path[0], '/');
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_CHAN, "./" BROKEN "/sched_good.so",
                            NULL, &found, why), -EINVAL);
    CHECK_STR(why, "./" BROKEN "/sched_good.so: the file of a plugin for "
                   "this place is called chan_NAME.so");
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "/nowhere/sched_x.so", NULL,
                            &found, why), -ENOEXEC);
    CHECK_STR(why, "/nowhere/sched_x.so cannot be used: No such file or "
                   "directory");
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "/", NULL, &found, why),
             -EINVAL);
    end();
}

/* A copy of the good module under another directory and name. */
static void copy_good(const char *directory, const char *name)
{
    char command[500];

    snprintf(command, sizeof command, "cp " BROKEN "/sched_good.so %s/%s",
             directory, name);
    CHECK_EQ(system(command), 0);
}

TEST(plugin, bounds_how_much_is_looked_for)
{
    const struct mo_plugin *found;
    char path[64];
    int rc = 0;

    begin(false);
    for (int i = 0; i < MO_PLUGIN_DIRECTORIES; i++) {
        snprintf(path, sizeof path, "/nowhere/%d", i);
        CHECK_EQ(mo_plugin_search(&set, path, NULL), 0);
    }
    CHECK_EQ(mo_plugin_search(&set, "/nowhere/3", NULL), 0);
    CHECK_EQ(mo_plugin_search(&set, "/nowhere/more", NULL), -E2BIG);
    CHECK_EQ(mo_plugin_search_usual(&set), 0);
    CHECK(strstr(set.last_directory->path, "/nowhere") == NULL);
    for (int i = 0; i <= MO_PLUGIN_FILES; i++) {
        snprintf(path, sizeof path, "/nowhere/sched_x%d.so", i);
        rc = mo_plugin_find(&set, MOIRAI_SCHED, path, NULL, &found, why);
        CHECK_EQ(rc, i < MO_PLUGIN_FILES ? -ENOEXEC : -E2BIG);
    }
    CHECK_STR(why, "/nowhere/sched_x100.so: plugins are named by path in 100 "
                   "other places; more are not looked for");
    end();
}

TEST(plugin, first_hit_wins_and_the_others_are_remembered)
{
    char one[] = "/tmp/moirai-one-XXXXXX";
    char two[] = "/tmp/moirai-two-XXXXXX";
    const struct mo_plugin *found;
    const struct mo_plugin *p;
    char path[200];
    int shadowed = 0;

    CHECK(mkdtemp(one) != NULL && mkdtemp(two) != NULL);
    copy_good(one, "sched_good.so");
    copy_good(two, "sched_good.so");
    copy_good(two, "sched_fifo.so");
    begin(false);
    snprintf(path, sizeof path, "%s::%s:%s", one, two, one);
    CHECK_EQ(mo_plugin_search(&set, path, NULL), 0);
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "good", NULL, &found, why),
             0);
    CHECK(strncmp(found->path, one, strlen(one)) == 0);
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "fifo", NULL, &found, why),
             0);
    CHECK(found->path == NULL);
    for (p = set.first; p != NULL; p = p->next)
        shadowed += p->shadowed_by != NULL;
    CHECK_EQ(shadowed, 2);
    snprintf(path, sizeof path, "rm -rf %s %s", one, two);
    CHECK_EQ(system(path), 0);
    end();
}

TEST(plugin, searches_the_variable_then_the_installation)
{
    begin(false);
    setenv("MOIRAI_PLUGIN_PATH", BROKEN, 1);
    CHECK_EQ(mo_plugin_search_usual(&set), 0);
    CHECK_STR(set.directories->path, BROKEN);
    CHECK(set.directories->next != NULL);
    CHECK(strstr(set.directories->next->path, "/moirai/1") != NULL);
    CHECK_EQ(entry("good")->state, MO_PLUGIN_FOUND);
    end();
}

TEST(plugin, auto_takes_the_highest_rank_that_can_run)
{
    const struct mo_plugin *found;
    struct mo_plugin *p;

    begin(true);
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "auto", NULL, &found, why),
             0);
    CHECK(found->path == NULL);
    CHECK_EQ(mo_plugin_search(&set, BROKEN, NULL), 0);
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "auto", NULL, &found, why),
             -EIO);
    CHECK_STR(why, "\"fails\" cannot run here: the disk is on fire");
    for (p = set.first; p != NULL; p = p->next) {
        if (strcmp(p->name, "fails") == 0)
            p->state = MO_PLUGIN_REFUSED;
    }
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_SCHED, "auto", NULL, &found, why),
             0);
    CHECK(strcmp(found->name, "cannot") != 0);
    CHECK_EQ(mo_plugin_find(&set, MOIRAI_TRAN, "auto", NULL, &found, why),
             -ENOENT);
    CHECK_STR(why, "no transport can run here");
    end();
}

TEST(plugin, ready_ones_can_be_had_without_loading)
{
    const struct mo_plugin *found;

    begin(false);
    CHECK_EQ(mo_plugin_search(&set, BROKEN, NULL), 0);
    CHECK_EQ(mo_plugin_ready(&set, MOIRAI_CHAN, "ring", &found, why), 0);
    CHECK_EQ(mo_plugin_ready(&set, MOIRAI_SCHED, "good", &found, why),
             -ENOENT);
    CHECK(strstr(why, "is not loaded") != NULL);
    CHECK_EQ(mo_plugin_ready(&set, MOIRAI_CHAN, "rong", &found, why),
             -ENOENT);
    CHECK(strstr(why, "did you mean \"ring\"?") != NULL);
    end();
}

TEST(plugin, every_kind_has_its_row)
{
    const char *name;
    size_t n;

    for (uint32_t kind = MOIRAI_SCHED; kind <= MOIRAI_IO; kind++) {
        const struct mo_kind *row = mo_kind_of(kind);
        char file[64];

        CHECK(row != NULL && row->ops_size > 0);
        CHECK_STR(mo_section_own(kind)[0].name, "plugin");
        for (const struct mo_kind_slot *s = row->required; s->name; s++)
            CHECK(s->offset + sizeof(void *) <= row->ops_size);
        snprintf(file, sizeof file, "%s_a-b.so", row->prefix);
        CHECK(mo_kind_of_file(file, &name, &n) == row);
        CHECK_EQ(n, 3);
    }
    CHECK_STR(mo_section_own(MOIRAI_SCHED)[1].name, "spin");
    CHECK_STR(mo_section_own(MOIRAI_CHAN)[2].name, "delivery");
    CHECK(mo_kind_of(0) == NULL);
    CHECK(mo_kind_of(6) == NULL);
    CHECK(mo_kind_of_file("sched_.so", &name, &n) == NULL);
    CHECK(mo_kind_of_file("sched.so", &name, &n) == NULL);
    CHECK(mo_kind_of_file("sched_fifo", &name, &n) == NULL);
    CHECK(mo_kind_of_file("sched_fifo.so.1", &name, &n) == NULL);
    CHECK(mo_kind_of_file("xsched_fifo.so", &name, &n) == NULL);
}
