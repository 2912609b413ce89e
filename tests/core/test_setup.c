/* SPDX-License-Identifier: MIT */
/*
 * test_setup.c - whole configurations: files, environment, API, memory.
 *
 * tests/config/bad holds wrong files, each beside the exact text that it must
 * be answered with; tests/config/good and config/ hold right ones.
 */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "option.h"
#include "plugin.h"
#include "section.h"
#include "setup.h"

static struct moirai_error err;

/* Only what a test says itself counts. */
static void clear_environment(void)
{
    static char *none[] = { NULL };

    environ = none;
}

static int open_text(const char *text, const char *const *set,
                     struct mo_setup **setup)
{
    struct moirai_config config = {
        .size = sizeof config, .text = text, .set = set,
    };

    err = (struct moirai_error){ .code = 0 };
    return mo_setup_open(&config, setup, &err);
}

static const struct mo_option_value *value(const struct mo_setup *s,
                                           const char *key)
{
    const struct mo_option_value *v = mo_setup_values(s);

    while (v != NULL && strcmp(v->key, key) != 0)
        v = v->next;
    CHECK_FMT(v != NULL, "nobody said %s", key);
    return v;
}

static void go_to(const char *directory)
{
    const char *srcdir = getenv("srcdir");
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", srcdir != NULL ? srcdir : ".",
             directory);
    CHECK_FMT(chdir(path) == 0, "no %s", path);
}

static bool is_yaml(const char *name)
{
    const char *end = strrchr(name, '.');

    return end != NULL && strcmp(end, ".yaml") == 0;
}

/* Calls fn with each YAML file of a directory of the sources; how many. */
static int each_file(const char *directory, void (*fn)(const char *file))
{
    const struct dirent *entry;
    DIR *dir;
    int n = 0;

    go_to(directory);
    clear_environment();
    dir = opendir(".");
    CHECK(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        if (!is_yaml(entry->d_name))
            continue;
        fn(entry->d_name);
        n++;
    }
    closedir(dir);
    return n;
}

/* All of a small file. */
static const char *contents(const char *path)
{
    static char text[16384];
    FILE *file = fopen(path, "r");
    size_t n;

    CHECK_FMT(file != NULL, "no %s", path);
    n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    fclose(file);
    return text;
}

static void expect_mistakes(const char *file)
{
    struct moirai_config config = { .size = sizeof config, .file = file };
    struct mo_report report = { .list = NULL };
    struct mo_setup *setup;
    char line[4000];
    char path[300];
    char all[16384] = "";

    CHECK_FMT(mo_setup_read(&config, 0, &setup, &report) == -EINVAL,
              "%s is taken", file);
    mo_report_sort(&report);
    for (size_t i = 0; i < report.count; i++) {
        strcat(all, mo_report_line(line, sizeof line, &report.list[i]));
        strcat(all, "\n");
    }
    snprintf(path, sizeof path, "%.*s.expect", (int)(strlen(file) - 5), file);
    CHECK_FMT(strcmp(all, contents(path)) == 0, "%s:\n%sand not\n%s", file,
              all, contents(path));
    mo_report_fini(&report);
}

TEST(setup, every_bad_file_gets_its_exact_answer)
{
    CHECK(each_file("tests/config/bad", expect_mistakes) >= 30);
}

static void expect_none(const char *file)
{
    struct moirai_config config = { .size = sizeof config, .file = file };
    struct mo_setup *setup;

    CHECK_FMT(mo_setup_open(&config, &setup, &err) == 0, "%s", err.text);
    mo_setup_close(setup);
}

TEST(setup, every_good_file_is_taken)
{
    CHECK(each_file("tests/config/good", expect_none) >= 8);
}

TEST(setup, every_shipped_file_is_taken)
{
    CHECK(each_file("config", expect_none) >= 4);
}

TEST(setup, nothing_said_is_enough)
{
    const struct mo_runtime_options *runtime;
    struct mo_setup *s;

    clear_environment();
    CHECK_EQ(mo_setup_open(NULL, &s, &err), 0);
    runtime = mo_setup_runtime(s);
    CHECK_EQ(runtime->workers, 0);
    CHECK_EQ(runtime->blocking_threads, 64);
    CHECK_EQ(runtime->max_tasks, 0);
    CHECK_EQ(runtime->trace, 0);
    CHECK_EQ(runtime->stop_grace, 1000000000);
    CHECK_STR(mo_setup_sched(s)->plugin->name, "steal");
    CHECK_STR(mo_setup_stack(s)->plugin->name, "mmap");
    CHECK(mo_setup_sched(s)->ops != NULL);
    CHECK(mo_setup_sched(s)->config != NULL);
    CHECK(mo_setup_chan(s, "words") == NULL);
    mo_setup_close(s);
    mo_setup_close(NULL);
}

TEST(setup, later_sources_win_and_are_remembered)
{
    static const char *const set[] = { "runtime.trace=3", NULL };
    static const char text[] = "runtime: {blocking_threads: 1, trace: 1, "
                               "max_tasks: 1, stop_grace: 3s}\n";
    const struct mo_runtime_options *runtime;
    struct mo_setup *s;

    clear_environment();
    setenv("MOIRAI_RUNTIME__TRACE", "2", 1);
    setenv("MOIRAI_RUNTIME__MAX_TASKS", "2", 1);
    setenv("MOIRAI_WORKERS", "5", 1);
    CHECK_EQ(open_text(text, set, &s), 0);
    runtime = mo_setup_runtime(s);
    CHECK_EQ(runtime->blocking_threads, 1);
    CHECK_EQ(runtime->max_tasks, 2);
    CHECK_EQ(runtime->trace, 3);
    CHECK_EQ(runtime->workers, 5);
    CHECK_EQ(value(s, "runtime.blocking_threads")->place.from, MO_FROM_FILE);
    CHECK_EQ(value(s, "runtime.blocking_threads")->place.line, 1);
    CHECK_STR(value(s, "runtime.max_tasks")->place.source,
              "MOIRAI_RUNTIME__MAX_TASKS");
    CHECK_EQ(value(s, "runtime.trace")->place.from, MO_FROM_API);
    CHECK_STR(value(s, "runtime.workers")->place.source, "MOIRAI_WORKERS");
    CHECK_EQ(value(s, "scheduler.plugin")->place.from, MO_FROM_PRESET);
    mo_setup_close(s);
}

TEST(setup, the_command_line_comes_before_the_program)
{
    static const char *const set[] = { "runtime.trace=4", NULL };
    struct mo_setup *s;

    clear_environment();
    setenv("MOIRAI_WORKERS", "2", 1);
    setenv("MOIRAI_SET", "runtime.workers=3\nruntime.trace=3\n\n"
                         "channels.\"a.b\".capacity=3\n", 1);
    CHECK_EQ(open_text("runtime: {workers: 1}\n", set, &s), 0);
    CHECK_EQ(mo_setup_runtime(s)->workers, 3);
    CHECK_EQ(mo_setup_runtime(s)->trace, 4);
    CHECK_EQ(value(s, "runtime.workers")->place.from, MO_FROM_COMMAND);
    CHECK_STR(value(s, "runtime.workers")->over->text, "2");
    CHECK_STR(value(s, "runtime.workers")->over->over->text, "1");
    CHECK(value(s, "runtime.workers")->over->over->over == NULL);
    CHECK_EQ(value(s, "runtime.trace")->over->place.from, MO_FROM_COMMAND);
    CHECK_STR(value(s, "channels.a.b.capacity")->text, "3");
    mo_setup_close(s);
    setenv("MOIRAI_SET", "nonsense\nruntime.workers=x", 1);
    CHECK_EQ(open_text("", NULL, &s), -EINVAL);
    CHECK_STR(err.text,
              "-s: \"nonsense\" is no setting; write it like "
              "scheduler.plugin=fifo\n"
              "-s: runtime.workers: \"x\" is neither a whole number nor auto");
}

TEST(setup, values_from_variables_say_so)
{
    struct mo_setup *s;

    clear_environment();
    setenv("N", "3", 1);
    CHECK_EQ(open_text("runtime: {workers: '${N}', trace: '${T:-7}'}\n", NULL,
                       &s), 0);
    CHECK_EQ(mo_setup_runtime(s)->workers, 3);
    CHECK_STR(value(s, "runtime.workers")->text, "3");
    CHECK_STR(value(s, "runtime.workers")->place.via, "${N}");
    CHECK_STR(value(s, "runtime.trace")->place.via, "the default of ${T}");
    mo_setup_close(s);
    setenv("N", "many", 1);
    CHECK_EQ(open_text("runtime: {workers: '${N}'}\n", NULL, &s), -EINVAL);
    CHECK_STR(err.text, "(text):1:20: runtime.workers: \"many\" is neither a "
                        "whole number nor auto (from ${N})");
}

TEST(setup, the_variable_names_the_file)
{
    struct moirai_config config = { .size = sizeof config, .text = "" };
    struct mo_setup *s;

    clear_environment();
    setenv("MOIRAI_CONFIG", "/nowhere.yaml", 1);
    CHECK_EQ(mo_setup_open(NULL, &s, &err), -ENOENT);
    CHECK_STR(err.text, "/nowhere.yaml: cannot be read: No such file or "
                        "directory");
    CHECK_EQ(err.code, -ENOENT);
    CHECK_EQ(mo_setup_open(&config, &s, &err), 0);
    mo_setup_close(s);
    setenv("MOIRAI_CONFIG", "", 1);
    CHECK_EQ(mo_setup_open(NULL, &s, &err), 0);
    mo_setup_close(s);
}

TEST(setup, what_is_overridden_must_still_be_well_formed)
{
    static const char *const set[] = { "runtime.workers=1", NULL };
    struct mo_setup *s;

    clear_environment();
    setenv("MOIRAI_WORKERS", "some", 1);
    CHECK_EQ(open_text("runtime: {workers: 0}\n", set, &s), -EINVAL);
    CHECK_STR(err.text,
              "(text):1:20: runtime.workers: 0 is below the minimum 1; it can "
              "also be auto\n"
              "MOIRAI_WORKERS: runtime.workers: \"some\" is neither a whole "
              "number nor auto");
}

TEST(setup, options_of_an_overridden_plugin_are_not_meant_for_the_new_one)
{
    static const char text[] = "scheduler: {plugin: fifo, batch: 4}\n";
    static const char *const sim[] = { "scheduler.plugin=sim", NULL };
    static const char *const same[] = { "scheduler.plugin=fifo",
                                        "scheduler.batch=5", NULL };
    static const char *const wrong[] = { "scheduler.plugin=sim",
                                         "scheduler.batch=5", NULL };
    struct mo_setup *s;

    clear_environment();
    CHECK_EQ(open_text(text, sim, &s), 0);
    CHECK_STR(mo_setup_sched(s)->plugin->name, "sim");
    mo_setup_close(s);
    CHECK_EQ(open_text(text, same, &s), 0);
    CHECK_STR(value(s, "scheduler.batch")->text, "5");
    mo_setup_close(s);
    CHECK_EQ(open_text(text, wrong, &s), -EINVAL);
    CHECK_STR(err.text, "api: scheduler.batch: unknown key; known here: "
                        "plugin, spin, idle, victims, hybrid, hybrid_file, "
                        "seed, strategy, depth, steps, choices, bound, record, "
                        "inject_memory, inject_wakes, inject_timers, "
                        "inject_cancels, inject_limit, inject_delay");
    setenv("MOIRAI_SCHEDULER__PLUGIN", "sim", 1);
    setenv("MOIRAI_SCHEDULER__SEED", "7", 1);
    CHECK_EQ(open_text(text, NULL, &s), 0);
    CHECK_EQ(*(const uint64_t *)mo_setup_sched(s)->config, 7);
    mo_setup_close(s);
}

TEST(setup, variables_find_channels_in_any_case)
{
    const struct mo_chosen *chosen;
    struct mo_setup *s;

    clear_environment();
    setenv("MOIRAI_CHANNELS__MY_WORDS__CAPACITY", "9", 1);
    setenv("MOIRAI_CHANNELS__FRESH__CAPACITY", "8", 1);
    CHECK_EQ(open_text("channels: {My-Words: {capacity: 3}}\n", NULL, &s), 0);
    chosen = mo_setup_chan(s, "My-Words");
    CHECK(chosen != NULL);
    CHECK_STR(chosen->plugin->name, "ring");
    CHECK_STR(value(s, "channels.My-Words.capacity")->text, "9");
    CHECK(mo_setup_chan(s, "fresh") != NULL);
    CHECK(mo_setup_chan(s, "other") == NULL);
    mo_setup_close(s);
}

TEST(setup, mistakes_of_all_sources_come_in_one_list)
{
    static const char *const set[] = { "nonsense", "runtime.wrkers=1", "=1",
                                       "channels.\"a.b\".capacity=x", NULL };
    struct mo_setup *s;

    clear_environment();
    setenv("MOIRAI_SCHEDULR__PLUGIN", "fifo", 1);
    setenv("MOIRAI___X", "1", 1);
    CHECK_EQ(open_text("version: 7\n", set, &s), -EINVAL);
    CHECK_STR(err.text,
              "(text):1:10: version: \"7\" is not a version that this moirai "
              "reads; write 1\n"
              "MOIRAI_SCHEDULR__PLUGIN: schedulr: unknown key, did you mean "
              "\"scheduler\"?\n"
              "MOIRAI___X: names no key; write MOIRAI_SECTION__KEY\n"
              "api: \"nonsense\" is no setting; write it like "
              "scheduler.plugin=fifo\n"
              "api: \"=1\" is no setting; write it like "
              "scheduler.plugin=fifo\n"
              "api: runtime.wrkers: unknown key, did you mean \"workers\"?\n"
              "api: channels.a.b.capacity: \"x\" is not a whole number; write "
              "it like 64");
}

TEST(setup, a_long_list_is_cut_and_counted)
{
    char text[20000] = "channels:\n";
    struct mo_setup *s;
    size_t n;

    clear_environment();
    for (int i = 0; i < 300; i++)
        sprintf(text + strlen(text), "  c%d: {capacity: x}\n", i);
    CHECK_EQ(open_text(text, NULL, &s), -EINVAL);
    n = strlen(err.text);
    CHECK(n < sizeof err.text);
    CHECK(strncmp(err.text, "(text):2:18: channels.c0.capacity: \"x\" is not "
                            "a whole number", 60) == 0);
    CHECK(strstr(err.text, "\n... and 2") != NULL);
    CHECK_STR(err.text + n - 5, " more");
}

TEST(setup, sections_of_later_issues_have_their_shape_checked)
{
    static const char text[] =
        "channels: {a: {home: reduce, delivery: best-effort}}\n"
        "transports: {here: {plugin: shm}}\n"
        "nodes: {reducer: {via: here, count: 3}}\n";
    struct mo_setup *s;

    clear_environment();
    CHECK_EQ(open_text(text, NULL, &s), -EINVAL);
    CHECK_STR(err.text,
              "(text):1:22: channels.a.home: there is no node \"reduce\", did "
              "you mean \"reducer\"?\n"
              "(text):2:29: transports.here.plugin: there is no transport "
              "\"shm\", nor any other");
}

TEST(setup, a_config_of_another_size_is_understood)
{
    struct {
        struct moirai_config config;
        char more[16];
    } newer = { .config = { .size = sizeof newer } };
    struct moirai_config odd = { .size = 8, .file = "/nowhere" };
    struct mo_setup *s;

    clear_environment();
    CHECK_EQ(mo_setup_open(&newer.config, &s, &err), 0);
    mo_setup_close(s);
    newer.more[3] = 1;
    CHECK_EQ(mo_setup_open(&newer.config, &s, &err), -EINVAL);
    CHECK_EQ(mo_setup_open(&odd, &s, &err), 0);
    mo_setup_close(s);
    odd = (struct moirai_config){ .file = "/x", .text = "" };
    CHECK_EQ(mo_setup_open(&odd, &s, &err), -EINVAL);
    CHECK_STR(err.text, "api: moirai_config has both a file and a text; give "
                        "one");
    odd = (struct moirai_config){ .flags = 1u << 31 };
    CHECK_EQ(mo_setup_open(&odd, &s, NULL), -EINVAL);
}

TEST(setup, paths_in_a_file_are_meant_from_there)
{
    char place[] = "/tmp/moirai-setup-XXXXXX";
    struct moirai_config config = { .size = sizeof config };
    char command[400];
    char file[100];
    struct mo_setup *s;

    CHECK(mkdtemp(place) != NULL);
    snprintf(command, sizeof command,
             "mkdir %s/mods && cp tests/broken/.libs/sched_good.so %s/mods && "
             "echo 'plugins: {path: mods}\nscheduler: {plugin: good}' > "
             "%s/a.yaml && echo 'scheduler: {plugin: mods/sched_good.so}' > "
             "%s/b.yaml", place, place, place, place);
    CHECK_EQ(system(command), 0);
    clear_environment();
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/%c.yaml", place, 'a' + i);
        config.file = file;
        CHECK_FMT(mo_setup_open(&config, &s, &err) == 0, "%s", err.text);
        CHECK_STR(mo_setup_sched(s)->plugin->name, "good");
        mo_setup_close(s);
    }
    snprintf(command, sizeof command, "rm -rf %s", place);
    CHECK_EQ(system(command), 0);
}

TEST(setup, a_broken_module_is_an_error_only_for_who_names_it)
{
    struct mo_setup *s;

    clear_environment();
    setenv("MOIRAI_PLUGIN_PATH", "tests/broken/.libs", 1);
    CHECK_EQ(open_text("", NULL, &s), 0);
    mo_setup_close(s);
    CHECK_EQ(open_text("scheduler: {plugin: undefined, batch: 1}\n", NULL,
                       &s), -EINVAL);
    CHECK_STR(err.text, "(text):1:21: scheduler.plugin: "
                        "tests/broken/.libs/sched_undefined.so cannot be "
                        "used: undefined symbol: moirai_test_nowhere; the "
                        "other keys here cannot be checked");
}

TEST(setup, makes_channels_and_shares_those_that_say_the_same)
{
    static const char *const four[] = { "capacity=4", NULL };
    static const char *const five[] = { "capacity=5", NULL };
    static const char *const wrong[] = { "capacity=x", "size=1", NULL };
    const struct mo_chosen *a = NULL;
    const struct mo_chosen *b = NULL;
    struct mo_setup *s;

    clear_environment();
    CHECK_EQ(open_text("", NULL, &s), 0);
    CHECK_EQ(mo_setup_chan_make(s, NULL, four, &a, &err), 0);
    CHECK_EQ(mo_setup_chan_make(s, "ring", four, &b, &err), 0);
    CHECK(a == b);
    CHECK_EQ(mo_setup_chan_make(s, "ring", five, &b, &err), 0);
    CHECK(a != b);
    CHECK_EQ(mo_setup_chan_make(s, NULL, NULL, &b, &err), 0);
    CHECK_EQ(mo_setup_chan_make(s, NULL, wrong, &b, &err), -EINVAL);
    CHECK_STR(err.text, "api: capacity: \"x\" is not a whole number; write it "
                        "like 64\napi: size: unknown key; known here: "
                        "overflow, capacity");
    CHECK_EQ(mo_setup_chan_make(s, "rong", NULL, &b, &err), -EINVAL);
    CHECK_STR(err.text, "api: there is no channel discipline \"rong\", did "
                        "you mean \"ring\"?");
    mo_setup_close(s);
}

static const char rich[] =
    "version: 1\n"
    "runtime: {workers: 2, stop_grace: 2s}\n"
    "scheduler: {plugin: fifo, batch: 4}\n"
    "plugins: {path: tests/broken/.libs}\n"
    "channels: {a: {capacity: 4}, b: {plugin: ring}}\n";

/* With a mistake or two, so that reporting runs out of memory too. */
static const char faulty[] =
    "scheduler: {plugin: good, batch: 0, bacth: 1, batch: 2}\n"
    "plugins: {path: tests/broken/.libs}\n"
    "runtime: {workers: [}\n"
    "nodes: {a: {via: b}}\n";

/* Four bytes changed at random; the same ones on every machine. */
static void mutate(uint64_t seed, char *text, size_t n)
{
    static const char bytes[] = "{}[]:,-&*'\"#\n\t /0~=a9\xff";

    for (int i = 0; i < 4; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        text[(seed >> 33) % n] = bytes[(seed >> 20) % (sizeof bytes - 1)];
    }
}

TEST(setup, survives_mutated_configurations)
{
    int rounds = check_long() ? 50000 : 3000;

    clear_environment();
    for (int i = 0; i < rounds; i++) {
        char text[sizeof rich];
        struct mo_setup *s = NULL;
        int rc;

        memcpy(text, i % 2 ? rich : faulty,
               i % 2 ? sizeof rich : sizeof faulty);
        mutate((uint64_t)i, text, strlen(text));
        rc = open_text(text, NULL, &s);
        CHECK_FMT(rc == 0 || (rc == -EINVAL && err.text[0] == '('),
                  "seed %d: %d %s", i, rc, err.text);
        if (rc == 0)
            mo_setup_close(s);
    }
}

/* Every allocation fails once: clean -ENOMEM, and nothing is left behind. */
static void fail_everywhere(const char *text, int outcome)
{
    static const char *const set[] = { "runtime.trace=1", NULL };
    uint64_t n = 0;
    int rc = -ENOMEM;

    clear_environment();
    setenv("MOIRAI_WORKERS", "1", 1);
    while (rc == -ENOMEM) {
        struct mo_setup *s = NULL;
        struct mo_mem_count count;

        mo_mem_watch(++n);
        rc = open_text(text, set, &s);
        if (rc == 0)
            mo_setup_close(s);
        count = mo_mem_unwatch();
        CHECK_FMT(count.live == 0, "allocation %d leaves %d", (int)n,
                  (int)count.live);
        CHECK_FMT(rc == outcome || rc == -ENOMEM, "allocation %d: %d", (int)n,
                  rc);
        CHECK_FMT(count.asked < n || rc == -ENOMEM,
                  "allocation %d failed unnoticed", (int)n);
        if (rc == -ENOMEM)
            CHECK_STR(err.text, "out of memory");
    }
    CHECK_FMT(n > 100, "only %d allocations", (int)n);
}

TEST(setup, out_of_memory_is_told_at_every_point)
{
    fail_everywhere(rich, 0);
}

TEST(setup, out_of_memory_while_reporting_is_told_too)
{
    fail_everywhere(faulty, -EINVAL);
}

TEST(setup, making_a_channel_survives_lack_of_memory)
{
    static const char *const four[] = { "capacity=4", NULL };
    static const char *const wrong[] = { "capacity=x", NULL };
    const struct mo_chosen *chosen;
    struct mo_setup *s;

    clear_environment();
    for (int faults = 0; faults < 2; faults++) {
        int rc = -ENOMEM;

        for (uint64_t n = 1; rc == -ENOMEM; n++) {
            CHECK_EQ(open_text("", NULL, &s), 0);
            mo_mem_watch(n);
            rc = mo_setup_chan_make(s, NULL, faults ? wrong : four, &chosen,
                                    &err);
            mo_mem_unwatch();
            mo_setup_close(s);
        }
        CHECK_EQ(rc, faults ? -EINVAL : 0);
    }
}
