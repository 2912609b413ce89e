/* SPDX-License-Identifier: MIT */
/*
 * test_chosen.c - sections that name a plugin: presets, guesses, what is left
 * of a configuration in which one is missing.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chosen.h"
#include "section.h"

static struct moirai_error err;

/* Only what a test says itself counts. */
static void clear_environment(void)
{
    static char *none[] = { NULL };

    environ = none;
}

/* Is `text` refused, with these words? */
static void expect_mistakes(const char *text, const char *words)
{
    struct moirai_config config = { .size = sizeof config, .text = text };
    struct mo_setup *s;

    CHECK_EQ(mo_setup_open(&config, &s, &err), -EINVAL);
    CHECK_STR(err.text, words);
}

TEST(chosen, keys_of_a_misspelt_plugin_are_checked_if_it_is_loaded)
{
    clear_environment();
    setenv("MOIRAI_PLUGIN_PATH", "tests/broken/.libs", 1);
    expect_mistakes("scheduler: {plugin: goood, batch: x, spin: y}\n"
                    "channels: {a: {plugin: rinng, capacity: x}}\n",
              "(text):1:21: scheduler.plugin: there is no scheduler \"goood\", "
              "did you mean \"good\"? The other keys here cannot be checked\n"
              "(text):1:44: scheduler.spin: \"y\" is not a duration; write it "
              "like 20us\n"
              "(text):2:24: channels.a.plugin: there is no channel discipline "
              "\"rinng\", did you mean \"ring\"? The other keys here are "
              "checked as \"ring\" has them\n"
              "(text):2:41: channels.a.capacity: \"x\" is not a whole number; "
              "write it like 64");
}

/* Reads "scheduler: {}" where the preset is `preset`. */
static void choose_preset(const char *preset, uint32_t kind,
                          struct mo_option_run *run, struct mo_chosen *chosen)
{
    struct {
        const char *plugin;
    } config = { NULL };
    const struct moirai_option keys[] = {
        { .name = "plugin", .preset = preset, .type = MOIRAI_STRING },
        { .name = NULL },
    };
    struct mo_chosen_from what = { kind, keys, &config };
    struct mo_plugins plugins;

    CHECK_EQ(mo_plugin_init(&plugins, run->arena, false), 0);
    CHECK_EQ(mo_chosen_read(run, &plugins, &what, NULL, "scheduler", chosen),
             0);
}

TEST(chosen, a_preset_is_a_wish_and_what_was_taken_is_said)
{
    struct mo_arena arena = { NULL };
    struct mo_report report = { .list = NULL };
    struct mo_option_run run = { .arena = &arena, .report = &report };
    struct mo_chosen chosen;
    char line[500];

    choose_preset("fifo", MOIRAI_SCHED, &run, &chosen);
    CHECK_STR(chosen.plugin->name, "fifo");
    CHECK_STR(run.first->text, "fifo");
    run.first = run.last = NULL;
    choose_preset("missing", MOIRAI_SCHED, &run, &chosen);
    CHECK_EQ(report.count, 0);
    CHECK_STR(chosen.plugin->name, "steal");
    CHECK_STR(chosen.asked, "missing");
    CHECK_STR(run.first->text, "auto");
    choose_preset("missing", MOIRAI_TRAN, &run, &chosen);
    CHECK_EQ(report.count, 1);
    CHECK(chosen.plugin == NULL);
    CHECK_STR(chosen.reason, "no transport can run here");
    CHECK_STR(mo_report_line(line, sizeof line, &report.list[0]),
              "preset: scheduler.plugin: no transport can run here");
    mo_report_fini(&report);
    mo_arena_fini(&arena);
}

TEST(chosen, mistakes_can_leave_a_setup_to_look_at)
{
    struct moirai_config config = { .size = sizeof config };
    struct mo_report report = { .list = NULL };
    struct mo_setup *s = NULL;

    clear_environment();
    config.text = "runtime: {workers: x, trace: 4}\n"
                  "scheduler: {plugin: none-such}\n";
    CHECK_EQ(mo_setup_read(&config, MO_SETUP_KEEP, &s, &report), -EINVAL);
    CHECK(s != NULL);
    CHECK_EQ(report.count, 2);
    CHECK_EQ(mo_setup_runtime(s)->trace, 4);
    CHECK(mo_setup_sched(s)->plugin == NULL);
    CHECK_STR(mo_setup_sched(s)->asked, "none-such");
    CHECK(strncmp(mo_setup_sched(s)->reason, "there is no scheduler", 21) == 0);
    CHECK_STR(mo_setup_stack(s)->from->name, "mmap");
    mo_setup_close(s);
    mo_report_fini(&report);
    s = NULL;
    config = (struct moirai_config){ .size = sizeof config, .file = "/no" };
    CHECK_EQ(mo_setup_read(&config, MO_SETUP_KEEP, &s, &report), -ENOENT);
    CHECK(s == NULL);
    mo_report_fini(&report);
}
