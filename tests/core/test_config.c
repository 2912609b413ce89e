/* SPDX-License-Identifier: MIT */
/*
 * test_config.c - YAML to a tree, and what is refused on the way.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "mem.h"

static struct mo_arena arena;
static struct mo_report report;
static struct mo_tree tree;

static void forget(void)
{
    mo_arena_fini(&arena);
    mo_report_fini(&report);
}

static void parse_n(const char *text, size_t n)
{
    forget();
    CHECK_EQ(mo_tree_init(&tree, &arena, &report), 0);
    CHECK_EQ(mo_config_parse(&tree, "f", text, n), 0);
    mo_report_sort(&report);
}

static void parse(const char *text)
{
    parse_n(text, strlen(text));
}

/* The i-th mistake as a line. */
static const char *mistake(size_t i)
{
    static char line[1000];

    if (i >= report.count)
        return NULL;
    return mo_report_line(line, sizeof line, &report.list[i]);
}

static const struct mo_tree_node *at(const char *a, const char *b)
{
    const struct mo_tree_node *node = mo_tree_find(tree.root, a);

    return b != NULL ? mo_tree_find(node, b) : node;
}

TEST(config, keeps_line_and_column)
{
    const struct mo_tree_node *node;

    parse("a: 1\n"
          "b:\n"
          "    long: \"two words\"\n"
          "    list: [x, y]\n"
          "\xc3\xbc: {in: flow}\n");
    CHECK_EQ(report.count, 0);
    CHECK_STR(at("a", NULL)->text, "1");
    CHECK_EQ(at("a", NULL)->place.line, 1);
    CHECK_EQ(at("a", NULL)->place.column, 4);
    CHECK_STR(at("b", "long")->text, "two words");
    CHECK_EQ(at("b", "long")->place.line, 3);
    CHECK_EQ(at("b", "long")->place.column, 11);
    CHECK_EQ(at("b", "long")->key_place.column, 5);
    node = at("b", "list");
    CHECK_EQ(node->shape, MO_TREE_LIST);
    CHECK_STR(node->first->next->text, "y");
    CHECK_EQ(node->first->next->place.column, 15);
    CHECK_EQ(at("\xc3\xbc", "in")->place.column, 9);
    forget();
}

TEST(config, tells_left_out_from_empty)
{
    parse("a:\nb: ''\nc: ~\nd: null\ne: 'null'\n");
    CHECK(at("a", NULL)->empty);
    CHECK(!at("b", NULL)->empty);
    CHECK(at("c", NULL)->empty);
    CHECK(at("d", NULL)->empty);
    CHECK(!at("e", NULL)->empty);
    forget();
}

TEST(config, takes_an_empty_file)
{
    parse("");
    CHECK_EQ(report.count, 0);
    parse("# nothing but a comment\n");
    CHECK_EQ(report.count, 0);
    parse("---\n...\n");
    CHECK_EQ(report.count, 0);
    parse("\xef\xbb\xbf" "a: 1\n");
    CHECK_EQ(report.count, 0);
    CHECK_STR(at("a", NULL)->text, "1");
    forget();
}

TEST(config, refuses_keys_given_twice_and_judges_both)
{
    parse("a: 1\nb: {c: 1, c: 2, c: 3}\na: 2\n");
    CHECK_EQ(report.count, 3);
    CHECK_STR(mistake(0), "f:2:11: b.c: given twice, first in line 2; "
                          "keep one");
    CHECK_STR(mistake(1), "f:2:17: b.c: given twice, first in line 2; "
                          "keep one");
    CHECK_STR(mistake(2), "f:3:1: a: given twice, first in line 1; keep one");
    CHECK_STR(at("a", NULL)->text, "1");
    CHECK_STR(at("a", NULL)->under->text, "2");
    forget();
}

TEST(config, joins_sections_given_twice)
{
    parse("a: {x: 1}\nb: {y: 1}\na: {z: 2}\n");
    CHECK_EQ(report.count, 1);
    CHECK_STR(at("a", "z")->text, "2");
    CHECK(at("a", "z")->next == NULL);
    forget();
}

TEST(config, refuses_what_is_not_plain)
{
    parse("a: &x 1\n"
          "b: *x\n"
          "c: !!int 5\n"
          "? [a, b]\n"
          ": {x: 1}\n"
          "'': 3\n"
          "d: \"a\\0b\"\n"
          "*x : 4\n"
          "e: 5\n");
    CHECK_STR(mistake(0), "f:1:4: a: anchors (&name) are not taken; "
                          "write the value out");
    CHECK_STR(mistake(1), "f:2:4: b: aliases (*name) are not taken; "
                          "write the value out");
    CHECK_STR(mistake(2), "f:3:4: c: tags (!name) are not taken; "
                          "leave it out");
    CHECK_STR(mistake(3), "f:4:3: a key must be a word");
    CHECK_STR(mistake(4), "f:6:1: a key must be a word");
    CHECK_STR(mistake(5), "f:7:4: d: a text cannot hold the byte 0");
    CHECK_STR(mistake(6), "f:8:1: aliases (*name) are not taken; "
                          "write the value out");
    CHECK_EQ(report.count, 7);
    CHECK_STR(at("e", NULL)->text, "5");
    forget();
}

TEST(config, refuses_a_root_that_is_no_map)
{
    parse("hello\n");
    CHECK_STR(mistake(0), "f:1:1: expected keys, such as "
                          "\"runtime: {workers: 2}\"");
    parse("- a\n- b: {c: d}\n");
    CHECK_EQ(report.count, 1);
    parse("a: 1\n---\nb: 2\n");
    CHECK_STR(mistake(0), "f:2:1: a second document; one file holds one");
    CHECK_EQ(report.count, 1);
    forget();
}

TEST(config, reads_on_after_a_syntax_error)
{
    parse("a: {b: 1\n"
          "c:\n"
          "\td: 3\n"
          "e: : 4\n"
          "f: 5\n"
          "f: 6\n"
          "g: \"never closed\n");
    CHECK(tree.partial);
    CHECK_STR(mistake(0), "f:2:2: did not find expected ',' or '}' while "
                          "parsing a flow mapping that began in line 1");
    CHECK_STR(mistake(1), "f:3:1: found character that cannot start any token"
                          " while scanning for the next token; a tab cannot "
                          "indent, use blanks");
    CHECK_STR(mistake(2), "f:4:4: mapping values are not allowed in this "
                          "context");
    CHECK_STR(mistake(3), "f:6:1: f: given twice, first in line 5; keep one");
    CHECK_STR(mistake(4), "f:7:4: found unexpected end of stream while "
                          "scanning a quoted scalar");
    CHECK_EQ(report.count, 5);
    CHECK_STR(at("f", NULL)->text, "5");
    forget();
}

TEST(config, says_where_a_line_without_an_end_is_wrong)
{
    parse("a: 1\nb: {c: 1,");
    CHECK_STR(mistake(0), "f:2:10: did not find expected node content while "
                          "parsing a flow node");
    parse("a: 1\nb: \"x\ny");
    CHECK_STR(mistake(0), "f:2:4: found unexpected end of stream while "
                          "scanning a quoted scalar");
    parse("a: 1\nb: |");
    CHECK_EQ(at("b", NULL)->place.line, 2);
    CHECK_EQ(at("b", NULL)->place.column, 4);
    forget();
}

TEST(config, says_where_bytes_are_no_characters)
{
    parse("a: 1\nb: \xff\n");
    CHECK_STR(mistake(0), "f:2:4: the byte 0xff is no text; write UTF-8");
    parse("a: 1\nb: \x01\n");
    CHECK_STR(mistake(0), "f:2:4: the byte 0x01 is no text; write UTF-8");
    parse_n("a: 1\nb: \0x\n", 11);
    CHECK_STR(mistake(0), "f:2:4: the byte 0x00 is no text; write UTF-8");
    parse("a: {b: 1,\n"
          "    c: gr\xfc\xdf}\n"
          "d: 1 # \xff\n"
          "e: 2\n"
          "e: 3\n");
    CHECK_EQ(report.count, 3);
    CHECK_STR(mistake(0), "f:2:10: the byte 0xfc is no text; write UTF-8");
    CHECK_STR(mistake(1), "f:3:8: the byte 0xff is no text; write UTF-8");
    CHECK_STR(mistake(2), "f:5:1: e: given twice, first in line 4; keep "
                          "one");
    CHECK(tree.partial);
    forget();
}

/* A text of n bytes of brackets and one key. */
static char *brackets(size_t n)
{
    char *text = malloc(n + 20);

    if (text == NULL)
        abort();
    strcpy(text, "a: ");
    memset(text + 3, '[', n);
    strcpy(text + 3 + n, "\nb: 1\n");
    return text;
}

TEST(config, bounds_depth_and_size)
{
    char *text = brackets(100);

    parse(text);
    CHECK_EQ(report.count, 1);
    CHECK(strstr(mistake(0), "nested too deep; 16 levels") != NULL);
    CHECK_STR(at("b", NULL)->text, "1");
    free(text);
    text = brackets(MO_CONFIG_SIZE);
    parse(text);
    CHECK_STR(mistake(0), "f: larger than 1 MiB; no configuration needs "
                          "that");
    free(text);
    text = brackets(MO_CONFIG_SIZE - 100);
    parse(text);
    CHECK(strstr(mistake(0), "nested too deep") != NULL);
    free(text);
    forget();
}

TEST(config, is_quick_about_a_megabyte_of_keys)
{
    char *text = malloc(MO_CONFIG_SIZE + 1);
    size_t used = 0;

    if (text == NULL)
        abort();
    for (unsigned i = 0; used + 20 < MO_CONFIG_SIZE; i++)
        used += (size_t)sprintf(text + used, "k%u: 1\n", i % 60000);
    parse(text);
    CHECK_EQ(report.count, MO_REPORT_MAX);
    CHECK(report.more > 1000);
    free(text);
    forget();
}

TEST(config, says_why_a_file_cannot_be_read)
{
    forget();
    CHECK_EQ(mo_tree_init(&tree, &arena, &report), 0);
    CHECK_EQ(mo_config_read(&tree, "/nowhere/at.all"), -ENOENT);
    CHECK_STR(mistake(0), "/nowhere/at.all: cannot be read: "
                          "No such file or directory");
    CHECK_EQ(mo_config_read(&tree, "/"), -EISDIR);
    forget();
}

TEST(config, takes_what_is_no_regular_file)
{
    char folder[] = "/tmp/moirai-config-XXXXXX";
    char path[100];
    int ends[2];

    forget();
    CHECK_EQ(mo_tree_init(&tree, &arena, &report), 0);
    CHECK_EQ(mo_config_read(&tree, "/dev/null"), 0);
    CHECK_EQ(report.count, 0);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(write(ends[1], "a: 7\n", 5), 5);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    CHECK_EQ(mo_config_read(&tree, path), 0);
    CHECK_STR(at("a", NULL)->text, "7");
    CHECK_EQ(mo_config_read(&tree, "/dev/zero"), 0);
    CHECK_STR(mistake(0), "/dev/zero: larger than 1 MiB; no configuration "
                          "needs that");
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/f", folder);
    CHECK_EQ(mkfifo(path, 0600), 0);
    CHECK_EQ(mo_config_read(&tree, path), -ETIMEDOUT);
    CHECK(strstr(mistake(1), "cannot be read: it did not come to its end "
                             "within 10 s") != NULL);
    unlink(path);
    rmdir(folder);
    forget();
}

/* `part` again and again, behind `head`, as large as a file may be. */
static char *repeat(const char *head, const char *part)
{
    char *text = malloc(MO_CONFIG_SIZE + 1);
    size_t n = strlen(part);
    size_t used = strlen(head);

    if (text == NULL)
        abort();
    memcpy(text, head, used);
    for (; used + n <= MO_CONFIG_SIZE; used += n)
        memcpy(text + used, part, n);
    text[used] = '\0';
    return text;
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What makes a reader of YAML slow: lists of anything, things that never end,
 * mistakes that begin again in each line. */
TEST(config, is_quick_about_hostile_text)
{
    static const struct {
        const char *head, *part;
    } texts[] = {
        { "a: [", "&a 1," }, { "a: [", "*a," }, { "a: [", "!x 1," },
        { "a: [", "[]," }, { "a: [", "$," }, { "a: [", "'${A}'," },
        { "a: [", "," }, { "a: {", "b," }, { "a: {", "b: c, " },
        { "a: ", "[" }, { "a: ", "{" }, { "a: ", "- " },
        { "? ", "{" }, { "? ", "[" }, { "", "? " },
        { "a:\n", " - &a 1\n" }, { "a:\n", " - *a\n" }, { "", "&a " },
        { "", "a: [\n" }, { "", "a: {b: 1,\n" }, { "", "a: \"x\n" },
        { "a: [1,\n", "b: 1,\n" }, { "a: '\n", "b: 1\n" },
        { "a: \"", "x\n" }, { "a: |\n", " x\n" }, { "", "a: |\n" },
        { "", "%x\n" }, { "", "---\n" }, { "", "...\n" }, { "", "#" },
        { "", "\n" }, { "", "\t\n" }, { "", "a:\tb\n" }, { "", "\xff\n" },
        { "", "a: \xff\n" }, { "", ": " }, { "", "a: : b\n" }, { "", "!" },
        { "", "a: b: c\n" }, { "", "\"\"" }, { "", "<<: *a\n" },
        { "", "a: 1\n" }, { "", "${A}: 1\n" }, { "a: ", "${A:-" },
        { "a: \"", "$$" }, { "a: [", "{a: 1, a: 2}," },
        { "", "\xef\xbb\xbf" },
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *text = repeat(texts[i].head, texts[i].part);
        double begin = cpu_seconds();

        parse(text);
        CHECK_FMT(cpu_seconds() - begin < 2.0 * CHECK_SLOWDOWN,
                  "%s%s... took %.1f s", texts[i].head, texts[i].part,
                  cpu_seconds() - begin);
        CHECK(tree.nodes <= MO_CONFIG_NODES + 1);
        free(text);
    }
    forget();
}

TEST(config, bounds_texts_and_how_many_there_are)
{
    char *text = repeat("b: 1\na: [", "x,");
    char *end;

    parse(text);
    CHECK_EQ(report.count, 1);
    CHECK_STR(mistake(0), "f:2:131075: more than 65536 keys and values; no "
                          "configuration needs that");
    CHECK_STR(at("b", NULL)->text, "1");
    CHECK(tree.partial);
    free(text);

    text = repeat("a: \"", "x");
    end = text + 4 + MO_CONFIG_TEXT;
    strcpy(end, "\"\nb: 1\n");
    parse(text);
    CHECK_EQ(report.count, 0);
    CHECK_EQ(strlen(at("a", NULL)->text), MO_CONFIG_TEXT);
    strcpy(end, "x\"\nb: 1\n");
    parse(text);
    CHECK_EQ(report.count, 1);
    CHECK_STR(mistake(0), "f:1:4: a: longer than 16 KiB; no value needs that");
    CHECK(at("a", NULL)->bad);
    CHECK_STR(at("b", NULL)->text, "1");
    memcpy(text, "? \"x", 4);
    parse(text);
    CHECK_EQ(report.count, 1);
    CHECK_STR(mistake(0), "f:1:3: longer than 16 KiB; no key needs that");
    free(text);
    forget();
}

TEST(config, overrides_keep_what_they_cover)
{
    struct mo_place place = { .from = MO_FROM_ENV, .source = "X" };
    const char *const known[] = { "SEC", "KEY_A" };
    const char *const fresh[] = { "NEW", "Thing" };
    const char *const into[] = { "sec", "key-a", "deeper" };

    parse("sec: {key-a: 1}\nempty:\n");
    CHECK_EQ(mo_tree_set(&tree, known, 2, true, &place, "2"), 0);
    CHECK_STR(at("sec", "key-a")->text, "2");
    CHECK_EQ(at("sec", "key-a")->place.from, MO_FROM_ENV);
    CHECK_STR(at("sec", "key-a")->under->text, "1");
    CHECK_EQ(mo_tree_set(&tree, fresh, 2, true, &place, "3"), 0);
    CHECK_STR(at("new", "thing")->text, "3");
    CHECK_EQ(mo_tree_set(&tree, into, 3, false, &place, "4"), -EINVAL);
    CHECK_STR(mistake(0), "X: sec.key-a: is no section, so it has no "
                          "\"deeper\"");
    CHECK_EQ(mo_tree_set(&tree, (const char *[]){ "empty", "k" }, 2, false,
                         &place, "5"), 0);
    CHECK_STR(at("empty", "k")->text, "5");
    forget();
}

/* The same numbers on every machine. */
static uint32_t random_below(uint64_t *seed, uint32_t n)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*seed >> 33) % n;
}

static const char sample[] =
    "version: 1\n"
    "runtime:   {workers: auto, blocking_threads: 64}   # comment\n"
    "scheduler: {plugin: steal, spin: 20us}\n"
    "channels:\n"
    "  words:   {plugin: ring, capacity: 1024}\n"
    "  counts:\n"
    "    plugin: \"ring\"\n"
    "    home: 'reducer'\n"
    "  text: |\n"
    "    block\n"
    "plugins: {path: [a, b, c]}\n"
    "nodes:\n"
    "  ? mapper\n"
    "  : {via: &x here, count: *x}\n";

static void mutate(uint64_t *seed, char *text, size_t n)
{
    static const char bytes[] = "{}[]:,?-&*!|>'\"%@`#\n\t \\~\0\xff\xc3" "a0";
    uint32_t changes = 1 + random_below(seed, 6);

    for (uint32_t i = 0; i < changes; i++) {
        size_t at_byte = random_below(seed, (uint32_t)n);
        size_t from = random_below(seed, (uint32_t)n);

        if (random_below(seed, 3) != 0)
            text[at_byte] = bytes[random_below(seed, sizeof bytes - 1)];
        else
            memmove(text + at_byte, text + from,
                    n - (at_byte > from ? at_byte : from));
    }
}

TEST(config, survives_mutated_text)
{
    char text[sizeof sample];
    int rounds = check_long() ? 100000 : 4000;

    for (int i = 0; i < rounds; i++) {
        uint64_t seed = (uint64_t)i;

        memcpy(text, sample, sizeof sample);
        mutate(&seed, text, sizeof sample - 1);
        parse_n(text, random_below(&seed, 8) == 0
                          ? random_below(&seed, sizeof sample - 1)
                          : sizeof sample - 1);
        for (size_t m = 0; m < report.count; m++) {
            CHECK_FMT(report.list[m].place.line > 0, "seed %d", i);
            CHECK_FMT(strpbrk(mistake(m), "\n\t\x1b") == NULL, "seed %d", i);
        }
    }
    forget();
}
