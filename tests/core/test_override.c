/* SPDX-License-Identifier: MIT */
/*
 * test_override.c - what the API sets in the tree: where, and what makes no
 * sense.
 */
#include "override.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "config.h"

static struct mo_arena arena;
static struct mo_report report;
static struct mo_tree tree;

static void begin(const char *yaml)
{
    CHECK_EQ(mo_tree_init(&tree, &arena, &report), 0);
    CHECK_EQ(mo_config_parse(&tree, "f", yaml, strlen(yaml)), 0);
}

static void end(void)
{
    mo_arena_fini(&arena);
    mo_report_fini(&report);
}

static void set(const char *setting)
{
    const char *const list[] = { setting, NULL };

    CHECK_EQ(mo_override_api(&tree, list), 0);
}

/* The last mistake as a line. */
static const char *mistake(void)
{
    static char line[2000];

    if (report.count == 0)
        return NULL;
    return mo_report_line(line, sizeof line, &report.list[report.count - 1]);
}

TEST(override, takes_quoted_keys_apart_where_they_end)
{
    const struct mo_tree_node *node;

    begin("");
    set("channels.\"a.b=c\".capacity=4");
    CHECK(mistake() == NULL);
    node = mo_tree_find(mo_tree_find(tree.root, "channels"), "a.b=c");
    CHECK_STR(mo_tree_find(node, "capacity")->text, "4");
    end();
}

TEST(override, tells_what_is_no_setting)
{
    static const char *const odd[] = {
        "runtime", "=1", "a..b=1", "a.\"b=1", "a.\"b\"c=1",
        "a.b.c.d.e.f.g.h.i=1",
    };

    begin("");
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        set(odd[i]);
        CHECK_EQ(report.count, i + 1);
        CHECK_FMT(strstr(mistake(), "is no setting; write it like") != NULL,
                  "%s: %s", odd[i], mistake());
    }
    end();
}

TEST(override, does_not_judge_what_a_mistake_hides)
{
    begin("runtime: \"a\\0b\"\n");
    CHECK_EQ(report.count, 1);
    set("runtime.workers=2");
    CHECK_EQ(report.count, 1);
    end();
}

/* Of a key that is longer than anybody reads, the beginning is shown. */
TEST(override, cuts_paths_without_end)
{
    char step[201];
    char setting[1000];

    memset(step, 'x', sizeof step - 1);
    step[sizeof step - 1] = '\0';
    begin("");
    snprintf(setting, sizeof setting, "%s.%s.%s=1", step, step, step);
    set(setting);
    CHECK(mistake() == NULL);
    snprintf(setting, sizeof setting, "%s.%s.%s.y=1", step, step, step);
    set(setting);
    CHECK(strstr(mistake(), "is no section, so it has no \"y\"") != NULL);
    CHECK(strlen(mistake()) < 400);
    end();
}
