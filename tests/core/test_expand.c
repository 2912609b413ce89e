/* SPDX-License-Identifier: MIT */
/*
 * test_expand.c - variables of the environment inside values.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "expand.h"

static struct mo_arena arena;
static struct mo_expanded got;
static char why[MO_EXPAND_WHY];

static const char *expand(const char *text)
{
    got = (struct mo_expanded){ .text = NULL };
    why[0] = '\0';
    CHECK_FMT(mo_expand(&arena, text, &got, why) == 0, "%s: %s", text, why);
    return got.text;
}

static const char *refuse(const char *text)
{
    CHECK_FMT(mo_expand(&arena, text, &got, why) == -EINVAL, "%s is taken",
              text);
    return why;
}

static void prepare(void)
{
    setenv("MO_A", "one", 1);
    setenv("MO_EMPTY", "", 1);
    setenv("MO_DOLLAR", "${MO_A} $$", 1);
    unsetenv("MO_NONE");
}

TEST(expand, leaves_text_without_dollars_alone)
{
    static const char text[] = "{a: b} }:- \\";

    CHECK(expand(text) == text);
    CHECK(got.via == NULL);
}

TEST(expand, fills_in_what_is_set)
{
    prepare();
    CHECK_STR(expand("${MO_A}"), "one");
    CHECK_STR(got.via, "${MO_A}");
    CHECK_STR(expand("a${MO_A}b${MO_A}"), "aonebone");
    CHECK_STR(got.via, "${MO_A}, ${MO_A}");
    CHECK_STR(expand("${MO_A:-two}"), "one");
    CHECK_STR(expand("<${MO_EMPTY}>"), "<>");
    CHECK_STR(got.via, "${MO_EMPTY}");
    mo_arena_fini(&arena);
}

TEST(expand, takes_the_default_of_what_is_not_set_or_empty)
{
    prepare();
    CHECK_STR(expand("${MO_NONE:-two}"), "two");
    CHECK_STR(got.via, "the default of ${MO_NONE}");
    CHECK_STR(expand("${MO_EMPTY:-two}"), "two");
    CHECK_STR(expand("${MO_NONE:-}"), "");
    CHECK_STR(expand("${MO_NONE:-a:-b{c: 1}"), "a:-b{c: 1");
    CHECK_STR(expand("${MO_NONE:-$$5}"), "$5");
    CHECK_STR(expand("${MO_A}${MO_NONE:-x}"), "onex");
    CHECK_STR(got.via, "${MO_A}, the default of ${MO_NONE}");
    mo_arena_fini(&arena);
}

TEST(expand, does_not_expand_what_it_filled_in)
{
    prepare();
    CHECK_STR(expand("${MO_DOLLAR}"), "${MO_A} $$");
    CHECK_STR(expand("$${MO_A}"), "${MO_A}");
    CHECK(got.via == NULL);
    CHECK_STR(expand("$$$$"), "$$");
    mo_arena_fini(&arena);
}

TEST(expand, says_what_is_wrong)
{
    prepare();
    CHECK_STR(refuse("${MO_NONE}"), "the variable MO_NONE is not set; set "
                                    "it, or write ${MO_NONE:-default}");
    CHECK_STR(refuse("${MO_NONE:-${MO_A}}"),
              "the default of ${MO_NONE} cannot hold another variable; write "
              "it out, and $$ for a dollar sign");
    CHECK_STR(refuse("${MO_A"), "behind \"${MO_A\" comes \"}\" or "
                                "\":-default}\"");
    CHECK_STR(refuse("${MO_A:-x"), "\"${MO_A:-\" has no closing \"}\"");
    CHECK_STR(refuse("${MO_A?x}"), "behind \"${MO_A\" comes \"}\" or "
                                   "\":-default}\"");
    CHECK(strncmp(refuse("${}"), "behind \"${\" comes the name", 26) == 0);
    CHECK(strncmp(refuse("${5}"), "behind \"${\" comes the name", 26) == 0);
    CHECK(strncmp(refuse("${${MO_A}}"), "behind \"${\" comes", 17) == 0);
    CHECK_STR(refuse("5$"), "a \"$\" begins ${NAME}; for a dollar sign write "
                            "$$");
    CHECK_STR(refuse("$MO_A"), why);
    mo_arena_fini(&arena);
}

/* A variable of 8 KiB that is named a hundred thousand times. */
TEST(expand, bounds_what_it_makes)
{
    static char value[8193];
    static char text[700001];
    char name[200] = "${";

    memset(value, 'x', sizeof value - 1);
    setenv("MO_A", value, 1);
    for (size_t i = 0; i < 100000; i++)
        memcpy(text + 7 * i, "${MO_A}", 7);
    CHECK_STR(refuse(text), "longer than 16 KiB with its variables filled in; "
                            "no value needs that");
    CHECK_EQ(strlen(expand("${MO_A}${MO_A}")), 16384);
    CHECK(strlen(got.via) < 256);
    refuse("${MO_A}${MO_A}.");
    memset(name + 2, 'N', 150);
    name[152] = '}';
    CHECK(strncmp(refuse(name), "behind \"${\" comes the name", 26) == 0);
    mo_arena_fini(&arena);
}

static const struct mo_tree_node *parse(const char *text, struct mo_tree *tree,
                                        struct mo_report *report)
{
    CHECK_EQ(mo_tree_init(tree, &arena, report), 0);
    CHECK_EQ(mo_config_parse(tree, "f", text, strlen(text)), 0);
    mo_report_sort(report);
    return mo_tree_find(tree->root, "a");
}

TEST(expand, is_text_and_never_yaml)
{
    struct mo_report report = { .list = NULL };
    const struct mo_tree_node *a;
    struct mo_tree tree;

    setenv("MO_A", "x: {y: 1}\nb: 2 # *z", 1);
    setenv("MO_EMPTY", "", 1);
    a = parse("a: ${MO_A}\nc: '${MO_EMPTY}'\nd: \"${MO_A}\"\n"
              "e: ${MO_EMPTY:-null}\nf: |-\n  1\n  ${MO_A}\n",
              &tree, &report);
    CHECK_EQ(report.count, 0);
    CHECK_EQ(a->shape, MO_TREE_SCALAR);
    CHECK_STR(a->text, "x: {y: 1}\nb: 2 # *z");
    CHECK_STR(a->place.via, "${MO_A}");
    CHECK(mo_tree_find(tree.root, "b") == NULL);
    CHECK_STR(mo_tree_find(tree.root, "c")->text, "");
    CHECK_STR(mo_tree_find(tree.root, "d")->text, a->text);
    CHECK(!mo_tree_find(tree.root, "e")->empty);
    CHECK_STR(mo_tree_find(tree.root, "e")->text, "null");
    CHECK_STR(mo_tree_find(tree.root, "f")->text,
              "1\nx: {y: 1}\nb: 2 # *z");
    mo_arena_fini(&arena);
}

TEST(expand, mistakes_name_the_variable)
{
    struct mo_report report = { .list = NULL };
    struct mo_tree tree;
    char line[500];

    unsetenv("MO_NONE");
    parse("b: 1\na: [1, '${MO_NONE}']\n", &tree, &report);
    CHECK_EQ(report.count, 1);
    CHECK_STR(mo_report_line(line, sizeof line, &report.list[0]),
              "f:2:8: a[2]: the variable MO_NONE is not set; set it, or write "
              "${MO_NONE:-default}");
    mo_report_fini(&report);
    parse("a: [1, ${MO_NONE:-1}]\n", &tree, &report);
    CHECK_EQ(report.count, 1);
    CHECK(strstr(report.list[0].text, "write \"${NAME}\" with quotes") != NULL);
    mo_report_fini(&report);
    mo_arena_fini(&arena);
}
