/* SPDX-License-Identifier: MIT */
/*
 * test_option.c - tables of options, filled from a tree.
 */
#include "check.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "builtin.h"
#include "config.h"
#include "kind.h"
#include "option.h"
#include "section.h"
#include "value.h"

struct sample {
    uint64_t number;
    uint64_t workers;
    int64_t whole;
    uint64_t size;
    int64_t wait;
    const char *text;
    uint32_t choice;
    bool flag;
};

static const char *const words[] = { "red", "green", "blue", NULL };
static const char *const auto_word[] = { "auto", NULL };

static const struct moirai_option table[] = {
    { .name = "number", .preset = "8", .type = MOIRAI_UINT,
      .offset = offsetof(struct sample, number), .min = 1, .max = 256 },
    { .name = "workers", .preset = "auto", .type = MOIRAI_UINT,
      .offset = offsetof(struct sample, workers), .min = 1, .max = 64,
      .choices = auto_word },
    { .name = "whole", .preset = "-3", .type = MOIRAI_INT,
      .offset = offsetof(struct sample, whole),
      .min = (uint64_t)INT64_C(-5), .max = 5 },
    { .name = "size", .preset = "64KiB", .type = MOIRAI_SIZE,
      .offset = offsetof(struct sample, size), .min = 4096, .max = 1 << 20 },
    { .name = "wait", .preset = "20us", .type = MOIRAI_DURATION,
      .offset = offsetof(struct sample, wait), .min = 1000,
      .max = 1000000000 },
    { .name = "text", .preset = "", .type = MOIRAI_STRING,
      .offset = offsetof(struct sample, text), .min = 0, .max = 10 },
    { .name = "choice", .preset = "green", .type = MOIRAI_CHOICE,
      .offset = offsetof(struct sample, choice), .choices = words },
    { .name = "flag", .preset = "no", .type = MOIRAI_BOOL,
      .offset = offsetof(struct sample, flag) },
    { .name = NULL },
};

static struct mo_arena arena;
static struct mo_report report;
static struct mo_option_run run;
static struct sample got;

static void forget(void)
{
    mo_arena_fini(&arena);
    mo_report_fini(&report);
}

static void fill(const char *yaml)
{
    struct mo_option_set set = { .options = table, .config = &got };
    struct mo_tree tree;

    forget();
    memset(&got, 0, sizeof got);
    run = (struct mo_option_run){ .arena = &arena, .report = &report };
    CHECK_EQ(mo_tree_init(&tree, &arena, &report), 0);
    CHECK_EQ(mo_config_parse(&tree, "f", yaml, strlen(yaml)), 0);
    CHECK_EQ(mo_option_fill(&run, tree.root, "s", &set, 1), 0);
    mo_report_sort(&report);
}

static const char *mistake(size_t i)
{
    static char line[1000];

    if (i >= report.count)
        return NULL;
    return mo_report_line(line, sizeof line, &report.list[i]);
}

TEST(option, fills_presets_when_nothing_is_said)
{
    fill("");
    CHECK_EQ(report.count, 0);
    CHECK_EQ(got.number, 8);
    CHECK_EQ(got.workers, 0);
    CHECK_EQ(got.whole, -3);
    CHECK_EQ(got.size, 65536);
    CHECK_EQ(got.wait, 20000);
    CHECK_STR(got.text, "");
    CHECK_EQ(got.choice, 1);
    CHECK_EQ(got.flag, false);
    forget();
}

TEST(option, fills_what_is_said_and_remembers_who_said_it)
{
    const struct mo_option_value *v;

    fill("number: 256\nworkers: 3\nwhole: -5\nsize: 1MiB\nwait: 1s\n"
         "text: hello\nchoice: blue\nflag: yes\n");
    CHECK_EQ(report.count, 0);
    CHECK_EQ(got.number, 256);
    CHECK_EQ(got.workers, 3);
    CHECK_EQ(got.whole, -5);
    CHECK_EQ(got.size, 1 << 20);
    CHECK_EQ(got.wait, 1000000000);
    CHECK_STR(got.text, "hello");
    CHECK_EQ(got.choice, 2);
    CHECK_EQ(got.flag, true);
    v = run.first;
    CHECK_STR(v->key, "s.number");
    CHECK_STR(v->text, "256");
    CHECK_EQ(v->place.from, MO_FROM_FILE);
    CHECK_EQ(v->place.line, 1);
    forget();
}

TEST(option, says_what_is_wrong_and_what_would_be_right)
{
    fill("number: 0\nnumber: 257\nworkers: many\nworkers: 0\nwhole: -6\n"
         "size: 1\nsize: big\nsize: 64\nwait: 20\nwait: 2s\nwait: soon\n"
         "text: 12345678901\nchoice: gren\nchoice: purple\nflag: maybe\n"
         "number: 99999999999999999999\nnumber: [1]\nnumber: {a: 1}\n"
         "number:\nnumbr: 1\nzzzzzzzzzzz: 1\n");
    static const char *const lines[] = {
        "f:1:9: s.number: 0 is below the minimum 1",
        "f:2:9: s.number: 257 is above the maximum 256",
        "f:3:10: s.workers: \"many\" is neither a whole number nor auto",
        "f:4:10: s.workers: 0 is below the minimum 1; it can also be auto",
        "f:5:8: s.whole: -6 is below the minimum -5",
        "f:6:7: s.size: 1 is below the minimum 4KiB",
        "f:7:7: s.size: \"big\" is not a size; write it like 64KiB",
        "f:8:7: s.size: 64 is below the minimum 4KiB",
        "f:9:7: s.wait: \"20\" has no unit; write ns, us, ms, s, m or h "
        "after it",
        "f:10:7: s.wait: 2s is above the maximum 1s",
        "f:11:7: s.wait: \"soon\" is not a duration; write it like 20us",
        "f:12:7: s.text: the text is longer than 10 bytes",
        "f:13:9: s.choice: \"gren\" is unknown, did you mean \"green\"?",
        "f:14:9: s.choice: \"purple\" is unknown; it can be red, green or "
        "blue",
        "f:15:7: s.flag: \"maybe\" is neither true nor false",
        "f:16:9: s.number: 99999999999999999999 is too large",
        "f:17:9: s.number: expected a value, such as 8, not a list",
        "f:18:9: s.number: expected a value, such as 8, not a section",
        "f:19:8: s.number: has no value; write one, such as 8",
        "f:20:1: s.numbr: unknown key, did you mean \"number\"?",
        "f:21:1: s.zzzzzzzzzzz: unknown key; known here: number, workers, "
        "whole, size, wait, text, choice, flag",
    };
    size_t next = 0;

    for (size_t i = 0; i < report.count; i++) {
        if (strstr(mistake(i), "given twice") != NULL)
            continue;
        CHECK(next < sizeof lines / sizeof lines[0]);
        CHECK_STR(mistake(i), lines[next]);
        next++;
    }
    CHECK_EQ(next, sizeof lines / sizeof lines[0]);
    forget();
}

static const struct moirai_option needed[] = {
    { .name = "via", .preset = NULL, .type = MOIRAI_STRING },
    { .name = NULL },
};

TEST(option, misses_what_has_no_preset)
{
    const char *text = NULL;
    struct mo_option_set set = { .options = needed, .config = &text };

    fill("");
    CHECK_EQ(mo_option_fill(&run, NULL, "n", &set, 1), 0);
    CHECK_STR(mistake(0), "preset: n.via: missing; write it, such as "
                          "via: NAME");
    forget();
}

TEST(option, gives_examples_that_would_be_taken)
{
    static const struct {
        struct moirai_option option;
        const char *example;
    } rows[] = {
        { { .type = MOIRAI_UINT, .min = 1, .max = 9 }, "8" },
        { { .type = MOIRAI_UINT, .min = 9, .max = 99 }, "9" },
        { { .type = MOIRAI_UINT, .min = 1, .max = 7 }, "7" },
        { { .type = MOIRAI_INT, .min = (uint64_t)-9, .max = (uint64_t)-2 },
          "-2" },
        { { .type = MOIRAI_SIZE, .min = 1u << 20, .max = 1u << 21 }, "1MiB" },
        { { .type = MOIRAI_DURATION, .min = 0, .max = 1000 }, "1us" },
        { { .type = MOIRAI_STRING, .min = 6, .max = 9 }, "NAMENA" },
        { { .type = MOIRAI_STRING, .min = 0, .max = 2 }, "NA" },
        { { .type = MOIRAI_BOOL }, "true" },
        { { .type = MOIRAI_UINT, .preset = "3" }, "3" },
        { { .type = MOIRAI_UINT, .preset = "0" }, "8" },
        { { .type = MOIRAI_UINT, .preset = "0", .max = 4 }, "4" },
    };
    char out[MO_VALUE_EXAMPLE];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STR(mo_value_example(&rows[i].option, out), rows[i].example);
}

/* Has `options` a flaw, and is it told like this? */
static void expect_flaw(const struct moirai_option *options, const char *flaw)
{
    static const struct moirai_option own[] = { { .name = "plugin" },
                                                { .name = NULL } };
    char why[MO_VALUE_WHY];

    CHECK_EQ(mo_option_sound(options, sizeof(struct sample), own, why),
             -EINVAL);
    CHECK_STR(why, flaw);
}

TEST(option, finds_flaws_in_tables)
{
    struct moirai_option o[3] = { table[0], { .name = NULL } };
    static const char *const none[] = { NULL };

    o[0].preset = "0";
    expect_flaw(o, "option \"number\": preset: 0 is below the minimum 1");
    o[0] = table[0];
    o[0].type = 99;
    expect_flaw(o, "option \"number\": its type is unknown to this moirai");
    o[0].type = 0;
    expect_flaw(o, "option \"number\": its type is unknown to this moirai");
    o[0] = table[0];
    o[0].offset = sizeof(struct sample);
    expect_flaw(o, "option \"number\": its offset is outside the config "
                   "struct");
    o[0].offset = 3;
    expect_flaw(o, "option \"number\": its offset is not one that a field of "
                   "its type can have");
    o[0] = table[0];
    o[0].help = "two\nlines";
    expect_flaw(o, "option \"number\": its help is not a line of text");
    o[0].help = NULL;
    o[0].name = "a\x1b";
    expect_flaw(o, "option \"a\\x1b\": its name is not a word");
    o[0] = table[0];
    o[0].name = "plugin";
    expect_flaw(o, "option \"plugin\": the key is the core's own");
    o[0] = table[6];
    o[0].choices = NULL;
    expect_flaw(o, "option \"choice\": it has no choices");
    o[0].choices = none;
    expect_flaw(o, "option \"choice\": it has no choices");
    o[0] = table[0];
    o[0].min = 2;
    o[0].max = 1;
    expect_flaw(o, "option \"number\": its bounds leave no value");
    o[0].type = MOIRAI_INT;
    o[0].min = 1;
    o[0].max = (uint64_t)-1;
    expect_flaw(o, "option \"number\": its bounds leave no value");
    o[0].type = MOIRAI_DURATION;
    o[0].min = (uint64_t)-2;
    expect_flaw(o, "option \"number\": its bounds leave no value");
    o[0] = table[0];
    o[1] = table[0];
    expect_flaw(o, "option \"number\": declared twice");
    o[1] = table[1];
    o[1].offset = o[0].offset;
    expect_flaw(o, "option \"workers\": its field overlaps that of "
                   "\"number\"");
    o[0] = table[7];
    o[0].offset = o[1].offset + 7;
    expect_flaw(o, "option \"workers\": its field overlaps that of "
                   "\"flag\"");
}

TEST(option, tables_of_builtins_are_sound)
{
    const struct moirai_plugin *const *p = mo_builtin_list();
    char why[MO_VALUE_WHY];

    for (; *p != NULL; p++) {
        const struct mo_kind *kind = mo_kind_of((*p)->kind);

        CHECK(kind != NULL);
        CHECK_FMT(mo_option_sound((*p)->options, (*p)->config_size,
                                  mo_section_own(kind->kind), why) == 0,
                  "%s: %s", (*p)->name, why);
        for (const struct moirai_option *o = (*p)->options;
             o != NULL && o->name != NULL; o++)
            CHECK_FMT(o->help != NULL && o->help[0] != '\0',
                      "%s.%s has no help", (*p)->name, o->name);
    }
}

TEST(option, compares_what_structs_say)
{
    struct sample a;
    struct sample b;

    fill("text: one");
    a = got;
    a.text = "one";
    fill("text: one");
    b = got;
    CHECK(mo_value_same(table, &a, &b));
    b.text = "two";
    CHECK(!mo_value_same(table, &a, &b));
    b.text = "one";
    b.flag = true;
    CHECK(!mo_value_same(table, &a, &b));
    CHECK(mo_value_same(NULL, &a, &b));
    forget();
}

TEST(option, tables_with_a_wrong_preset_are_told_where_they_are_used)
{
    struct moirai_option wrong[2] = { table[0], { .name = NULL } };
    struct mo_option_set set = { .options = wrong, .config = &got };

    wrong[0].preset = "0";
    fill("");
    CHECK_EQ(mo_option_fill(&run, NULL, "s", &set, 1), 0);
    CHECK_STR(mistake(0), "preset: number: 0 is below the minimum 1");
    forget();
}

TEST(option, required_ones_say_what_to_write)
{
    struct moirai_option required[2] = { table[6], { .name = NULL } };
    struct mo_option_set set = { .options = required, .config = &got };
    char why[MO_VALUE_WHY];
    char expected[200];

    required[0].preset = NULL;
    CHECK_EQ(mo_option_sound(required, sizeof got, NULL, why), 0);
    fill("");
    CHECK_EQ(mo_option_fill(&run, NULL, "s", &set, 1), 0);
    snprintf(expected, sizeof expected, "preset: s.choice: missing; write it, "
             "such as choice: %s", required[0].choices[0]);
    CHECK_STR(mistake(0), expected);
    forget();
}
